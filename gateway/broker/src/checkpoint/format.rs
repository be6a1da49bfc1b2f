//! A checkpoint as an object, `checkpoint/<20 digits of the position>` and a copy of it with `.copy` at the end.
//!
//! It holds the state as it was at a boundary of the journal, and where the batches lie that come before it. Little-endian.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `CHRCHKPT` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 2 | zero |
//! | 12 | 4 | CRC-32C of everything from byte 16 on |
//! | 16 | 8 | position: all entries before it are in the state |
//! | 24 | 8 | length of the state, `L` |
//! | 32 | 4 | segments, `S` |
//! | 36 | `L` | the state, see `chronik_state` |
//! | | 20 `S` + 60 parts | per segment: start (8), end (8), parts (4), and its parts |
//!
//! A part: topic id (16), partition (4), first row (4), rows (4), first offset (8), next offset (8), greatest timestamp
//! (8), bytes (8). The rows are those of the index object of the segment as it was then; where they are now its directory
//! says.
//!
//! Once the journal has been trimmed the checkpoints are not derived from it any more, which is why there are two of
//! each.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chronik_backend::{ObjectName, Position};
use chronik_state::State;
use chronik_types::{Offset, PartitionIndex, TimestampMs, TopicId, TopicPartition};

use crate::checksum::crc32c;
use crate::index::{Entries, Part};

/// The object kind of checkpoints.
pub(crate) const CHECKPOINT_KIND: &str = "checkpoint";

const MAGIC: &[u8; 8] = b"CHRCHKPT";
const VERSION: u16 = 1;
const CHECKED_FROM: usize = 16;
const PART_BYTES: usize = 60;
const SEGMENT_BYTES: usize = 20;
const COPY_SUFFIX: &str = ".copy";

/// A checkpoint in memory.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// All entries before it are in the state.
    pub(crate) position: Position,
    /// The state at that position.
    pub(crate) state: State,
    /// The sealed segments below the position, in order.
    pub(crate) segments: Vec<SegmentParts>,
}

/// A sealed segment and what the partitions have in it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentParts {
    pub(crate) start: Position,
    pub(crate) end: Position,
    pub(crate) parts: Vec<(TopicPartition, Part)>,
}

/// Why bytes are not a checkpoint that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointDamage {
    /// It ends within a field, or goes on after the last one.
    #[error("its length does not fit its contents")]
    Length,
    /// It starts with something else.
    #[error("it does not start as a checkpoint does")]
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
    /// Its name and its contents disagree.
    #[error("it covers the journal up to {found}")]
    Position {
        /// The position found.
        found: Position,
    },
    /// The state in it cannot be read.
    #[error("the state in it cannot be read")]
    State(#[from] chronik_state::DecodeError),
}

/// The name of the checkpoint at `position`, or of its copy.
pub(crate) fn checkpoint_name(position: Position, copy: bool) -> Option<ObjectName> {
    let suffix = if copy { COPY_SUFFIX } else { "" };
    ObjectName::new(CHECKPOINT_KIND, &format!("{:020}{suffix}", position.get()))
}

/// The position that the name of a checkpoint or of a copy tells.
pub(crate) fn checkpoint_position(name: &ObjectName) -> Option<Position> {
    let digits = name.name();
    let digits = digits.strip_suffix(COPY_SUFFIX).unwrap_or(digits);
    (digits.len() == 20).then(|| digits.parse().ok().map(Position::new)).flatten()
}

