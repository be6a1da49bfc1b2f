//! A log driven step by step on a simulated disk, and a model of what must be true of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{
    Append, AppendClass, AppendError, Committed, FollowError, Follower, ObjectError, ObjectName, Position,
};
use chronik_types::{Entropy, ManualClock, TimestampMs};
use parking_lot::Mutex;

use super::pattern;
use crate::Durability;
use crate::disk::sim::{Mark, SimDisk};
use crate::disk::{Disk, Persist};
use crate::dump::{Item, LogDump};
use crate::log::{Group, Log, Settings};
use crate::objects::ObjectFiles;

const SEGMENT_BYTES: u64 = 64 << 10;

/// An open log with writes under way.
pub(super) struct Life {
    disk: SimDisk,
    pub(super) log: Log,
    objects: ObjectFiles,
    under_way: Vec<(Group, (usize, u64))>,
    pub(super) seen: Arc<Mutex<Seen>>,
}

/// Small segments, no cache, as many writes as possible.
pub(super) fn settings(durability: Durability, clock: Arc<ManualClock>) -> Settings {
    Settings {
        durability,
        segment_bytes: SEGMENT_BYTES,
        writes_in_flight: 4,
        second_write_bytes: 0,
        cache_bytes: 0,
        queue_bytes: 1 << 20,
        zero_ahead: 16 << 10,
        zero_chunk: 8 << 10,
        clock,
        on_fatal: Box::new(|_| {}),
    }
}

/// What the follower was told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) history: Vec<Committed>,
    pub(super) boundaries: Vec<Position>,
    pub(super) acknowledged: u64,
}

/// Follows, and marks in the record of the disk what it is told.
struct Witness {
    disk: SimDisk,
    /// Whether what it is told is on disk.
    synced: bool,
    seen: Arc<Mutex<Seen>>,
}

impl Follower for Witness {
    fn committed(&mut self, group: &[Committed]) {
        for committed in group {
            let position = committed.position.get();
            match committed.token {
                Some(token) => {
                    self.disk.mark(Mark::Acknowledged { token, position, synced: self.synced });
                    self.seen.lock().acknowledged += 1;
                }
                None => self.seen.lock().history.push(committed.clone()),
            }
        }
    }

    fn sealed(&mut self, end: Position) {
        self.disk.mark(Mark::Sealed(end.get()));
        self.seen.lock().boundaries.push(end);
    }

    fn refused(&mut self, token: u64, error: AppendError) {
        assert!(matches!(error, AppendError::Full { .. }), "{error:?}");
        self.disk.mark(Mark::Refused(token));
    }
}

impl Life {
    /// Opens the log on a disk and follows it from its start.
    pub(super) fn begin(disk: &SimDisk, durability: Durability) -> Result<Self, String> {
        Self::with(disk, settings(durability, Arc::new(ManualClock::new(TimestampMs::new(0)))))
    }

    /// Opens it with other settings.
    pub(super) fn with(disk: &SimDisk, settings: Settings) -> Result<Self, String> {
        Self::following(disk, settings, None)
    }

    /// Opens it and follows from here instead of from its start.
    pub(super) fn following(
        disk: &SimDisk,
        settings: Settings,
        from: Option<Position>,
    ) -> Result<Self, String> {
        let synced = settings.durability == Durability::Fsync;
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let log = Log::open(Arc::clone(&shared), settings, &Entropy::seeded(7));
        let log = log.map_err(|error| format!("{error} {error:?}"))?;
        let objects = ObjectFiles::new(shared);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let witness = Witness { disk: disk.clone(), synced, seen: Arc::clone(&seen) };
        let start = log.start();
        let from = from.unwrap_or(Position::new(start));
        log.recover(from, Box::new(witness)).map_err(|error: FollowError| format!("{error} {error:?}"))?;
        if let Some(damage) = log.read_only() {
            return Err(damage.to_string());
        }
        objects.prepare().map_err(|error| error.to_string())?;
        let disk = disk.clone();
        let entries =
            seen.lock().history.iter().map(|found| (token_of(found), found.position.get())).collect();
        disk.mark(Mark::Recovered { start, entries });
        Ok(Self { disk, log, objects, under_way: Vec::new(), seen })
    }

