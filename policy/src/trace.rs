//! Tracing: a span around each request, and a line when it is answered, both at debug level and without payloads.
//!
//! With the level off, the whole layer costs the check of one flag.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chronik_types::Clock;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use crate::{Call, Reply};

/// Puts each request into a span.
#[derive(Clone, Debug)]
pub struct TraceLayer {
    clock: Arc<dyn Clock>,
}

/// The service that [`TraceLayer`] makes.
#[derive(Clone, Debug)]
pub struct TraceService<S> {
    inner: S,
    clock: Arc<dyn Clock>,
}

pin_project! {
    /// The future of [`TraceService`].
    #[derive(Debug)]
    pub struct TraceFuture<F> {
        #[pin]
        inner: F,
        traced: Option<Traced>,
    }
}

#[derive(Debug)]
struct Traced {
    span: Span,
    clock: Arc<dyn Clock>,
    received_at: std::time::Duration,
}

impl TraceLayer {
    /// A layer that takes the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TraceService { inner, clock: Arc::clone(&self.clock) }
    }
}

impl<S> Service<Call> for TraceService<S>
where
    S: Service<Call, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return TraceFuture { inner: self.inner.call(call), traced: None };
        }
        let header = &call.header;
        let span = tracing::debug_span!(
            "request",
            api = header.api.name,
            version = header.api_version,
            correlation_id = header.correlation_id,
            client_id = header.client_id.as_deref(),
            peer = %call.connection.peer,
            connection = call.connection.id,
        );
        let traced = Traced { span, clock: Arc::clone(&self.clock), received_at: call.received_at };
        let inner = traced.span.in_scope(|| self.inner.call(call));
        TraceFuture { inner, traced: Some(traced) }
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for TraceFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(traced) = this.traced else {
            return this.inner.poll(cx);
        };
        let _entered = traced.span.enter();
        let Ok(reply) = ready!(this.inner.poll(cx));
        traced.tell(&reply);
        Poll::Ready(Ok(reply))
    }
}

impl Traced {
    fn tell(&self, reply: &Reply) {
        let elapsed_us = self.clock.monotonic().saturating_sub(self.received_at).as_micros();
        match reply {
            Reply::Answer(answer) => {
                tracing::debug!(elapsed_us, bytes = answer.wire_len(), error = %answer.error, "answered");
            }
            Reply::Nothing => tracing::debug!(elapsed_us, "done, without an answer"),
            Reply::Close(reason) => tracing::debug!(elapsed_us, %reason, "closing the connection"),
        }
    }
}
