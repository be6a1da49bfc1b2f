//! The admin HTTP API: probes, metrics, version.
//!
//! It reads and never changes anything: what it shows comes from a metrics registry and from a readiness function that
//! the composition root hands in. Start with `server.rs`.

mod listener;
mod process;
mod readiness;
mod routes;
mod server;

pub use process::ProcessCollector;
pub use readiness::{Check, Readiness};
pub use server::{AdminParts, AdminServer, BindError};