    /// Ends the process: writes under way happen, but nobody is told.
    pub(super) fn kill(self) {
        for (_, write) in self.under_way {
            self.disk.finish(write, false);
        }
    }

    /// Does something at random.
    pub(super) fn step(&mut self, entropy: &Entropy, next_token: &mut u64) {
        match entropy.below(100) {
            0..35 => self.append(entropy, next_token),
            35..55 => self.take(),
            55..75 => self.finish_one(entropy),
            75..88 => self.log.do_housework(),
            88..90 => self.log.seal(),
            90..93 => self.trim(entropy),
            93..97 => self.put(*next_token),
            97..99 => self.delete(entropy.below(*next_token + 1)),
            _ => self.drain(),
        }
    }

    pub(super) fn append(&mut self, entropy: &Entropy, next_token: &mut u64) {
        let token = *next_token;
        *next_token += 1;
        let (entry, data) = content(token);
        let class = if entropy.below(5) == 0 { AppendClass::Control } else { AppendClass::Data };
        // Marked before: a crash in between may keep it or not.
        self.disk.mark(Mark::Submitted(token));
        let split = data.len() / 3;
        let data = vec![data.slice(..split), data.slice(split..)];
        if self.log.append(Append { token, entry, data, class }).is_err() {
            self.disk.mark(Mark::Refused(token));
        }
    }

    pub(super) fn take(&mut self) {
        if let Some(group) = self.log.take() {
            let write = self.disk.begin(&group.segment.name(), group.offset, group.block.clone());
            self.under_way.push((group, write));
        }
    }

    pub(super) fn finish_one(&mut self, entropy: &Entropy) {
        let count = self.under_way.len() as u64;
        if count > 0 {
            let chosen = usize::try_from(entropy.below(count)).expect("small");
            let (group, write) = self.under_way.swap_remove(chosen);
            self.disk.finish(write, self.log.persist() == Persist::Now);
            self.log.complete(group, Ok(()));
        }
    }

    /// Writes all that waits.
    pub(super) fn drain(&mut self) {
        loop {
            let before = self.under_way.len();
            self.take();
            if self.under_way.len() == before {
                self.log.do_housework();
                let Some((group, write)) = self.under_way.pop() else { break };
                self.disk.finish(write, self.log.persist() == Persist::Now);
                self.log.complete(group, Ok(()));
            }
        }
    }

    fn trim(&self, entropy: &Entropy) {
        let boundary = {
            let seen = self.seen.lock();
            let count = seen.boundaries.len() as u64;
            let chosen = usize::try_from(entropy.below(count)).expect("small");
            seen.boundaries.get(chosen).map(|boundary| boundary.get())
        };
        if let Some(upto) = boundary {
            self.disk.mark(Mark::TrimWanted { upto, start: self.log.start() });
            let _ = self.log.trim(upto);
        }
    }

    fn put(&self, object: u64) {
        self.disk.mark(Mark::PutBegun(object));
        if self.log.put(&self.objects, &object_name(object), &pattern(object, 700)).is_ok() {
            self.disk.mark(Mark::PutDone(object));
        }
    }

    fn delete(&self, object: u64) {
        self.disk.mark(Mark::DeleteBegun(object));
        if self.objects.delete(&object_name(object)).is_ok() {
            self.disk.mark(Mark::DeleteDone(object));
        }
    }
}

/// The bytes of an append, from its token alone.
fn content(token: u64) -> (Bytes, Bytes) {
    let size = match token % 11 {
        0 => 0,
        1..6 => 300,
        6..9 => 5_000,
        9 => 9_000,
        _ => 30_000,
    };
    let entry = [&token.to_be_bytes()[..], &pattern(token, usize::try_from(token % 50).expect("small"))];
    (entry.concat().into(), pattern(token + 1, size))
}

/// The token that [`content`] put into an entry; 0 when there is none.
fn token_of(committed: &Committed) -> u64 {
    committed.entry.get(..8).map_or(0, |token| u64::from_be_bytes(token.try_into().expect("eight bytes")))
}

