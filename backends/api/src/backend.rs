//! The journal.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::{AppendError, Damage, DataRef, FollowError, Objects, Position, ReadError};

/// A boxed future, so that the traits stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an append is for; decides who may use the last of the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendClass {
    /// Records, and whatever clients go on doing. Refused with [`AppendError::Full`] when only the reserve is left.
    Data,
    /// Small changes that give space back, such as deleting a topic: they must stay possible on a full disk, and nothing
    /// else may use up the reserve.
    Control,
}

/// An entry on its way into the journal.
#[derive(Debug)]
pub struct Append {
    /// Comes back in [`Committed::token`] or [`Follower::refused`]; chosen by the caller, unique while in flight.
    pub token: u64,
    /// The encoded entry.
    pub entry: Bytes,
    /// Data that travels with it, written one after the other as one contiguous span.
    pub data: Vec<Bytes>,
    /// What it is for.
    pub class: AppendClass,
}

/// An entry that is durable and has its place in the order.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Its place.
    pub position: Position,
    /// The token of the append in this process; `None` for an entry of an earlier run or of another gateway.
    pub token: Option<u64>,
    /// The encoded entry.
    pub entry: Bytes,
    /// Where its inline data lies; `len` is 0 without data.
    pub data: DataRef,
}

/// The one consumer of the journal. Calls come one at a time, in journal order, and must not block on I/O:
/// a live commit is acknowledged by what the follower does in [`Follower::committed`].
pub trait Follower: Send {
    /// S4. The next entries, all durable: each entry exactly once, in order, without gaps.
    fn committed(&mut self, group: &[Committed]);

    /// S5. Every entry below `end` has been delivered, and `end` starts a new segment: a place from which
    /// [`StorageBackend::follow`] can start and up to which [`StorageBackend::trim`] can delete.
    fn sealed(&mut self, end: Position);

    /// S6. The append with this token did not happen and never will.
    fn refused(&mut self, token: u64, error: AppendError);
}

/// Facts for people and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Name of the backend, as in the settings.
    pub backend: &'static str,
    /// When an acknowledged record is safe, in a few words for the start-up banner.
    pub durability: String,
    /// Where the data lies.
    pub location: String,
    /// Bytes that the journal occupies.
    pub bytes_used: u64,
    /// Segments of the journal, the active one included.
    pub segments: u64,
    /// Bytes accepted and not yet durable.
    pub bytes_queued: u64,
    /// Bytes of recent data held in memory.
    pub bytes_cached: u64,
    /// Whether data appends are refused for lack of space.
    pub full: bool,
    /// Damage found at start or by reads, one line each, with file and offset; not that of `read_only`.
    pub damage: Vec<String>,
    /// S13. The damage because of which nothing is written.
    pub read_only: Option<Damage>,
}

/// One totally ordered journal, with data inline.
pub trait StorageBackend: Objects {
    /// S1. Hands every entry at or after `from` to the follower, then every further one as it commits, for as long as
    /// the backend lives. Blocks until the history has been delivered and returns the end of it; later calls of the
    /// follower come from the backend's own threads. `from` is [`StorageBackend::start`] or a sealed boundary.
    /// May be called once. Nothing on the medium changes before the history has been delivered.
    ///
    /// S13. Where an entry that had been acknowledged cannot be read any more, the history ends before it: the position
    /// of the damage is returned, the follower is dropped, and the backend is read-only for as long as it lives.
    /// [`Status::read_only`] names the damage, reads and the reading of objects go on, and everything that would change
    /// the medium is refused with `ReadOnly`, or, for [`StorageBackend::seal`] and [`StorageBackend::close`], leaves it
    /// as it is. The next backend over the medium finds the same.
    ///
    /// # Errors
    /// When nothing at all can be delivered from there.
    fn follow(&self, from: Position, follower: Box<dyn Follower>) -> Result<Position, FollowError>;

    /// S2. Queues an entry; never blocks. Its outcome arrives at the follower: `committed` once it is durable (in the
    /// sense of the configured durability), or `refused`. Appends of one thread commit in the order of the calls.
    /// S3. A write or sync that fails is not retried: the backend acknowledges nothing more, and the process ends
    /// with exit code 74.
    ///
    /// # Errors
    /// When the entry is refused at once; the follower then hears nothing of it.
    fn append(&self, append: Append) -> Result<(), AppendError>;

    /// S7. Data from memory, without a copy, or `None` when it takes I/O. The span may be any part of an entry's data.
    fn cached(&self, data: DataRef) -> Option<Bytes>;

    /// S7. Data from wherever it lies, as the medium gives it: the caller verifies the checksum that its data carry
    /// (a record batch has one), because only the caller knows which part of a span it wants. A span may reach from the
    /// data of one entry into that of a later one in the same segment: what lies between comes along as the medium has
    /// it, or, where the backend cannot do that, the span is not found. Cancel safe.
    fn read(&self, data: DataRef) -> BoxFuture<'_, Result<Bytes, ReadError>>;

    /// S7. A hint that these spans will be read soon, in this order, so that a backend may begin. Never blocks.
    fn expect(&self, _spans: &[DataRef]) {}

    /// First position that is still there.
    fn start(&self) -> Position;

    /// S8. Ends the active segment if it holds any entry; [`Follower::sealed`] tells the boundary.
    fn seal(&self);

    /// S9. Gives up everything before `upto`, a sealed boundary. Frees whole segments, keeps the rest readable;
    /// resolves with the new start. The caller has made a checkpoint that covers what goes. Whatever the durability, all
    /// that was committed before the call is durable before anything goes: the reasons for it are among that.
    fn trim(&self, upto: Position) -> BoxFuture<'_, Result<Position, crate::ObjectError>>;

    /// Facts for people and metrics.
    fn status(&self) -> Status;

    /// Commits what was accepted, marks a clean end, and stops. Further appends are refused.
    fn close(&self) -> BoxFuture<'_, ()>;
}
