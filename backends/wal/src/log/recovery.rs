//! Finds the end of the log and hands what is before it to the follower.
//!
//! Blocks are read in order until one does not fit. What lies behind decides what that means. If a later block of the
//! same or a newer epoch says that everything up to here had been acknowledged, an acknowledged block is damaged: the
//! history ends before it, and the log stays read-only (S13), without a byte of it changed. If nothing says so, it is the torn tail of a run that was
//! interrupted: nobody was told of it, and the log goes on in its place. Damage of data alone is reported and passed
//! over, because the entries that order it are intact.
//!
//! With `os` durability the claim of a later block is worth something only if the machine has run all the time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chronik_backend::{Committed, Damage, DataRef, FollowError, Follower, Position, READ_ONLY_ADVICE};

use super::build::{Active, Target};
use super::housekeeping::Zeroing;
use super::{Log, Phase};
use crate::disk::{Access, Persist, is_full};
use crate::format::{BlockHeader, Defect, PAGE, mark};
use crate::identity::Identity;
use crate::scan::{Before, Block, Question, Scan, Step};
use crate::segments::Segment;
use crate::{Durability, MOST_WRITES_IN_FLIGHT};

/// Where the log ends.
#[derive(Debug)]
struct Tail {
    segment: Arc<Segment>,
    /// Byte in its file.
    at: u64,
    /// Header checksum of the last block.
    previous: u32,
    has_entries: bool,
    /// The newest epoch that was seen.
    epoch: u64,
    /// Whether blocks were seen that had been acknowledged before they were synced.
    unsynced: bool,
}

/// How a replay ended.
#[derive(Debug)]
enum Replay {
    /// At the end of the log.
    Tail(Tail),
    /// Before damage.
    Damage {
        /// Position after what was delivered.
        end: u64,
        damage: Damage,
    },
}

/// What a segment held.
#[derive(Debug)]
struct Replayed {
    ended: Ended,
    has_entries: bool,
    unsynced: bool,
}

/// Why a segment was read no further.
#[derive(Debug)]
enum Ended {
    Sealed,
    /// Nothing behind has been acknowledged.
    Tail(Defect),
    /// The next block had been acknowledged.
    Damaged(Defect),
}

impl Log {
    /// Delivers everything from `from` on, repairs a torn tail, and starts to take appends. Returns the end.
    pub(crate) fn recover(
        &self,
        from: Position,
        mut follower: Box<dyn Follower>,
    ) -> Result<Position, FollowError> {
        {
            let mut queue = self.queue.lock();
            if queue.phase != Phase::Opened || std::mem::replace(&mut queue.followed, true) {
                return Err(FollowError::AlreadyFollowed);
            }
        }
        let replay = match self.segments.first() {
            None if from == Position::ZERO => None,
            _ => Some(self.replay_from(from, follower.as_mut())?),
        };
        let tail = match replay {
            Some(Replay::Damage { end, damage }) => return Ok(self.stay_read_only(end, damage)),
            Some(Replay::Tail(tail)) => Some(tail),
            None => None,
        };
        // The first change of the directory: epochs must not be used twice.
        let identified = self.identity.write(self.disk.as_ref());
        identified.map_err(|source| self.io_error("write the format file of", source))?;
        let tail = tail.map_or_else(|| self.begin(), Ok)?;
        let end =
            self.resume_at(tail, follower.as_mut()).map_err(|source| self.io_error("repair", source))?;
        self.note_boot().map_err(|source| self.io_error("write the format file of", source))?;
        self.committed.store(end, Ordering::Release);
        self.start_delivery(follower);
        let mut queue = self.queue.lock();
        if queue.phase == Phase::Opened {
            queue.phase = Phase::Running;
        }
        Ok(Position::new(end))
    }

