//! Transactions: what the handlers ask for, each proposed as one entry and done when it has been applied.
//!
//! The state decides. What is made here is the control batch that ends a transaction, because the state knows no bytes:
//! when it was made for a moment that has passed, it is made anew. Nothing is refused from what this gateway has applied so
//! far, because another gateway may have applied more.

use std::time::Duration;

use chronik_backend::{AppendClass, AppendError};
use chronik_state::{
    AddOffsetsToTxn, AddPartitionsToTxn, Change, Claim, CommitOffsets, EndTxn, EndedBy, EndedTxn, Entry,
    GroupError, InitTransactionalProducer, InitializedProducer, Marker, Outcome, TransactionError,
    TxnOffsetCommit, TxnOffsetCommitError,
};
use chronik_types::{
    ErrorCode, GroupId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs, TopicPartition,
    TransactionalId,
};
use chronik_wire::batch::{ControlType, EndTxnMarker};

use crate::{Broker, ChangeError};

/// The epoch of the coordinator in every marker. There is one coordinator, the journal, and it is never replaced.
const COORDINATOR_EPOCH: i32 = 0;

/// How often a marker is made anew before the client is told to come again.
const ATTEMPTS: usize = 8;

/// Why a transaction was not changed. The texts may be sent to clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionChangeError {
    /// The transaction does not allow it.
    #[error(transparent)]
    Refused(#[from] TransactionError),
    /// The group does not.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// All transactional ids take as much memory as they may.
    #[error("all transactions take as much memory as this gateway gives them")]
    TransactionsFull,
    /// The names and offsets of all groups take as much memory as they may.
    #[error("the offsets of all groups take as much memory as this gateway gives them")]
    OffsetsFull,
    /// The entry could not be proposed, or the gateway stops.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl TransactionChangeError {
    /// What a client is told that knows the newest codes.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.error_code(),
            Self::Group(error) => error.error_code(),
            // As for a transaction, or transactional ids, beyond their number.
            Self::TransactionsFull => ErrorCode::PolicyViolation,
            Self::OffsetsFull => ErrorCode::InvalidCommitOffsetSize,
            Self::Change(ChangeError::Rejected(rejection)) => rejection.error_code(),
            Self::Change(ChangeError::Storage(AppendError::TooLarge { .. })) => ErrorCode::UnknownServerError,
            // Retriable, and it makes producers look for their coordinator again.
            Self::Change(ChangeError::Storage(_) | ChangeError::Stopped) => {
                ErrorCode::CoordinatorNotAvailable
            }
        }
    }
}

impl From<TxnOffsetCommitError> for TransactionChangeError {
    fn from(error: TxnOffsetCommitError) -> Self {
        match error {
            TxnOffsetCommitError::Transaction(error) => error.into(),
            TxnOffsetCommitError::Group(error) => error.into(),
        }
    }
}

/// What producers ask for.
impl Broker {
    /// Gives a transactional producer its id and epoch, by which all before it are fenced; what they left open is aborted.
    ///
    /// # Errors
    /// [`TransactionChangeError`].
    pub async fn init_transactional_producer(
        &self,
        transactional_id: TransactionalId,
        timeout_ms: i32,
        expected: Option<(ProducerId, ProducerEpoch)>,
    ) -> Result<InitializedProducer, TransactionChangeError> {
        if !self.has_room_for_transactional_id(&transactional_id) {
            return Err(TransactionChangeError::TransactionsFull);
        }
        let mut init = InitTransactionalProducer {
            transactional_id,
            timeout_ms,
            expected,
            marker: None,
            max_transactional_ids: self.settings().transactions.max_transactional_ids,
        };
        for _ in 0..ATTEMPTS {
            let open = self.state(|state| {
                let producer = state.transactional_producer(init.transactional_id.as_str());
                let open = producer.filter(|producer| producer.is_ongoing());
                open.map(|producer| (producer.producer_id(), producer.fencing_epoch()))
            });
            let now = self.core.clock.now();
            let (marker, data) = open.map(|(id, epoch)| marker(id, epoch, false, now)).unzip();
            init.marker = marker;
            let class = if data.is_some() { AppendClass::Control } else { AppendClass::Data };
            let change = Change::InitTransactionalProducer(init.clone());
            match self.propose_with(now, change, data.into_iter().collect(), class).await? {
                Outcome::TransactionalProducerInitialized(Err(TransactionError::MovedOn)) => {}
                Outcome::TransactionalProducerInitialized(result) => return Ok(result?),
                _ => return Err(ChangeError::Stopped.into()),
            }
        }
        Err(TransactionError::MovedOn.into())
    }

