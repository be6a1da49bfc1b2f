//! What stands between a connection and the handlers: tower layers, one file or folder each, and the limits on connections.
//!
//! A layer wraps a `Service<Call, Response = Reply>` and never touches storage. It takes the settings and parts that it
//! needs, keeps the [`Turn`] of a call by passing the call on, and refuses in the terms of the protocol or closes the
//! connection. The order of the layers is decided in one place, `gateway/server/src/stack.rs`; `policy/README.md` shows
//! how one more is added.

mod admission;
mod call;
mod connection;
mod connections;
mod deadline;
mod metrics;
mod reply;
mod trace;

pub use admission::{Admission, Reservation};
pub use call::{Call, Turn};
pub use connection::{Connection, Listener};
pub use connections::{
    ConnectionLimitSettings, ConnectionLimits, ConnectionPermit, InForce, Place, TooManyFromAddress,
};
pub use deadline::{DeadlineFuture, DeadlineLayer, DeadlineService};
pub use metrics::{
    ConnectionMetrics, MetricsFuture, MetricsLayer, MetricsService, OpenConnection, RequestMetrics,
};
pub use reply::{Answer, CloseReason, Reply};
pub use trace::{TraceFuture, TraceLayer, TraceService};
