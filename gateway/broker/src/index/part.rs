//! What a partition has in one segment of the journal.

use chronik_backend::Position;
use chronik_types::{Offset, TimestampMs};

use super::BatchEntry;

/// The batches of one partition in one journal segment: their sum, and where their entries are.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Start of the journal segment.
    pub(crate) segment: Position,
    /// Offset of the first record.
    pub(crate) first_offset: Offset,
    /// Offset after the last record.
    pub(crate) next_offset: Offset,
    /// The greatest timestamp.
    pub(crate) max_timestamp: TimestampMs,
    /// Bytes of all batches.
    pub(crate) bytes: u64,
    /// The entries.
    pub(crate) entries: Entries,
}

/// Where the entries of a part are.
#[derive(Clone, Debug)]
pub(crate) enum Entries {
    /// Here: the segment is open, or its index object is not durable yet.
    Resident(Vec<BatchEntry>),
    /// In the index object of the segment.
    Stored {
        /// Number of the first row when it was written, as checkpoints have it. The object itself says where the rows are now.
        first: u32,
        /// How many rows.
        count: u32,
    },
    /// The index object was damaged and the journal no longer reaches back to where it could be made again.
    Lost,
}

impl Part {
    /// A part that begins with a batch.
    pub(crate) fn starting_with(segment: Position, entry: BatchEntry) -> Self {
        Self {
            segment,
            first_offset: entry.base_offset,
            next_offset: entry.next_offset(),
            max_timestamp: entry.max_timestamp,
            bytes: u64::from(entry.len),
            entries: Entries::Resident(vec![entry]),
        }
    }

    /// Adds the batch that follows the last one; false when the segment is closed for this part.
    pub(crate) fn push(&mut self, entry: BatchEntry) -> bool {
        let Entries::Resident(entries) = &mut self.entries else { return false };
        entries.push(entry);
        self.next_offset = entry.next_offset();
        self.max_timestamp = self.max_timestamp.max(entry.max_timestamp);
        self.bytes += u64::from(entry.len);
        true
    }

    /// The part without its entries, for a checkpoint: they are in the index object, or nowhere.
    pub(crate) fn summary(&self) -> Self {
        let entries = match &self.entries {
            Entries::Stored { first, count } => Entries::Stored { first: *first, count: *count },
            Entries::Resident(_) | Entries::Lost => Entries::Lost,
        };
        let Self { segment, first_offset, next_offset, max_timestamp, bytes, .. } = *self;
        Self { segment, first_offset, next_offset, max_timestamp, bytes, entries }
    }

    /// Bytes of the batches that lie wholly below `offset`; `None` when the entries would have to be read for that.
    pub(crate) fn dead_bytes(&self, offset: Offset) -> Option<u64> {
        if offset <= self.first_offset {
            return Some(0);
        }
        let Entries::Resident(entries) = &self.entries else { return None };
        let dead = entries.iter().take_while(|entry| entry.next_offset() <= offset);
        Some(dead.map(|entry| u64::from(entry.len)).sum())
    }
}