    /// Adds partitions to the open transaction of a producer, or begins one with them.
    ///
    /// # Errors
    /// [`TransactionChangeError`]; nothing was added then.
    pub async fn add_partitions_to_txn(
        &self,
        claim: Claim,
        partitions: Vec<TopicPartition>,
    ) -> Result<(), TransactionChangeError> {
        if !self.has_room_for_partitions(&claim.transactional_id, partitions.iter().copied()) {
            return Err(TransactionChangeError::TransactionsFull);
        }
        let max_partitions = self.settings().transactions.max_partitions;
        let change = Change::AddPartitionsToTxn(AddPartitionsToTxn { claim, partitions, max_partitions });
        match self.propose_now(change).await? {
            Outcome::PartitionsAddedToTxn(result) => Ok(result?),
            _ => Err(ChangeError::Stopped.into()),
        }
    }

    /// Adds the offsets of a group to the open transaction of a producer, or begins one with them.
    ///
    /// # Errors
    /// [`TransactionChangeError`].
    pub async fn add_offsets_to_txn(
        &self,
        claim: Claim,
        group_id: GroupId,
    ) -> Result<(), TransactionChangeError> {
        if !self.has_room_for_group_of(&claim.transactional_id, &group_id) {
            return Err(TransactionChangeError::TransactionsFull);
        }
        let max_partitions = self.settings().transactions.max_partitions;
        let change = Change::AddOffsetsToTxn(AddOffsetsToTxn { claim, group_id, max_partitions });
        match self.propose_now(change).await? {
            Outcome::OffsetsAddedToTxn(result) => Ok(result?),
            _ => Err(ChangeError::Stopped.into()),
        }
    }

    /// Has offsets wait for the end of the open transaction. With `joins` their group need not have been added before.
    ///
    /// # Errors
    /// [`TransactionChangeError`].
    pub async fn txn_offset_commit(
        &self,
        claim: Claim,
        joins: bool,
        commit: CommitOffsets,
    ) -> Result<(), TransactionChangeError> {
        if joins && !self.has_room_for_group_of(&claim.transactional_id, &commit.group_id) {
            return Err(TransactionChangeError::TransactionsFull);
        }
        let _proposed = self.room_for_offsets(&commit, true).ok_or(TransactionChangeError::OffsetsFull)?;
        let max_partitions = self.settings().transactions.max_partitions;
        let change = Change::TxnOffsetCommit(TxnOffsetCommit { claim, joins, max_partitions, commit });
        match self.propose_now(change).await? {
            Outcome::TxnOffsetsCommitted(result) => Ok(result?),
            _ => Err(ChangeError::Stopped.into()),
        }
    }

    /// Ends the open transaction of a producer. When this returns its records can be seen, or never will be.
    ///
    /// # Errors
    /// [`TransactionChangeError`].
    pub async fn end_txn(
        &self,
        claim: Claim,
        ended_by: EndedBy,
        committed: bool,
    ) -> Result<EndedTxn, TransactionChangeError> {
        let Claim { producer_id, producer_epoch: epoch, .. } = claim;
        let epoch = match ended_by {
            EndedBy::Producer => epoch,
            EndedBy::ProducerWithBump | EndedBy::Timeout | EndedBy::Operator => {
                ProducerEpoch::new(epoch.get().saturating_add(1))
            }
        };
        let now = self.core.clock.now();
        let (marker, data) = marker(producer_id, epoch, committed, now);
        let change = Change::EndTxn(EndTxn { claim, ended_by, committed, marker });
        match self.propose_with(now, change, vec![data], AppendClass::Control).await? {
            Outcome::TxnEnded(result) => Ok(result?),
            _ => Err(ChangeError::Stopped.into()),
        }
    }
}

