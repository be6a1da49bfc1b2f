//! The log itself, without threads: what may be called from any of them.
//!
//! An append goes into the [`queue`]. A writer calls [`Log::take`], which makes a block of all that waits
//! ([`build`]), writes it, and calls [`Log::complete`], which hands finished blocks to the follower in log order
//! ([`deliver`]). Writers are threads, and for small groups that need not reach the disk a task ([`nearby`]). [`housekeeping`] keeps the next segment ready and pages zeroed ahead of the writers; [`recovery`]
//! finds the end of the log. Locks are taken in the order builder, queue, delivery; none is held while a block is
//! written or the follower is called.

mod build;
mod deliver;
mod housekeeping;
mod nearby;
mod open;
mod queue;
mod recovery;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chronik_backend::{Damage, Status};
use chronik_types::Clock;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::buffer::Pool;
use crate::cache::Cache;
use crate::disk::{Disk, Persist};
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::segments::{Segment, Segments};
use crate::slabs::Slabs;
use crate::windows::Windows;
use crate::{Durability, FatalError, OnFatal};

use build::Builder;
pub(crate) use build::Group;
use deliver::Delivery;
use nearby::Nearby;
use queue::Queue;

/// Settings that the log itself needs.
pub(crate) struct Settings {
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: u64,
    pub(crate) writes_in_flight: usize,
    /// With a write under way, another one starts when this much waits, so that groups grow.
    pub(crate) second_write_bytes: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) queue_bytes: u64,
    /// Bytes that are zeroed ahead of the writers, and how many at once.
    pub(crate) zero_ahead: u64,
    pub(crate) zero_chunk: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) on_fatal: OnFatal,
}

/// A log.
pub(crate) struct Log {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) cache: Cache,
    pub(crate) windows: Arc<Windows>,
    pub(crate) segments: Segments,
    pub(crate) pool: Arc<Pool>,
    pub(crate) slabs: Slabs,
    log_id: u64,
    /// As it is written before anything else is.
    identity: Identity,
    /// How often the log has been opened, or more, if its blocks say so.
    epoch: AtomicU64,
    /// Whether the machine has run without interruption since the log was last opened.
    same_boot: bool,
    builder: Mutex<Builder>,
    /// Wakes housekeeping; waits with `builder`.
    housework: Condvar,
    /// Held while the next segment is made, so that it is made once.
    preparing: Mutex<()>,
    queue: Mutex<Queue>,
    /// Wakes writers; waits with `queue`.
    work: Condvar,
    /// The writer that is a task.
    nearby: Nearby,
    delivery: Mutex<Delivery>,
    /// Everything before it is acknowledged.
    committed: AtomicU64,
    /// Everything before it is durable, with `os` durability. Held while the rest is made so.
    synced: Mutex<u64>,
    /// Wakes futures that wait for the end.
    ended: Notify,
    damage: Mutex<Vec<String>>,
    /// The damage that the history has met; nothing is written then.
    read_only: OnceLock<Damage>,
}

/// Where a log is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not followed yet, or read-only.
    Opened,
    Running,
    /// Writes what was accepted, then a mark.
    Closing,
    /// The mark is on its way.
    Marking,
    /// No thread does anything any more: closed, dropped or failed.
    Ended,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

impl Log {
    /// Writes a block.
    pub(crate) fn write(&self, group: &Group) -> io::Result<()> {
        let began = self.settings.clock.monotonic();
        group.file.write(group.offset, &group.block, self.persist())?;
        let took = self.settings.clock.monotonic().saturating_sub(began);
        self.metrics.write_seconds.observe(took.as_secs_f64());
        Ok(())
    }

    /// What must be true of a block before it is acknowledged.
    pub(crate) fn persist(&self) -> Persist {
        match self.settings.durability {
            Durability::Fsync => Persist::Now,
            Durability::Os => Persist::Later,
        }
    }

    /// Position after the last acknowledged entry.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Position of the first segment.
    pub(crate) fn start(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.start)
    }

    /// Stops without writing anything more.
    pub(crate) fn stop(&self) {
        self.end(&mut self.queue.lock());
        // Housekeeping waits with the builder's lock; taking it once makes sure that it does not miss the change.
        drop(self.builder.lock());
        self.housework.notify_all();
    }

    fn end(&self, queue: &mut Queue) {
        queue.phase = Phase::Ended;
        self.work.notify_all();
        self.nearby.wake();
        self.ended.notify_waiters();
    }

    /// Ends the log after a failure. Nothing is acknowledged from here on.
    pub(crate) fn fail(&self, error: FatalError) {
        self.delivery.lock().failed = true;
        let first = {
            let mut queue = self.queue.lock();
            !std::mem::replace(&mut queue.failed, true)
        };
        self.stop();
        if first {
            tracing::error!(%error, "the log has failed");
            (self.settings.on_fatal)(error);
        }
    }

    /// What a failed operation on a segment looks like.
    fn fatal(
        &self,
        segment: &Segment,
        operation: &'static str,
        offset: u64,
        source: io::Error,
    ) -> FatalError {
        FatalError { file: self.disk.show(&segment.name()), operation, offset, source }
    }

    /// The damage because of which nothing is written, if there is one.
    pub(crate) fn read_only(&self) -> Option<&Damage> {
        self.read_only.get()
    }

    /// Notes damage for [`Status::damage`] and the log.
    pub(crate) fn note_damage(&self, file: &str, offset: u64, reason: &str) {
        tracing::error!(file, offset, reason, "damage in the log");
        let line = format!("{file}: damaged at byte {offset}: {reason}");
        let mut damage = self.damage.lock();
        // A spot that is read again and again is one damage; the list must not grow without end.
        if damage.len() < DAMAGE_LINES && !damage.contains(&line) {
            damage.push(line);
        }
    }

    /// The parts of the status that the log knows.
    pub(crate) fn status(&self) -> Status {
        let (bytes_queued, full) = {
            let queue = self.queue.lock();
            (queue.waiting_bytes() + queue.writing_bytes(), queue.no_space())
        };
        Status {
            backend: "wal",
            bytes_used: self.segments.bytes(self.settings.segment_bytes),
            segments: self.segments.all().len() as u64,
            bytes_queued,
            bytes_cached: self.cache.bytes() + self.windows.bytes(),
            full,
            damage: self.damage.lock().clone(),
            read_only: self.read_only().cloned(),
            ..Status::default()
        }
    }

    /// Blocks being written, and bytes that are accepted and not yet written.
    pub(crate) fn under_way(&self) -> (usize, u64) {
        let queue = self.queue.lock();
        (queue.in_flight, queue.waiting_bytes() + queue.writing_bytes())
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    fn now(&self) -> Duration {
        self.settings.clock.monotonic()
    }
}

const DAMAGE_LINES: usize = 100;
