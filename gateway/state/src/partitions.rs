//! Partitions: their offsets, and the changes that move these: appended batches and a raised log start.

use chronik_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TopicPartition};

use crate::Rejection;
use crate::codec::{DecodeError, Reader, Writer};
use crate::producers::{BatchSpan, Producer, ProducerBatch, Producers, Verdict};

/// The coordinates of one batch. Its bytes travel as data of the entry, all batches one after the other in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedBatch {
    /// Where it goes.
    pub at: TopicPartition,
    /// Length of the batch in bytes, its header included.
    pub length: u32,
    /// How many records it has, and how many offsets it takes; at least 1. Produce refuses a batch in which they differ.
    pub record_count: i32,
    /// The greatest timestamp of its records.
    pub max_timestamp: TimestampMs,
    /// Set for an idempotent producer.
    pub producer: Option<ProducerBatch>,
}

impl AppendedBatch {
    /// Bytes of an encoded batch, at least.
    pub(crate) const ENCODED_BYTES: usize = 37;

    /// Layout, 37 or 51 bytes: topic id 16, partition i32, length u32, record count i32, max timestamp i64, optional
    /// producer id i64, producer epoch i16, base sequence i32.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.topic_partition(self.at);
        w.u32(self.length);
        w.i32(self.record_count);
        w.i64(self.max_timestamp.get());
        w.optional(self.producer, |w, producer| {
            w.i64(producer.producer_id.get());
            w.i16(producer.producer_epoch.get());
            w.i32(producer.base_sequence.get());
        });
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            at: r.topic_partition("batch partition")?,
            length: r.u32("batch length")?,
            record_count: r.i32("record count")?,
            max_timestamp: r.timestamp("max timestamp")?,
            producer: r.optional("producer", |r| {
                Ok(ProducerBatch {
                    producer_id: ProducerId::new(r.i64("producer id")?),
                    producer_epoch: ProducerEpoch::new(r.i16("producer epoch")?),
                    base_sequence: Sequence::new(r.i32("base sequence")?),
                })
            })?,
        })
    }

    /// How far the last record is from the first; an error for coordinates that no valid batch has.
    fn last_offset_delta(&self) -> Result<i32, Rejection> {
        let invalid = |reason| Err(Rejection::InvalidBatch { reason });
        if self.record_count < 1 {
            return invalid("it has no records");
        }
        if let Some(producer) = self.producer {
            if producer.producer_id.get() < 0 {
                return invalid("its producer id is negative");
            }
            if producer.producer_epoch.get() < 0 {
                return invalid("its producer epoch is negative");
            }
            if producer.base_sequence.get() < 0 {
                return invalid("its base sequence is negative");
            }
        }
        Ok(self.record_count - 1)
    }
}

/// The place that a batch got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Offset of its first record. For a duplicate: the offset it got when it was first sent.
    pub base_offset: Offset,
    /// The first offset of the partition.
    pub log_start_offset: Offset,
    /// The epoch that belongs into the header of the batch.
    pub leader_epoch: LeaderEpoch,
    /// Set when the batch was there already, to the greatest timestamp that it had then; nothing was appended.
    pub duplicate_of: Option<TimestampMs>,
}

/// One partition: offsets and producers. Where its batches lie is none of its business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    log_start_offset: Offset,
    end_offset: Offset,
    leader_epoch: LeaderEpoch,
    producers: Producers,
}

impl Partition {
    /// The first offset that can be read.
    #[must_use]
    pub const fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The offset of the next record. Every batch in the journal is durable, so this is the high watermark too.
    #[must_use]
    pub const fn end_offset(&self) -> Offset {
        self.end_offset
    }

    /// The present leader epoch. Any gateway serves any partition and no record is ever taken back, so that nothing
    /// needs fencing by it: it stays at the epoch of creation, 0.
    #[must_use]
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The idempotent producers that have not expired, in the order of their ids.
    pub fn producers(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.producers.iter()
    }

    /// The newest epoch that the partition has seen of a producer.
    #[must_use]
    pub fn producer_epoch(&self, producer_id: ProducerId) -> Option<ProducerEpoch> {
        self.producers.epoch(producer_id)
    }

    /// How many producers [`Partition::producers`] yields.
    #[must_use]
    pub fn producer_count(&self) -> usize {
        self.producers.len()
    }

