//! One batch in the index: where its bytes lie, which offsets it holds, how new it is.

use chronik_backend::{DataRef, Position};
use chronik_types::{Offset, TimestampMs};

/// Where one batch lies. 32 bytes in memory and in an index object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchEntry {
    /// Offset of its first record.
    pub(crate) base_offset: Offset,
    /// Address of its first byte in the journal.
    pub(crate) at: Position,
    /// The greatest timestamp among its records.
    pub(crate) max_timestamp: TimestampMs,
    /// Its length in bytes.
    pub(crate) len: u32,
    /// Offset of its last record, relative to the first.
    pub(crate) last_offset_delta: u32,
}

impl BatchEntry {
    /// Bytes that an entry takes in an index object.
    pub(crate) const BYTES: usize = 32;

    /// Offset after its last record.
    pub(crate) fn next_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).next()
    }

    /// The span of its bytes.
    pub(crate) fn data(&self) -> DataRef {
        DataRef { at: self.at, len: self.len }
    }

    /// The persisted form: five little-endian fields in the order of the struct.
    pub(crate) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..8].copy_from_slice(&self.base_offset.get().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at.get().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.max_timestamp.get().to_le_bytes());
        bytes[24..28].copy_from_slice(&self.len.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.last_offset_delta.to_le_bytes());
        bytes
    }

    /// Reads what [`BatchEntry::encode`] wrote; `None` when there are fewer bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (base_offset, rest) = bytes.split_first_chunk::<8>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (max_timestamp, rest) = rest.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (last_offset_delta, _) = rest.split_first_chunk::<4>()?;
        Some(Self {
            base_offset: Offset::new(i64::from_le_bytes(*base_offset)),
            at: Position::new(u64::from_le_bytes(*at)),
            max_timestamp: TimestampMs::new(i64::from_le_bytes(*max_timestamp)),
            len: u32::from_le_bytes(*len),
            last_offset_delta: u32::from_le_bytes(*last_offset_delta),
        })
    }
}

/// Entries of one partition in the order of their offsets, in memory or in an index object.
pub(crate) trait Rows {
    /// How many there are.
    fn len(&self) -> usize;

    /// The entry at `row`; `None` beyond the end.
    fn row(&self, row: usize) -> Option<BatchEntry>;

    /// The number of leading entries for which `holds` is true; it must be true for a prefix of them.
    fn partition_point(&self, mut holds: impl FnMut(&BatchEntry) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle).is_some_and(|entry| holds(&entry)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The entries from the one that holds `from` on, or the first one after it, one after the other.
    fn starting_at(&self, from: Offset) -> impl Iterator<Item = BatchEntry> {
        let first = self.partition_point(|entry| entry.next_offset() <= from);
        (first..self.len()).map_while(|row| self.row(row))
    }
}

impl Rows for [BatchEntry] {
    fn len(&self) -> usize {
        <[BatchEntry]>::len(self)
    }

    fn row(&self, row: usize) -> Option<BatchEntry> {
        self.get(row).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_persisted_form_round_trips() {
        let entry = BatchEntry {
            base_offset: Offset::new(1 << 40),
            at: Position::new(u64::MAX - 1),
            max_timestamp: TimestampMs::NONE,
            len: 61,
            last_offset_delta: 7,
        };
        assert_eq!(BatchEntry::decode(&entry.encode()), Some(entry));
        assert_eq!(BatchEntry::decode(&entry.encode()[..31]), None);
        assert_eq!(entry.next_offset().distance_from(entry.base_offset), 8);
    }

    #[test]
    fn finds_the_batch_that_holds_an_offset() {
        let entry = |base: i64, delta| BatchEntry {
            base_offset: Offset::new(base),
            at: Position::ZERO,
            max_timestamp: TimestampMs::NONE,
            len: 1,
            last_offset_delta: delta,
        };
        let rows = [entry(10, 4), entry(15, 0), entry(20, 1)];
        let found = |from| rows.starting_at(Offset::new(from)).next().map(|entry| entry.base_offset.get());
        for (from, base) in [(0, Some(10)), (10, Some(10)), (14, Some(10)), (15, Some(15)), (16, Some(20))] {
            assert_eq!(found(from), base, "{from}");
        }
        assert_eq!(found(22), None);
    }
}
