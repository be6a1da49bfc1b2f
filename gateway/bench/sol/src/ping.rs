//! A few bytes there and back between two threads: what waking somebody costs.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use crate::samples::Samples;
use crate::stream::listen;
use crate::time::monotonic_seconds;
use crate::{Cores, Latency, SolError, pin_current_thread};

/// Pings over the loopback interface.
pub(crate) fn run(cores: Cores, seconds: f64) -> Result<Latency, SolError> {
    let listener = listen()?;
    let address = listener.local_addr().map_err(SolError::at("listen"))?;
    let (echoed, pinged) = thread::scope(|scope| {
        let echo = scope.spawn(|| {
            pin_current_thread(cores.server)?;
            let (socket, _) = listener.accept().map_err(SolError::at("accept"))?;
            echo(socket)
        });
        let ping = scope.spawn(|| round_trips(address, PING_BYTES, PING_BYTES, cores.client, seconds));
        (echo.join(), ping.join())
    });
    echoed.unwrap_or_else(|_| Err(SolError::other("echo", "a thread panicked")))?;
    pinged.unwrap_or_else(|_| Err(SolError::other("ping", "a thread panicked")))
}

/// Sends a request, waits for its answer, and so on for this many seconds.
pub(crate) fn round_trips(
    address: SocketAddr,
    request_bytes: usize,
    answer_bytes: usize,
    core: Option<usize>,
    seconds: f64,
) -> Result<Latency, SolError> {
    pin_current_thread(core)?;
    let mut socket = TcpStream::connect(address).map_err(SolError::at("connect"))?;
    socket.set_nodelay(true).map_err(SolError::at("connect"))?;
    let (request, mut answer) = (vec![7; request_bytes], vec![0; answer_bytes]);
    let mut samples = Samples::default();
    let end = monotonic_seconds() + seconds;
    let mut start = monotonic_seconds();
    while start < end {
        socket.write_all(&request).map_err(SolError::at("send"))?;
        socket.read_exact(&mut answer).map_err(SolError::at("receive"))?;
        let now = monotonic_seconds();
        samples.add(now - start);
        start = now;
    }
    Ok(samples.latency())
}

fn echo(mut socket: TcpStream) -> Result<(), SolError> {
    socket.set_nodelay(true).map_err(SolError::at("accept"))?;
    let mut bytes = [0; PING_BYTES];
    loop {
        match socket.read_exact(&mut bytes) {
            Ok(()) => socket.write_all(&bytes).map_err(SolError::at("send"))?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(SolError::at("receive")(error)),
        }
    }
}

const PING_BYTES: usize = 100;
