//! Idempotent producers (KIP-98): per partition and producer the epoch and the last five batches, by which a repeated
//! batch is recognised and a lost one is noticed. Also the allocation of producer ids.
//!
//! The rules are those of Kafka's `ProducerStateManager` and `ProducerAppendInfo` for appends of clients. One thing is
//! kept better: a producer expires by the time of its last append, not by the timestamps of its records, so that one
//! that writes old data is not forgotten between two of its batches.

use std::collections::BTreeMap;

use chronik_types::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::Rejection;
use crate::codec::{DecodeError, Reader, Writer};

/// How many batches of a producer are remembered; a Java producer has at most as many in flight.
pub(crate) const BATCHES_REMEMBERED: usize = 5;

/// Who sent a batch and where it stands in his stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The producer; not negative.
    pub producer_id: ProducerId,
    /// His epoch; not negative.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of the first record; not negative.
    pub base_sequence: Sequence,
}

/// The coordinates of a remembered batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSpan {
    /// Sequence of the last record.
    pub last_sequence: Sequence,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// How far the first record is from the last, in offsets and in sequences.
    pub last_offset_delta: i32,
    /// The greatest timestamp of the batch.
    pub max_timestamp: TimestampMs,
}

impl BatchSpan {
    const EMPTY: Self = Self {
        last_sequence: Sequence::NONE,
        last_offset: Offset::NONE,
        last_offset_delta: 0,
        max_timestamp: TimestampMs::NONE,
    };

    /// Sequence of the first record.
    #[must_use]
    pub const fn first_sequence(&self) -> Sequence {
        self.last_sequence.minus(self.last_offset_delta)
    }

    /// Offset of the first record.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        self.last_offset.saturating_add(-i64::from(self.last_offset_delta))
    }
}

/// What a partition knows of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    epoch: ProducerEpoch,
    last_append: TimestampMs,
    /// The first `remembered` are in use, oldest first.
    spans: [BatchSpan; BATCHES_REMEMBERED],
    remembered: usize,
}

impl Producer {
    fn new(epoch: ProducerEpoch) -> Self {
        Self {
            epoch,
            last_append: TimestampMs::NONE,
            spans: [BatchSpan::EMPTY; BATCHES_REMEMBERED],
            remembered: 0,
        }
    }

    /// The newest epoch seen.
    #[must_use]
    pub const fn epoch(&self) -> ProducerEpoch {
        self.epoch
    }

    /// When the last append was proposed, by the clock of the gateway that proposed it.
    #[must_use]
    pub const fn last_append(&self) -> TimestampMs {
        self.last_append
    }

    /// The batches remembered, oldest first: all of the present epoch, each continuing the one before.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &BatchSpan> {
        self.spans.iter().take(self.remembered)
    }

    /// The sequence of the last record, [`Sequence::NONE`] when no batch of this epoch is remembered.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        self.batches().next_back().map_or(Sequence::NONE, |span| span.last_sequence)
    }

    /// The greatest timestamp of the last batch, as DescribeProducers reports it; when the end of a transaction came after
    /// it, and the producer has another epoch since, the time of that.
    #[must_use]
    pub fn last_timestamp(&self) -> TimestampMs {
        self.batches().next_back().map_or(self.last_append, |span| span.max_timestamp)
    }

    fn duplicate_of(&self, epoch: ProducerEpoch, first: Sequence, last: Sequence) -> Option<BatchSpan> {
        if epoch != self.epoch {
            return None;
        }
        self.batches().find(|span| span.first_sequence() == first && span.last_sequence == last).copied()
    }

    fn check(&self, batch: ProducerBatch) -> Result<(), Rejection> {
        let ProducerBatch { producer_id, producer_epoch: epoch, base_sequence } = batch;
        if epoch < self.epoch {
            return Err(Rejection::InvalidProducerEpoch { producer_id, epoch, current: self.epoch });
        }
        let expected = if epoch == self.epoch { self.last_sequence().next() } else { Sequence::ZERO };
        if base_sequence == expected {
            return Ok(());
        }
        Err(Rejection::OutOfOrderSequence {
            producer_id,
            epoch,
            base_sequence,
            last_epoch: self.epoch,
            last_sequence: self.last_sequence(),
        })
    }

    fn remember(&mut self, span: BatchSpan) {
        if self.remembered == BATCHES_REMEMBERED {
            self.spans.rotate_left(1);
            self.remembered -= 1;
        }
        if let Some(free) = self.spans.get_mut(self.remembered) {
            *free = span;
            self.remembered += 1;
        }
    }

    fn forget_batches(&mut self) {
        self.spans = [BatchSpan::EMPTY; BATCHES_REMEMBERED];
        self.remembered = 0;
    }
}

/// What an append of an idempotent producer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It continues the stream of the producer.
    Next,
    /// It is there already.
    Duplicate(BatchSpan),
}

/// The producers of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producers(BTreeMap<ProducerId, Box<Producer>>);

