//! What can be wrong with a history of operations. Names as in Jepsen's Kafka workload.

use super::ValueId;
use crate::checker::Key;

/// One violation, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Anomaly {
    /// A value can be read whose operation surely did not happen.
    #[error(
        "G1a: key {key} offset {offset}: process {reader} read {value}, whose transaction by process {writer} failed"
    )]
    AbortedRead { key: Key, offset: i64, value: ValueId, writer: u64, reader: u64 },
    /// A transaction read its own value before it was committed.
    #[error(
        "precommitted-read: key {key} offset {offset}: process {process} read {value} in the transaction that sent it"
    )]
    PrecommittedRead { key: Key, offset: i64, value: ValueId, process: u64 },
    /// A value can be read that nobody sent.
    #[error("unknown-value: key {key} offset {offset}: process {reader} read {value}, which nobody sent")]
    UnknownValue { key: Key, offset: i64, value: ValueId, reader: u64 },
    /// Records were left out between two reads.
    #[error("{}poll-skip: key {key}: process {process} read offset {second} after {first}", prefix(*.inside))]
    PollSkip { inside: bool, key: Key, process: u64, first: i64, second: i64 },
    /// A read went back, or showed a record again.
    #[error("{}nonmonotonic-poll: key {key}: process {process} read offset {second} after {first}", prefix(*.inside))]
    NonmonotonicPoll { inside: bool, key: Key, process: u64, first: i64, second: i64 },
    /// A later send landed before an earlier one.
    #[error("{}nonmonotonic-send: key {key}: process {process} wrote offset {second} after {first}", prefix(*.inside))]
    NonmonotonicSend { inside: bool, key: Key, process: u64, first: i64, second: i64 },
    /// Later values of the key were read, this one never.
    #[error(
        "lost-write: key {key} offset {offset}: {value} of process {writer} was never read, and later values were"
    )]
    LostWrite { key: Key, offset: i64, value: ValueId, writer: u64 },
    /// Never read at all, though everything was read in the end.
    #[error("unseen: key {key}: {value} of process {writer} was never read")]
    Unseen { key: Key, value: ValueId, writer: u64 },
    /// One value at two offsets.
    #[error("duplicate: key {key}: {value} is at offsets {first} and {second}")]
    Duplicate { key: Key, value: ValueId, first: i64, second: i64 },
    /// One offset with two values.
    #[error("inconsistent-offsets: key {key} offset {offset}: {one} and {other}")]
    InconsistentOffsets { key: Key, offset: i64, one: ValueId, other: ValueId },
    /// Each operation read what the next one wrote.
    #[error("G1c{}: a circle of processes {processes:?}", if *.realtime { "-realtime" } else { "" })]
    Cycle { realtime: bool, processes: Vec<u64> },
}

fn prefix(inside: bool) -> &'static str {
    if inside { "int-" } else { "" }
}