/// The object for a state that was encoded before.
pub(crate) fn encode(position: Position, state: &[u8], segments: &[SegmentParts]) -> Bytes {
    let parts: usize = segments.iter().map(|segment| segment.parts.len()).sum();
    let size = 36 + state.len() + segments.len() * SEGMENT_BYTES + parts * PART_BYTES;
    let mut bytes = BytesMut::with_capacity(size);
    bytes.put_slice(MAGIC);
    bytes.put_u16_le(VERSION);
    bytes.put_u16_le(0);
    bytes.put_u32_le(0);
    bytes.put_u64_le(position.get());
    bytes.put_u64_le(state.len() as u64);
    bytes.put_u32_le(count(segments.len()));
    bytes.put_slice(state);
    for segment in segments {
        bytes.put_u64_le(segment.start.get());
        bytes.put_u64_le(segment.end.get());
        bytes.put_u32_le(count(segment.parts.len()));
        for (at, part) in &segment.parts {
            encode_part(&mut bytes, *at, part);
        }
    }
    let checksum = crc32c(&bytes[CHECKED_FROM..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    bytes.freeze()
}

fn encode_part(bytes: &mut BytesMut, at: TopicPartition, part: &Part) {
    let (first, rows) = match &part.entries {
        Entries::Stored { first, count } => (*first, *count),
        // Nothing to be found there: a lost part stays lost.
        Entries::Resident(_) | Entries::Lost => (u32::MAX, 0),
    };
    bytes.put_slice(at.topic_id.as_bytes());
    bytes.put_i32_le(at.partition.get());
    bytes.put_u32_le(first);
    bytes.put_u32_le(rows);
    bytes.put_i64_le(part.first_offset.get());
    bytes.put_i64_le(part.next_offset.get());
    bytes.put_i64_le(part.max_timestamp.get());
    bytes.put_u64_le(part.bytes);
}

/// Counts of things in memory fit 32 bits; one that did not would be refused on reading.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Reads the checkpoint at `position`.
pub(crate) fn decode(bytes: &Bytes, position: Position) -> Result<Checkpoint, CheckpointDamage> {
    let mut rest = bytes.as_ref();
    let magic = rest.split_off(..8).ok_or(CheckpointDamage::Length)?;
    if magic != MAGIC {
        return Err(CheckpointDamage::Magic);
    }
    let version = rest.try_get_u16_le().map_err(length)?;
    if version != VERSION {
        return Err(CheckpointDamage::Version { found: version });
    }
    rest.try_get_u16_le().map_err(length)?;
    let checksum = rest.try_get_u32_le().map_err(length)?;
    if checksum != crc32c(rest) {
        return Err(CheckpointDamage::Checksum);
    }
    let found = Position::new(rest.try_get_u64_le().map_err(length)?);
    if found != position {
        return Err(CheckpointDamage::Position { found });
    }
    let state_len = usize::try_from(rest.try_get_u64_le().map_err(length)?).map_err(length)?;
    let segments = rest.try_get_u32_le().map_err(length)?;
    let state = State::decode(rest.split_off(..state_len).ok_or(CheckpointDamage::Length)?)?;
    let segments = (0..segments).map(|_| decode_segment(&mut rest)).collect::<Result<_, _>>()?;
    if !rest.is_empty() {
        return Err(CheckpointDamage::Length);
    }
    Ok(Checkpoint { position, state, segments })
}

fn decode_segment(rest: &mut &[u8]) -> Result<SegmentParts, CheckpointDamage> {
    let start = Position::new(rest.try_get_u64_le().map_err(length)?);
    let end = Position::new(rest.try_get_u64_le().map_err(length)?);
    let parts = rest.try_get_u32_le().map_err(length)?;
    let parts = (0..parts).map(|_| decode_part(rest, start)).collect::<Result<_, _>>()?;
    Ok(SegmentParts { start, end, parts })
}

fn decode_part(rest: &mut &[u8], segment: Position) -> Result<(TopicPartition, Part), CheckpointDamage> {
    let (topic_id, after) = rest.split_first_chunk::<16>().ok_or(CheckpointDamage::Length)?;
    *rest = after;
    let partition = PartitionIndex::new(rest.try_get_i32_le().map_err(length)?);
    let at = TopicPartition::new(TopicId::from_bytes(*topic_id), partition);
    let first = rest.try_get_u32_le().map_err(length)?;
    let rows = rest.try_get_u32_le().map_err(length)?;
    let part = Part {
        segment,
        first_offset: Offset::new(rest.try_get_i64_le().map_err(length)?),
        next_offset: Offset::new(rest.try_get_i64_le().map_err(length)?),
        max_timestamp: TimestampMs::new(rest.try_get_i64_le().map_err(length)?),
        bytes: rest.try_get_u64_le().map_err(length)?,
        entries: if rows == 0 { Entries::Lost } else { Entries::Stored { first, count: rows } },
    };
    Ok((at, part))
}

fn length<E>(_: E) -> CheckpointDamage {
    CheckpointDamage::Length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Bytes {
        let part = Part {
            segment: Position::new(4),
            first_offset: Offset::new(1),
            next_offset: Offset::new(9),
            max_timestamp: TimestampMs::new(77),
            bytes: 1_000,
            entries: Entries::Stored { first: 3, count: 2 },
        };
        let at = TopicPartition::new(TopicId::from_bytes([9; 16]), PartitionIndex::new(5));
        let segment =
            SegmentParts { start: Position::new(4), end: Position::new(50), parts: vec![(at, part)] };
        encode(Position::new(50), &State::new().encode(), &[segment])
    }

    #[test]
    fn round_trips() {
        let read = decode(&checkpoint(), Position::new(50)).unwrap();
        assert_eq!((read.position, read.state), (Position::new(50), State::new()));
        let segment = &read.segments[0];
        assert_eq!((segment.start, segment.end), (Position::new(4), Position::new(50)));
        let (at, part) = &segment.parts[0];
        assert_eq!(at.partition, PartitionIndex::new(5));
        assert_eq!(
            (part.first_offset, part.next_offset, part.bytes),
            (Offset::new(1), Offset::new(9), 1_000)
        );
        assert!(matches!(part.entries, Entries::Stored { first: 3, count: 2 }));
    }

    #[test]
    fn refuses_every_flipped_bit_and_every_truncation() {
        let bytes = checkpoint();
        // Two reserved bytes stand before what the checksum covers.
        for at in (0..bytes.len()).filter(|at| !(10..12).contains(at)) {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged.into(), Position::new(50)).is_err(), "byte {at}");
        }
        for len in 0..bytes.len() {
            assert!(decode(&bytes.slice(..len), Position::new(50)).is_err(), "length {len}");
        }
        assert!(decode(&bytes, Position::new(51)).is_err());
    }

    #[test]
    fn names_tell_the_position() {
        let position = Position::new(u64::MAX);
        for copy in [false, true] {
            let name = checkpoint_name(position, copy).unwrap();
            assert_eq!(checkpoint_position(&name), Some(position));
        }
        assert_eq!(checkpoint_position(&ObjectName::new(CHECKPOINT_KIND, "7").unwrap()), None);
    }
}