fn object_name(object: u64) -> ObjectName {
    let kind = if object.is_multiple_of(3) { "checkpoint" } else { "index" };
    ObjectName::new(kind, &format!("{object:08}")).expect("a valid name")
}

/// What must be true of the log after the events so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// Acknowledged entries with their positions, in order.
    acknowledged: Vec<(u64, u64)>,
    /// A power cut may take what lies from here on.
    firm: u64,
    /// Submitted later, in order, outcome not known.
    submitted: Vec<u64>,
    /// Nothing before may be required any more.
    trimmed: u64,
    /// The newest boundary that was told, and the newest one that was told before an object was put.
    sealed: Option<u64>,
    covered: Option<u64>,
    /// Where the log started before it was trimmed, and what was acknowledged by then: the reasons are among that.
    justified: Vec<(u64, u64)>,
    objects: BTreeMap<u64, Object>,
}

/// What a crash may leave of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    There,
    Either,
    Gone,
}

impl Model {
    pub(super) fn apply(&mut self, mark: &Mark) {
        match *mark {
            Mark::Recovered { start, ref entries } => {
                let promised = self.promised(start);
                assert_eq!(entries.get(..promised.len()), Some(&promised[..]), "a restart lost entries");
                // Recovery syncs what it hands out.
                self.firm = entries.last().map_or(self.firm, |(_, position)| position + 1);
                self.acknowledged.clone_from(entries);
                self.submitted.clear();
            }
            Mark::Submitted(token) => self.submitted.push(token),
            Mark::Refused(token) => self.submitted.retain(|submitted| *submitted != token),
            Mark::Acknowledged { token, position, synced } => {
                assert_eq!(self.submitted.first(), Some(&token), "acknowledged out of order");
                self.submitted.remove(0);
                assert!(self.acknowledged.last().is_none_or(|last| last.1 < position), "positions rise");
                self.acknowledged.push((token, position));
                if synced {
                    self.firm = position + 1;
                }
            }
            Mark::Sealed(boundary) => self.sealed = Some(boundary),
            Mark::TrimWanted { upto, start } => {
                self.trimmed = self.trimmed.max(upto);
                self.justified.push((start, self.end()));
            }
            Mark::PutBegun(object) => drop(self.objects.insert(object, Object::Either)),
            Mark::PutDone(object) => {
                self.objects.insert(object, Object::There);
                // The object may speak of all that had been acknowledged.
                self.firm = self.firm.max(self.end());
                self.covered = self.sealed;
            }
            Mark::DeleteBegun(object) => {
                let before = self.objects.get(&object).copied().unwrap_or(Object::Gone);
                if before != Object::Gone {
                    self.objects.insert(object, Object::Either);
                }
            }
            Mark::DeleteDone(object) => drop(self.objects.insert(object, Object::Gone)),
        }
    }

    /// What must be in a log that starts here.
    fn promised(&self, start: u64) -> Vec<(u64, u64)> {
        self.acknowledged.iter().copied().filter(|(_, position)| *position >= start).collect()
    }

    /// Position after the last acknowledged entry, about.
    fn end(&self) -> u64 {
        self.acknowledged.last().map_or(0, |(_, position)| position + 1)
    }

