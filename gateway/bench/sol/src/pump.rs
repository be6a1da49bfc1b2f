//! One thread that keeps many sockets busy: whoever gets a whole unit sends a unit back.
//!
//! Client and server of the null broker are the same loop; the client starts with units in flight and stops at a moment,
//! the server starts with nothing and stops when all sockets are closed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::time::monotonic_seconds;

/// What one side receives and sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    /// Bytes of a unit that comes in.
    pub(crate) incoming: usize,
    /// Bytes of a unit that goes out.
    pub(crate) outgoing: usize,
    /// Units that each socket sends before anything came in.
    pub(crate) first: usize,
    /// When to stop, in [`monotonic_seconds`]; `None` stops when all sockets are closed.
    pub(crate) until: Option<f64>,
}

/// Runs until the moment or until all sockets are closed; gives the units that came in.
pub(crate) fn run(sockets: Vec<TcpStream>, side: Side) -> io::Result<u64> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut peers = Vec::with_capacity(sockets.len());
    for (place, socket) in sockets.into_iter().enumerate() {
        socket.set_nonblocking(true)?;
        let id = place as u64;
        epoll::add(&epoll, &socket, EventData::new_u64(id), EventFlags::IN)?;
        peers.push(Peer { socket, id, came: 0, owed: side.first * side.outgoing, sent: 0, blocked: false });
    }
    let mut pump = Pump {
        side,
        epoll,
        pattern: vec![7; side.outgoing * (PATTERN_BYTES / side.outgoing).max(1)],
        buffer: vec![0; READ_BYTES],
        units: 0,
    };
    let mut open = peers.len();
    for peer in &mut peers {
        pump.send(peer)?;
    }
    let mut events: Vec<Event> = Vec::with_capacity(peers.len().max(1));
    while open > 0 && side.until.is_none_or(|until| monotonic_seconds() < until) {
        events.clear();
        match epoll::wait(&pump.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        for event in &events {
            let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some(peer) = peers.get_mut(place) else { continue };
            if !pump.turn(peer)? {
                open -= 1;
                epoll::delete(&pump.epoll, &peer.socket)?;
            }
        }
    }
    Ok(pump.units)
}

#[derive(Debug)]
struct Peer {
    socket: TcpStream,
    id: u64,
    /// Bytes of the unit that has not come in wholly.
    came: usize,
    /// Bytes still to send.
    owed: usize,
    /// Where in the current outgoing unit the next byte stands.
    sent: usize,
    /// Whether the socket's buffer was full at the last try.
    blocked: bool,
}

#[derive(Debug)]
struct Pump {
    side: Side,
    epoll: OwnedFd,
    /// Whole outgoing units, one after the other.
    pattern: Vec<u8>,
    buffer: Vec<u8>,
    units: u64,
}

impl Pump {
    /// Receives what is there and sends what is owed; `false` when the socket is closed.
    fn turn(&mut self, peer: &mut Peer) -> io::Result<bool> {
        loop {
            match peer.socket.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    let came = peer.came + read;
                    let units = came / self.side.incoming;
                    peer.came = came % self.side.incoming;
                    peer.owed += units * self.side.outgoing;
                    self.units += units as u64;
                    if read < self.buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if is_closed(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.send(peer)
    }

    fn send(&mut self, peer: &mut Peer) -> io::Result<bool> {
        let mut blocked = false;
        while peer.owed > 0 && !blocked {
            let end = self.pattern.len().min(peer.sent + peer.owed);
            match peer.socket.write(self.pattern.get(peer.sent..end).unwrap_or_default()) {
                Ok(written) => {
                    peer.owed -= written;
                    peer.sent = (peer.sent + written) % self.side.outgoing;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => blocked = true,
                Err(error) if is_closed(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if blocked != peer.blocked {
            peer.blocked = blocked;
            let wanted = if blocked { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(&self.epoll, &peer.socket, EventData::new_u64(peer.id), wanted)?;
        }
        Ok(true)
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Fits the second-level cache of one core.
const READ_BYTES: usize = 256 << 10;
const PATTERN_BYTES: usize = 1 << 20;