    pub(crate) fn append(&mut self, time: TimestampMs, batch: &AppendedBatch) -> Result<Placed, Rejection> {
        let last_offset_delta = batch.last_offset_delta()?;
        let last_sequence = |producer: ProducerBatch| producer.base_sequence.plus(last_offset_delta);
        if let Some(producer) = batch.producer
            && let Verdict::Duplicate(span) = self.producers.judge(producer, last_sequence(producer))?
        {
            return Ok(self.placed(span.base_offset(), Some(span.max_timestamp)));
        }
        let base_offset = self.end_offset;
        let end_offset = base_offset
            .checked_add(i64::from(batch.record_count))
            .ok_or(Rejection::OffsetsExhausted { at: batch.at })?;
        if let Some(producer) = batch.producer {
            let span = BatchSpan {
                last_sequence: last_sequence(producer),
                last_offset: base_offset.saturating_add(i64::from(last_offset_delta)),
                last_offset_delta,
                max_timestamp: batch.max_timestamp,
            };
            self.producers.remember(producer, span, time);
        }
        self.end_offset = end_offset;
        Ok(self.placed(base_offset, None))
    }

    fn placed(&self, base_offset: Offset, duplicate_of: Option<TimestampMs>) -> Placed {
        Placed {
            base_offset,
            log_start_offset: self.log_start_offset,
            leader_epoch: self.leader_epoch,
            duplicate_of,
        }
    }

    /// Raises the log start; -1 stands for the high watermark at this place in the order. A start that has been passed
    /// already is fine, as in Kafka. Returns the log start that results.
    pub(crate) fn advance_log_start(&mut self, requested: Offset) -> Result<Offset, Rejection> {
        let target = if requested == Offset::NONE { self.end_offset } else { requested };
        if !target.is_valid() || target > self.end_offset {
            return Err(Rejection::OffsetOutOfRange {
                requested,
                log_start_offset: self.log_start_offset,
                high_watermark: self.end_offset,
            });
        }
        self.log_start_offset = self.log_start_offset.max(target);
        Ok(self.log_start_offset)
    }

    /// Ends a transaction with a marker of that epoch; returns the offset it got, `None` when there are none left.
    pub(crate) fn end_transaction(
        &mut self,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        time: TimestampMs,
    ) -> Option<Offset> {
        let offset = self.end_offset;
        self.end_offset = offset.checked_add(1)?;
        self.producers.end_transaction(producer_id, epoch, time);
        Some(offset)
    }

    pub(crate) fn knows_producer(&self, producer_id: ProducerId) -> bool {
        self.producers.knows(producer_id)
    }

    pub(crate) fn expire_producers(
        &mut self,
        inactive_before: TimestampMs,
        is_kept: impl Fn(ProducerId) -> bool,
    ) -> usize {
        self.producers.expire(inactive_before, is_kept)
    }

    /// Bytes of an encoded partition without producers.
    pub(crate) const ENCODED_BYTES: usize = 24;

    /// Layout: log start i64, end i64, leader epoch i32, producers (see [`Producers::write`]).
    pub(crate) fn write(&self, w: &mut Writer) {
        w.i64(self.log_start_offset.get());
        w.i64(self.end_offset.get());
        w.i32(self.leader_epoch.get());
        self.producers.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            log_start_offset: r.offset("log start offset")?,
            end_offset: r.offset("end offset")?,
            leader_epoch: LeaderEpoch::new(r.i32("leader epoch")?),
            producers: Producers::read(r)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::{ErrorCode, PartitionIndex, TopicId};

    use super::*;

    #[test]
    fn offsets_end_with_the_range_and_a_refused_batch_is_not_remembered() {
        let mut partition = Partition { end_offset: Offset::new(i64::MAX - 5), ..Partition::default() };
        let producer = ProducerBatch {
            producer_id: ProducerId::new(1),
            producer_epoch: ProducerEpoch::ZERO,
            base_sequence: Sequence::ZERO,
        };
        let batch = |record_count| AppendedBatch {
            at: TopicPartition::new(TopicId::NONE, PartitionIndex::new(0)),
            length: 1,
            record_count,
            max_timestamp: TimestampMs::NONE,
            producer: Some(producer),
        };
        let refused = partition.append(TimestampMs::new(0), &batch(6)).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::UnknownServerError);
        assert_eq!(partition.producer_count(), 0);
        let placed = partition.append(TimestampMs::new(0), &batch(5)).unwrap();
        assert_eq!(placed.base_offset, Offset::new(i64::MAX - 5));
        assert_eq!(partition.end_offset(), Offset::MAX);
    }
}