    /// Reads from `from` to the end, or to damage.
    fn replay_from(&self, from: Position, follower: &mut dyn Follower) -> Result<Replay, FollowError> {
        let first = self.segments.first().ok_or(FollowError::NotABoundary { asked: from })?;
        if from.get() < first.start {
            return Err(FollowError::Trimmed { start: Position::new(first.start), asked: from });
        }
        match self.segments.starting_at(from.get()) {
            Some(first) => self.replay(first, follower),
            None if self.segments.covering(from.get()).is_some() => {
                Err(FollowError::NotABoundary { asked: from })
            }
            // A boundary is told only when the segment behind it is there.
            None => Ok(self.missing(from.get(), "what comes before is sealed")),
        }
    }

    /// Everything before damage has been delivered: reads are served, and nothing is written.
    fn stay_read_only(&self, end: u64, damage: Damage) -> Position {
        let Damage { file, offset, reason } = &damage;
        tracing::error!(
            file,
            offset,
            reason,
            "the log is damaged, and is only read from here on: everything before the damage is served, nothing is \
             written or deleted; {READ_ONLY_ADVICE}"
        );
        self.committed.store(end, Ordering::Release);
        // The first damage is the only one: there is one follower.
        self.read_only.get_or_init(|| damage);
        Position::new(end)
    }

    /// The first segment of a new log.
    fn begin(&self) -> Result<Tail, FollowError> {
        let created = self.segments.create(0, self.settings.segment_bytes, self.epoch());
        let segment = created.map_err(|source| self.io_error("create a segment in", source))?.segment;
        self.metrics.segments_created.inc();
        Ok(Tail { segment, at: PAGE, previous: 0, has_entries: false, epoch: 0, unsynced: false })
    }

    /// Reads segment after segment.
    fn replay(&self, first: Arc<Segment>, follower: &mut dyn Follower) -> Result<Replay, FollowError> {
        let mut segment = first;
        let mut unsynced = false;
        // The chain reaches into the segment before; where there is none it begins with 0.
        let mut before = Before { previous: (segment.start == 0).then_some(0), epoch: 0 };
        loop {
            if let Some(defect) = segment.defect {
                return Ok(self.damaged(&segment, segment.start, 0, defect.to_string()));
            }
            before.epoch = before.epoch.max(segment.epoch);
            let file = self.disk.open(&segment.name(), Access::Read);
            let file = file.map_err(|source| self.read_error(&segment, source))?;
            let len = file.len().map_err(|source| self.read_error(&segment, source))?;
            // The size was durable before the segment had its name.
            let cut = (len < segment.bytes).then(|| format!("the file has {len} bytes of {}", segment.bytes));
            let mut scan = Scan::open(self.disk.as_ref(), self.log_id, &segment, before)
                .map_err(|source| self.read_error(&segment, source))?;
            let Replayed { ended, has_entries, unsynced: found } =
                self.replay_segment(&segment, &mut scan, follower)?;
            unsynced |= found;
            before = scan.before();
            let end = segment.start + scan.at();
            match (ended, cut) {
                (Ended::Sealed, None) => {}
                // Nothing that was written is missing.
                (Ended::Sealed, Some(reason)) => {
                    self.note_damage(&self.disk.show(&segment.name()), len, &reason);
                }
                (Ended::Tail(_) | Ended::Damaged(_), Some(reason)) => {
                    return Ok(self.damaged(&segment, end, len, reason));
                }
                (Ended::Damaged(defect), None) => {
                    return Ok(self.damaged(&segment, end, scan.at(), defect.to_string()));
                }
                (Ended::Tail(defect), None) => {
                    self.report_tail(&segment, scan.at(), defect);
                    let (previous, epoch) = (before.previous.unwrap_or_default(), before.epoch);
                    let at = scan.at();
                    return Ok(Replay::Tail(Tail { segment, at, previous, has_entries, epoch, unsynced }));
                }
            }
            // The segment after it was there before the seal was written.
            let Some(next) = self.segments.starting_at(segment.end()) else {
                return Ok(self.missing(segment.end(), &format!("{} says that it follows", segment.name())));
            };
            follower.sealed(Position::new(next.start));
            segment = next;
        }
    }

