//! The rules: what each change of a transaction does, or why it does nothing.
//!
//! They are those of Kafka's `TransactionCoordinator`, with one difference: what Kafka spreads over the coordinator's log,
//! a wait and a marker for each partition happens here at once.

use chronik_types::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TopicPartition};

use super::{
    AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, Claim, EndTxn, EndedBy, EndedTxn,
    InitTransactionalProducer, InitializedProducer, Marker, PlacedMarker, TransactionError, TransactionState,
    TransactionalProducer, Transactions, TxnOffsetCommit, TxnOffsetCommitError,
};
use crate::Rejection;
use crate::partitions::{AppendedBatch, Placed};
use crate::producers::ProducerBatch;
use crate::state::State;

/// What ending a transaction comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It has ended already, just so.
    Answered,
    /// It ends, and the producer keeps its epoch.
    Keeps,
    /// It ends, and the producer gets the next epoch.
    Bumps,
    /// It ends, and the producer is not told its next epoch.
    Fences,
}

impl Transactions {
    fn claimed(&self, claim: &Claim) -> Result<&TransactionalProducer, TransactionError> {
        let producer = self.get(claim.transactional_id.as_str());
        let producer = producer.ok_or_else(|| TransactionError::UnknownTransactionalId {
            transactional_id: claim.transactional_id.clone(),
        })?;
        Ok(producer)
    }

    /// The producer of a claim that is right.
    fn checked(&self, claim: &Claim) -> Result<&TransactionalProducer, TransactionError> {
        let producer = self.claimed(claim)?;
        producer.check_producer(claim.producer_id, claim.producer_epoch)?;
        Ok(producer)
    }

    /// Lets something join the open transaction of a producer, or begins one.
    fn join(&mut self, id: &str, time: TimestampMs, add: impl FnOnce(&mut TransactionalProducer)) {
        let Some(producer) = self.by_id.get_mut(id) else { return };
        if !producer.is_ongoing() {
            producer.state = TransactionState::Ongoing;
            producer.started_at = time;
            // Whoever goes on from here has had the answers to what he asked before.
            producer.previous_producer_id = ProducerId::NONE;
            self.ongoing.insert(producer.producer_id);
        }
        producer.touch(time);
        self.bytes -= producer.included_bytes();
        add(producer);
        self.bytes += producer.included_bytes();
    }

    /// A batch of a transaction was appended.
    fn appended(
        &mut self,
        append: &AppendTransactional,
        time: TimestampMs,
        at: TopicPartition,
        offset: Offset,
    ) {
        let mut began = None;
        self.join(append.transactional_id.as_str(), time, |producer| {
            let first_offset = producer.partitions.entry(at).or_insert(Offset::NONE);
            if !first_offset.is_valid() {
                *first_offset = offset;
                began = Some(producer.producer_id);
            }
        });
        if let Some(producer_id) = began {
            self.partitions.entry(at).or_default().begin(offset, producer_id);
        }
    }

    /// Gives the producer of a transactional id another id or epoch.
    fn rename(&mut self, id: &str, producer_id: ProducerId, epoch: ProducerEpoch) {
        let Some((id, _)) = self.by_id.get_key_value(id) else { return };
        let id = id.clone();
        let Some(producer) = self.by_id.get_mut(&id) else { return };
        producer.epoch = epoch;
        if producer_id != producer.producer_id {
            producer.previous_producer_id = producer.producer_id;
            self.by_producer.remove(&producer.producer_id);
            producer.producer_id = producer_id;
            self.by_producer.insert(producer_id, id);
        }
    }
}

