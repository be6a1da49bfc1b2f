//! Fetch (1), version 12, without a session: asks for some partitions from their next offsets on.

use chronik_wire::batch::{BatchHeader, HEADER_LEN, crc32c};

use super::{CRC_START, Malformed, Reader, put_header, put_varint};
use crate::args::BenchArgs;

pub(crate) const API_KEY: i16 = 1;
pub(crate) const VERSION: i16 = 12;
/// The only one, as [`crate::control::Control::require`] takes it.
pub(crate) const VERSIONS: (i16, i16) = (VERSION, VERSION);

/// What all requests of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct FetchLimits {
    pub(crate) max_wait_ms: i32,
    pub(crate) min_bytes: i32,
    pub(crate) max_bytes: i32,
    pub(crate) max_partition_bytes: i32,
}

impl FetchLimits {
    /// Those of the arguments.
    pub(crate) const fn new(args: &BenchArgs) -> Self {
        Self {
            max_wait_ms: args.max_wait_ms,
            min_bytes: args.min_bytes,
            max_bytes: args.max_bytes,
            max_partition_bytes: args.max_partition_bytes,
        }
    }
}

/// A partition and the offset it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchFrom {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Appends a whole request but for its length to `head`.
pub(crate) fn put_request(
    head: &mut Vec<u8>,
    correlation_id: i32,
    topic: &str,
    limits: &FetchLimits,
    partitions: impl ExactSizeIterator<Item = FetchFrom>,
) {
    put_header(head, API_KEY, VERSION, correlation_id);
    head.push(0);
    head.extend_from_slice(&(-1_i32).to_be_bytes());
    for field in [limits.max_wait_ms, limits.min_bytes, limits.max_bytes] {
        head.extend_from_slice(&field.to_be_bytes());
    }
    // Read uncommitted; session 0 with epoch -1 is none.
    head.push(0);
    head.extend_from_slice(&0_i32.to_be_bytes());
    head.extend_from_slice(&(-1_i32).to_be_bytes());
    put_varint(head, 2);
    put_varint(head, topic.len() + 1);
    head.extend_from_slice(topic.as_bytes());
    put_varint(head, partitions.len() + 1);
    for FetchFrom { partition, offset } in partitions {
        head.extend_from_slice(&partition.to_be_bytes());
        head.extend_from_slice(&(-1_i32).to_be_bytes());
        head.extend_from_slice(&offset.to_be_bytes());
        head.extend_from_slice(&(-1_i32).to_be_bytes());
        head.extend_from_slice(&(-1_i64).to_be_bytes());
        head.extend_from_slice(&limits.max_partition_bytes.to_be_bytes());
        head.push(0);
    }
    // Tags of the topic, no forgotten topics, no rack, tags of the request.
    head.extend_from_slice(&[0, 1, 1, 0]);
}

/// What an answer says about one partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetched<'a> {
    pub(crate) partition: i32,
    pub(crate) error: i16,
    /// Batches; the last may be cut off.
    pub(crate) records: &'a [u8],
}

/// Reads an answer, partition by partition; gives the error code of the whole.
pub(crate) fn read_answer<'a>(
    answer: &'a [u8],
    mut each: impl FnMut(Fetched<'a>) -> Result<(), Malformed>,
) -> Result<i16, Malformed> {
    let mut reader = Reader(answer);
    let (error, topics) = read_head(&mut reader)?;
    for _ in 0..topics {
        for _ in 0..read_topic(&mut reader)? {
            let PartitionHead { partition, error, length } = read_partition(&mut reader)?;
            let records = reader.bytes(length)?;
            reader.tags()?;
            each(Fetched { partition, error, records })?;
        }
        reader.tags()?;
    }
    reader.tags()?;
    if reader.0.is_empty() { Ok(error) } else { Err(Malformed) }
}

/// The start of an answer: the error code of the whole, and how many topics follow.
pub(super) fn read_head(reader: &mut Reader<'_>) -> Result<(i16, usize), Malformed> {
    reader.tags()?;
    let _throttle_time_ms = reader.int32()?;
    let error = reader.int16()?;
    let _session_id = reader.int32()?;
    Ok((error, reader.compact()?))
}

/// The start of a topic: how many partitions follow.
pub(super) fn read_topic(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    let name = reader.compact()?;
    reader.bytes(name)?;
    reader.compact()
}

/// What stands in front of a partition's records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionHead {
    pub(super) partition: i32,
    pub(super) error: i16,
    /// Bytes of the records.
    pub(super) length: usize,
}

/// The start of a partition, up to its records.
pub(super) fn read_partition(reader: &mut Reader<'_>) -> Result<PartitionHead, Malformed> {
    let partition = reader.int32()?;
    let error = reader.int16()?;
    let _high_watermark = reader.int64()?;
    let _last_stable_offset = reader.int64()?;
    let _log_start_offset = reader.int64()?;
    for _ in 0..reader.compact()? {
        let _aborted = (reader.int64()?, reader.int64()?);
        reader.tags()?;
    }
    let _preferred_read_replica = reader.int32()?;
    Ok(PartitionHead { partition, error, length: reader.compact()? })
}

/// Walks the headers of batches; what is cut off at the end is left out.
pub(crate) fn batches(records: &[u8]) -> impl Iterator<Item = Result<(BatchHeader, &[u8]), Malformed>> {
    let mut rest = records;
    std::iter::from_fn(move || {
        if rest.len() < HEADER_LEN {
            return None;
        }
        let Ok(header) = BatchHeader::parse(rest) else {
            rest = &[];
            return Some(Err(Malformed));
        };
        let (batch, after) = rest.split_at_checked(header.size_in_bytes())?;
        rest = after;
        Some(Ok((header, batch)))
    })
}

/// Whether the bytes that the CRC covers are those it was computed over.
pub(crate) fn checksum_is_right(header: &BatchHeader, batch: &[u8]) -> bool {
    batch.get(CRC_START..).is_some_and(|covered| crc32c(covered) == header.crc)
}
