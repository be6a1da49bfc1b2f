//! What happens beside writing: the next segment and memory for the next blocks are made, pages are zeroed ahead of the
//! writers, old segments go.
//!
//! The first write to an allocated page changes metadata, and that takes as long as the write itself. Writing zeros
//! ahead takes this off the path of the producers; in a recycled file all pages have been written already.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{ObjectError, ObjectName};
use parking_lot::{Condvar, Mutex};

use super::build::{Builder, Target};
use super::{Log, Phase};
use crate::Durability;
use crate::disk::{Access, MOST_CACHED, Persist, is_full};
use crate::objects::ObjectFiles;
use crate::segments::Created;

/// How far the pages of a segment have been written, by whomever.
#[derive(Debug)]
pub(super) struct Zeroing {
    state: Mutex<Zeroed>,
    released: Condvar,
}

#[derive(Debug)]
struct Zeroed {
    /// Everything before has been written, or belongs to a block that is.
    upto: u64,
    /// Being zeroed right now.
    claimed: Option<Range<u64>>,
}

impl Zeroing {
    pub(super) fn new(upto: u64) -> Self {
        Self { state: Mutex::new(Zeroed { upto, claimed: None }), released: Condvar::new() }
    }

    /// Gives everything before `end` to a block. Waits for zeros that are on their way to the same pages.
    pub(super) fn reserve(&self, end: u64) {
        let mut state = self.state.lock();
        while state.claimed.as_ref().is_some_and(|claimed| claimed.start < end) {
            self.released.wait(&mut state);
        }
        state.upto = state.upto.max(end);
    }

    /// Takes the next pages to zero, up to `limit`.
    fn claim(&self, limit: u64, chunk: u64) -> Option<Range<u64>> {
        let mut state = self.state.lock();
        if state.claimed.is_some() || state.upto >= limit {
            return None;
        }
        let claimed = state.upto..limit.min(state.upto + chunk);
        state.claimed = Some(claimed.clone());
        Some(claimed)
    }

    fn release(&self) {
        let mut state = self.state.lock();
        if let Some(claimed) = state.claimed.take() {
            state.upto = state.upto.max(claimed.end);
        }
        self.released.notify_all();
    }

    fn upto(&self) -> u64 {
        self.state.lock().upto
    }
}

impl Target {
    /// A segment just made. Only a new file needs zeros.
    pub(super) fn new(created: Created) -> Self {
        let Created { segment, file, recycled } = created;
        let zeroing = Zeroing::new(if recycled { segment.bytes } else { crate::format::PAGE });
        Self { segment, file, zeroing: Arc::new(zeroing) }
    }
}

impl Log {
    /// Waits until there is something to do; `false` when the log has ended.
    pub(crate) fn wait_for_housework(&self) -> bool {
        let mut builder = self.builder.lock();
        loop {
            if self.queue.lock().phase == Phase::Ended {
                return false;
            }
            if self.has_chore(&builder) {
                return true;
            }
            self.housework.wait(&mut builder);
        }
    }

    /// Does one piece of what is to do.
    pub(crate) fn do_housework(&self) {
        let (next, zero) = {
            let builder = self.builder.lock();
            (self.needs_next(&builder), self.to_zero(&builder))
        };
        if next {
            self.prepare_next();
        } else if self.slabs.is_short() {
            self.slabs.prepare();
        } else if let Some((target, limit)) = zero {
            self.zero(&target, limit);
        }
    }

    pub(super) fn has_chore(&self, builder: &Builder) -> bool {
        self.needs_next(builder) || self.slabs.is_short() || self.to_zero(builder).is_some()
    }

    fn needs_next(&self, builder: &Builder) -> bool {
        let Some(active) = &builder.active else { return false };
        let half_full = active.at > active.target.segment.bytes / 2 && !builder.failed_early;
        builder.next.is_none() && (builder.wanted || half_full)
    }

    /// The segment whose zeros run short, and up to where it should have some.
    fn to_zero(&self, builder: &Builder) -> Option<(Target, u64)> {
        let active = builder.active.as_ref()?;
        // For large blocks the metadata matters less than the bandwidth that zeros would take from them. Small ones that go
        // through the page cache have nothing of zeros, and would wait for them: both need the file for themselves.
        let is_cached = self.persist() == Persist::Later && active.block_bytes <= MOST_CACHED as u64;
        if active.block_bytes > LARGE_BLOCK || is_cached {
            return None;
        }
        let short = |target: &Target, at: u64| {
            let limit = target.segment.bytes.min(at + self.settings.zero_ahead);
            let missing = limit.saturating_sub(target.zeroing.upto());
            // In whole chunks, so that each block that is written does not ask for a page.
            let worth_it = missing >= self.settings.zero_chunk || limit == target.segment.bytes;
            (missing > 0 && worth_it).then(|| (target.clone(), limit))
        };
        short(&active.target, active.at).or_else(|| short(builder.next.as_ref()?, 0))
    }

