//! ListOffsets and OffsetForLeaderEpoch: offsets by time, and the special ones.

use std::sync::Arc;

use chronik_types::{CompressionType, IsolationLevel, LeaderEpoch, Offset, TimestampMs};
use chronik_wire::batch::RecordBatch;

use crate::index::{BatchEntry, Selection};
use crate::{Broker, Partition, ReadError};

/// Batches without compression up to this size are walked in place, others away from the async threads.
const INLINE_BYTES: usize = 64 << 10;

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The end: the high watermark, or the last stable offset.
    Latest,
    /// The log start.
    Earliest,
    /// That of the record with the greatest timestamp (KIP-734).
    MaxTimestamp,
    /// The first one that lies on the gateway itself (KIP-405); here the log start.
    EarliestLocal,
    /// The last one that lies in a second tier (KIP-1005); there is none.
    LatestTiered,
    /// The first one that is not in a second tier yet (KIP-1023); there is none.
    EarliestPendingUpload,
    /// The first record with at least this timestamp.
    At(TimestampMs),
}

impl OffsetSpec {
    /// The meaning of a timestamp in a ListOffsets request; `None` for negative ones without a meaning.
    pub fn from_wire(timestamp: i64) -> Option<Self> {
        match timestamp {
            -1 => Some(Self::Latest),
            -2 => Some(Self::Earliest),
            -3 => Some(Self::MaxTimestamp),
            -4 => Some(Self::EarliestLocal),
            -5 => Some(Self::LatestTiered),
            -6 => Some(Self::EarliestPendingUpload),
            0.. => Some(Self::At(TimestampMs::new(timestamp))),
            _ => None,
        }
    }
}

/// An offset that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; [`Offset::NONE`] when there is none.
    pub offset: Offset,
    /// The timestamp of its record when it was found by time, else [`TimestampMs::NONE`].
    pub timestamp: TimestampMs,
    /// The leader epoch of its record; [`LeaderEpoch::NONE`] when there is none.
    pub leader_epoch: LeaderEpoch,
}

impl ListedOffset {
    /// No such offset.
    pub const NONE: Self =
        Self { offset: Offset::NONE, timestamp: TimestampMs::NONE, leader_epoch: LeaderEpoch::NONE };
}

