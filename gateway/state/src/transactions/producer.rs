//! One transactional id: who its producer is, and what its present transaction includes.
//!
//! There is no state between ongoing and complete: a transaction ends at one place in the order, in all its partitions
//! and groups at once. So nothing waits for markers, and CONCURRENT_TRANSACTIONS is never due to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chronik_types::{GroupId, Offset, ProducerEpoch, ProducerId, TimestampMs, TopicPartition};

use super::{TransactionError, weight};
use crate::codec::{DecodeError, Reader, Writer};

/// What a transactional id is at. Persisted as its number, which is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum TransactionState {
    /// A producer was initialized and has begun nothing yet.
    Empty = 0,
    /// A transaction is open.
    Ongoing = 1,
    /// The last transaction was committed.
    CompleteCommit = 4,
    /// The last transaction was aborted.
    CompleteAbort = 5,
}

impl TransactionState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Empty, Self::Ongoing, Self::CompleteCommit, Self::CompleteAbort];

    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == id)
    }
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The producer of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionalProducer {
    pub(super) producer_id: ProducerId,
    pub(super) epoch: ProducerEpoch,
    /// The producer id before this one, while its last holder may still ask again what became of his last request.
    pub(super) previous_producer_id: ProducerId,
    /// The epoch before this one, if its holder got this one himself: he may ask again.
    pub(super) last_epoch: ProducerEpoch,
    pub(super) timeout_ms: i32,
    pub(super) state: TransactionState,
    pub(super) started_at: TimestampMs,
    pub(super) updated_at: TimestampMs,
    /// What the open transaction includes, and the offset of its first record in each; [`Offset::NONE`] before that.
    pub(super) partitions: BTreeMap<TopicPartition, Offset>,
    /// The groups for which the open transaction commits offsets.
    pub(super) groups: BTreeSet<GroupId>,
    /// What these weigh. Not encoded.
    pub(super) group_bytes: usize,
}

