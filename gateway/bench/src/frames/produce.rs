//! Produce (0): batches that are built once, when they are first needed, and frames around them.
//!
//! | part of a frame | written |
//! |---|---|
//! | length to the number of partitions | copied from [`ProduceLayout`]; correlation id patched |
//! | for each batch: partition, length, 61 bytes of batch header | copied; producer, sequence and CRC patched when idempotent |
//! | records | never copied: the socket reads them where they lie |

use bytes::Bytes;
use chronik_types::{CompressionType, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use chronik_wire::batch::{BatchBuilder, BatchHeader, HEADER_LEN, NewRecord};
use crc_fast::CrcAlgorithm::{Crc32Iscsi, Crc64Nvme};
use crc_fast::Digest;

use super::{CRC_START, Malformed, Reader, put_header, put_string};
use crate::engine::Slot;
use crate::error::BenchError;
use crate::payload::{KeyValue, Payloads};

pub(crate) const API_KEY: i16 = 0;
/// The versions whose frames [`ProduceLayout`] writes.
pub(crate) const VERSIONS: (i16, i16) = (3, 8);

/// A batch without the fields that each sending sets.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    header: BatchHeader,
    header_bytes: [u8; HEADER_LEN],
    /// Records in it.
    pub(crate) records: u64,
    /// Keys and values, uncompressed.
    pub(crate) payload_bytes: u64,
    /// What tells its content from others, however it is stored.
    pub(crate) hash: u64,
}

/// The batches of a run: some variants of different content, each with as many records as is asked for.
///
/// Batches shorter than a variant hold its first records. Bodies are kept by number, because the connections look them
/// up while they write.
#[derive(Debug)]
pub(crate) struct Batches {
    codec: CompressionType,
    timestamp: TimestampMs,
    variants: Vec<Vec<KeyValue>>,
    /// By variant and number of records: the body's number and one, or 0 when it has not been needed yet.
    numbers: Vec<Vec<usize>>,
    infos: Vec<Body>,
    bytes: Vec<Bytes>,
}

impl Batches {
    /// `variants` different batches of `records` records.
    pub(crate) fn new(
        payloads: &mut Payloads,
        codec: CompressionType,
        timestamp: TimestampMs,
        (variants, records): (usize, usize),
    ) -> Self {
        let variants: Vec<Vec<_>> =
            (0..variants).map(|_| (0..records).map(|_| payloads.next()).collect()).collect();
        let numbers = vec![vec![0; records + 1]; variants.len()];
        Self { codec, timestamp, variants, numbers, infos: Vec::new(), bytes: Vec::new() }
    }

    /// How many batches differ in content.
    pub(crate) const fn variants(&self) -> usize {
        self.variants.len()
    }

    /// The records of all bodies, by number.
    pub(crate) fn bytes(&self) -> &[Bytes] {
        &self.bytes
    }

    /// What is known of a body.
    pub(crate) fn info(&self, body: usize) -> Option<&Body> {
        self.infos.get(body)
    }

    /// The number of the body with the first `records` records of a variant, which is built when it is new.
    pub(crate) fn body(&mut self, variant: usize, records: usize) -> Result<usize, BenchError> {
        let known = self.numbers.get(variant).and_then(|counts| counts.get(records)).copied().unwrap_or(0);
        if let Some(number) = known.checked_sub(1) {
            return Ok(number);
        }
        let content = self.variants.get(variant).and_then(|all| all.get(..records)).unwrap_or_default();
        let (info, bytes) = build(content, self.codec, self.timestamp)?;
        self.infos.push(info);
        self.bytes.push(bytes);
        if let Some(place) = self.numbers.get_mut(variant).and_then(|counts| counts.get_mut(records)) {
            *place = self.infos.len();
        }
        Ok(self.infos.len() - 1)
    }
}

fn build(
    content: &[KeyValue],
    codec: CompressionType,
    timestamp: TimestampMs,
) -> Result<(Body, Bytes), BenchError> {
    let unusable = |what: String| BenchError::Usage(format!("a batch cannot be built: {what}"));
    let mut builder = BatchBuilder::new().codec(codec);
    let mut payload_bytes = 0;
    for (key, value) in content {
        payload_bytes += key.as_ref().map_or(0, Vec::len) + value.len();
        builder.push(&NewRecord { timestamp, key: key.as_deref(), value: Some(value), headers: &[] });
    }
    let batch = builder.build().map_err(|error| unusable(error.to_string()))?;
    let header = BatchHeader::parse(&batch).map_err(|error| unusable(error.to_string()))?;
    let bytes = batch.slice(HEADER_LEN.min(batch.len())..);
    let body = Body {
        header,
        header_bytes: header.encode(),
        records: content.len() as u64,
        payload_bytes: payload_bytes as u64,
        hash: content_hash(&bytes),
    };
    Ok((body, bytes))
}

