//! What can be wrong with a batch, and what the producer is told.

use chronik_types::{ErrorCode, TimestampMs};
use thiserror::Error;

/// Why bytes are not a batch, or not one that a topic accepts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BatchError {
    /// There is no batch where one has to be.
    #[error("the records hold no batch; send exactly one for each partition")]
    Empty,
    /// The bytes end within a batch.
    #[error("the batch needs {needed} bytes but only {available} are there")]
    Truncated {
        /// Bytes of the header, or of the whole batch when its length is known.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The length field is smaller than a header.
    #[error("the batch length {length} is smaller than the 49 bytes of a header without records")]
    LengthTooSmall {
        /// The field as it stands.
        length: i32,
    },
    /// A message set of before Kafka 0.11.
    #[error(
        "message format {magic} is not supported; use a client of Kafka 0.11 or later, which writes format 2"
    )]
    LegacyFormat {
        /// 0 or 1.
        magic: i8,
    },
    /// A magic number that no version of Kafka writes.
    #[error("the magic number {magic} of the batch is unknown")]
    UnknownMagic {
        /// The field as it stands.
        magic: i8,
    },
    /// More than one batch for a partition of a Produce, or bytes after it.
    #[error("{bytes} bytes follow the batch; send exactly one batch for each partition")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// The batch is larger than `max.message.bytes`.
    #[error("the batch has {size} bytes, more than max.message.bytes = {max}")]
    TooLarge {
        /// Bytes of the whole batch.
        size: usize,
        /// The limit of the topic.
        max: usize,
    },
    /// The checksum does not match the bytes.
    #[error("the batch is corrupt: it carries CRC {stored:#010x} but its bytes give {computed:#010x}")]
    CrcMismatch {
        /// The field as it stands.
        stored: u32,
        /// The CRC-32C of the bytes.
        computed: u32,
    },
    /// A producer numbered its batch.
    #[error("the base offset of a produced batch has to be 0, but is {base_offset}")]
    BaseOffsetNotZero {
        /// The field as it stands.
        base_offset: i64,
    },
    /// The record count is not positive, or disagrees with the last offset delta.
    #[error("the batch claims {record_count} records but its last offset delta is {last_offset_delta}")]
    InconsistentCount {
        /// The field as it stands.
        record_count: i32,
        /// The field as it stands.
        last_offset_delta: i32,
    },
    /// A codec number without a codec.
    #[error("the compression codec {id} of the batch is unknown")]
    UnknownCodec {
        /// The low three bits of the attributes.
        id: u8,
    },
    /// zstd in a Produce before version 7 (KIP-110).
    #[error("zstd needs Produce version 7 or later")]
    ZstdTooOld,
    /// A client sent a control batch.
    #[error("clients may not write control records")]
    ControlFromClient,
    /// A client set the bit that only log cleaning sets (KIP-534).
    #[error("clients may not set a delete horizon")]
    DeleteHorizonFromClient,
    /// A transactional batch that names no producer.
    #[error("a transactional batch needs a producer id")]
    TransactionalWithoutProducer,
    /// A producer id without a sequence.
    #[error("producer {producer_id} sent a batch with the base sequence {base_sequence}")]
    InvalidSequence {
        /// The field as it stands.
        producer_id: i64,
        /// The field as it stands.
        base_sequence: i32,
    },
    /// A producer claimed the broker's clock.
    #[error("a producer may not set the timestamp type to LogAppendTime")]
    LogAppendTimeFromClient,
    /// A timestamp is out of the range of the topic.
    #[error("the timestamp {timestamp} is not within [{earliest}, {latest}]")]
    TimestampOutOfRange {
        /// Base or max timestamp of the batch, in ms.
        timestamp: TimestampMs,
        /// The earliest one allowed now, inclusive.
        earliest: TimestampMs,
        /// The latest one allowed now, inclusive.
        latest: TimestampMs,
    },
}

impl BatchError {
    /// What the producer is told, as Kafka tells it.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Truncated { .. }
            | Self::LengthTooSmall { .. }
            | Self::UnknownMagic { .. }
            | Self::CrcMismatch { .. } => ErrorCode::CorruptMessage,
            Self::LegacyFormat { .. } => ErrorCode::UnsupportedForMessageFormat,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::UnknownCodec { .. } | Self::ZstdTooOld => ErrorCode::UnsupportedCompressionType,
            Self::LogAppendTimeFromClient | Self::TimestampOutOfRange { .. } => ErrorCode::InvalidTimestamp,
            Self::Empty
            | Self::TrailingBytes { .. }
            | Self::BaseOffsetNotZero { .. }
            | Self::InconsistentCount { .. }
            | Self::ControlFromClient
            | Self::DeleteHorizonFromClient
            | Self::TransactionalWithoutProducer
            | Self::InvalidSequence { .. } => ErrorCode::InvalidRecord,
        }
    }
}
