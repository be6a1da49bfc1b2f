//! The memory of requests, in three budgets: for large frames, which is reserved before they have arrived; a small one for
//! small frames, which is reserved when they have; and one for reading ahead. Beside them one for answers, until they are
//! sent.
//!
//! Clients that claim large frames and do not send them can hold the first one for a while. The second is only held by
//! requests that are being answered, so that heartbeats, metadata and new clients get through all the same.
//!
//! A connection whose frames are large reads the next ones before it knows what they are, because a second read for each
//! request would cost more than that memory. What it may read so is taken from the third budget for as long as the buffer
//! is there; without room in it, a connection reads a small frame's worth, and the rest when that is counted.

use std::sync::Arc;

use chronik_policy::Admission;

/// Bytes of a connection that may be in memory before they are counted. A frame up to this size is small.
pub(crate) const SMALL_FRAME: usize = 16 * 1024;

/// Bytes of answers of a connection that may be unsent before they are counted.
pub(crate) const UNCOUNTED: usize = 16 * 1024;

/// The budgets. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory {
    budgets: Arc<Budgets>,
}

#[derive(Debug)]
struct Budgets {
    large: Admission,
    small: Admission,
    ahead: Admission,
    answers: Admission,
}

impl RequestMemory {
    /// Splits `bytes` (`queued.max.request.bytes`): an eighth is for small frames, and one for reading ahead. Half
    /// as much is for answers, beside it.
    pub(crate) fn new(bytes: u64) -> Self {
        let (small, ahead) = (Admission::new(bytes / 8), Admission::new(bytes / 8));
        let large = Admission::new(bytes - bytes / 8 * 2);
        let answers = Admission::new(bytes / 2);
        Self { budgets: Arc::new(Budgets { large, small, ahead, answers }) }
    }

    /// The budget from which a frame of that size is taken.
    pub(crate) fn of(&self, frame: usize) -> &Admission {
        if frame <= SMALL_FRAME { &self.budgets.small } else { &self.budgets.large }
    }

    /// The budget from which a buffer is taken that is larger than [`SMALL_FRAME`] and not for a known frame.
    pub(crate) fn ahead(&self) -> &Admission {
        &self.budgets.ahead
    }

    /// The budget of answers that are not sent yet.
    pub(crate) fn answers(&self) -> &Admission {
        &self.budgets.answers
    }
}
