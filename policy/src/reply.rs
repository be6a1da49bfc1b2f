//! What comes back from the stack.

use std::time::Duration;

use chronik_types::ErrorCode;
use chronik_wire::header::HeaderError;
use chronik_wire::response::{EncodeError, Segments};
use chronik_wire::wellformed::Malformed;

use crate::Reservation;

/// What the connection does about a request.
#[derive(Debug)]
pub enum Reply {
    /// Writes this response, in the turn of its request.
    Answer(Answer),
    /// Writes nothing: a produce with acks = 0.
    Nothing,
    /// Closes the connection, after the responses to earlier requests.
    Close(CloseReason),
}

/// A whole response, with its length in front.
#[derive(Debug)]
pub struct Answer {
    /// The bytes, in pieces that are never joined.
    pub segments: Segments,
    /// The first error that it carries: what metrics count.
    pub error: ErrorCode,
    /// The memory that is counted for it until it has been sent. The connection is told of it by who reserves it.
    pub reservation: Option<Reservation>,
}

/// Why a connection is closed on a request.
#[derive(Debug, thiserror::Error)]
pub enum CloseReason {
    /// The header is malformed, or the API or its version is not served.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The request contradicts itself or its length.
    #[error("the request is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The API is in the table of supported ones, and nobody answers it.
    #[error("this API has no handler")]
    Unhandled,
    /// A produce with acks = 0 failed: closing is the only way to tell.
    #[error("a produce with acks=0 failed with {0}")]
    FailedWithoutAnswer(ErrorCode),
    /// The request was not answered in its time.
    #[error("the request took longer than {0:?}")]
    Deadline(Duration),
    /// So many answers wait for memory that this one cannot wait too.
    #[error("there is no memory left for an answer of {bytes} bytes")]
    NoMemory {
        /// Its size.
        bytes: usize,
    },
    /// The answer cannot be written in the wire format.
    #[error("{0}")]
    Unencodable(#[from] EncodeError),
}

impl Answer {
    /// A response whose memory is too little to be counted.
    #[must_use]
    pub const fn new(segments: Segments, error: ErrorCode) -> Self {
        Self { segments, error, reservation: None }
    }

    /// The size on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.segments.len()
    }
}

impl CloseReason {
    /// A short name for metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Header(HeaderError::UnknownApi { .. } | HeaderError::UnsupportedVersion { .. }) => {
                "unsupported"
            }
            Self::Header(_) | Self::Malformed(_) => "malformed",
            Self::Unhandled => "unhandled",
            Self::FailedWithoutAnswer(_) => "failed_acks_0",
            Self::Deadline(_) => "deadline",
            Self::NoMemory { .. } => "no_memory",
            Self::Unencodable(_) => "unencodable",
        }
    }
}
