//! The door for the fuzz targets, which are not in this crate: the readers of objects from the disk. Not an interface;
//! there only with the feature `fuzzing`.

use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::Position;
use chronik_types::{Offset, PartitionIndex, TopicId, TopicPartition};

use crate::checkpoint::{decode, encode};
use crate::index::{IndexObject, Rows, Selection};

/// Reads a checkpoint of `position` and writes it again; `None` when it is refused.
pub fn rewrite_checkpoint(bytes: &Bytes, position: u64) -> Option<Bytes> {
    let read = decode(bytes, Position::new(position)).ok()?;
    Some(encode(read.position, &read.state.encode(), &read.segments))
}

/// Opens the index of the segment at `start` and looks up `from` among rows that may not be there; how many entries were
/// found, `None` when it is refused.
pub fn search_index(bytes: Bytes, start: u64, (first, count): (u32, u32), from: i64) -> Option<usize> {
    let index = Arc::new(IndexObject::open(bytes, Position::new(start)).ok()?);
    let partition =
        TopicPartition::new(TopicId::NONE, PartitionIndex::new(i32::from_ne_bytes(first.to_ne_bytes())));
    assert!(index.rows(partition, count).is_none_or(|rows| usize::try_from(count) == Ok(rows.len())));
    let rows = index.slice(first, count)?;
    let from = Offset::new(from);
    let entries = Selection::Bytes { max: u64::MAX }.apply(&rows, from).len();
    let others = [Selection::Newest, Selection::AfterBytes(100)];
    let found =
        entries + others.map(|mut selection| selection.apply(&rows, from).len()).iter().sum::<usize>();
    assert!(entries <= rows.len(), "more entries than rows");
    Some(found)
}
