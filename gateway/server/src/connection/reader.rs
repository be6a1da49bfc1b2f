//! Reading frames: four bytes of length, then that many bytes. Large frames are handed on without a copy; a small one is
//! copied, so that a request that waits, and holds some text of its frame, does not hold the whole buffer.
//!
//! The length is a claim of the client, so memory grows with what has really arrived, unless the connection has sent
//! frames of that size before. Memory is reserved from [`RequestMemory`] before the bulk of a large frame is read; while
//! there is none, nothing is read. The buffer is given back whenever the connection has nothing half-read. Where frames are
//! large, it is filled before the first length is known, if there is memory for that too.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chronik_policy::Reservation;
use chronik_wire::api;
use chronik_wire::frame::{FrameError, complete_frame};
use chronik_wire::wellformed::allowed_memory;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::memory::{RequestMemory, SMALL_FRAME};
use super::timeouts::Owed;

/// The most that one read asks for when no frame has told its length yet, if memory is reserved for it.
const LARGEST_CHUNK: usize = 1024 * 1024 + SMALL_FRAME;
/// Frames up to this size are copied out of the buffer, which is used again; larger ones take their part of it along.
const COPIED: usize = 4 * 1024;
/// A frame that is larger than any before grows by at least this much at a time.
const SMALLEST_GROWTH: usize = 64 * 1024;
/// The length in front of each frame.
const PREFIX: usize = 4;

/// Cuts what arrives on a connection into frames.
pub(super) struct FrameReader {
    buffer: BytesMut,
    max_frame: usize,
    /// The size of the largest frame that arrived whole: that much is believed.
    largest_seen: usize,
    memory: RequestMemory,
    waiting: Option<Pin<Box<dyn Future<Output = Reservation> + Send>>>,
    reserved: Option<Reservation>,
    /// The memory of a buffer that is larger than [`SMALL_FRAME`] and was not made for one frame.
    ahead: Option<Reservation>,
    /// Bytes that have arrived.
    received: u64,
}

/// One request as it came, without its length.
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// The memory that admission counts for it.
    pub(super) reservation: Option<Reservation>,
}

/// What one attempt to read gave.
pub(super) enum Incoming {
    /// A whole frame.
    Frame(Frame),
    /// The client will send nothing more.
    End,
}

