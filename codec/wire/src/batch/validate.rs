//! What a topic asks of a batch that a client appends, in Kafka's order, from the header and the CRC alone.
//!
//! Kafka walks the records here; this does not. So the timestamps checked are the base and the greatest one as the header
//! gives them, and the record count is held against the last offset delta, not against the records.

use chronik_types::{CompressionType, TimestampMs, TimestampType};

use super::crc::crc32c;
use super::header::CRC_START;
use super::{BatchError, BatchHeader, RecordBatch};

/// What the topic and the request allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendRules {
    /// `max.message.bytes`: the size of a whole batch.
    pub max_message_bytes: usize,
    /// `message.timestamp.type`. With LogAppendTime the producer's timestamps are replaced, so they are not checked.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a timestamp may lie in the past.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a timestamp may lie in the future.
    pub timestamp_after_max_ms: i64,
    /// Whether the version of the request knows zstd: Produce from 7 on.
    pub zstd_allowed: bool,
}

impl RecordBatch {
    /// Checks the bytes against the CRC in the header.
    ///
    /// # Errors
    ///
    /// [`BatchError::CrcMismatch`].
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let stored = self.header().crc;
        let computed = crc32c(self.bytes().get(CRC_START..).unwrap_or_default());
        if stored == computed { Ok(()) } else { Err(BatchError::CrcMismatch { stored, computed }) }
    }

    /// Checks a batch that a client appends. `now` is the time of the broker.
    ///
    /// # Errors
    ///
    /// The first rule that the batch breaks. Which sequence and epoch is due is not decided here.
    pub fn validate_append(&self, rules: &AppendRules, now: TimestampMs) -> Result<(), BatchError> {
        let header = self.header();
        check_codec(header, rules)?;
        if header.base_offset.get() != 0 {
            return Err(BatchError::BaseOffsetNotZero { base_offset: header.base_offset.get() });
        }
        let size = header.size_in_bytes();
        if size > rules.max_message_bytes {
            return Err(BatchError::TooLarge { size, max: rules.max_message_bytes });
        }
        self.verify_crc()?;
        check_count(header)?;
        check_producer(header)?;
        check_timestamps(header, rules, now)
    }
}

fn check_codec(header: &BatchHeader, rules: &AppendRules) -> Result<(), BatchError> {
    match header.codec() {
        None => Err(BatchError::UnknownCodec { id: header.attributes.codec_id() }),
        Some(CompressionType::Zstd) if !rules.zstd_allowed => Err(BatchError::ZstdTooOld),
        Some(_) => Ok(()),
    }
}

fn check_count(header: &BatchHeader) -> Result<(), BatchError> {
    let BatchHeader { record_count, last_offset_delta, .. } = *header;
    if record_count <= 0 || last_offset_delta != record_count - 1 {
        return Err(BatchError::InconsistentCount { record_count, last_offset_delta });
    }
    Ok(())
}

fn check_producer(header: &BatchHeader) -> Result<(), BatchError> {
    if header.attributes.is_control() {
        return Err(BatchError::ControlFromClient);
    }
    if header.attributes.has_delete_horizon() {
        return Err(BatchError::DeleteHorizonFromClient);
    }
    if header.has_producer_id() {
        let base_sequence = header.base_sequence.get();
        if base_sequence < 0 {
            return Err(BatchError::InvalidSequence { producer_id: header.producer_id.get(), base_sequence });
        }
    } else if header.attributes.is_transactional() {
        return Err(BatchError::TransactionalWithoutProducer);
    }
    Ok(())
}

fn check_timestamps(header: &BatchHeader, rules: &AppendRules, now: TimestampMs) -> Result<(), BatchError> {
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(BatchError::LogAppendTimeFromClient);
    }
    if rules.timestamp_type == TimestampType::LogAppendTime {
        return Ok(());
    }
    let earliest = TimestampMs::new(now.get().saturating_sub(rules.timestamp_before_max_ms));
    let latest = TimestampMs::new(now.get().saturating_add(rules.timestamp_after_max_ms));
    for timestamp in [header.base_timestamp, header.max_timestamp] {
        if timestamp != TimestampMs::NONE && !(earliest..=latest).contains(&timestamp) {
            return Err(BatchError::TimestampOutOfRange { timestamp, earliest, latest });
        }
    }
    Ok(())
}