impl TransactionalProducer {
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, time: TimestampMs) -> Self {
        Self {
            producer_id,
            epoch: ProducerEpoch::ZERO,
            previous_producer_id: ProducerId::NONE,
            last_epoch: ProducerEpoch::NONE,
            timeout_ms,
            state: TransactionState::Empty,
            started_at: TimestampMs::NONE,
            updated_at: time,
            partitions: BTreeMap::new(),
            groups: BTreeSet::new(),
            group_bytes: 0,
        }
    }

    /// The present producer id.
    #[must_use]
    pub const fn producer_id(&self) -> ProducerId {
        self.producer_id
    }

    /// The present epoch.
    #[must_use]
    pub const fn epoch(&self) -> ProducerEpoch {
        self.epoch
    }

    /// How long a transaction may take, in milliseconds.
    #[must_use]
    pub const fn timeout_ms(&self) -> i32 {
        self.timeout_ms
    }

    /// What it is at.
    #[must_use]
    pub const fn state(&self) -> TransactionState {
        self.state
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_ongoing(&self) -> bool {
        self.state == TransactionState::Ongoing
    }

    /// When the last transaction began, by the clock of the gateway that proposed its first change;
    /// [`TimestampMs::NONE`] before the first one.
    #[must_use]
    pub const fn started_at(&self) -> TimestampMs {
        self.started_at
    }

    /// When it was last used.
    #[must_use]
    pub const fn updated_at(&self) -> TimestampMs {
        self.updated_at
    }

    /// Whether an open transaction has taken longer than it may.
    #[must_use]
    pub fn is_overdue(&self, now: TimestampMs) -> bool {
        self.is_ongoing() && self.started_at.get().saturating_add(i64::from(self.timeout_ms)) < now.get()
    }

    /// The partitions of the open transaction, with the offset of its first record there; [`Offset::NONE`] before that.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (TopicPartition, Offset)> {
        self.partitions.iter().map(|(at, offset)| (*at, *offset))
    }

    /// The groups for which the open transaction commits offsets.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &GroupId> {
        self.groups.iter()
    }

    /// Whether the open transaction includes the partition.
    #[must_use]
    pub fn includes(&self, at: TopicPartition) -> bool {
        self.partitions.contains_key(&at)
    }

    /// Refuses all but the present producer.
    ///
    /// # Errors
    /// [`TransactionError::ProducerIdMapping`] and [`TransactionError::Fenced`].
    pub fn check_producer(
        &self,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
    ) -> Result<(), TransactionError> {
        if producer_id != self.producer_id {
            return Err(TransactionError::ProducerIdMapping { producer_id });
        }
        if epoch != self.epoch {
            return Err(self.fenced(producer_id, epoch));
        }
        Ok(())
    }

    pub(super) fn fenced(&self, producer_id: ProducerId, epoch: ProducerEpoch) -> TransactionError {
        TransactionError::Fenced { producer_id, epoch, current: self.epoch }
    }

    /// The epoch of a marker that fences the producer. Never handed out when it is the last one.
    #[must_use]
    pub const fn fencing_epoch(&self) -> ProducerEpoch {
        ProducerEpoch::new(self.epoch.get().saturating_add(1))
    }

    /// Whether a producer that names this id and epoch asks again what it has been answered already: the id and epoch
    /// that it would have got then are the present ones.
    pub(super) fn is_retry(&self, producer_id: ProducerId, epoch: ProducerEpoch) -> bool {
        let same_id = producer_id == self.producer_id;
        let id_before = producer_id == self.previous_producer_id && epoch.next().is_none();
        epoch.get() >= 0 && epoch == self.last_epoch && (same_id || id_before)
    }

    pub(super) fn touch(&mut self, time: TimestampMs) {
        // Gateways' clocks differ; one that lags must not make a producer look idle.
        self.updated_at = self.updated_at.max(time);
    }

    /// Layout: producer id i64, epoch i16, previous producer id i64, last epoch i16, timeout i32, state u8, started at
    /// i64, updated at i64, count u32 of partitions, each topic partition and first offset i64, count u32 of groups, each
    /// text.
    pub(super) fn write(&self, w: &mut Writer) {
        w.i64(self.producer_id.get());
        w.i16(self.epoch.get());
        w.i64(self.previous_producer_id.get());
        w.i16(self.last_epoch.get());
        w.i32(self.timeout_ms);
        w.u8(self.state as u8);
        w.i64(self.started_at.get());
        w.i64(self.updated_at.get());
        w.count(self.partitions.len());
        for (at, first_offset) in &self.partitions {
            w.topic_partition(*at);
            w.i64(first_offset.get());
        }
        w.count(self.groups.len());
        self.groups.iter().for_each(|group| w.text(group.as_str()));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut producer = Self {
            producer_id: ProducerId::new(r.i64("producer id")?),
            epoch: ProducerEpoch::new(r.i16("producer epoch")?),
            previous_producer_id: ProducerId::new(r.i64("previous producer id")?),
            last_epoch: ProducerEpoch::new(r.i16("last epoch")?),
            timeout_ms: r.i32("transaction timeout")?,
            state: read_state(r)?,
            started_at: r.timestamp("started at")?,
            updated_at: r.timestamp("updated at")?,
            partitions: r
                .list("transaction partitions", 28, |r| {
                    Ok((r.topic_partition("transaction partition")?, r.offset("first offset")?))
                })?
                .into_iter()
                .collect(),
            groups: r
                .list("transaction groups", 4, |r| r.text("transaction group").map(GroupId::new))?
                .into_iter()
                .collect(),
            group_bytes: 0,
        };
        producer.group_bytes = producer.groups.iter().map(weight::group_bytes).sum();
        Ok(producer)
    }
}

fn read_state(r: &mut Reader<'_>) -> Result<TransactionState, DecodeError> {
    let id = r.u8("transaction state")?;
    TransactionState::from_id(id).ok_or_else(|| DecodeError::Invalid {
        field: "transaction state",
        reason: format!("{id} is no state of a transaction"),
    })
}
