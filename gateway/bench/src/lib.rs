//! The load generator behind `chronik bench`: load of one kind on any Kafka-compatible broker, measured.
//!
//! It is its own lean client, so that what is measured is the broker: one thread, raw sockets, frames that were encoded
//! before the run. Read [`BenchArgs`] for what can be asked, [`Report`] for what is answered.

mod args;
mod report;

pub use args::{Acks, BenchArgs, Compression, KeyPattern, Mode, PayloadPattern};
pub use report::{Latency, Report, SCHEMA_VERSION, Verified};