impl State {
    pub(crate) fn init_transactional_producer(
        &mut self,
        time: TimestampMs,
        init: &InitTransactionalProducer,
    ) -> Result<InitializedProducer, TransactionError> {
        let id = init.transactional_id.as_str();
        let Some(producer) = self.transactions.get(id) else {
            return self.first_transactional_producer(time, init);
        };
        if let Some((producer_id, epoch)) = init.expected
            && (producer_id, epoch) != (producer.producer_id, producer.epoch)
        {
            if !producer.is_retry(producer_id, epoch) {
                return Err(producer.fenced(producer_id, epoch));
            }
            let (producer_id, producer_epoch) = (producer.producer_id, producer.epoch);
            return Ok(InitializedProducer {
                producer_id,
                producer_epoch,
                aborted: false,
                markers: Vec::new(),
            });
        }
        let aborted = producer.is_ongoing();
        let marker = init.marker.filter(|marker| fits(*marker, producer, producer.fencing_epoch()));
        if aborted && marker.is_none() {
            return Err(TransactionError::MovedOn);
        }
        let (producer_id, producer_epoch) = self.next_identity(id)?;
        let markers = match marker {
            Some(marker) if aborted => self.close(id, TransactionState::CompleteAbort, marker, time),
            _ => Vec::new(),
        };
        self.transactions.rename(id, producer_id, producer_epoch);
        if let Some(producer) = self.transactions.by_id.get_mut(id) {
            producer.last_epoch = init.expected.map_or(ProducerEpoch::NONE, |(_, epoch)| epoch);
            producer.state = TransactionState::Empty;
            producer.started_at = TimestampMs::NONE;
            producer.timeout_ms = init.timeout_ms;
            producer.touch(time);
        }
        Ok(InitializedProducer { producer_id, producer_epoch, aborted, markers })
    }

    fn first_transactional_producer(
        &mut self,
        time: TimestampMs,
        init: &InitTransactionalProducer,
    ) -> Result<InitializedProducer, TransactionError> {
        let limit = init.max_transactional_ids;
        let known = self.transactions.iter().len();
        if u64::try_from(known).unwrap_or(u64::MAX) >= u64::from(limit) {
            return Err(TransactionError::TooManyTransactionalIds { limit });
        }
        let producer_id = self.producer_ids.allocate().map_err(|_| TransactionError::ProducerIdsExhausted)?;
        let producer = TransactionalProducer::new(producer_id, init.timeout_ms, time);
        let producer_epoch = producer.epoch;
        self.transactions.insert(&init.transactional_id, producer);
        Ok(InitializedProducer { producer_id, producer_epoch, aborted: false, markers: Vec::new() })
    }

    pub(crate) fn add_partitions_to_txn(
        &mut self,
        time: TimestampMs,
        add: &AddPartitionsToTxn,
    ) -> Result<(), TransactionError> {
        let producer = self.transactions.checked(&add.claim)?;
        let is_unknown = |at: &TopicPartition| self.partition(*at).is_none();
        let unknown: Vec<_> = add.partitions.iter().copied().filter(is_unknown).collect();
        if !unknown.is_empty() {
            return Err(TransactionError::UnknownPartitions { unknown });
        }
        let new = add.partitions.iter().filter(|at| !producer.includes(**at)).count();
        check_room(producer, new, add.max_partitions)?;
        self.transactions.join(add.claim.transactional_id.as_str(), time, |producer| {
            for at in &add.partitions {
                producer.partitions.entry(*at).or_insert(Offset::NONE);
            }
        });
        Ok(())
    }

    pub(crate) fn add_offsets_to_txn(
        &mut self,
        time: TimestampMs,
        add: &AddOffsetsToTxn,
    ) -> Result<(), TransactionError> {
        let producer = self.transactions.checked(&add.claim)?;
        if !producer.groups.contains(&add.group_id) {
            check_room(producer, 1, add.max_partitions)?;
        }
        self.transactions.join(add.claim.transactional_id.as_str(), time, |producer| {
            producer.include_group(&add.group_id);
        });
        Ok(())
    }

    pub(crate) fn txn_offset_commit(
        &mut self,
        time: TimestampMs,
        commit: &TxnOffsetCommit,
    ) -> Result<(), TxnOffsetCommitError> {
        let producer = self.transactions.checked(&commit.claim)?;
        let group_id = &commit.commit.group_id;
        let joins = !producer.groups.contains(group_id);
        if joins {
            if !commit.joins {
                return Err(TransactionError::NotInTransaction.into());
            }
            check_room(producer, 1, commit.max_partitions)?;
        }
        self.groups.commit_in_transaction(time, &self.topics, commit.claim.producer_id, &commit.commit)?;
        self.transactions.join(commit.claim.transactional_id.as_str(), time, |producer| {
            if joins {
                producer.include_group(group_id);
            }
        });
        Ok(())
    }