/// Why reading cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FrameReader {
    pub(super) fn new(max_frame: usize, memory: RequestMemory) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_frame,
            largest_seen: 0,
            memory,
            waiting: None,
            reserved: None,
            ahead: None,
            received: 0,
        }
    }

    /// The memory that it counts on.
    pub(super) fn memory(&self) -> &RequestMemory {
        &self.memory
    }

    /// Whether memory is reserved for the next frame, or waited for.
    pub(super) fn counts_on_memory(&self) -> bool {
        self.reserved.is_some() || self.waiting.is_some()
    }

    /// What the client owes while the connection is read: the rest of a frame that has begun to arrive, unless the frame
    /// waits for memory. To be asked when [`Self::poll_frame`] is pending.
    pub(super) fn owed(&self) -> Option<Owed> {
        if self.buffer.is_empty() || self.waiting.is_some() {
            return None;
        }
        let keeps_others_waiting =
            self.reserved.as_ref().is_some_and(|held| self.memory.of(held.bytes()).is_short());
        Some(Owed { received: self.received, holds_memory: self.reserved.is_some(), keeps_others_waiting })
    }

    /// The next frame, from the buffer if one is complete, else from the connection.
    pub(super) fn poll_frame<R>(
        &mut self,
        io: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Incoming, ReadError>>
    where
        R: AsyncRead + Unpin,
    {
        loop {
            let wanted = match self.claimed() {
                None => self.begin(),
                Some(whole) => {
                    if self.buffer.len() < whole {
                        // Impossible lengths are refused here, before memory is reserved for them.
                        let _incomplete = self.cut()?;
                    }
                    if self.buffer.len() >= whole.min(SMALL_FRAME) {
                        ready!(self.poll_reserve(self.charge(whole), cx));
                    }
                    if let Some(frame) = self.cut()? {
                        return Poll::Ready(Ok(Incoming::Frame(frame)));
                    }
                    self.grow(whole)
                }
            };
            let mut window = (&mut self.buffer).limit(wanted);
            match poll_read_buf(Pin::new(io), cx, &mut window) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Incoming::End)),
                Poll::Ready(Ok(read)) => self.received += u64::try_from(read).unwrap_or(0),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {
                    if self.buffer.is_empty() {
                        self.buffer = BytesMut::new();
                        self.ahead = None;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// How long the frame at the start of the buffer claims to be, with its length; not yet believed.
    fn claimed(&self) -> Option<usize> {
        let claimed = i32::from_be_bytes(*self.buffer.first_chunk::<PREFIX>()?);
        Some(PREFIX + usize::try_from(claimed).unwrap_or(0))
    }

    /// Makes room to read the start of a frame, and says how much to read.
    fn begin(&mut self) -> usize {
        let has_room =
            self.buffer.capacity() - self.buffer.len() >= SMALL_FRAME || self.buffer.try_reclaim(SMALL_FRAME);
        if !has_room || self.buffer.capacity() > self.ahead.as_ref().map_or(SMALL_FRAME, Reservation::bytes) {
            // Given back first: it may be all that there is.
            self.ahead = None;
            let usual = (self.largest_seen + PREFIX).min(LARGEST_CHUNK);
            let ahead = if usual > SMALL_FRAME { self.memory.ahead().try_reserve(usual) } else { None };
            self.relocate(ahead.as_ref().map_or(SMALL_FRAME, Reservation::bytes).max(SMALL_FRAME));
            self.ahead = ahead;
        }
        self.buffer.capacity() - self.buffer.len()
    }

    /// Makes room for more of a frame of `whole` bytes, and says how much to read.
    fn grow(&mut self, whole: usize) -> usize {
        let have = self.buffer.len();
        let unreserved = self.reserved.is_none();
        let believed = if unreserved {
            whole.min(SMALL_FRAME)
        } else if whole <= self.largest_seen.max(SMALLEST_GROWTH) {
            whole
        } else {
            whole.min((2 * have).max(SMALLEST_GROWTH))
        };
        if self.buffer.capacity() < believed {
            self.relocate(believed);
        }
        let room = self.buffer.capacity() - have;
        if whole > SMALL_FRAME {
            // Reading beyond a large frame would only mean to copy the start of the next one.
            room.min(whole - have)
        } else {
            room
        }
    }

    /// Moves what is there into a buffer of `capacity`, which others count.
    fn relocate(&mut self, capacity: usize) {
        self.ahead = None;
        let mut roomier = BytesMut::with_capacity(capacity.max(self.buffer.len()));
        roomier.extend_from_slice(&self.buffer);
        self.buffer = roomier;
    }

    /// What a frame is counted as. Records are not decoded; all else that is large can take several times its size.
    fn charge(&self, whole: usize) -> usize {
        let key = self.buffer.get(PREFIX..).and_then(|frame| frame.first_chunk());
        let api = key.and_then(|key| api::lookup(i16::from_be_bytes(*key)));
        let is_decoded = api.is_some_and(|api| api.max_request_bytes.is_some());
        if whole > SMALL_FRAME && is_decoded { whole + allowed_memory(whole) } else { whole }
    }

    fn poll_reserve(&mut self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        if self.reserved.is_some() {
            return Poll::Ready(());
        }
        if self.waiting.is_none() {
            self.reserved = self.memory.of(bytes).try_reserve(bytes);
            if self.reserved.is_some() {
                return Poll::Ready(());
            }
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(self.memory.of(bytes).reserve(bytes)));
        self.reserved = Some(ready!(waiting.as_mut().poll(cx)));
        self.waiting = None;
        Poll::Ready(())
    }

    /// The frame at the start of the buffer, if it is complete.
    fn cut(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(length) = complete_frame(&self.buffer, self.max_frame)? else {
            return Ok(None);
        };
        self.buffer.advance(PREFIX);
        let bytes = if length <= COPIED {
            let copy = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
            self.buffer.advance(length);
            copy
        } else {
            self.buffer.split_to(length).freeze()
        };
        self.largest_seen = self.largest_seen.max(bytes.len());
        Ok(Some(Frame { bytes, reservation: self.reserved.take() }))
    }
}
