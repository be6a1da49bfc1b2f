//! The deadline of a request: what no client waits for any more is given up, so that nothing can pile up behind it.
//!
//! Clients give up after their own `request.timeout.ms` and connect anew, so the gateway answers a missed deadline by
//! closing the connection. APIs that wait by design are exempt: their own fields say how long. An admin API with a
//! `timeout_ms` answers REQUEST_TIMED_OUT itself before it comes to this.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chronik_wire::api::Api;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use crate::{Call, CloseReason, Reply};

/// Gives up requests that take too long.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    limit: Duration,
}

/// The service that [`DeadlineLayer`] makes.
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    limit: Duration,
}

pin_project! {
    /// The future of [`DeadlineService`].
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        inner: F,
        // Boxed, and made at the first wait: most requests are answered without one.
        expiry: Option<Pin<Box<Sleep>>>,
        limit: Option<Duration>,
    }
}

impl DeadlineLayer {
    /// A layer that gives each request that does not wait by design this much time.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, limit: self.limit }
    }
}

impl<S> Service<Call> for DeadlineService<S>
where
    S: Service<Call, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let limit = (!waits_by_design(call.header.api)).then_some(self.limit);
        DeadlineFuture { inner: self.inner.call(call), expiry: None, limit }
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for DeadlineFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(reply) = this.inner.poll(cx) {
            return Poll::Ready(reply);
        }
        let Some(limit) = *this.limit else {
            return Poll::Pending;
        };
        let expiry = this.expiry.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        expiry.as_mut().poll(cx).map(|()| Ok(Reply::Close(CloseReason::Deadline(limit))))
    }
}

/// A produce waits for storage and its outcome must not be guessed; a fetch waits for records; a member of a group waits
/// for the others, as long as the group's own timeouts say.
fn waits_by_design(api: &Api) -> bool {
    matches!(api.name, "Produce" | "Fetch" | "JoinGroup" | "SyncGroup")
}
