//! One socket and its requests, each in a slot of a ring.
//!
//! | counter | slots before it are |
//! |---|---|
//! | `answered` | free again |
//! | `written` | wholly in the socket |
//! | `filled` | encoded |
//!
//! The number of a slot is also the correlation id of its request, so answers, which come in order, are checked
//! against `answered`. A frame is `Slot::head` with bodies cut in: the bodies are shared by all requests and are never
//! copied before the socket.

mod skim;

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::Bytes;

use self::skim::Skimmed;
pub(crate) use self::skim::Used;
use super::Poller;
use crate::error::BenchError;
use crate::frames::Malformed;

/// A request on its way.
#[derive(Debug, Default)]
pub(crate) struct Slot<T> {
    /// The bytes of the frame that are its own, length first.
    pub(crate) head: Vec<u8>,
    /// Which body follows `head` at which place, ascending.
    pub(crate) cuts: Vec<(usize, usize)>,
    /// Bytes of the whole frame.
    pub(crate) size: usize,
    /// What the mode wants to know when the answer comes.
    pub(crate) tag: T,
}

impl<T> Slot<T> {
    /// Forgets the last request, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.cuts.clear();
        self.size = 0;
    }

    /// Puts a body behind what is there. Short ones are copied, because a piece of its own costs more.
    pub(crate) fn push_body(&mut self, bodies: &[Bytes], body: usize) {
        let Some(bytes) = bodies.get(body) else { return };
        if bytes.len() < MIN_SHARED {
            self.head.extend_from_slice(bytes);
        } else {
            self.cuts.push((self.head.len(), body));
            self.size += bytes.len();
        }
    }

    /// Writes the length in front, when all is there.
    pub(crate) fn finish(&mut self) {
        self.size += self.head.len();
        let length = u32::try_from(self.size.saturating_sub(PREFIX)).unwrap_or(u32::MAX);
        if let Some(prefix) = self.head.first_chunk_mut() {
            *prefix = length.to_be_bytes();
        }
    }
}

/// A connection whose requests carry a `T`.
#[derive(Debug)]
pub(crate) struct Connection<T> {
    socket: TcpStream,
    address: String,
    slots: Vec<Slot<T>>,
    answered: u64,
    written: u64,
    filled: u64,
    /// Bytes of the slot at `written` that are in the socket already.
    partial: usize,
    input: Vec<u8>,
    /// What of `input` has been read and not been used.
    start: usize,
    end: usize,
    skimmed: Skimmed,
    /// Whether the kernel throws away what is passed over.
    discards: bool,
}

/// Bodies below this are copied into the frame.
const MIN_SHARED: usize = 2048;
/// The width of a frame's length.
const PREFIX: usize = 4;
/// Pieces of one vectored write.
const MAX_PIECES: usize = 128;
/// Bytes of one vectored write: enough to amortise the call, while the peer has work before it ends.
const MAX_WRITE: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The greatest answer taken.
const MAX_ANSWER: usize = 1 << 30;