/// A hash of the records of a batch as they are stored.
pub(crate) fn content_hash(records: &[u8]) -> u64 {
    crc_fast::checksum(Crc64Nvme, records)
}

/// An idempotent producer and the sequence of the next record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) sequence: Sequence,
}

impl Body {
    /// The batch header, for that producer, in front of these records.
    fn header_for(&self, producer: Option<Producer>, records: &[u8]) -> [u8; HEADER_LEN] {
        let Some(producer) = producer else { return self.header_bytes };
        let mut header = BatchHeader {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: producer.sequence,
            ..self.header
        };
        // A whole pass over the records was measured to be cheaper, at 64 KiB, than moving the difference of the headers
        // over their length, which the algebra of CRCs allows: that multiplies matrices.
        let mut digest = Digest::new(Crc32Iscsi);
        digest.update(header.encode().get(CRC_START..).unwrap_or_default());
        digest.update(records);
        header.crc = u32::try_from(digest.finalize() & u64::from(u32::MAX)).unwrap_or_default();
        header.encode()
    }
}

/// The part of the frames that is the same in all.
#[derive(Clone, Debug)]
pub(crate) struct ProduceLayout {
    prefix: Vec<u8>,
}

impl ProduceLayout {
    /// Frames of a version within [`VERSIONS`].
    pub(crate) fn new(version: i16, topic: &str, acks: i16, timeout_ms: i32) -> Self {
        let mut prefix = Vec::with_capacity(64 + topic.len());
        put_header(&mut prefix, API_KEY, version, 0);
        prefix.extend_from_slice(&(-1_i16).to_be_bytes());
        prefix.extend_from_slice(&acks.to_be_bytes());
        prefix.extend_from_slice(&timeout_ms.to_be_bytes());
        prefix.extend_from_slice(&1_i32.to_be_bytes());
        put_string(&mut prefix, topic);
        Self { prefix }
    }

    /// Starts a frame in an emptied slot.
    pub(crate) fn start<T>(&self, slot: &mut Slot<T>, correlation_id: i32, partitions: usize) {
        slot.head.extend_from_slice(&self.prefix);
        if let Some(place) = slot.head.get_mut(8..12) {
            place.copy_from_slice(&correlation_id.to_be_bytes());
        }
        slot.head.extend_from_slice(&i32::try_from(partitions).unwrap_or_default().to_be_bytes());
    }

    /// Adds a batch.
    pub(crate) fn put_batch<T>(
        slot: &mut Slot<T>,
        batches: &Batches,
        (partition, body): (i32, usize),
        producer: Option<Producer>,
    ) {
        let (Some(info), Some(records)) = (batches.info(body), batches.bytes().get(body)) else { return };
        slot.head.extend_from_slice(&partition.to_be_bytes());
        let length = u32::try_from(info.header.size_in_bytes()).unwrap_or(u32::MAX);
        slot.head.extend_from_slice(&length.to_be_bytes());
        slot.head.extend_from_slice(&info.header_for(producer, records));
        slot.push_body(batches.bytes(), body);
    }
}

/// Adds a batch that was built for this one request.
pub(crate) fn put_built<T>(slot: &mut Slot<T>, partition: i32, batch: &[u8]) {
    slot.head.extend_from_slice(&partition.to_be_bytes());
    slot.head.extend_from_slice(&u32::try_from(batch.len()).unwrap_or(u32::MAX).to_be_bytes());
    slot.head.extend_from_slice(batch);
}

/// What an answer says about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) partition: i32,
    pub(crate) error: i16,
    pub(crate) base_offset: i64,
}

/// Reads an answer, partition by partition.
pub(crate) fn read_answer(
    version: i16,
    answer: &[u8],
    mut each: impl FnMut(Acknowledgement),
) -> Result<(), Malformed> {
    let mut reader = Reader(answer);
    for _ in 0..reader.count()? {
        reader.string()?;
        for _ in 0..reader.count()? {
            let partition = reader.int32()?;
            let error = reader.int16()?;
            let base_offset = reader.int64()?;
            let _log_append_time = reader.int64()?;
            if version >= 5 {
                let _log_start_offset = reader.int64()?;
            }
            if version >= 8 {
                for _ in 0..reader.count()? {
                    let _batch_index = reader.int32()?;
                    let _message = reader.string()?;
                }
                let _message = reader.string()?;
            }
            each(Acknowledgement { partition, error, base_offset });
        }
    }
    let _throttle_time_ms = reader.int32()?;
    if reader.0.is_empty() { Ok(()) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests;