    /// Delivers the blocks of a segment.
    fn replay_segment(
        &self,
        segment: &Arc<Segment>,
        scan: &mut Scan,
        follower: &mut dyn Follower,
    ) -> Result<Replayed, FollowError> {
        let (mut has_entries, mut unsynced) = (false, false);
        let ended = loop {
            let (at, before) = (scan.at(), scan.before());
            match scan.step().map_err(|source| self.read_error(segment, source))? {
                Step::Block(block) => {
                    if !block.intact {
                        if !self.is_acknowledged(segment, at, block.header.end(), before.epoch)? {
                            scan.retreat(at, before);
                            break Ended::Tail(Defect::DataChecksum);
                        }
                        let file = self.disk.show(&segment.name());
                        self.note_damage(&file, at, &Defect::DataChecksum.to_string());
                    }
                    has_entries |= block.header.entries > 0;
                    unsynced |= block.header.has(mark::UNSYNCED);
                    deliver(&block, follower);
                    if block.header.has(mark::SEAL) {
                        break Ended::Sealed;
                    }
                }
                Step::Defect(defect) => {
                    // Where nothing was written, nothing can have been acknowledged beyond the block before.
                    let position = segment.start + at + 1;
                    let damaged = self.is_acknowledged(segment, at, position, before.epoch)?;
                    break if damaged { Ended::Damaged(defect) } else { Ended::Tail(defect) };
                }
            }
        };
        Ok(Replayed { ended, has_entries, unsynced })
    }

    /// Whether a block behind `at` proves that everything before `position` had been acknowledged.
    fn is_acknowledged(
        &self,
        segment: &Arc<Segment>,
        at: u64,
        position: u64,
        epoch: u64,
    ) -> Result<bool, FollowError> {
        let segments = self.segments.all();
        let question = Question {
            disk: self.disk.as_ref(),
            log_id: self.log_id,
            segments: &segments,
            segment,
            at,
            position,
            epoch,
            unsynced: self.same_boot,
        };
        question.is_acknowledged().map_err(|source| self.read_error(segment, source))
    }

    fn report_tail(&self, segment: &Segment, at: u64, defect: Defect) {
        // Zeros, or what an earlier use of the file left, are how every log ends.
        if !matches!(defect, Defect::NoHeader | Defect::Misplaced(_) | Defect::Stale(_) | Defect::Short) {
            let file = self.disk.show(&segment.name());
            tracing::warn!(file, at, %defect, "torn tail: an interrupted write that was never acknowledged is dropped");
        }
    }

    /// Makes the end of the log durable as it was found, marks the new epoch, and readies the builder.
    fn resume_at(&self, tail: Tail, follower: &mut dyn Follower) -> io::Result<u64> {
        let Tail { segment, mut at, mut previous, mut has_entries, epoch, unsynced } = tail;
        // The file `format` may have been lost or restored from an older copy.
        self.epoch.fetch_max(epoch.saturating_add(1), Ordering::Relaxed);
        for later in self.segments.all().into_iter().rev().filter(|later| later.start > segment.start) {
            self.segments.remove(&later, self.settings.segment_bytes)?;
        }
        // What was read may not be on disk yet: writes that were under way when the process ended, or, after a run with
        // `os` durability, anything. The mark that follows says that it is.
        let all = self.segments.all();
        let doubtful = if unsynced { all.len() } else { SEGMENTS_UNDER_WAY };
        for earlier in all.iter().rev().take(doubtful) {
            self.disk.open(&earlier.name(), Access::Plain)?.sync()?;
        }
        let file = self.disk.open(&segment.name(), Access::Log)?;
        let mut target = Target { segment, file, zeroing: Arc::new(Zeroing::new(at)) };
        if at + 2 * PAGE <= target.segment.bytes {
            previous = self.write_mark(&target, at, previous, mark::OPEN)?;
            at += PAGE;
            target.zeroing.reserve(at);
        } else {
            let start = target.segment.end();
            match self.segments.create(start, self.settings.segment_bytes, self.epoch()) {
                Ok(created) => {
                    previous = self.write_mark(&target, at, previous, mark::OPEN | mark::SEAL)?;
                    target = Target::new(created);
                    follower.sealed(Position::new(target.segment.start));
                    (at, has_entries) = (PAGE, false);
                }
                // Reads go on, and so do writes once there is a segment to go on in: the last page waits for the seal.
                Err(error) if is_full(&error) => self.clear(&target, at)?,
                Err(error) => return Err(error),
            }
        }
        let end = target.segment.start + at;
        let mut builder = self.builder.lock();
        builder.previous = previous;
        builder.active = Some(Active { target, at, has_entries, block_bytes: 0 });
        Ok(end)
    }