impl<T: Default> Connection<T> {
    /// Connects. `capacity` is how many requests may be unanswered, `input` how many bytes are read at once.
    pub(crate) fn open(address: &str, capacity: usize, input: usize) -> Result<Self, BenchError> {
        let socket = connect(address)?;
        let failed = |source| BenchError::Connect { address: address.to_owned(), source };
        socket.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            socket,
            address: address.to_owned(),
            slots: (0..capacity.max(1)).map(|_| Slot::default()).collect(),
            answered: 0,
            written: 0,
            filled: 0,
            partial: 0,
            input: vec![0; input],
            start: 0,
            end: 0,
            skimmed: Skimmed::default(),
            discards: false,
        })
    }

    /// Has the kernel throw away what [`Connection::skim`] passes over.
    pub(crate) fn discarding(mut self, discards: bool) -> Self {
        self.discards = discards;
        self
    }

    /// Has the poller watch the socket.
    pub(crate) fn watch(&self, poller: &Poller, token: usize) -> Result<(), BenchError> {
        poller.watch(&self.socket, token).map_err(BenchError::system("cannot watch a socket"))
    }

    /// Requests without an answer.
    pub(crate) const fn in_flight(&self) -> u64 {
        self.filled - self.answered
    }

    /// The next free slot, emptied, and the correlation id of its request; `None` when all are in flight.
    /// [`Connection::filled`] sends it on its way.
    pub(crate) fn free_slot(&mut self) -> Option<(&mut Slot<T>, i32)> {
        let correlation_id = correlation_id(self.filled);
        if self.filled - self.answered >= self.slots.len() as u64 {
            return None;
        }
        let at = self.at(self.filled);
        let slot = self.slots.get_mut(at)?;
        slot.clear();
        Some((slot, correlation_id))
    }

    /// Takes over the slot that [`Connection::free_slot`] gave.
    pub(crate) const fn filled(&mut self) {
        self.filled += 1;
    }

    fn at(&self, number: u64) -> usize {
        usize::try_from(number % self.slots.len() as u64).unwrap_or_default()
    }

    /// Writes what is filled until the socket takes no more.
    pub(crate) fn flush(&mut self, bodies: &[Bytes]) -> Result<(), BenchError> {
        while self.written < self.filled {
            let mut pieces = [IoSlice::new(&[]); MAX_PIECES];
            let count = self.gather(bodies, &mut pieces);
            match (&self.socket).write_vectored(pieces.get(..count).unwrap_or_default()) {
                Ok(0) => return Err(self.failed(ErrorKind::WriteZero.into())),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Collects what is to be written next; gives the number of pieces.
    fn gather<'a>(&'a self, bodies: &'a [Bytes], pieces: &mut [IoSlice<'a>; MAX_PIECES]) -> usize {
        let mut count = 0;
        let mut bytes = 0;
        let mut skip = self.partial;
        let mut put = |piece: &'a [u8], skip: &mut usize| {
            let skipped = piece.len().min(*skip);
            *skip -= skipped;
            let rest = piece.get(skipped..).unwrap_or_default();
            if !rest.is_empty()
                && let Some(place) = pieces.get_mut(count)
            {
                *place = IoSlice::new(rest);
                count += 1;
                bytes += rest.len();
            }
            count < MAX_PIECES && bytes < MAX_WRITE
        };
        'slots: for number in self.written..self.filled {
            let Some(slot) = self.slots.get(self.at(number)) else { break };
            let mut done = 0;
            for &(place, body) in &slot.cuts {
                let head = slot.head.get(done..place).unwrap_or_default();
                let body = bodies.get(body).map_or(&[][..], |body| body);
                done = place;
                if !put(head, &mut skip) || !put(body, &mut skip) {
                    break 'slots;
                }
            }
            if !put(slot.head.get(done..).unwrap_or_default(), &mut skip) {
                break;
            }
        }
        count
    }

    fn advance(&mut self, written: usize) {
        self.partial += written;
        while self.written < self.filled {
            let size = self.slots.get(self.at(self.written)).map_or(0, |slot| slot.size);
            if self.partial < size {
                return;
            }
            self.partial -= size;
            self.written += 1;
        }
    }

    /// Frees the slots of written requests that get no answer (`acks=0`), handing each to `done`.
    pub(crate) fn forget_written(&mut self, mut done: impl FnMut(&mut Slot<T>)) {
        while self.answered < self.written {
            let at = self.at(self.answered);
            if let Some(slot) = self.slots.get_mut(at) {
                done(slot);
            }
            self.answered += 1;
        }
    }

    /// Reads what has arrived and hands each answer to `answer`: the slot of its request, and what follows the
    /// correlation id. `api` is what errors call it.
    pub(crate) fn receive(
        &mut self,
        api: &'static str,
        mut answer: impl FnMut(&mut Slot<T>, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), BenchError> {
        loop {
            let room = self.make_room()?;
            let space = self.input.get_mut(self.end..).unwrap_or_default();
            let read = match self.socket.read(space) {
                Ok(0) => return Err(self.failed(ErrorKind::UnexpectedEof.into())),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            self.end += read;
            self.take_answers(api, &mut answer)?;
            // Less than there was room for: the socket is empty, and says so when it is not.
            if read < room {
                return Ok(());
            }
        }
    }

    /// Makes room behind what is half read, for the whole answer when its length is known.
    fn make_room(&mut self) -> Result<usize, BenchError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let pending = self.input.get(self.start..self.end).unwrap_or_default();
        let needed = match pending.first_chunk() {
            Some(length) => PREFIX + self.checked_length(*length)?,
            None => PREFIX,
        };
        if self.start + needed > self.input.len() || self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if needed > self.input.len() {
                self.input.resize(needed.next_multiple_of(64 * 1024), 0);
            }
        }
        Ok(self.input.len() - self.end)
    }

    fn checked_length(&self, length: [u8; PREFIX]) -> Result<usize, BenchError> {
        let length = i32::from_be_bytes(length);
        usize::try_from(length)
            .ok()
            .filter(|length| (PREFIX..MAX_ANSWER).contains(length))
            .ok_or_else(|| self.unreadable(format!("a frame of {length} bytes")))
    }

    fn take_answers(
        &mut self,
        api: &'static str,
        answer: &mut impl FnMut(&mut Slot<T>, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), BenchError> {
        loop {
            let pending = self.input.get(self.start..self.end).unwrap_or_default();
            let Some((prefix, rest)) = pending.split_first_chunk() else { return Ok(()) };
            let length = self.checked_length(*prefix)?;
            let Some(frame) = rest.get(..length) else { return Ok(()) };
            let Some((id, body)) = frame.split_first_chunk() else { return Ok(()) };
            self.check_due(*id)?;
            let at = self.at(self.answered);
            if let Some(slot) = self.slots.get_mut(at)
                && let Err(Malformed) = answer(slot, body)
            {
                let what = format!("{} bytes", body.len());
                return Err(BenchError::Protocol { address: self.address.clone(), api, what });
            }
            self.answered += 1;
            self.start += PREFIX + length;
        }
    }

    /// Answers come in the order of the requests.
    fn check_due(&self, id: [u8; PREFIX]) -> Result<(), BenchError> {
        let (id, due) = (i32::from_be_bytes(id), correlation_id(self.answered));
        if self.answered >= self.written || id != due {
            return Err(self.unreadable(format!("answer {id} while {due} was due")));
        }
        Ok(())
    }

    fn unreadable(&self, what: String) -> BenchError {
        BenchError::Protocol { address: self.address.clone(), api: "a request", what }
    }

    fn failed(&self, source: io::Error) -> BenchError {
        BenchError::Connection { address: self.address.clone(), in_flight: self.in_flight(), source }
    }
}

/// The correlation id of a request: its number, which wraps where it would become negative.
fn correlation_id(number: u64) -> i32 {
    i32::try_from(number & 0x7fff_ffff).unwrap_or_default()
}

/// Connects to the first of the addresses of `HOST:PORT` that answers.
pub(crate) fn connect(address: &str) -> Result<TcpStream, BenchError> {
    let failed = |source| BenchError::Connect { address: address.to_owned(), source };
    let addresses: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for candidate in addresses {
        match TcpStream::connect_timeout(&candidate, CONNECT_TIMEOUT) {
            Ok(socket) => {
                socket.set_nodelay(true).map_err(failed)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}