    /// What a log that starts here must not have lost: whatever is gone has gone for a reason.
    fn firm(&self, start: u64) -> u64 {
        let reasons = self.justified.iter().filter(|(before, _)| *before < start).map(|(_, end)| *end);
        reasons.fold(self.firm, u64::max)
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Opens the log on this disk and holds it against the model. Returns the model of a life that begins here.
    pub(super) fn check(&self, disk: &SimDisk, durability: Durability) -> Result<Self, String> {
        let untouched = disk.snapshot();
        let life = Life::begin(disk, durability)?;
        let start = life.log.start();
        if start > self.trimmed {
            return Err(format!("the log starts at {start}, trimmed up to {}", self.trimmed));
        }
        let history = std::mem::take(&mut life.seen.lock().history);
        let found = self.check_entries(&life, &history, start)?;
        let boundary = life.seen.lock().boundaries.last().copied();
        // Unless it was this very recovery that sealed the segment.
        if let Some(boundary) =
            boundary.filter(|boundary| is_sealed(&untouched, boundary.get() - SEGMENT_BYTES))
        {
            check_from(boundary, &untouched, durability, &history)?;
        }
        if let Some(covered) = self.covered.filter(|covered| *covered >= start) {
            check_from(Position::new(covered), &untouched, durability, &history)
                .map_err(|reason| format!("following from {covered}, which an object speaks of: {reason}"))?;
        }
        let objects = self.check_objects(&life)?;
        let damage = life.log.status().damage;
        if !damage.is_empty() {
            return Err(format!("damage: {damage:?}"));
        }
        let firm = found.last().map_or(0, |(_, position)| position + 1);
        Ok(Self { acknowledged: found, firm, trimmed: self.trimmed, objects, ..Self::default() })
    }

    fn check_entries(
        &self,
        life: &Life,
        history: &[Committed],
        start: u64,
    ) -> Result<Vec<(u64, u64)>, String> {
        let promised = self.promised(start);
        let mut later = self.submitted.iter();
        let mut found = Vec::new();
        for (number, committed) in history.iter().enumerate() {
            let expected = promised.get(number).map(|(token, _)| token).or_else(|| later.next());
            let Some(&token) = expected else {
                return Err(format!("invented an entry at {}", committed.position));
            };
            let (entry, data) = content(token);
            if committed.entry != entry {
                return Err(format!("entry {number} at {} is not {token}", committed.position));
            }
            let position = committed.position.get();
            if promised.get(number).is_some_and(|(_, before)| *before != position) {
                return Err(format!("entry {token} moved to {position}"));
            }
            let read = crate::cold::read_alone(&life.log, committed.data);
            if !read.as_ref().is_ok_and(|read| *read == data) {
                return Err(format!(
                    "data of {token} is not what was written: {:?}",
                    read.map(|read| read.len())
                ));
            }
            found.push((token, position));
        }
        let firm = self.firm(start);
        if let Some(lost) = promised.get(found.len()).filter(|(_, position)| *position < firm) {
            return Err(format!("lost {lost:?} and what follows"));
        }
        Ok(found)
    }

    fn check_objects(&self, life: &Life) -> Result<BTreeMap<u64, Object>, String> {
        let mut found = BTreeMap::new();
        for (&object, &state) in &self.objects {
            let there = match life.objects.get(&object_name(object)) {
                Ok(bytes) if bytes == pattern(object, 700) => true,
                Err(ObjectError::NotFound { .. }) => false,
                other => return Err(format!("object {object}: {other:?}")),
            };
            match (state, there) {
                (Object::There, false) => return Err(format!("object {object} is lost")),
                (Object::Gone, true) => return Err(format!("object {object} came back")),
                (_, true) => drop(found.insert(object, Object::There)),
                (_, false) => {}
            }
        }
        Ok(found)
    }
}

/// An append whose fate does not matter.
pub(super) fn any_append() -> Append {
    Append { token: 0, entry: Bytes::new(), data: Vec::new(), class: AppendClass::Control }
}

/// Following from a boundary gives what following from the start gave behind it, although less is known there.
fn check_from(
    boundary: Position,
    disk: &SimDisk,
    durability: Durability,
    history: &[Committed],
) -> Result<(), String> {
    let settings = settings(durability, Arc::new(ManualClock::new(TimestampMs::new(0))));
    let life = Life::following(disk, settings, Some(boundary))?;
    let seen = life.seen.lock();
    let expected = history.iter().filter(|committed| committed.position >= boundary);
    let same =
        expected.map(|committed| committed.position).eq(seen.history.iter().map(|found| found.position));
    if same { Ok(()) } else { Err(format!("following from {boundary} gives {:?}", seen.history)) }
}

fn is_sealed(disk: &SimDisk, segment: u64) -> bool {
    let dump = LogDump::open_on(Arc::new(disk.clone())).expect("open");
    let Ok(items) = dump.items(Position::new(segment)) else { return false };
    items.last().is_some_and(|last| matches!(last, Ok(Item::Block(block)) if block.marks.contains(&"seal")))
}
