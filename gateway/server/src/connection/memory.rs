//! The memory of requests, in two budgets: one for large frames, which is reserved before they have arrived, and a small one
//! for small frames, which is reserved when they have.
//!
//! Clients that claim large frames and do not send them can hold the first one for a while. The second is only held by
//! requests that are being answered, so that heartbeats, metadata and new clients get through all the same.

use chronik_policy::Admission;

/// Bytes of a frame that may be in memory before they are counted. A frame up to this size is small.
pub(crate) const SMALL_FRAME: usize = 16 * 1024;

/// The budgets. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory {
    large: Admission,
    small: Admission,
}

impl RequestMemory {
    /// Splits `bytes` (`queued.max.request.bytes`): an eighth is for small frames.
    pub(crate) fn new(bytes: u64) -> Self {
        let small = bytes / 8;
        Self { large: Admission::new(bytes - small), small: Admission::new(small) }
    }

    /// The budget from which a frame of that size is taken.
    pub(crate) fn of(&self, frame: usize) -> &Admission {
        if frame <= SMALL_FRAME { &self.small } else { &self.large }
    }
}
