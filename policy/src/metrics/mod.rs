//! Metrics of requests and connections, under the names `chronik_kafka_*`.
//!
//! Handles are resolved when the server starts, so that counting a request takes no lookup by label; only errors, which
//! are rare, are looked up.

mod connections;
mod layer;
mod requests;

pub use connections::{ConnectionMetrics, OpenConnection};
pub use layer::{MetricsFuture, MetricsLayer, MetricsService};
pub use requests::RequestMetrics;
