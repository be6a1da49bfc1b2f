//! Transactions: who may do what when, and what becomes of it.

mod bytes;
mod ends;
mod late;
mod producers;
mod readers;

use chronik_state::{
    AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, AppendedBatch, Change, Claim, CommitOffsets,
    CommittedOffset, Committer, EndTxn, EndedBy, EndedTxn, InitTransactionalProducer, InitializedProducer,
    Marker, Outcome, Placed, ProducerBatch, Rejection, TransactionError, TxnOffsetCommit,
    TxnOffsetCommitError,
};
use chronik_types::{
    GroupId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TransactionalId,
};

use crate::support::{Life, at, batch};

/// How long transactions may take.
const TIMEOUT_MS: i32 = 500;

/// What producers ask, in short.
impl Life {
    fn init(&mut self, id: &str) -> Claim {
        self.try_init(id, None).unwrap().1
    }

    /// As the broker does it: with the marker that aborts what is open.
    fn try_init(
        &mut self,
        id: &str,
        expected: Option<&Claim>,
    ) -> Result<(InitializedProducer, Claim), TransactionError> {
        let marker = self.state.transactional_producer(id).map(|producer| Marker {
            producer_id: producer.producer_id(),
            producer_epoch: producer.fencing_epoch(),
            length: 78,
        });
        let init = InitTransactionalProducer {
            transactional_id: TransactionalId::new(id),
            timeout_ms: TIMEOUT_MS,
            expected: expected.map(|claim| (claim.producer_id, claim.producer_epoch)),
            marker,
            max_transactional_ids: 100,
        };
        let got = self.init_with(init)?;
        let claim = claim(id, got.producer_id.get(), got.producer_epoch.get());
        Ok((got, claim))
    }

    fn init_with(
        &mut self,
        init: InitTransactionalProducer,
    ) -> Result<InitializedProducer, TransactionError> {
        match self.apply(Change::InitTransactionalProducer(init)) {
            Outcome::TransactionalProducerInitialized(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn add(&mut self, claim: &Claim, partitions: &[i32]) -> Result<(), TransactionError> {
        let partitions = partitions.iter().map(|index| at(*index)).collect();
        let add = AddPartitionsToTxn { claim: claim.clone(), partitions, max_partitions: 3 };
        match self.apply(Change::AddPartitionsToTxn(add)) {
            Outcome::PartitionsAddedToTxn(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn add_group(&mut self, claim: &Claim, group: &str) -> Result<(), TransactionError> {
        let add = AddOffsetsToTxn { claim: claim.clone(), group_id: GroupId::new(group), max_partitions: 3 };
        match self.apply(Change::AddOffsetsToTxn(add)) {
            Outcome::OffsetsAddedToTxn(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn commit_offset(&mut self, claim: &Claim, joins: bool, offset: i64) -> Result<(), TxnOffsetCommitError> {
        let committed = CommittedOffset {
            offset: Offset::new(offset),
            leader_epoch: LeaderEpoch::NONE,
            metadata: "".into(),
            committed_at: TimestampMs::NONE,
            expires_at: None,
        };
        let commit = CommitOffsets {
            group_id: GroupId::new("g"),
            committer: Committer::Anyone,
            offsets: vec![(at(0), committed)],
        };
        let commit = TxnOffsetCommit { claim: claim.clone(), joins, max_partitions: 3, commit };
        match self.apply(Change::TxnOffsetCommit(commit)) {
            Outcome::TxnOffsetsCommitted(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn committed_offset(&self) -> Option<i64> {
        let group = self.state.group("g")?;
        group.offsets().get(at(0)).map(|committed| committed.offset.get())
    }

    /// One record in a transaction; `joins` as Produce 12 does it.
    fn produce(
        &mut self,
        claim: &Claim,
        joins: bool,
        partition: i32,
        sequence: i32,
    ) -> Result<Placed, Rejection> {
        self.produce_as(claim.transactional_id.as_str(), joins, sent_by(claim, partition, sequence))
    }

    fn produce_as(&mut self, id: &str, joins: bool, batch: AppendedBatch) -> Result<Placed, Rejection> {
        let append = AppendTransactional {
            transactional_id: TransactionalId::new(id),
            joins,
            max_partitions: 3,
            batches: vec![batch],
        };
        match self.apply(Change::AppendTransactional(append)) {
            Outcome::Appended(mut results) if results.len() == 1 => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn end(
        &mut self,
        claim: &Claim,
        ended_by: EndedBy,
        committed: bool,
    ) -> Result<EndedTxn, TransactionError> {
        self.end_at(1_000, claim, ended_by, committed)
    }

    fn end_at(
        &mut self,
        time: i64,
        claim: &Claim,
        ended_by: EndedBy,
        committed: bool,
    ) -> Result<EndedTxn, TransactionError> {
        let bump = i16::from(ended_by != EndedBy::Producer);
        let marker = Marker {
            producer_id: claim.producer_id,
            producer_epoch: ProducerEpoch::new(claim.producer_epoch.get().saturating_add(bump)),
            length: 78,
        };
        let end = EndTxn { claim: claim.clone(), ended_by, committed, marker };
        match self.apply_at(TimestampMs::new(time), Change::EndTxn(end)) {
            Outcome::TxnEnded(result) => result,
            other => panic!("{other:?}"),
        }
    }

    /// Commits as EndTxn 4 does.
    fn commit(&mut self, claim: &Claim) {
        assert!(self.end(claim, EndedBy::Producer, true).unwrap().was_open);
    }

    /// Ends as EndTxn 5 does, and goes on with the next epoch.
    fn bump(&mut self, claim: &Claim, committed: bool) -> Claim {
        let ended = self.end(claim, EndedBy::ProducerWithBump, committed).unwrap();
        self::claim(claim.transactional_id.as_str(), ended.producer_id.get(), ended.producer_epoch.get())
    }

    fn state_name(&self, id: &str) -> &'static str {
        self.state.transactional_producer(id).unwrap().state().name()
    }

    /// The first unstable offset of a partition.
    fn unstable(&self, partition: i32) -> Option<i64> {
        self.state.partition_transactions(at(partition))?.first_unstable().map(Offset::get)
    }

    /// Producer, first and last offset of what was aborted in a partition.
    fn aborted(&self, partition: i32) -> Vec<(i64, i64, i64)> {
        let transactions = self.state.partition_transactions(at(partition));
        let aborted = transactions.map(chronik_state::PartitionTransactions::aborted).unwrap_or_default();
        aborted
            .iter()
            .map(|aborted| (aborted.producer_id.get(), aborted.first_offset.get(), aborted.last_offset.get()))
            .collect()
    }
}

fn claim(id: &str, producer_id: i64, epoch: i16) -> Claim {
    Claim {
        transactional_id: TransactionalId::new(id),
        producer_id: ProducerId::new(producer_id),
        producer_epoch: ProducerEpoch::new(epoch),
    }
}

fn sent_by(claim: &Claim, partition: i32, sequence: i32) -> AppendedBatch {
    let producer = ProducerBatch {
        producer_id: claim.producer_id,
        producer_epoch: claim.producer_epoch,
        base_sequence: Sequence::new(sequence),
    };
    AppendedBatch { producer: Some(producer), ..batch(partition, 1) }
}

fn codes<T, E: Into<TxnOffsetCommitError>>(result: Result<T, E>) -> i16 {
    match result.map_err(Into::into) {
        Ok(_) => 0,
        Err(TxnOffsetCommitError::Transaction(error)) => error.error_code().code(),
        Err(TxnOffsetCommitError::Group(error)) => error.error_code().code(),
    }
}