/// What happens without a producer.
impl Broker {
    /// Aborts the transactions that have taken longer than they may; returns how many. Runs by itself every
    /// `abort_check_interval`.
    ///
    /// # Errors
    /// When storage does not take a change.
    pub async fn run_transaction_timeouts(&self) -> Result<usize, ChangeError> {
        let now = self.core.clock.now();
        let overdue: Vec<Claim> = self.state(|state| {
            let overdue = state.ongoing_transactions().filter(|(_, producer)| producer.is_overdue(now));
            overdue
                .map(|(id, producer)| Claim {
                    transactional_id: id.clone(),
                    producer_id: producer.producer_id(),
                    producer_epoch: producer.epoch(),
                })
                .collect()
        });
        let mut aborted = 0;
        for claim in overdue {
            let transactional_id = claim.transactional_id.clone();
            match self.end_txn(claim, EndedBy::Timeout, false).await {
                Ok(_) => {
                    tracing::info!(%transactional_id, "a transaction was aborted, because its timeout has passed");
                    aborted += 1;
                }
                Err(TransactionChangeError::Change(error)) => return Err(error),
                // It ended in time after all.
                Err(
                    TransactionChangeError::Refused(_)
                    | TransactionChangeError::Group(_)
                    | TransactionChangeError::OffsetsFull
                    | TransactionChangeError::TransactionsFull,
                ) => {}
            }
        }
        Ok(aborted)
    }

    /// Forgets transactional ids that nobody has used for `id_expiration`; returns how many. Runs by itself every
    /// `expiration_check_interval`.
    ///
    /// # Errors
    /// When storage does not take the change.
    pub async fn run_transactional_id_expiry(&self) -> Result<usize, ChangeError> {
        let age: Duration = self.settings().transactions.id_expiration;
        let idle_before = self.core.clock.now().saturating_sub(age);
        let is_idle = self.state(|state| {
            let mut producers = state.transactional_producers();
            producers.any(|(_, producer)| !producer.is_ongoing() && producer.updated_at() < idle_before)
        });
        if !is_idle {
            return Ok(0);
        }
        match self.propose(Change::ExpireTransactionalIds { idle_before }).await? {
            Outcome::TransactionalIdsExpired(count) => Ok(count),
            _ => Err(ChangeError::Stopped),
        }
    }

    async fn propose_now(&self, change: Change) -> Result<Outcome, ChangeError> {
        self.propose_with(self.core.clock.now(), change, Vec::new(), AppendClass::Data).await
    }

    async fn propose_with(
        &self,
        now: TimestampMs,
        change: Change,
        data: Vec<bytes::Bytes>,
        class: AppendClass,
    ) -> Result<Outcome, ChangeError> {
        let reply = self.append(&Entry::new(now, change), data, class, None)?;
        Ok(reply.await.map_err(|_| ChangeError::Stopped)??)
    }
}

/// The control batch that ends a transaction, and its description.
fn marker(
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    committed: bool,
    now: TimestampMs,
) -> (Marker, bytes::Bytes) {
    let control_type = if committed { ControlType::Commit } else { ControlType::Abort };
    let marker = EndTxnMarker { control_type, coordinator_epoch: COORDINATOR_EPOCH };
    let bytes = marker
        .build(Offset::ZERO, LeaderEpoch::ZERO, producer_id, producer_epoch, now)
        // One record of a few bytes is never too large; without bytes the entry ends nothing.
        .unwrap_or_default();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    (Marker { producer_id, producer_epoch, length }, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_code() {
        let table: [(TransactionChangeError, ErrorCode); 7] = [
            (TransactionChangeError::TransactionsFull, ErrorCode::PolicyViolation),
            (TransactionChangeError::OffsetsFull, ErrorCode::InvalidCommitOffsetSize),
            (TransactionError::NotInTransaction.into(), ErrorCode::TransactionAbortable),
            (GroupError::UnknownMember.into(), ErrorCode::UnknownMemberId),
            (ChangeError::Stopped.into(), ErrorCode::CoordinatorNotAvailable),
            (
                ChangeError::from(AppendError::Full { detail: String::new() }).into(),
                ErrorCode::CoordinatorNotAvailable,
            ),
            (
                ChangeError::from(AppendError::TooLarge { size: 2, limit: 1 }).into(),
                ErrorCode::UnknownServerError,
            ),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code(), code, "{error}");
        }
    }
}
