//! Null broker: requests of a fixed size are received and answered; nothing is looked at, nothing is kept.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::pump::{self, Side};
use crate::time::{monotonic_seconds, thread_cpu_seconds};
use crate::{Cores, SolError, Stream, pin_current_thread};

/// How the client loads the broker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    /// Requests in flight on each connection.
    pub(crate) window: usize,
    pub(crate) request_bytes: usize,
    pub(crate) answer_bytes: usize,
}

/// Runs broker and client in threads of this process.
pub(crate) fn run(shape: Shape, cores: Cores, seconds: f64) -> Result<Stream, SolError> {
    let listener = listen()?;
    let address = listener.local_addr().map_err(SolError::at("listen"))?;
    let (served, sent) = thread::scope(|scope| {
        let server = scope.spawn(|| serve(listener, shape, cores));
        let client = scope.spawn(|| load(address, shape, cores, seconds));
        (server.join(), client.join())
    });
    let server_cpu = served.unwrap_or_else(|_| Err(SolError::other("serve", "a thread panicked")))?;
    let load = sent.unwrap_or_else(|_| Err(SolError::other("send", "a thread panicked")))?;
    Ok(shape.report(&load, server_cpu))
}

/// What the client saw.
#[derive(Debug)]
pub(crate) struct Load {
    /// Requests answered.
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    cpu_seconds: f64,
}

pub(crate) fn listen() -> Result<TcpListener, SolError> {
    TcpListener::bind("127.0.0.1:0").map_err(SolError::at("listen"))
}

/// Connects, keeps the window full for this many seconds, and leaves.
pub(crate) fn load(address: SocketAddr, shape: Shape, cores: Cores, seconds: f64) -> Result<Load, SolError> {
    pin_current_thread(cores.client)?;
    let connect = |_| {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(socket)
    };
    let sockets = (0..shape.connections).map(connect).collect::<Result<Vec<_>, _>>();
    let sockets = sockets.map_err(SolError::at::<std::io::Error>("connect"))?;
    let start = monotonic_seconds();
    let side = Side {
        incoming: shape.answer_bytes,
        outgoing: shape.request_bytes,
        first: shape.window,
        until: Some(start + seconds),
    };
    let requests = pump::run(sockets, side).map_err(SolError::at("send"))?;
    Ok(Load { requests, seconds: monotonic_seconds() - start, cpu_seconds: thread_cpu_seconds() })
}

/// Answers until all clients have left; gives the CPU seconds that it took.
fn serve(listener: TcpListener, shape: Shape, cores: Cores) -> Result<f64, SolError> {
    pin_current_thread(cores.server)?;
    let accept = |_| {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        Ok(socket)
    };
    let sockets = (0..shape.connections).map(accept).collect::<Result<Vec<_>, _>>();
    let sockets = sockets.map_err(SolError::at::<std::io::Error>("accept"))?;
    let side = Side { incoming: shape.request_bytes, outgoing: shape.answer_bytes, first: 0, until: None };
    pump::run(sockets, side).map_err(SolError::at("serve"))?;
    Ok(thread_cpu_seconds())
}

impl Shape {
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    fn report(self, load: &Load, server_cpu: f64) -> Stream {
        let bytes = load.requests as f64 * (self.request_bytes + self.answer_bytes) as f64;
        let gib = bytes / f64::from(1 << 30);
        Stream {
            connections: self.connections,
            request_bytes: self.request_bytes,
            answer_bytes: self.answer_bytes,
            requests_per_second: load.requests as f64 / load.seconds,
            gigabytes_per_second: bytes / 1e9 / load.seconds,
            server_cpu_seconds_per_gib: server_cpu / gib,
            client_cpu_seconds_per_gib: load.cpu_seconds / gib,
        }
    }
}
