//! The layer that counts and times requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chronik_types::Clock;
use chronik_wire::api::Api;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::RequestMetrics;
use crate::{Call, Reply};

/// Counts and times each request.
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    metrics: RequestMetrics,
    clock: Arc<dyn Clock>,
}

/// The service that [`MetricsLayer`] makes.
#[derive(Clone, Debug)]
pub struct MetricsService<S> {
    inner: S,
    shared: Arc<Shared>,
}

pin_project! {
    /// The future of [`MetricsService`].
    #[derive(Debug)]
    pub struct MetricsFuture<F> {
        #[pin]
        inner: F,
        in_flight: InFlight,
    }
}

/// A request that counts as in flight until this is dropped.
#[derive(Debug)]
struct InFlight {
    shared: Arc<Shared>,
    api: &'static Api,
    received_at: Duration,
}

impl MetricsLayer {
    /// A layer that counts into `metrics` and takes the time from `clock`.
    #[must_use]
    pub fn new(metrics: RequestMetrics, clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { metrics, clock }) }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = MetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MetricsService { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<S> Service<Call> for MetricsService<S>
where
    S: Service<Call, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = MetricsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let api = call.header.api;
        self.shared.metrics.started(api, call.body.len());
        let in_flight = InFlight { shared: Arc::clone(&self.shared), api, received_at: call.received_at };
        MetricsFuture { inner: self.inner.call(call), in_flight }
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for MetricsFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = ready!(this.inner.poll(cx))?;
        let InFlight { shared, api, received_at } = this.in_flight;
        let elapsed = shared.clock.monotonic().saturating_sub(*received_at);
        shared.metrics.answered(api, &reply, elapsed);
        Poll::Ready(Ok(reply))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.metrics.ended();
    }
}
