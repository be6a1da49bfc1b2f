//! The fields that a broker assigns: base offset and leader epoch, and the append time.

use bytes::{Bytes, BytesMut};
use chronik_types::{LeaderEpoch, Offset, TimestampMs, TimestampType};

use super::crc::crc_after_prefix_change;
use super::header::CRC_START;
use super::{BatchError, BatchHeader, HEADER_LEN, RecordBatch};

/// Bytes in front of the magic: base offset, batch length, leader epoch. None of them is in the CRC.
pub const PREFIX_LEN: usize = 16;

/// The first 16 bytes of a batch as it is served: send these, then the stored batch from byte [`PREFIX_LEN`] on.
#[must_use]
pub fn patched_prefix(
    header: &BatchHeader,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
) -> [u8; PREFIX_LEN] {
    let patched = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..*header }.encode();
    patched.first_chunk().copied().unwrap_or_default()
}

/// Writes base offset and leader epoch into the batch that `batch` starts with.
///
/// # Errors
///
/// What [`BatchHeader::parse`] refuses; then nothing is written.
pub fn patch_in_place(
    batch: &mut [u8],
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
) -> Result<(), BatchError> {
    let prefix = patched_prefix(&BatchHeader::parse(batch)?, base_offset, leader_epoch);
    if let Some(target) = batch.first_chunk_mut() {
        *target = prefix;
    }
    Ok(())
}

impl BatchHeader {
    /// The header of the same batch with `timestamp` as the time of its append. The CRC is derived from the old one
    /// without reading the records, so it is right only if the old one was checked.
    #[must_use]
    pub fn with_log_append_time(&self, timestamp: TimestampMs) -> Self {
        let mut stamped = Self {
            attributes: self.attributes.with_timestamp_type(TimestampType::LogAppendTime),
            max_timestamp: timestamp,
            ..*self
        };
        let (old, new) = (self.encode(), stamped.encode());
        stamped.crc = crc_after_prefix_change(self.crc, covered(&old), covered(&new), self.body_len());
        stamped
    }
}

/// The bytes of a header that the CRC covers.
fn covered(header: &[u8; HEADER_LEN]) -> &[u8] {
    header.get(CRC_START..).unwrap_or_default()
}

impl RecordBatch {
    /// The same batch stamped by the broker (`message.timestamp.type=LogAppendTime`): one copy, and no pass of the CRC
    /// over the records. The CRC has to have been checked.
    #[must_use]
    pub fn with_log_append_time(&self, timestamp: TimestampMs) -> Self {
        let header = self.header().with_log_append_time(timestamp);
        let mut bytes = BytesMut::with_capacity(self.bytes().len());
        bytes.extend_from_slice(&header.encode());
        bytes.extend_from_slice(self.body());
        Self::from_parts(header, bytes.freeze())
    }

    /// The same batch with base offset and leader epoch written into a copy. Serving a fetch does without the copy: see
    /// [`patched_prefix`].
    #[must_use]
    pub fn with_offset(&self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Self {
        let header = BatchHeader { base_offset, partition_leader_epoch: leader_epoch, ..*self.header() };
        let mut bytes = BytesMut::from(self.bytes().as_ref());
        if let Some(target) = bytes.first_chunk_mut() {
            *target = patched_prefix(&header, base_offset, leader_epoch);
        }
        Self::from_parts(header, Bytes::from(bytes))
    }
}
