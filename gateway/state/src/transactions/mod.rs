//! Transactions (KIP-98, KIP-360, KIP-447, KIP-890): who may write what as one, and what became of it.
//!
//! A transactional id has one producer at a time, told by producer id and epoch. Its transaction begins with the first
//! partition or group that it includes and ends at one place in the order: there every partition gets the marker that
//! came with the entry, offsets that were kept back are published or dropped, and an epoch that is fenced can do nothing
//! any more. A batch of a transaction is appended only while its partition is in the open transaction of exactly this
//! epoch, so that whatever comes late, twice or out of order cannot leave a transaction hanging.
//!
//! `producer` is one transactional id, `partition` what a partition knows, `changes` the entries, `apply` the rules and `outcomes` what
//! they come to.

mod apply;
mod changes;
mod error;
mod outcomes;
mod partition;
mod producer;
mod weight;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use chronik_types::{Offset, ProducerId, TimestampMs, TopicId, TopicPartition, TransactionalId};

use crate::codec::{DecodeError, Reader, Writer};

pub use changes::{
    AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, Claim, EndTxn, EndedBy,
    InitTransactionalProducer, Marker, TxnOffsetCommit,
};
pub use error::TransactionError;
pub use outcomes::{EndedTxn, InitializedProducer, TxnOffsetCommitError};
pub use partition::{AbortedTransaction, PartitionTransactions, PlacedMarker};
pub use producer::{TransactionState, TransactionalProducer};

/// All transactional ids, and the transactions of all partitions that have some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transactions {
    by_id: BTreeMap<TransactionalId, TransactionalProducer>,
    /// The present producer ids. Not encoded.
    by_producer: BTreeMap<ProducerId, TransactionalId>,
    /// The producers with an open transaction. Not encoded.
    ongoing: BTreeSet<ProducerId>,
    partitions: BTreeMap<TopicPartition, PartitionTransactions>,
    /// What the transactional ids weigh, by [`weight`]. Not encoded.
    bytes: usize,
}

/// Queries.
impl Transactions {
    pub(crate) fn get(&self, id: &str) -> Option<&TransactionalProducer> {
        self.by_id.get(id)
    }

    pub(crate) fn of_producer(
        &self,
        producer_id: ProducerId,
    ) -> Option<(&TransactionalId, &TransactionalProducer)> {
        self.by_id.get_key_value(self.by_producer.get(&producer_id)?)
    }

    /// In the order of the transactional ids.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&TransactionalId, &TransactionalProducer)> {
        self.by_id.iter()
    }

    /// Those after one, in their order.
    pub(crate) fn iter_after(
        &self,
        after: Option<&TransactionalId>,
    ) -> impl Iterator<Item = (&TransactionalId, &TransactionalProducer)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id.range::<TransactionalId, _>((start, Bound::Unbounded))
    }

    /// Those with an open transaction, in the order of their producer ids.
    pub(crate) fn ongoing(&self) -> impl Iterator<Item = (&TransactionalId, &TransactionalProducer)> {
        self.ongoing.iter().filter_map(|producer_id| self.of_producer(*producer_id))
    }

    pub(crate) fn ongoing_count(&self) -> usize {
        self.ongoing.len()
    }

    pub(crate) fn partition(&self, at: TopicPartition) -> Option<&PartitionTransactions> {
        self.partitions.get(&at)
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionTransactions)> {
        self.partitions.iter().map(|(at, transactions)| (*at, transactions))
    }

    /// Where the open transaction of a producer begins in a partition; `None` when it has no records there.
    pub(crate) fn first_offset(&self, producer_id: ProducerId, at: TopicPartition) -> Option<Offset> {
        if !self.ongoing.contains(&producer_id) {
            return None;
        }
        let (_, producer) = self.of_producer(producer_id)?;
        producer.partitions.get(&at).copied().filter(|offset| offset.is_valid())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.partitions.is_empty()
    }
}

/// What other concerns bring about.
impl Transactions {
    /// A topic was deleted: its partitions leave the open transactions.
    pub(crate) fn forget_topic(&mut self, topic_id: TopicId) {
        self.partitions.retain(|at, _| at.topic_id != topic_id);
        for producer_id in &self.ongoing {
            let id = self.by_producer.get(producer_id);
            if let Some(producer) = id.and_then(|id| self.by_id.get_mut(id)) {
                self.bytes -= producer.included_bytes();
                producer.partitions.retain(|at, _| at.topic_id != topic_id);
                self.bytes += producer.included_bytes();
            }
        }
    }

    /// The log of a partition begins later.
    pub(crate) fn advance_log_start(&mut self, at: TopicPartition, log_start: Offset) {
        if let Some(partition) = self.partitions.get_mut(&at) {
            partition.advance(log_start);
            if partition.is_empty() {
                self.partitions.remove(&at);
            }
        }
    }

    /// Forgets transactional ids that nobody has used since that time and that have nothing open; returns how many.
    pub(crate) fn expire(&mut self, idle_before: TimestampMs) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| producer.is_ongoing() || producer.updated_at >= idle_before);
        if self.by_id.len() != before {
            self.by_producer.retain(|_, id| self.by_id.contains_key(id));
            self.bytes = self.weigh();
        }
        before - self.by_id.len()
    }
}

/// The persisted form.
impl Transactions {
    /// Layout: count u32 of transactional ids in their order, each text and [`TransactionalProducer::write`]; count u32 of
    /// partitions with aborted transactions in their order, each topic partition and [`PartitionTransactions::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.by_id.len());
        for (id, producer) in &self.by_id {
            w.text(id.as_str());
            producer.write(w);
        }
        let aborted = || self.partitions.iter().filter(|(_, partition)| !partition.aborted().is_empty());
        w.count(aborted().count());
        for (at, partition) in aborted() {
            w.topic_partition(*at);
            partition.write(w);
        }
    }

    /// Bytes that [`Transactions::write`] takes, about.
    pub(crate) fn encoded_size_hint(&self) -> usize {
        let aborted: usize = self.partitions.values().map(|partition| partition.aborted().len()).sum();
        self.by_id.len() * 96 + self.partitions.len() * 24 + aborted * PartitionTransactions::ABORTED_BYTES
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut transactions = Self::default();
        let producers = r.list("transactional ids", 53, |r| {
            Ok((TransactionalId::new(r.text("transactional id")?), TransactionalProducer::read(r)?))
        })?;
        let partitions = r.list("partitions with transactions", 24, |r| {
            Ok((r.topic_partition("partition with transactions")?, PartitionTransactions::read(r)?))
        })?;
        transactions.partitions = partitions.into_iter().collect();
        for (id, producer) in producers {
            let twice = transactions.by_producer.insert(producer.producer_id, id.clone()).is_some();
            if twice || transactions.by_id.contains_key(&id) {
                let reason = format!("transactional id '{id}' or its producer id appears twice");
                return Err(DecodeError::Invalid { field: "transactional ids", reason });
            }
            if producer.is_ongoing() {
                transactions.ongoing.insert(producer.producer_id);
            }
            for (at, first_offset) in producer.partitions().filter(|(_, offset)| offset.is_valid()) {
                transactions.partitions.entry(at).or_default().begin(first_offset, producer.producer_id);
            }
            transactions.by_id.insert(id, producer);
        }
        transactions.bytes = transactions.weigh();
        Ok(transactions)
    }
}
