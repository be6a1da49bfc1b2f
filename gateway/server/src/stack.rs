//! The whole stack that a request passes, from the connection to its handler, on one screen.
//!
//! A request enters at the top and its answer leaves there. Limits on connections act before, in `listener`; the memory
//! of a frame is reserved before it is read, in `connection/reader`, and given back by the handler.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chronik_policy::{Call, DeadlineLayer, MetricsLayer, Reply, RequestMetrics, TraceLayer};
use chronik_types::Clock;
use tower::{Service, ServiceBuilder};

use crate::handlers::{Context, Dispatcher};

/// What the layers are made of.
pub(crate) struct StackParts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: RequestMetrics,
    pub(crate) request_timeout: Duration,
    pub(crate) context: Arc<Context>,
}

/// Builds the stack. Every connection clones it.
pub(crate) fn stack(
    parts: StackParts,
) -> impl Service<Call, Response = Reply, Error = Infallible, Future: Unpin + Send> + Clone + Send + 'static {
    ServiceBuilder::new()
        // First, so that everything below, refusals too, happens inside the span of its request.
        .layer(TraceLayer::new(Arc::clone(&parts.clock)))
        // Counts what clients see, hence above everything that can refuse or delay.
        .layer(MetricsLayer::new(parts.metrics, parts.clock))
        // Directly above the handlers: only their time counts.
        .layer(DeadlineLayer::new(parts.request_timeout))
        // Decodes, runs the handler of the API, encodes.
        .service(Dispatcher::new(parts.context))
}