    /// Notes in which run of the machine the log is written from here on. Not before its tail is repaired: a process that
    /// ends in between must leave the next one to judge by the run in which the tail was written.
    fn note_boot(&self) -> io::Result<()> {
        if self.same_boot {
            return Ok(());
        }
        let boot = self.disk.boot();
        Identity { epoch: self.epoch(), boot, ..self.identity.clone() }.write(self.disk.as_ref())
    }

    /// Writes a block without entries, durable when it returns whatever the settings say.
    fn write_mark(&self, target: &Target, at: u64, previous: u32, marks: u16) -> io::Result<u32> {
        let position = target.segment.start + at;
        let mut header = BlockHeader {
            // Everything before has been synced, and so is this block, whatever the durability.
            marks,
            epoch: self.epoch(),
            position,
            committed: position,
            previous,
            ..BlockHeader::default()
        };
        let mut block = self.pool.get(usize::try_from(PAGE).unwrap_or_default());
        block.as_mut().fill(0);
        header.encode(self.log_id, block.as_mut());
        target.file.write(at, block.as_ref(), Persist::Now)?;
        if self.settings.durability == Durability::Os {
            target.file.sync()?;
        }
        Ok(header.crc)
    }

    /// Makes sure, where no mark can say so, that what an interrupted write may have left on a page counts for nothing.
    fn clear(&self, target: &Target, at: u64) -> io::Result<()> {
        let mut page = self.pool.get(usize::try_from(PAGE).unwrap_or_default());
        page.as_mut().fill(0);
        target.file.write(at, page.as_ref(), Persist::Now)
    }

    fn damaged(&self, segment: &Segment, end: u64, offset: u64, reason: String) -> Replay {
        let file = self.disk.show(&segment.name());
        Replay::Damage { end, damage: Damage { file, offset, reason } }
    }

    /// The segment that should start at a position is not there.
    fn missing(&self, start: u64, because: &str) -> Replay {
        let file = self.disk.show(&crate::format::segment_name(start));
        let reason = format!("the file is missing: {because}");
        Replay::Damage { end: start, damage: Damage { file, offset: 0, reason } }
    }

    fn read_error(&self, segment: &Segment, source: io::Error) -> FollowError {
        FollowError::Io { context: format!("cannot read {}", self.disk.show(&segment.name())), source }
    }

    fn io_error(&self, what: &str, source: io::Error) -> FollowError {
        FollowError::Io { context: format!("cannot {what} {}", self.disk.show("")), source }
    }
}

/// Segments that the writes under way at one time can touch: each takes at least one with entries and its seal.
const SEGMENTS_UNDER_WAY: usize = MOST_WRITES_IN_FLIGHT / 2 + 1;

fn deliver(block: &Block, follower: &mut dyn Follower) {
    let committed = |found: &crate::format::MetaEntry| Committed {
        position: Position::new(found.position),
        token: None,
        entry: found.entry.clone(),
        data: DataRef { at: Position::new(found.data_at), len: found.data_len },
    };
    let group: Vec<Committed> = block.entries.iter().map(committed).collect();
    if !group.is_empty() {
        follower.committed(&group);
    }
}
