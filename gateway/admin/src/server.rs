//! The listener of the admin API.

use std::net::SocketAddr;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Readiness;
use crate::listener::Bounded;
use crate::routes::router;

/// What the admin API shows.
pub struct AdminParts {
    /// All metrics of the process.
    pub registry: Registry,
    /// Looks at every part of the gateway; quick, called for each probe.
    pub readiness: Box<dyn Fn() -> Readiness + Send + Sync>,
    /// Version of the binary.
    pub version: &'static str,
}

/// Why the admin API could not start.
#[derive(Debug, thiserror::Error)]
#[error("admin.listen = \"{address}\": {source}; is another process listening there?")]
pub struct BindError {
    /// The address asked for.
    pub address: String,
    /// The system's answer.
    #[source]
    pub source: std::io::Error,
}

/// A bound admin listener.
pub struct AdminServer {
    listener: TcpListener,
    address: SocketAddr,
    parts: Arc<AdminParts>,
}

impl AdminServer {
    /// Binds the address, as in `127.0.0.1:9644`; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address is taken or is not one of this machine.
    pub async fn bind(address: &str, parts: AdminParts) -> Result<Self, BindError> {
        let failed = |source| BindError { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address: bound, parts: Arc::new(parts) })
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` turns true.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
        axum::serve(Bounded::new(self.listener), router(self.parts))
            .with_graceful_shutdown(async move {
                // An error means that the sender is gone, which is a stop as well.
                let _ = stop.wait_for(|stopped| *stopped).await;
            })
            .await
    }
}
