//! What comes back from the stack.

use bytes::Bytes;
use chronik_types::ErrorCode;

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
    pub segments: Vec<Bytes>,
    /// The first error that it carries: what metrics count.
    pub error: ErrorCode,
}

/// Why a connection is closed on a request.
#[derive(Debug, thiserror::Error)]
pub enum CloseReason {
    /// The request contradicts itself or its length.
    #[error("the request is malformed: {0}")]
    Malformed(String),
    /// The API or the version is not served.
    #[error("this API is not served in this version")]
    Unsupported,
    /// A produce with acks = 0 failed: closing is the only way to tell.
    #[error("a produce with acks=0 failed with {0}")]
    FailedWithoutAnswer(ErrorCode),
    /// The request was not answered in its time.
    #[error("the request took longer than {0:?}")]
    Deadline(std::time::Duration),
    /// The answer cannot be written in the wire format.
    #[error("the response cannot be encoded: {0}")]
    Unencodable(String),
}

impl Answer {
    /// The size on the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.segments.iter().map(Bytes::len).sum()
    }
}

impl CloseReason {
    /// A short name for metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unsupported => "unsupported",
            Self::FailedWithoutAnswer(_) => "failed_acks_0",
            Self::Deadline(_) => "deadline",
            Self::Unencodable(_) => "unencodable",
        }
    }
}
