//! What can be wrong with a history. Names as in Jepsen's Kafka workload, where it has them.

use super::{Key, Value};

/// One violation, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Anomaly {
    /// An acknowledged value is not there.
    #[error("lost-write: key {key} offset {offset}: {value:?} was acknowledged and is not there")]
    LostWrite {
        /// Key.
        key: Key,
        /// The offset that the acknowledgement gave.
        offset: i64,
        /// What was acknowledged.
        value: Value,
    },
    /// One value at two offsets.
    #[error("duplicate: key {key}: {value:?} is at offsets {first} and {second}")]
    Duplicate {
        /// Key.
        key: Key,
        /// The value.
        value: Value,
        /// Where it was seen first.
        first: i64,
        /// Where it was seen again.
        second: i64,
    },
    /// One offset with two values: two reads, or an acknowledgement and a read, disagree.
    #[error("inconsistent-offsets: key {key} offset {offset}: {one:?} and {other:?}")]
    InconsistentOffsets {
        /// Key.
        key: Key,
        /// Offset.
        offset: i64,
        /// What was read or acknowledged first.
        one: Value,
        /// What a later read showed.
        other: Value,
    },
    /// A later send of one producer landed before an earlier one.
    #[error("nonmonotonic-send: key {key} offset {offset}: {value:?} comes after number {after}")]
    NonmonotonicSend {
        /// Key.
        key: Key,
        /// Where the earlier send landed.
        offset: i64,
        /// The earlier send.
        value: Value,
        /// Number of the later send that stands before it.
        after: u64,
    },
    /// A value that was refused for certain can be read.
    #[error("aborted-read: key {key} offset {offset}: {value:?} was refused")]
    AbortedRead {
        /// Key.
        key: Key,
        /// Offset.
        offset: i64,
        /// The value.
        value: Value,
    },
    /// K1: bytes that nobody sent.
    #[error("K1: key {key} offset {offset}: the bytes are not those of any record that was sent")]
    WrongBytes {
        /// Key.
        key: Key,
        /// Offset.
        offset: i64,
    },
    /// K2: offsets without a record between two records, with nothing to explain them.
    #[error("K2: key {key}: offset {found} follows where {expected} was due")]
    OffsetGap {
        /// Key.
        key: Key,
        /// The offset that should have come.
        expected: i64,
        /// The offset that came.
        found: i64,
    },
    /// K2: the high watermark or the log start went back, or does not cover what was acknowledged.
    #[error("K2: key {key}: {what} is {found}, after {known}")]
    WentBack {
        /// Key.
        key: Key,
        /// Which of the offsets.
        what: &'static str,
        /// What was known before.
        known: i64,
        /// What the broker says now.
        found: i64,
    },
}
