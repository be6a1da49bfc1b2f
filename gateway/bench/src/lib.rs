//! The load generator behind `chronik bench`: load of one kind on any Kafka-compatible broker, measured.
//!
//! It is its own lean client, so that what is measured is the broker: one thread, raw sockets, batches that are encoded
//! once and sent again and again (except in round trips). Read [`BenchArgs`] for what can be asked, [`Report`] for what is answered.

mod args;
mod check;
mod cluster;
mod compare;
mod control;
mod cpu;
mod durability;
mod engine;
mod error;
mod fetcher;
mod frames;
mod histogram;
mod ledger;
mod meter;
mod modes;
mod payload;
mod render;
mod report;
mod run;
mod schedule;
mod stop;
mod verify;
mod watch;

pub use args::{Acks, BenchArgs, Compression, KeyPattern, Mode, PayloadPattern};
pub use compare::{Class, CompareArgs, SolArgs, TableName, compare, sol};
pub use error::BenchError;
pub use report::{Buckets, Latency, RateFigures, Report, SCHEMA_VERSION, Verified};
pub use run::{printed, run};
pub use stop::Stop;
