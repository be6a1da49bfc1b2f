//! Accepting connections of one listener, within the limits.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use chronik_policy::{
    Call, Connection, ConnectionLimits, ConnectionMetrics, ConnectionPermit, Listener, Place, Reply,
};
use chronik_types::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::connection::{ClosingLog, ConnectionSettings, Driver, RequestMemory};

/// How long to wait after a failed accept: the usual reason is that there are no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What all listeners of a server share.
pub(crate) struct Shared {
    pub(crate) limits: ConnectionLimits,
    pub(crate) memory: RequestMemory,
    pub(crate) settings: Arc<ConnectionSettings>,
    pub(crate) metrics: Arc<ConnectionMetrics>,
    pub(crate) log: ClosingLog,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) next_id: AtomicU64,
    /// Fires when no further connection or request is to be taken.
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// One listening socket, with the stack that its connections go through.
pub(crate) struct Acceptor<S> {
    pub(crate) socket: TcpListener,
    pub(crate) listener: Arc<Listener>,
    pub(crate) stack: S,
    pub(crate) shared: Arc<Shared>,
}

impl<S> Acceptor<S>
where
    S: Service<Call, Response = Reply, Error = std::convert::Infallible> + Clone + Send + 'static,
    S::Future: Unpin + Send,
{
    /// Accepts until the server stops.
    pub(crate) async fn run(self) {
        let stopping = self.shared.stopping.clone();
        // Dropping the socket is what refuses further connections.
        let _stopped = stopping.run_until_cancelled(self.accept_all()).await;
    }

    async fn accept_all(&self) {
        loop {
            match self.accept().await {
                Ok((stream, peer, place)) => {
                    place.turn().await;
                    self.admit(stream, peer, place);
                }
                // The client is gone again; the next one may be there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    self.shared.log.accept_failed(&self.listener.name, &error);
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Waits for somebody and for a place. A place is kept while it is looked who is there, and not while nobody is: the
    /// others can give it out meanwhile.
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr, Place)> {
        let limits = &self.shared.limits;
        loop {
            let mut first = Some(limits.place().await);
            let accepted = poll_fn(|cx| {
                let Some(place) = first.take().or_else(|| limits.try_place()) else {
                    return Poll::Ready(None);
                };
                self.socket.poll_accept(cx).map_ok(|(stream, peer)| (stream, peer, place)).map(Some)
            });
            // Somebody may be there, and the last place has been given out elsewhere.
            if let Some(accepted) = accepted.await {
                return accepted;
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let shared = &self.shared;
        match place.take(peer.ip()) {
            Ok(permit) => {
                shared.tasks.spawn(self.serve(stream, peer, permit));
            }
            Err(refusal) => {
                shared.metrics.refused(&self.listener.name);
                shared.log.refused(peer, &self.listener.name, &refusal);
            }
        }
    }

    /// The task of a connection. There are many of them, so it owns what it needs once, and no more.
    pub(crate) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: ConnectionPermit,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let shared = Arc::clone(&self.shared);
        let open = shared.metrics.opened(&self.listener.name);
        // Without it, an answer of two small writes would wait for the client's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
        let closing = shared.stopping.child_token();
        let facts = Arc::new(Connection::new(id, peer, Arc::clone(&self.listener), closing));
        let mut driver = Driver::new(
            stream,
            Arc::clone(&facts),
            Arc::clone(&shared.settings),
            shared.memory.clone(),
            self.stack.clone(),
            Arc::clone(&shared.clock),
        );
        async move {
            let ended = driver.serve().await;
            shared.metrics.closed(ended.name());
            shared.log.tell(facts.peer, &facts.listener.name, &ended);
            drop((open, permit));
        }
    }
}