impl Broker {
    /// Finds an offset. What is not there is [`ListedOffset::NONE`], not an error.
    ///
    /// # Errors
    /// When the topic was deleted, or what has to be looked at cannot be read.
    pub async fn list_offset(
        &self,
        partition: &Arc<Partition>,
        spec: OffsetSpec,
        isolation: IsolationLevel,
    ) -> Result<ListedOffset, ReadError> {
        if partition.is_deleted() {
            return Err(ReadError::TopicDeleted);
        }
        let end = partition.readable_end(isolation);
        let leader_epoch = partition.leader_epoch();
        let plain = |offset| ListedOffset { offset, timestamp: TimestampMs::NONE, leader_epoch };
        let found = match spec {
            OffsetSpec::Latest => return Ok(plain(end)),
            OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                return Ok(plain(partition.log_start_offset()));
            }
            OffsetSpec::LatestTiered | OffsetSpec::EarliestPendingUpload => return Ok(ListedOffset::NONE),
            OffsetSpec::MaxTimestamp => self.newest(partition).await?,
            OffsetSpec::At(timestamp) => self.first_at(partition, timestamp).await?,
        };
        Ok(match found {
            Some((offset, timestamp)) if offset < end => ListedOffset { offset, timestamp, leader_epoch },
            _ => ListedOffset::NONE,
        })
    }

    /// The first record with at least that timestamp.
    async fn first_at(
        &self,
        partition: &Partition,
        timestamp: TimestampMs,
    ) -> Result<Option<(Offset, TimestampMs)>, ReadError> {
        let log_start = partition.log_start_offset();
        let mut from = log_start;
        loop {
            let start = partition.batches().first_part_not_older(from, timestamp);
            let Some(start) = start else { return Ok(None) };
            let mut selection = Selection::NotOlderThan(timestamp);
            let Some((part_end, entries)) = self.search(partition, start, &mut selection).await? else {
                return Ok(None);
            };
            let Some(entry) = entries.first() else {
                from = part_end;
                continue;
            };
            let is_match = move |offset, time| offset >= log_start && time >= timestamp;
            if let Some(record) = self.first_record(partition, entry, is_match).await? {
                return Ok(Some(record));
            }
            // The only such records of the batch lie below the log start.
            from = entry.next_offset();
        }
    }

    /// The first of the records with the greatest timestamp.
    async fn newest(&self, partition: &Partition) -> Result<Option<(Offset, TimestampMs)>, ReadError> {
        let log_start = partition.log_start_offset();
        // The oldest part may reach below the log start, so that what it says of itself is not enough.
        let oldest = self.search(partition, log_start, &mut Selection::Newest).await?;
        let Some((after, mut entries)) = oldest else { return Ok(None) };
        let newer_part = partition.batches().newest_part(after);
        if let Some((start, newest)) = newer_part
            && entries.first().is_none_or(|entry| newest > entry.max_timestamp)
            && let Some((_, newer)) = self.search(partition, start, &mut Selection::Newest).await?
        {
            entries = newer;
        }
        let Some(entry) = entries.first() else { return Ok(None) };
        let newest = entry.max_timestamp;
        let is_match = move |offset, time| offset >= log_start && time >= newest;
        self.first_record(partition, entry, is_match).await
    }

    /// The first record of a batch for which `is_match` holds.
    async fn first_record(
        &self,
        partition: &Partition,
        entry: &BatchEntry,
        is_match: impl Fn(Offset, TimestampMs) -> bool + Send + 'static,
    ) -> Result<Option<(Offset, TimestampMs)>, ReadError> {
        let offset = entry.base_offset;
        let bytes = self.batch_bytes(entry).await?;
        let corrupt = |source| ReadError::Corrupt { offset, at: entry.at, source };
        let batch = RecordBatch::parse(bytes).map_err(corrupt)?;
        let is_long =
            batch.bytes().len() > INLINE_BYTES || batch.header().codec() != Some(CompressionType::None);
        let limit = self.decompression_limit(&partition.configs());
        let walk = move || {
            let records = batch.decode(limit)?;
            for record in &records {
                let record = record?;
                // The stored batch has the producer's base offset, which is 0.
                let at = offset.saturating_add(record.offset.get());
                if is_match(at, record.timestamp) {
                    return Ok(Some((at, record.timestamp)));
                }
            }
            Ok(None)
        };
        let found = if is_long { self.work_on_records(walk).await } else { walk() };
        found.map_err(|source| ReadError::Records { offset, source })
    }

    /// The greatest leader epoch that is not above `epoch`, and the offset at which it ended (OffsetForLeaderEpoch).
    /// Both are `NONE` when there is none, or when the partition has not come to `epoch` yet.
    pub fn offset_for_leader_epoch(
        &self,
        partition: &Partition,
        epoch: LeaderEpoch,
    ) -> (LeaderEpoch, Offset) {
        // Leadership is not what makes a partition safe here, and no record is ever taken back: one epoch it is.
        if epoch == partition.leader_epoch() {
            (epoch, partition.high_watermark())
        } else {
            (LeaderEpoch::NONE, Offset::NONE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_timestamps_have_their_meaning() {
        assert_eq!(OffsetSpec::from_wire(-1), Some(OffsetSpec::Latest));
        assert_eq!(OffsetSpec::from_wire(-2), Some(OffsetSpec::Earliest));
        assert_eq!(OffsetSpec::from_wire(-6), Some(OffsetSpec::EarliestPendingUpload));
        assert_eq!(OffsetSpec::from_wire(-7), None);
        assert_eq!(OffsetSpec::from_wire(0), Some(OffsetSpec::At(TimestampMs::new(0))));
    }
}
