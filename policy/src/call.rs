//! A request on its way through the stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chronik_wire::header::RequestHeader;

use crate::{Connection, Reservation};

/// One request, not yet decoded beyond its header.
#[derive(Debug)]
pub struct Call {
    /// The connection that it came in on.
    pub connection: Arc<Connection>,
    /// What is asked, and by whom. Its strings share the memory of the frame: copy what outlives the request.
    pub header: RequestHeader,
    /// The request behind the header.
    pub body: Bytes,
    /// When the frame was complete, on the monotonic clock of the server.
    pub received_at: Duration,
    /// The place of this request in the order of its connection.
    pub turn: Turn,
    /// The memory that admission counted for the frame, until this is dropped. A handler that keeps the call, or what is
    /// left of it, until it has answered need not look at it; one that waits for others gives it back with the frame.
    pub reservation: Option<Reservation>,
}

/// The turn of a request: while it is held, no later request of the same connection is started.
///
/// Kafka promises that the requests of a connection take effect in their order. A handler that does all of its work
/// before it answers keeps the turn until it has finished, which is what happens by itself. One that can let the next
/// request start earlier drops the turn at that point: produce once its records are queued, reads at once.
#[derive(Debug)]
pub struct Turn {
    taken: Arc<AtomicBool>,
}

impl Turn {
    /// Takes the turn from the flag of a connection.
    #[must_use]
    pub fn take(flag: &Arc<AtomicBool>) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self { taken: Arc::clone(flag) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.taken.store(false, Ordering::Release);
    }
}