    /// Asks for the next segment now.
    pub(super) fn want_segment(&self) {
        self.builder.lock().wanted = true;
        self.housework.notify_one();
    }

    /// Makes the next segment, unless it is there.
    pub(super) fn prepare_next(&self) {
        let _one_at_a_time = self.preparing.lock();
        let active = {
            let builder = self.builder.lock();
            match &builder.active {
                Some(active) if builder.next.is_none() => Arc::clone(&active.target.segment),
                Some(_) | None => return,
            }
        };
        match self.segments.create(active.end(), self.settings.segment_bytes, self.epoch()) {
            Ok(created) => {
                self.metrics.segments_created.inc();
                self.metrics.segments_recycled.inc_by(u64::from(created.recycled));
                let mut builder = self.builder.lock();
                builder.next = Some(Target::new(created));
                builder.wanted = false;
                builder.failed_early = false;
                self.resume(None);
            }
            Err(error) if is_full(&error) => {
                let mut builder = self.builder.lock();
                builder.failed_early = true;
                if std::mem::take(&mut builder.wanted) {
                    let detail = format!("{}: {error}", self.disk.show(""));
                    tracing::warn!(detail, "no space for another segment: records are refused");
                    self.resume(Some(detail));
                }
            }
            Err(error) => self.fail(self.fatal(&active, "making the segment after it", 0, error)),
        }
    }

    /// Lets writers go on after an attempt to make a segment.
    fn resume(&self, full: Option<String>) {
        let mut queue = self.queue.lock();
        if full.is_none() && queue.no_space() {
            tracing::info!("there is space again: records are taken");
        }
        queue.set_full(full.map(|detail| (detail, self.now())));
        self.work.notify_all();
    }

    /// Writes zeros to the next pages of a segment.
    fn zero(&self, target: &Target, limit: u64) {
        let Some(range) = target.zeroing.claim(limit, self.settings.zero_chunk) else { return };
        let len = usize::try_from(range.end - range.start).unwrap_or_default();
        let mut zeros = self.pool.get(len);
        zeros.as_mut().fill(0);
        let written = target.file.write(range.start, zeros.as_ref(), Persist::Now);
        target.zeroing.release();
        if let Err(source) = written {
            self.fail(self.fatal(&target.segment, "writing zeros", range.start, source));
        }
    }

    /// Makes an object, which may speak of everything that was acknowledged before.
    pub(crate) fn put(
        &self,
        objects: &ObjectFiles,
        name: &ObjectName,
        bytes: &Bytes,
    ) -> Result<(), ObjectError> {
        self.sync_acknowledged().map_err(|source| {
            let context = format!("cannot make durable what {name} speaks of");
            ObjectError::Io { context, source }
        })?;
        objects.put(name, bytes)
    }

    /// Gives up whole segments before `upto`, oldest first. The reasons for that were acknowledged before.
    pub(crate) fn trim(&self, upto: u64) -> io::Result<u64> {
        self.sync_acknowledged()?;
        let upto = upto.min(self.committed());
        let active = self.builder.lock().active.as_ref().map_or(0, |active| active.target.segment.start);
        while let Some(first) =
            self.segments.first().filter(|first| first.end() <= upto && first.start < active)
        {
            self.segments.remove(&first, self.settings.segment_bytes)?;
            self.metrics.segments_removed.inc();
        }
        let start = self.start();
        self.cache.trim(start);
        self.windows.trim(start);
        if self.queue.lock().no_space() {
            self.builder.lock().wanted = true;
            self.prepare_next();
        }
        Ok(start)
    }
}

impl Log {
    /// Makes everything durable that was acknowledged without that.
    fn sync_acknowledged(&self) -> io::Result<()> {
        if self.settings.durability == Durability::Fsync {
            return Ok(());
        }
        let mut synced = self.synced.lock();
        let committed = self.committed();
        if *synced >= committed {
            return Ok(());
        }
        for segment in self.segments.all() {
            if segment.end() <= *synced || segment.start >= committed {
                continue;
            }
            match self.disk.open(&segment.name(), Access::Plain) {
                Ok(file) => file.sync().map_err(|source| {
                    let kind = source.kind();
                    self.fail(self.fatal(&segment, "sync", 0, source));
                    io::Error::from(kind)
                })?,
                // Given up meanwhile.
                Err(_) if self.segments.starting_at(segment.start).is_none() => {}
                Err(error) => return Err(error),
            }
        }
        *synced = committed;
        Ok(())
    }
}

/// Blocks beyond this are written without zeros ahead of them.
const LARGE_BLOCK: u64 = 128 << 10;
