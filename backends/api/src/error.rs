//! What can go wrong at storage, by operation.

use crate::{ObjectName, Position};

/// A place where bytes that had been acknowledged are not what they were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: damaged at byte {offset}: {reason}")]
pub struct Damage {
    /// File.
    pub file: String,
    /// Byte in that file.
    pub offset: u64,
    /// What was found.
    pub reason: String,
}

/// What a person can do about damage that makes a backend read-only.
pub const READ_ONLY_ADVICE: &str = "restore the file from a copy and start again, or export what can be read and start \
     with an empty directory";

/// Why an append did not happen. Nothing of the entry is, or ever will be, in the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No space is left; appends are taken again, without a restart, once there is some.
    #[error("storage is full: {detail}")]
    Full {
        /// Which space, and what the system said.
        detail: String,
    },
    /// The entry with its data is larger than this backend can ever take.
    #[error("an entry of {size} bytes exceeds the largest that storage takes, {limit} bytes")]
    TooLarge {
        /// Size asked for, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// More bytes wait to be written than the backend holds; try again later.
    #[error("{queued} bytes wait to be written, more than the limit of {limit}")]
    Overloaded {
        /// Bytes waiting.
        queued: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// S13. The history is damaged: what lies behind is not known, so that nothing can follow it.
    #[error("storage is read-only, because the journal is damaged: {damage}")]
    ReadOnly {
        /// Where, and what was found.
        damage: Damage,
    },
    /// The backend is closing, or has stopped after a failed write; it takes no more entries.
    #[error("storage is closed")]
    Closed,
}

/// Why the journal could not be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The journal starts later than the position asked for.
    #[error("the journal starts at {start}, later than {asked}")]
    Trimmed {
        /// First position that is there.
        start: Position,
        /// Position asked for.
        asked: Position,
    },
    /// The position asked for does not start a segment.
    #[error("{asked} is not the start of a segment")]
    NotABoundary {
        /// Position asked for.
        asked: Position,
    },
    /// A backend has one follower for as long as it lives.
    #[error("the journal is being followed already")]
    AlreadyFollowed,
    /// The system refused to read, or to write what makes the journal ready for more.
    #[error("{context}")]
    Io {
        /// File and operation.
        context: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// Why data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The span has been trimmed, or was never written.
    #[error("no data at {at}")]
    NotFound {
        /// Start of the span.
        at: Position,
    },
    /// The bytes are there but are not those that were written.
    #[error("{file}: damaged at byte {offset}: {reason}")]
    Damaged {
        /// File.
        file: String,
        /// Byte in that file.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// The system refused to read.
    #[error("{context}")]
    Io {
        /// File and operation.
        context: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// Why an operation on an object failed.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// An object of that name is there already, with other bytes.
    #[error("object {name} exists")]
    Exists {
        /// Its name.
        name: ObjectName,
    },
    /// There is none of that name.
    #[error("no object {name}")]
    NotFound {
        /// Its name.
        name: ObjectName,
    },
    /// S13. The history is damaged: nothing is changed any more.
    #[error("storage is read-only, because the journal is damaged: {damage}")]
    ReadOnly {
        /// Where, and what was found.
        damage: Damage,
    },
    /// No space is left.
    #[error("storage is full: {detail}")]
    Full {
        /// What the system said.
        detail: String,
    },
    /// The system refused.
    #[error("{context}")]
    Io {
        /// Object and operation.
        context: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}
