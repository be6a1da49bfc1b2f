//! Connections of the admin API, bounded in number and in silence: what nobody uses must not take the open files that Kafka's
//! clients need.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at a time. Further ones wait in the queue of the system.
const MOST_CONNECTIONS: usize = 128;
/// How long nothing may move on a connection; longer than the minute between two scrapes of a Prometheus server.
const IDLE: Duration = Duration::from_secs(90);

/// A listener with so many places.
#[derive(Debug)]
pub(crate) struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    idle: Duration,
}

impl Bounded {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self::with(listener, MOST_CONNECTIONS, IDLE)
    }

    fn with(listener: TcpListener, most: usize, idle: Duration) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(most)), idle }
    }
}

impl Listener for Bounded {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guarded, SocketAddr) {
        // The semaphore is never closed; without a place nothing would be accepted any more.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        // Waits when there are no open files left, as axum does for every listener.
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let silence = Box::pin(sleep(self.idle));
        (Guarded { stream, idle: self.idle, silence, _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing has moved on it for too long.
#[derive(Debug)]
pub(crate) struct Guarded {
    stream: TcpStream,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Guarded {
    /// What the stream said, unless it has been silent for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, said: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if said.is_ready() {
            let idle = self.idle;
            self.silence.as_mut().reset(Instant::now() + idle);
            return said;
        }
        self.silence.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.watch(cx, said)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let said = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, said)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn whoever_says_nothing_gives_his_place_to_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounded = Bounded::with(listener, 2, Duration::from_millis(50));
        let app = axum::Router::new().route("/", axum::routing::get(|| async { "there" }));
        let serving = tokio::spawn(axum::serve(bounded, app).into_future());
        let mut silent = Vec::new();
        for _ in 0..2 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        third.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("there"), "{answer}");
        for mut connection in silent {
            assert_eq!(connection.read(&mut [0; 8]).await.unwrap(), 0, "closed");
        }
        serving.abort();
    }
}
