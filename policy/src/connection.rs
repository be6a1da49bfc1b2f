//! Facts about a connection that layers and handlers may ask for.

use std::net::SocketAddr;
use std::sync::Arc;

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
        Self { id, peer, listener, closing }
    }
}