    pub(crate) fn end_txn(&mut self, time: TimestampMs, end: &EndTxn) -> Result<EndedTxn, TransactionError> {
        let id = end.claim.transactional_id.as_str();
        let producer = self.transactions.claimed(&end.claim)?;
        let was_open = producer.is_ongoing();
        let ending = ending(producer, end, time)?;
        let (was, epoch) = (producer.producer_id, producer.epoch);
        let (producer_id, producer_epoch) = match ending {
            Ending::Answered => {
                let markers = Vec::new();
                return Ok(EndedTxn { producer_id: was, producer_epoch: epoch, was_open: false, markers });
            }
            Ending::Keeps => (was, epoch),
            Ending::Bumps | Ending::Fences => {
                if !fits(end.marker, producer, producer.fencing_epoch()) {
                    return Err(TransactionError::MovedOn);
                }
                self.next_identity(id)?
            }
        };
        let state =
            if end.committed { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
        let markers = self.close(id, state, end.marker, time);
        self.transactions.rename(id, producer_id, producer_epoch);
        if let Some(producer) = self.transactions.by_id.get_mut(id) {
            match ending {
                Ending::Bumps => producer.last_epoch = epoch,
                Ending::Fences => producer.last_epoch = ProducerEpoch::NONE,
                Ending::Answered | Ending::Keeps => {}
            }
            producer.touch(time);
        }
        Ok(EndedTxn { producer_id, producer_epoch, was_open, markers })
    }

    /// What the producer of a transactional id is from now on: the next epoch, or another id when there is none.
    fn next_identity(&mut self, id: &str) -> Result<(ProducerId, ProducerEpoch), TransactionError> {
        let known = self.transactions.get(id);
        match known.and_then(|producer| Some((producer.producer_id, producer.epoch.next()?))) {
            Some(next) => Ok(next),
            None => {
                let id = self.producer_ids.allocate().map_err(|_| TransactionError::ProducerIdsExhausted)?;
                Ok((id, ProducerEpoch::ZERO))
            }
        }
    }

    /// Ends what is open: every partition gets the marker, every group its offsets or nothing.
    fn close(
        &mut self,
        id: &str,
        state: TransactionState,
        marker: Marker,
        time: TimestampMs,
    ) -> Vec<PlacedMarker> {
        let transactions = &mut self.transactions;
        let Some(producer) = transactions.by_id.get_mut(id) else { return Vec::new() };
        let producer_id = producer.producer_id;
        producer.state = state;
        transactions.bytes -= producer.included_bytes();
        let partitions = std::mem::take(&mut producer.partitions);
        let groups = std::mem::take(&mut producer.groups);
        producer.group_bytes = 0;
        transactions.ongoing.remove(&producer_id);
        let committed = state == TransactionState::CompleteCommit;
        for group in &groups {
            self.groups.end_transaction(group, producer_id, committed);
        }
        let mut markers = Vec::with_capacity(partitions.len());
        for (at, first_offset) in partitions {
            let placed = self.topics.partition_mut(at).ok().and_then(|partition| {
                Some((
                    partition.end_transaction(producer_id, marker.producer_epoch, time)?,
                    partition.leader_epoch(),
                ))
            });
            let (mut aborted, mut first_unstable) = (None, None);
            if let Some(open) = transactions.partitions.get_mut(&at) {
                if first_offset.is_valid() {
                    let last_offset = placed.map_or(first_offset, |(offset, _)| offset);
                    aborted = open.end(producer_id, first_offset, last_offset, committed);
                }
                first_unstable = open.first_unstable();
                if open.is_empty() {
                    transactions.partitions.remove(&at);
                }
            }
            if let Some((offset, leader_epoch)) = placed {
                markers.push(PlacedMarker { at, offset, leader_epoch, aborted, first_unstable });
            }
        }
        markers
    }

    /// Appends a batch of a producer that has no transaction, or not for this.
    pub(crate) fn append(&mut self, time: TimestampMs, batch: &AppendedBatch) -> Result<Placed, Rejection> {
        if let Some(producer) = batch.producer
            && self.transactions.first_offset(producer.producer_id, batch.at).is_some()
        {
            return Err(Rejection::NotTransactional { producer_id: producer.producer_id });
        }
        self.topics.partition_mut(batch.at)?.append(time, batch)
    }

    pub(crate) fn append_transactional(
        &mut self,
        time: TimestampMs,
        append: &AppendTransactional,
        batch: &AppendedBatch,
    ) -> Result<Placed, Rejection> {
        let Some(sent_by) = batch.producer else {
            return Err(Rejection::InvalidBatch {
                reason: "it belongs to a transaction and has no producer",
            });
        };
        let partition = self.topics.partition_mut(batch.at)?;
        let claim = Claim {
            transactional_id: append.transactional_id.clone(),
            producer_id: sent_by.producer_id,
            producer_epoch: sent_by.producer_epoch,
        };
        let producer = self.transactions.checked(&claim)?;
        if !producer.includes(batch.at) {
            if !append.joins {
                return Err(TransactionError::NotInTransaction.into());
            }
            check_room(producer, 1, append.max_partitions)?;
            // Each transaction has an epoch of its own, in which a batch before this one would have joined (KIP-890).
            if sent_by.base_sequence.get() != 0 && !partition.knows_producer(sent_by.producer_id) {
                return Err(out_of_order(sent_by));
            }
        }
        let placed = partition.append(time, batch)?;
        if placed.duplicate_of.is_none() {
            self.transactions.appended(append, time, batch.at, placed.base_offset);
        }
        Ok(placed)
    }
}

/// What a request to end a transaction comes to. The table for bumping producers stands in Kafka's coordinator.
fn ending(
    producer: &TransactionalProducer,
    end: &EndTxn,
    time: TimestampMs,
) -> Result<Ending, TransactionError> {
    use TransactionState::{CompleteAbort, CompleteCommit, Empty, Ongoing};

    let Claim { producer_id, producer_epoch, .. } = end.claim;
    let state = producer.state;
    let is_complete = matches!(state, CompleteCommit | CompleteAbort);
    let ended_so = state == if end.committed { CompleteCommit } else { CompleteAbort };
    let invalid = Err(TransactionError::InvalidState { state });
    if end.ended_by == EndedBy::ProducerWithBump
        && is_complete
        && producer.is_retry(producer_id, producer_epoch)
    {
        return if ended_so { Ok(Ending::Answered) } else { invalid };
    }
    producer.check_producer(producer_id, producer_epoch)?;
    match (end.ended_by, state) {
        (EndedBy::Producer, Ongoing) => {
            if fits(end.marker, producer, producer.epoch) {
                Ok(Ending::Keeps)
            } else {
                Err(TransactionError::MovedOn)
            }
        }
        (EndedBy::Producer, CompleteCommit | CompleteAbort) if ended_so => Ok(Ending::Answered),
        (EndedBy::Producer, Empty | CompleteCommit | CompleteAbort) => invalid,
        (EndedBy::ProducerWithBump, Ongoing) => Ok(Ending::Bumps),
        // Nothing was begun: its abort is as good as any, a commit would have lost records.
        (EndedBy::ProducerWithBump, Empty | CompleteCommit | CompleteAbort) => {
            if end.committed {
                invalid
            } else {
                Ok(Ending::Bumps)
            }
        }
        (EndedBy::Timeout, Ongoing) if !end.committed && producer.is_overdue(time) => Ok(Ending::Fences),
        (EndedBy::Operator, Ongoing) if !end.committed => Ok(Ending::Fences),
        (EndedBy::Timeout | EndedBy::Operator, _) => invalid,
    }
}

/// Whether a marker was made for the producer as it is, with that epoch.
fn fits(marker: Marker, producer: &TransactionalProducer, epoch: ProducerEpoch) -> bool {
    marker.producer_id == producer.producer_id && marker.producer_epoch == epoch
}

/// The refusal of a batch before which others have to come.
const fn out_of_order(batch: ProducerBatch) -> Rejection {
    Rejection::OutOfOrderSequence {
        producer_id: batch.producer_id,
        epoch: batch.producer_epoch,
        base_sequence: batch.base_sequence,
        last_epoch: ProducerEpoch::NONE,
        last_sequence: Sequence::NONE,
    }
}

fn check_room(producer: &TransactionalProducer, new: usize, limit: u32) -> Result<(), TransactionError> {
    let wanted = producer.partitions.len() + producer.groups.len() + new;
    if new > 0 && u64::try_from(wanted).unwrap_or(u64::MAX) > u64::from(limit) {
        return Err(TransactionError::TooManyPartitions { limit });
    }
    Ok(())
}
