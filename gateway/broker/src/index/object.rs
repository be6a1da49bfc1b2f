//! The index of one journal segment as an immutable object, `index/<20 digits of the segment's start>`.
//!
//! Little-endian. The rows of a partition are contiguous and in offset order; partitions are in the order of their ids.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `CHRINDEX` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 2 | zero |
//! | 12 | 4 | CRC-32C of everything from byte 16 on |
//! | 16 | 8 | start of the segment |
//! | 24 | 8 | end of the segment |
//! | 32 | 4 | partitions, `P` |
//! | 36 | 4 | rows, `R` |
//! | 40 | 28 `P` | directory: topic id (16), partition (4), first row (4), rows (4) |
//! | 40 + 28 `P` | 32 `R` | rows: [`BatchEntry`] |
//!
//! It is derived from the journal: one that is damaged or missing is made again, without what was given up in the meantime.
//! That is why rows are found by the directory, and never by a number from elsewhere.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use chronik_backend::{ObjectName, Position};
use chronik_types::{PartitionIndex, TopicId, TopicPartition};

use super::{BatchEntry, Rows};
use crate::checksum::crc32c;

/// The object kind of index objects.
pub(crate) const INDEX_KIND: &str = "index";

const MAGIC: &[u8; 8] = b"CHRINDEX";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 40;
const CHECKED_FROM: usize = 16;
const DIRECTORY_BYTES: usize = 28;

/// The name of the index of the segment that starts at `start`.
pub(crate) fn index_name(start: Position) -> Option<ObjectName> {
    ObjectName::new(INDEX_KIND, &format!("{:020}", start.get()))
}

/// A verified index object.
#[derive(Debug)]
pub(crate) struct IndexObject {
    bytes: Bytes,
    rows_at: usize,
    rows: u32,
}

/// Why bytes are not the index that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IndexDamage {
    /// Not as long as its header says, or without a header.
    #[error("its length does not fit its header")]
    Length,
    /// It starts with something else.
    #[error("it does not start as an index does")]
    Magic,
    /// A later program wrote it.
    #[error("it has format version {found}, this program reads {VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// Its bytes have changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// It belongs to another segment.
    #[error("it is the index of the segment at {found}")]
    Segment {
        /// The start of that segment.
        found: Position,
    },
}

impl IndexObject {
    /// Verifies the index of the segment that starts at `start`.
    pub(crate) fn open(bytes: Bytes, start: Position) -> Result<Self, IndexDamage> {
        let header = bytes.get(..HEADER_BYTES).ok_or(IndexDamage::Length)?;
        let u32_at =
            |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let u64_at =
            |at: usize| header.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        if !header.starts_with(MAGIC) {
            return Err(IndexDamage::Magic);
        }
        let version = header.get(8..10).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
        if version != Some(VERSION) {
            return Err(IndexDamage::Version { found: version.unwrap_or(0) });
        }
        if u32_at(12) != bytes.get(CHECKED_FROM..).map(crc32c) {
            return Err(IndexDamage::Checksum);
        }
        if u64_at(16) != Some(start.get()) {
            return Err(IndexDamage::Segment { found: Position::new(u64_at(16).unwrap_or(0)) });
        }
        let (partitions, rows) = u32_at(32).zip(u32_at(36)).ok_or(IndexDamage::Length)?;
        let sizes = |count: u32, each: usize| usize::try_from(count).ok().and_then(|n| n.checked_mul(each));
        let directory = sizes(partitions, DIRECTORY_BYTES).ok_or(IndexDamage::Length)?;
        let table = sizes(rows, BatchEntry::BYTES).ok_or(IndexDamage::Length)?;
        let rows_at = HEADER_BYTES + directory;
        if rows_at.checked_add(table) != Some(bytes.len()) {
            return Err(IndexDamage::Length);
        }
        Ok(Self { bytes, rows_at, rows })
    }

    /// Its size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The rows of a partition; `None` unless there are exactly so many. Which rows they are is looked up here each time: the
    /// object may have been made again since, without partitions that are gone.
    pub(crate) fn rows(self: &Arc<Self>, partition: TopicPartition, count: u32) -> Option<StoredRows> {
        let (first, rows) = self.entry_of(partition)?;
        if rows == count { self.slice(first, rows) } else { None }
    }

    /// First row and number of rows of a partition.
    fn entry_of(&self, partition: TopicPartition) -> Option<(u32, u32)> {
        let directory = self.bytes.get(HEADER_BYTES..self.rows_at)?;
        let (mut low, mut high) = (0, directory.len() / DIRECTORY_BYTES);
        while low < high {
            let middle = low + (high - low) / 2;
            let at = middle * DIRECTORY_BYTES;
            let (found, first, rows) = decode_entry(directory.get(at..at + DIRECTORY_BYTES)?)?;
            match found.cmp(&partition) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some((first, rows)),
            }
        }
        None
    }

    /// The rows `first .. first + count`; `None` when it does not have them.
    pub(crate) fn slice(self: &Arc<Self>, first: u32, count: u32) -> Option<StoredRows> {
        let end = first.checked_add(count)?;
        let first = usize::try_from(first).ok()?;
        let len = usize::try_from(count).ok()?;
        (end <= self.rows).then(|| StoredRows { object: Arc::clone(self), first, len })
    }
}