impl Producers {
    /// Judges a batch whose last record has the sequence `last`. Changes nothing.
    pub(crate) fn judge(&self, batch: ProducerBatch, last: Sequence) -> Result<Verdict, Rejection> {
        // A producer that is not known, perhaps because it has expired, may go on anywhere (KIP-360).
        let Some(known) = self.0.get(&batch.producer_id) else { return Ok(Verdict::Next) };
        if let Some(span) = known.duplicate_of(batch.producer_epoch, batch.base_sequence, last) {
            return Ok(Verdict::Duplicate(span));
        }
        known.check(batch).map(|()| Verdict::Next)
    }

    /// Remembers a batch that was judged to be the next.
    pub(crate) fn remember(&mut self, batch: ProducerBatch, span: BatchSpan, time: TimestampMs) {
        let producer =
            self.0.entry(batch.producer_id).or_insert_with(|| Box::new(Producer::new(batch.producer_epoch)));
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.forget_batches();
        }
        producer.remember(span);
        // Gateways' clocks differ; one that lags must not make a producer look idle.
        producer.last_append = producer.last_append.max(time);
    }

    /// Takes in that a transaction of a producer ended here with a marker of that epoch: what an older one sends is refused
    /// from now on (`ProducerAppendInfo.appendEndTxnMarker` in Kafka).
    pub(crate) fn end_transaction(&mut self, id: ProducerId, epoch: ProducerEpoch, time: TimestampMs) {
        let producer = self.0.entry(id).or_insert_with(|| Box::new(Producer::new(epoch)));
        if producer.epoch < epoch {
            producer.epoch = epoch;
            producer.forget_batches();
        }
        producer.last_append = producer.last_append.max(time);
    }

    /// The newest epoch seen of that producer.
    pub(crate) fn epoch(&self, id: ProducerId) -> Option<ProducerEpoch> {
        self.0.get(&id).map(|producer| producer.epoch)
    }

    /// Whether anything is remembered of that producer.
    pub(crate) fn knows(&self, id: ProducerId) -> bool {
        self.0.contains_key(&id)
    }

    /// Forgets those whose last append was before that time, unless they are to be kept; returns how many.
    pub(crate) fn expire(
        &mut self,
        inactive_before: TimestampMs,
        is_kept: impl Fn(ProducerId) -> bool,
    ) -> usize {
        let before = self.0.len();
        self.0.retain(|id, producer| producer.last_append >= inactive_before || is_kept(*id));
        before - self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.0.iter().map(|(id, producer)| (*id, &**producer))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Layout: count u32, then per producer in the order of their ids: id i64, epoch i16, last append i64, count u32
    /// of spans (at most 5), per span last sequence i32, last offset i64, delta i32, max timestamp i64.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.0.len());
        for (id, producer) in &self.0 {
            w.i64(id.get());
            w.i16(producer.epoch.get());
            w.i64(producer.last_append.get());
            w.count(producer.remembered);
            for span in producer.batches() {
                w.i32(span.last_sequence.get());
                w.i64(span.last_offset.get());
                w.i32(span.last_offset_delta);
                w.i64(span.max_timestamp.get());
            }
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let producers = r.list("producers", 22, |r| {
            let id = ProducerId::new(r.i64("producer id")?);
            let mut producer = Producer::new(ProducerEpoch::new(r.i16("producer epoch")?));
            producer.last_append = r.timestamp("last append")?;
            let spans = r.list("remembered batches", 24, read_span)?;
            if spans.len() > BATCHES_REMEMBERED {
                let reason = format!("{} batches of one producer", spans.len());
                return Err(DecodeError::Invalid { field: "remembered batches", reason });
            }
            spans.into_iter().for_each(|span| producer.remember(span));
            Ok((id, Box::new(producer)))
        })?;
        Ok(Self(producers.into_iter().collect()))
    }
}

fn read_span(r: &mut Reader<'_>) -> Result<BatchSpan, DecodeError> {
    Ok(BatchSpan {
        last_sequence: Sequence::new(r.i32("last sequence")?),
        last_offset: r.offset("last offset")?,
        last_offset_delta: r.i32("last offset delta")?,
        max_timestamp: r.timestamp("max timestamp")?,
    })
}

/// The producer ids not handed out yet: all from `next` on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProducerIds {
    next: i64,
}

impl ProducerIds {
    pub(crate) fn allocate(&mut self) -> Result<ProducerId, Rejection> {
        let id = self.next;
        self.next = id.checked_add(1).ok_or(Rejection::ProducerIdsExhausted)?;
        Ok(ProducerId::new(id))
    }

    pub(crate) fn write(self, w: &mut Writer) {
        w.i64(self.next);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.i64("next producer id")? {
            next @ 0.. => Ok(Self { next }),
            next => {
                Err(DecodeError::Invalid { field: "next producer id", reason: format!("{next} is negative") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn producer_ids_start_at_zero_and_end_with_the_range() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.allocate(), Ok(ProducerId::new(0)));
        assert_eq!(ids.allocate(), Ok(ProducerId::new(1)));
        let mut last = ProducerIds { next: i64::MAX };
        assert_eq!(last.allocate(), Err(Rejection::ProducerIdsExhausted));
    }
}
