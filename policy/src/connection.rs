//! Facts about a connection that layers and handlers may ask for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// One client's connection.
#[derive(Debug)]
pub struct Connection {
    /// Counts up in the life of this process.
    pub id: u64,
    /// Where the client is.
    pub peer: SocketAddr,
    /// The listener that accepted it.
    pub listener: Arc<Listener>,
    /// Fires when the connection or the gateway is about to end: who waits for news answers with what there is.
    pub closing: CancellationToken,
    /// Memory that is reserved for its answers. Counted by hand, so that reservations stay small: they pass through every
    /// layer.
    answer_bytes: AtomicUsize,
}

/// A listener as its clients see it.
#[derive(Debug)]
pub struct Listener {
    /// Its name, as in `PLAINTEXT://…`.
    pub name: String,
    /// The host under which the clients of this listener reach it.
    pub advertised_host: String,
    /// The port under which they do.
    pub advertised_port: u16,
}

impl Connection {
    /// The facts about a connection that was accepted.
    #[must_use]
    pub fn new(id: u64, peer: SocketAddr, listener: Arc<Listener>, closing: CancellationToken) -> Self {
        Self { id, peer, listener, closing, answer_bytes: AtomicUsize::new(0) }
    }

    /// How much memory is reserved for its answers.
    #[must_use]
    pub fn answer_bytes(&self) -> usize {
        self.answer_bytes.load(Ordering::Relaxed)
    }

    /// To be called with the size of each [`Answer::reservation`](crate::Answer::reservation) that is made.
    pub fn hold_answer_bytes(&self, bytes: usize) {
        self.answer_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// To be called when it is given back.
    pub fn release_answer_bytes(&self, bytes: usize) {
        self.answer_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