/// An entry of the directory: a partition, its first row, and how many rows it has.
fn decode_entry(bytes: &[u8]) -> Option<(TopicPartition, u32, u32)> {
    let (topic_id, rest) = bytes.split_first_chunk::<16>()?;
    let (partition, rest) = rest.split_first_chunk::<4>()?;
    let (first, rest) = rest.split_first_chunk::<4>()?;
    let (rows, _) = rest.split_first_chunk::<4>()?;
    let partition = PartitionIndex::new(i32::from_le_bytes(*partition));
    let at = TopicPartition::new(TopicId::from_bytes(*topic_id), partition);
    Some((at, u32::from_le_bytes(*first), u32::from_le_bytes(*rows)))
}

/// The rows of one partition in an index object.
#[derive(Clone, Debug)]
pub(crate) struct StoredRows {
    object: Arc<IndexObject>,
    first: usize,
    len: usize,
}

impl Rows for StoredRows {
    fn len(&self) -> usize {
        self.len
    }

    fn row(&self, row: usize) -> Option<BatchEntry> {
        if row >= self.len {
            return None;
        }
        let at = self.object.rows_at + (self.first + row) * BatchEntry::BYTES;
        BatchEntry::decode(self.object.bytes.get(at..)?)
    }
}

/// Builds an index object. Partitions are added in the order of their ids, each once.
#[derive(Debug)]
pub(crate) struct IndexBuilder {
    directory: BytesMut,
    table: BytesMut,
    partitions: u32,
    rows: u32,
}

impl IndexBuilder {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { directory: BytesMut::new(), table: BytesMut::new(), partitions: 0, rows: 0 }
    }

    /// Adds the rows of one partition; returns the first one's number.
    pub(crate) fn add(&mut self, partition: TopicPartition, rows: &[BatchEntry]) -> u32 {
        let first = self.rows;
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        self.directory.put_slice(partition.topic_id.as_bytes());
        self.directory.put_i32_le(partition.partition.get());
        self.directory.put_u32_le(first);
        self.directory.put_u32_le(count);
        self.table.reserve(rows.len() * BatchEntry::BYTES);
        rows.iter().for_each(|entry| self.table.put_slice(&entry.encode()));
        self.partitions += 1;
        self.rows = self.rows.saturating_add(count);
        first
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.partitions == 0
    }

    /// The object of the segment from `start` to `end`.
    pub(crate) fn finish(self, start: Position, end: Position) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + self.directory.len() + self.table.len());
        bytes.put_slice(MAGIC);
        bytes.put_u16_le(VERSION);
        bytes.put_u16_le(0);
        bytes.put_u32_le(0);
        bytes.put_u64_le(start.get());
        bytes.put_u64_le(end.get());
        bytes.put_u32_le(self.partitions);
        bytes.put_u32_le(self.rows);
        bytes.put_slice(&self.directory);
        bytes.put_slice(&self.table);
        let checksum = crc32c(&bytes[CHECKED_FROM..]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::{Offset, TimestampMs};

    use super::*;

    fn entry(base: i64) -> BatchEntry {
        BatchEntry {
            base_offset: Offset::new(base),
            at: Position::new(100),
            max_timestamp: TimestampMs::new(base * 10),
            len: 70,
            last_offset_delta: 0,
        }
    }

    fn at(topic: u8, partition: i32) -> TopicPartition {
        TopicPartition::new(TopicId::from_bytes([topic; 16]), PartitionIndex::new(partition))
    }

    fn object() -> Bytes {
        let mut builder = IndexBuilder::new();
        assert!(builder.is_empty());
        assert_eq!(builder.add(at(1, 0), &[entry(0), entry(1)]), 0);
        assert_eq!(builder.add(at(1, 300), &[entry(7)]), 2);
        assert_eq!(builder.add(at(200, 0), &[entry(8), entry(9)]), 3);
        builder.finish(Position::new(50), Position::new(90))
    }

    #[test]
    fn gives_back_the_rows_of_each_partition_and_of_no_other() {
        let object = Arc::new(IndexObject::open(object(), Position::new(50)).unwrap());
        for (partition, entries) in [
            (at(1, 0), vec![entry(0), entry(1)]),
            (at(1, 300), vec![entry(7)]),
            (at(200, 0), vec![entry(8), entry(9)]),
        ] {
            let count = u32::try_from(entries.len()).unwrap();
            let rows = object.rows(partition, count).unwrap();
            let found: Vec<_> = (0..=entries.len()).filter_map(|row| rows.row(row)).collect();
            assert_eq!(found, entries, "{partition:?}");
            assert!(object.rows(partition, count - 1).is_none());
            assert!(object.rows(partition, count + 1).is_none());
        }
        for other in [at(0, 0), at(1, -1), at(1, 1), at(1, 301), at(2, 0), at(201, 0)] {
            assert!(object.rows(other, 1).is_none(), "{other:?}");
        }
        assert!(object.slice(4, 2).is_none());
    }

    #[test]
    fn refuses_every_flipped_bit_and_every_truncation() {
        let bytes = object();
        for at in 0..bytes.len() {
            // Two reserved bytes stand before what the checksum covers.
            if (10..12).contains(&at) {
                continue;
            }
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 1;
            assert!(IndexObject::open(damaged.into(), Position::new(50)).is_err(), "byte {at}");
        }
        for len in 0..bytes.len() {
            assert!(IndexObject::open(bytes.slice(..len), Position::new(50)).is_err(), "length {len}");
        }
        assert_eq!(
            IndexObject::open(bytes, Position::new(51)).unwrap_err(),
            IndexDamage::Segment { found: Position::new(50) }
        );
    }
}
