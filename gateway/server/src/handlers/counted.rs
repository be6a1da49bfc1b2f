//! The memory of a request that is being handled: what its elements take, decoded and until they are answered.
//!
//! The frame is counted before it is read, and a large one of an API whose requests are decoded as several times its size
//! (`connection/reader`). What it takes beyond that is known when it is weighed, and is taken from a budget of its own
//! before anything is decoded. Who holds that never waits for the memory of a frame, so that nobody waits for each other.

use chronik_policy::{Admission, Reservation};

/// What is counted for a request, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    _frame: Option<Reservation>,
    _elements: Option<Reservation>,
}

impl Counted {
    /// A request that takes little beside its frame.
    pub(super) const fn frame_alone(frame: Option<Reservation>) -> Self {
        Self { _frame: frame, _elements: None }
    }

    /// Waits until there is room for a request of `body` bytes that takes `bytes` beside them.
    pub(super) async fn whole(
        memory: &Admission,
        frame: Option<Reservation>,
        body: usize,
        bytes: usize,
    ) -> Self {
        let held = frame.as_ref().map_or(0, Reservation::bytes).saturating_sub(body);
        let elements = reserve(memory, bytes.saturating_sub(held.max(uncounted(body)))).await;
        Self { _frame: frame, _elements: elements }
    }
}

/// What a request of `body` bytes may take beside them without being counted: as much again, but not as much as a large
/// frame, and what every request takes.
pub(super) fn uncounted(body: usize) -> usize {
    body.min(32 * 1024) + 4 * 1024
}

/// Waits for that much, if it is something.
pub(super) async fn reserve(memory: &Admission, bytes: usize) -> Option<Reservation> {
    if bytes == 0 {
        return None;
    }
    match memory.try_reserve(bytes) {
        Some(reservation) => Some(reservation),
        // Rare: boxed, it does not weigh on every request.
        None => Some(Box::pin(memory.reserve(bytes)).await),
    }
}
