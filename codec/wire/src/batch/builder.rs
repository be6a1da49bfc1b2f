//! Writing batches: what a producer does. The gateway itself writes only control batches and, later, compacted ones.

use bytes::{Bytes, BytesMut};
use chronik_types::{
    CompressionType, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TimestampType,
};
use thiserror::Error;

use super::crc::crc32c;
use super::header::CRC_START;
use super::varint::{put_i32, put_i64};
use super::{Attributes, BatchHeader, HEADER_LEN, LENGTH_PREFIX_LEN};
use crate::compression::{CompressError, compress};

/// Why a batch cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A batch holds one record at least.
    #[error("a batch needs at least one record")]
    NoRecords,
    /// The batch or one of its fields does not fit the format.
    #[error("the batch does not fit the 2 GiB that the format allows")]
    TooLarge,
    /// The codec refused.
    #[error("the records cannot be compressed")]
    Compress(#[from] CompressError),
}

/// A record to be written. `default()` is a record at time 0 without key, value and headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// When, in ms.
    pub timestamp: TimestampMs,
    /// Key, or null.
    pub key: Option<&'a [u8]>,
    /// Value, or null.
    pub value: Option<&'a [u8]>,
    /// Headers in order; keys may repeat.
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

/// Collects records into one batch, laid out as Kafka's producer does.
///
/// The defaults are those of a producer that is not idempotent: base offset 0, leader epoch -1, no producer, no codec.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    header: BatchHeader,
    codec: CompressionType,
    level: Option<i32>,
    body: Vec<u8>,
    scratch: Vec<u8>,
    overflow: bool,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// A batch without records.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: BatchHeader {
                base_offset: Offset::ZERO,
                batch_length: 0,
                partition_leader_epoch: LeaderEpoch::new(-1),
                crc: 0,
                attributes: Attributes::from_bits(0),
                last_offset_delta: -1,
                base_timestamp: TimestampMs::NONE,
                max_timestamp: TimestampMs::NONE,
                producer_id: ProducerId::NONE,
                producer_epoch: ProducerEpoch::NONE,
                base_sequence: Sequence::NONE,
                record_count: 0,
            },
            codec: CompressionType::None,
            level: None,
            body: Vec::new(),
            scratch: Vec::new(),
            overflow: false,
        }
    }

    /// Compresses with `codec` at its default level.
    #[must_use]
    pub const fn codec(mut self, codec: CompressionType) -> Self {
        self.codec = codec;
        self
    }

    /// Compresses at `level`, on the codec's own scale.
    #[must_use]
    pub const fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// Numbers the records from `offset` on.
    #[must_use]
    pub const fn base_offset(mut self, offset: Offset) -> Self {
        self.header.base_offset = offset;
        self
    }

    /// Sets the epoch of the leader.
    #[must_use]
    pub const fn leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.header.partition_leader_epoch = epoch;
        self
    }

    /// Sets an idempotent producer and the sequence of the first record.
    #[must_use]
    pub const fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: Sequence) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Marks the batch as a part of a transaction.
    #[must_use]
    pub const fn transactional(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_transactional();
        self
    }

    /// Marks the batch as a control batch.
    #[must_use]
    pub const fn control(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_control();
        self
    }

    /// Says whose clock stamped the records.
    #[must_use]
    pub const fn timestamp_type(mut self, timestamp_type: TimestampType) -> Self {
        self.header.attributes = self.header.attributes.with_timestamp_type(timestamp_type);
        self
    }

    /// Adds a record.
    #[must_use]
    pub fn record(mut self, record: &NewRecord<'_>) -> Self {
        self.push(record);
        self
    }

    /// Adds a record.
    pub fn push(&mut self, record: &NewRecord<'_>) {
        let header = &mut self.header;
        if header.record_count == 0 {
            header.base_timestamp = record.timestamp;
            header.max_timestamp = record.timestamp;
        }
        header.max_timestamp = header.max_timestamp.max(record.timestamp);
        let Some(count) = header.record_count.checked_add(1) else {
            self.overflow = true;
            return;
        };
        header.last_offset_delta = header.record_count;
        header.record_count = count;

        let fields = &mut self.scratch;
        fields.clear();
        fields.push(0);
        // Wraps as Java's does: reading it back wraps the other way.
        put_i64(record.timestamp.get().wrapping_sub(header.base_timestamp.get()), fields);
        put_i32(header.last_offset_delta, fields);
        let mut fits = put_bytes(record.key, fields) & put_bytes(record.value, fields);
        fits &= put_length(record.headers.len(), fields);
        for (key, value) in record.headers {
            fits &= put_bytes(Some(key), fields) & put_bytes(*value, fields);
        }
        fits &= put_length(fields.len(), &mut self.body);
        self.body.extend_from_slice(fields);
        self.overflow |= !fits;
    }

    /// Records so far.
    #[must_use]
    pub const fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// Bytes of the batch so far, before compression.
    #[must_use]
    pub const fn size_in_bytes(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// Writes the batch.
    ///
    /// # Errors
    ///
    /// [`BuildError`] without records, beyond 2 GiB, or when the codec refuses the level.
    pub fn build(&self) -> Result<Bytes, BuildError> {
        if self.header.record_count == 0 {
            return Err(BuildError::NoRecords);
        }
        let compressed;
        let body = match self.codec {
            CompressionType::None => &self.body,
            codec => {
                compressed = compress(codec, self.level, &self.body)?;
                &compressed
            }
        };
        let length = i32::try_from(HEADER_LEN - LENGTH_PREFIX_LEN + body.len()).ok().map(i32::cast_unsigned);
        let (Some(batch_length), false) = (length, self.overflow) else {
            return Err(BuildError::TooLarge);
        };
        let mut header = self.header;
        header.batch_length = batch_length;
        header.attributes = header.attributes.with_codec(self.codec);
        let mut bytes = BytesMut::with_capacity(header.size_in_bytes());
        bytes.extend_from_slice(&header.encode());
        bytes.extend_from_slice(body);
        header.crc = crc32c(bytes.get(CRC_START..).unwrap_or_default());
        if let Some(target) = bytes.first_chunk_mut() {
            *target = header.encode();
        }
        Ok(bytes.freeze())
    }
}

/// Appends a length; false if it does not fit.
fn put_length(length: usize, output: &mut Vec<u8>) -> bool {
    let fitting = i32::try_from(length);
    put_i32(fitting.unwrap_or_default(), output);
    fitting.is_ok()
}

/// Appends nullable bytes behind their length; false if that does not fit.
fn put_bytes(bytes: Option<&[u8]>, output: &mut Vec<u8>) -> bool {
    let Some(bytes) = bytes else {
        put_i32(-1, output);
        return true;
    };
    let fits = put_length(bytes.len(), output);
    output.extend_from_slice(bytes);
    fits
}
