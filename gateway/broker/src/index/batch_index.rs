//! All parts of one partition, oldest first.

use chronik_backend::Position;
use chronik_types::{Offset, TimestampMs};

use super::{BatchEntry, Entries, Part, Selection, Unstable};

/// Where the batches of a partition lie. Changed by the applier and the checkpointer only, under the partition's lock.
#[derive(Debug, Default)]
pub(crate) struct BatchIndex {
    parts: Vec<Part>,
    /// Bytes of the first part that lie below the log start; `None` while its entries would have to be read for that.
    dead_bytes: Option<u64>,
    /// Of a partition with transactions.
    unstable: Option<Box<Unstable>>,
}

/// What a search in one part came to.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where the search goes on: the offset after the last record of the part.
    pub(crate) next_offset: Offset,
    /// What was found.
    pub(crate) entries: FoundEntries,
}

/// The entries, or where they are.
#[derive(Debug)]
pub(crate) enum FoundEntries {
    /// The entries themselves.
    Here(Vec<BatchEntry>),
    /// They have to be looked up in the index object of a segment.
    Stored(StoredPart),
    /// Their index object is damaged.
    Lost,
}

/// Where to find the entries of a part that is not resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredPart {
    /// Start of the journal segment.
    pub(crate) segment: Position,
    /// How many rows the partition has in the index object.
    pub(crate) count: u32,
}

impl BatchIndex {
    /// The index that a checkpoint describes.
    pub(crate) fn from_parts(parts: Vec<Part>, log_start: Offset) -> Self {
        let dead_bytes = dead_bytes(&parts, log_start);
        Self { parts, dead_bytes, unstable: None }
    }

    /// Adds a batch that lies in the segment at `segment`; true when it is the first of the partition there.
    pub(crate) fn push(&mut self, segment: Position, entry: BatchEntry) -> bool {
        if let Some(last) = self.parts.last_mut()
            && last.segment == segment
            && last.push(entry)
        {
            return false;
        }
        if self.parts.is_empty() {
            // Most partitions of a large cluster have one part; four would be the default.
            self.parts.reserve_exact(1);
        }
        self.parts.push(Part::starting_with(segment, entry));
        true
    }

    /// Gives up what lies wholly below `log_start`; returns the segments in which nothing of the partition is left.
    pub(crate) fn advance(&mut self, log_start: Offset) -> Vec<Position> {
        let dead = self.parts.partition_point(|part| part.next_offset <= log_start);
        let gone = self.parts.drain(..dead).map(|part| part.segment).collect();
        self.dead_bytes = dead_bytes(&self.parts, log_start);
        if let Some(unstable) = &mut self.unstable {
            unstable.advance(log_start);
        }
        gone
    }

    /// Gives up everything; returns the segments it had.
    pub(crate) fn clear(&mut self) -> Vec<Position> {
        self.dead_bytes = Some(0);
        self.unstable = None;
        std::mem::take(&mut self.parts).into_iter().map(|part| part.segment).collect()
    }

    /// Bytes of the batches at or above the log start. Where they are not known exactly, all of the first part count.
    pub(crate) fn bytes(&self) -> u64 {
        let all: u64 = self.parts.iter().map(|part| part.bytes).sum();
        all.saturating_sub(self.dead_bytes.unwrap_or(0))
    }

    /// Whether [`BatchIndex::bytes`] is exact.
    pub(crate) fn bytes_are_exact(&self) -> bool {
        self.dead_bytes.is_some()
    }

    /// Takes in how many bytes of the first part lie at or above the log start.
    pub(crate) fn learn_live_bytes(&mut self, live: u64) {
        self.dead_bytes = self.parts.first().map(|part| part.bytes.saturating_sub(live)).or(Some(0));
    }

    /// What is kept of transactions.
    pub(crate) fn unstable(&self) -> Option<&Unstable> {
        self.unstable.as_deref()
    }

    /// The same, to be changed; made if there is none.
    pub(crate) fn unstable_mut(&mut self) -> &mut Unstable {
        self.unstable.get_or_insert_default()
    }

    /// Takes in what is kept of transactions, or drops it when that is nothing.
    pub(crate) fn set_unstable(&mut self, unstable: Unstable) {
        self.unstable = (!unstable.is_empty()).then(|| Box::new(unstable));
    }

    /// The parts, oldest first.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Searches the part that holds `from`, or the first one after it; `None` when nothing lies there.
    pub(crate) fn search(&self, from: Offset, selection: &mut Selection) -> Option<Found> {
        self.parts_from(from).first().map(|part| part.search(from, selection))
    }

    /// Where to start looking for a timestamp of at least that, at or above `from`; `None` when no part has any.
    pub(crate) fn first_part_not_older(&self, from: Offset, at_least: TimestampMs) -> Option<Offset> {
        let part = self.parts_from(from).iter().find(|part| part.max_timestamp >= at_least)?;
        Some(part.first_offset.max(from))
    }

    /// The first of the parts with the greatest timestamp, at or above `from`: where it starts, and that timestamp.
    pub(crate) fn newest_part(&self, from: Offset) -> Option<(Offset, TimestampMs)> {
        let newer = |a: &'_ Part, b: &'_ Part| b.max_timestamp > a.max_timestamp;
        let newest = self.parts_from(from).iter().reduce(|a, b| if newer(a, b) { b } else { a })?;
        Some((newest.first_offset.max(from), newest.max_timestamp))
    }

    /// The part that starts exactly at `from`, if all of it fits into `bytes`: where it ends, and its bytes.
    pub(crate) fn whole_part(&self, from: Offset, bytes: u64) -> Option<(Offset, u64)> {
        let part = self.parts_from(from).first()?;
        (part.first_offset == from && part.bytes <= bytes).then_some((part.next_offset, part.bytes))
    }

    fn parts_from(&self, from: Offset) -> &[Part] {
        let at = self.parts.partition_point(|part| part.next_offset <= from);
        self.parts.get(at..).unwrap_or_default()
    }

    /// The entries in a segment from row `first` on that are still resident.
    pub(crate) fn resident(&self, segment: Position, first: usize) -> &[BatchEntry] {
        let part = self.parts.iter().find(|part| part.segment == segment);
        match part.map(|part| &part.entries) {
            Some(Entries::Resident(entries)) => entries.get(first..).unwrap_or_default(),
            Some(Entries::Stored { .. } | Entries::Lost) | None => &[],
        }
    }

    /// Drops the entries of a segment whose index object is durable and has them at row `first`.
    pub(crate) fn stored(&mut self, segment: Position, first: u32) {
        let Some(part) = self.parts.iter_mut().find(|part| part.segment == segment) else { return };
        if let Entries::Resident(entries) = &part.entries {
            let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            part.entries = Entries::Stored { first, count };
        }
    }
}

/// Bytes of the first part below the log start, if they can be told from what is in memory.
fn dead_bytes(parts: &[Part], log_start: Offset) -> Option<u64> {
    parts.first().map_or(Some(0), |part| part.dead_bytes(log_start))
}

impl Part {
    /// Searches this part from `from` on.
    pub(crate) fn search(&self, from: Offset, selection: &mut Selection) -> Found {
        let entries = match &self.entries {
            Entries::Resident(entries) => FoundEntries::Here(selection.apply(entries.as_slice(), from)),
            Entries::Stored { count, .. } => {
                FoundEntries::Stored(StoredPart { segment: self.segment, count: *count })
            }
            Entries::Lost => FoundEntries::Lost,
        };
        Found { next_offset: self.next_offset, entries }
    }
}
