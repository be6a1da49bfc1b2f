//! The entries of a [`super::MemoryBackend`] and their addresses.
//!
//! An entry of `e` bytes with `d` bytes of data takes the addresses `p` to `p + 1 + e + d`: its own address, then the
//! entry, then the data. Addresses grow without gaps and are never used twice.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Append, Committed, Damage, DataRef, FollowError, Follower, Position};

/// All entries, split into segments.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    records: VecDeque<Record>,
    /// Where sealed segments end, the earliest first.
    boundaries: VecDeque<u64>,
    start: u64,
    end: u64,
    /// Address of an entry that cannot be read any more.
    damaged: Option<u64>,
}

#[derive(Debug, Clone)]
struct Record {
    at: u64,
    entry: Bytes,
    data: Bytes,
}

/// What the follower is told at once.
#[derive(Debug)]
pub(super) struct Step {
    /// Entries, perhaps none.
    pub(super) group: Vec<Committed>,
    /// The boundary that follows them.
    pub(super) sealed: Option<Position>,
}

impl Step {
    pub(super) fn deliver(self, follower: &mut dyn Follower) {
        if !self.group.is_empty() {
            follower.committed(&self.group);
        }
        if let Some(end) = self.sealed {
            follower.sealed(end);
        }
    }
}

impl Record {
    fn data_ref(&self) -> DataRef {
        let at = Position::new(self.at + 1 + self.entry.len() as u64);
        DataRef { at, len: u32::try_from(self.data.len()).unwrap_or(u32::MAX) }
    }

    fn committed(&self, token: Option<u64>) -> Committed {
        Committed {
            position: Position::new(self.at),
            token,
            entry: self.entry.clone(),
            data: self.data_ref(),
        }
    }
}

impl Journal {
    pub(super) fn start(&self) -> Position {
        Position::new(self.start)
    }

    pub(super) fn end(&self) -> Position {
        Position::new(self.end)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn segments(&self) -> u64 {
        self.boundaries.len() as u64 + 1
    }

    fn active_start(&self) -> u64 {
        self.boundaries.back().copied().unwrap_or(self.start)
    }

    pub(super) fn active_bytes(&self) -> u64 {
        self.end - self.active_start()
    }

    pub(super) fn push(&mut self, append: Append) -> Committed {
        let Append { token, entry, data, class: _ } = append;
        let data = contiguous(data);
        let record = Record { at: self.end, entry, data };
        self.end += 1 + (record.entry.len() + record.data.len()) as u64;
        let committed = record.committed(Some(token));
        self.records.push_back(record);
        committed
    }

    /// Ends the active segment, if there is anything in it.
    pub(super) fn seal(&mut self) -> Option<Position> {
        if self.active_bytes() == 0 {
            return None;
        }
        self.boundaries.push_back(self.end);
        Some(self.end())
    }

    /// Makes the entry at an address unreadable.
    pub(super) fn damage(&mut self, at: Position) {
        self.damaged = Some(at.get());
    }

    /// What ends the history from `from` on early, if anything does, and where.
    pub(super) fn damage_after(&self, from: Position) -> Option<(Position, Damage)> {
        let at = self.damaged.filter(|at| *at >= from.get())?;
        let reason = "the entry is made unreadable by a fault".to_owned();
        Some((Position::new(at), Damage { file: "memory".to_owned(), offset: at, reason }))
    }

    /// All entries and boundaries from `from` on, up to damage.
    pub(super) fn history(&self, from: Position) -> Result<Vec<Step>, FollowError> {
        let from_at = from.get();
        if from_at < self.start {
            return Err(FollowError::Trimmed { start: self.start(), asked: from });
        }
        if from_at != self.start && !self.boundaries.contains(&from_at) {
            return Err(FollowError::NotABoundary { asked: from });
        }
        let mut steps = Vec::new();
        let until = self.damage_after(from).map_or(u64::MAX, |(at, _)| at.get());
        let mut records =
            self.records.iter().filter(|record| (from_at..until).contains(&record.at)).peekable();
        let ends = self.boundaries.iter().copied().filter(|end| *end > from_at && *end <= until).map(Some);
        for end in ends.chain([None]) {
            let mut group = Vec::new();
            while let Some(record) = records.next_if(|record| end.is_none_or(|end| record.at < end)) {
                group.push(record.committed(None));
            }
            steps.push(Step { group, sealed: end.map(Position::new) });
        }
        Ok(steps)
    }

    pub(super) fn read(&self, data: DataRef) -> Option<Bytes> {
        let at = data.at.get();
        let after = self.records.partition_point(|record| record.data_ref().at.get() <= at);
        let record = self.records.get(after.checked_sub(1)?)?;
        let from = usize::try_from(at - record.data_ref().at.get()).ok()?;
        let to = from.checked_add(usize::try_from(data.len).ok()?)?;
        (to <= record.data.len()).then(|| record.data.slice(from..to))
    }

    /// Drops the whole segments before `upto`.
    pub(super) fn trim(&mut self, upto: Position) {
        while let Some(end) = self.boundaries.front().copied().filter(|end| *end <= upto.get()) {
            self.boundaries.pop_front();
            self.start = end;
        }
        while self.records.front().is_some_and(|record| record.at < self.start) {
            self.records.pop_front();
        }
    }
}

fn contiguous(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    for part in parts {
        whole.put(part);
    }
    whole.freeze()
}
