//! Facts about a connection that layers and handlers may ask for.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

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
    client_software: OnceLock<ClientSoftware>,
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

/// What a client says about itself in ApiVersions (KIP-511).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSoftware {
    /// Such as `apache-kafka-java`.
    pub name: String,
    /// Such as `4.1.0`.
    pub version: String,
}

impl Connection {
    /// A connection whose client has not said yet what it is.
    #[must_use]
    pub fn new(id: u64, peer: SocketAddr, listener: Arc<Listener>, closing: CancellationToken) -> Self {
        Self { id, peer, listener, closing, client_software: OnceLock::new() }
    }

    /// The client's software, once it has told.
    #[must_use]
    pub fn client_software(&self) -> Option<&ClientSoftware> {
        self.client_software.get()
    }

    /// Notes the client's software; `false` when it was known before, and then the first word stands.
    pub fn name_client_software(&self, software: ClientSoftware) -> bool {
        self.client_software.set(software).is_ok()
    }
}
