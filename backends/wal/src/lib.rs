//! The local write-ahead log: one log for all partitions, group commit without a timer, recovery.
//!
//! [`WalBackend`] implements [`chronik_backend::StorageBackend`] over a directory of segment files. Read `format`
//! for the bytes, `log` for how blocks are made, written and delivered, `log/recovery.rs` for how the end of a log is
//! found after a crash. [`dump`] reads a log without opening it. What a record is, nobody here knows.

mod backend;
mod buffer;
mod cache;
mod cold;
mod disk;
pub mod dump;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod log;
mod metrics;
mod objects;
mod options;
mod reader;
mod scan;
mod segments;
mod slabs;
#[cfg(test)]
mod tests;
mod windows;

pub use backend::WalBackend;
pub(crate) use options::MOST_WRITES_IN_FLIGHT;
pub use options::{Durability, FatalError, OnFatal, OpenError, WalOptions};
