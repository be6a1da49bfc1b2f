//! What a change comes to: one case for each kind of change.

use chronik_types::{ClusterId, MemberId, Offset, ProducerId};

use crate::Rejection;
use crate::cluster::Diverged;
use crate::groups::{GroupError, HeartbeatAnswer, JoinedConsumerGroup, OffsetsExpired};
use crate::partitions::Placed;
use crate::topics::DeletedTopic;
use crate::transactions::{EndedTxn, InitializedProducer, TransactionError, TxnOffsetCommitError};

/// What [`crate::State::apply`] made of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry lies at or before the last one applied: nothing was done.
    AlreadyApplied,
    /// Of [`crate::Change::Append`] and [`crate::Change::AppendTransactional`]: one result for each batch, in their order.
    Appended(Vec<Result<Placed, Rejection>>),
    /// Of [`crate::Change::CreateTopic`].
    TopicCreated(Result<(), Rejection>),
    /// Of [`crate::Change::DeleteTopic`].
    TopicDeleted(Result<DeletedTopic, Rejection>),
    /// Of [`crate::Change::CreatePartitions`]: how many partitions there were before.
    PartitionsCreated(Result<i32, Rejection>),
    /// Of [`crate::Change::AdvanceLogStart`]: the log start that results, one for each partition, in their order.
    LogStartAdvanced(Vec<Result<Offset, Rejection>>),
    /// Of [`crate::Change::AlterConfigs`].
    ConfigsAltered(Result<(), Rejection>),
    /// Of [`crate::Change::AllocateProducerId`].
    ProducerIdAllocated(Result<ProducerId, Rejection>),
    /// Of [`crate::Change::ExpireProducers`]: how many were forgotten, over all partitions.
    ProducersExpired(usize),
    /// Of [`crate::Change::NameCluster`]: the name that the cluster has, which may be that of an earlier entry.
    ClusterNamed(ClusterId),
    /// Of [`crate::Change::CheckHash`]. On an error this gateway must stop.
    HashChecked(Result<(), Diverged>),
    /// Of [`crate::Change::CommitOffsets`].
    OffsetsCommitted(Result<(), GroupError>),
    /// Of [`crate::Change::StoreClassicGroup`].
    ClassicGroupStored(Result<(), GroupError>),
    /// Of [`crate::Change::DeleteOffsets`]: one result for each partition, in their order.
    OffsetsDeleted(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// Of [`crate::Change::DeleteGroup`].
    GroupDeleted(Result<(), GroupError>),
    /// Of [`crate::Change::ExpireOffsets`].
    OffsetsExpired(OffsetsExpired),
    /// Of [`crate::Change::ConsumerGroupHeartbeat`]: what the member is answered.
    ConsumerGroupHeartbeat(Result<HeartbeatAnswer, GroupError>),
    /// Of [`crate::Change::RemoveConsumerMembers`]: for each member who it was, or why it stays, in their order.
    ConsumerMembersRemoved(Result<Vec<Result<MemberId, GroupError>>, GroupError>),
    /// Of [`crate::Change::JoinConsumerGroup`].
    ConsumerGroupJoined(Result<JoinedConsumerGroup, GroupError>),
    /// Of [`crate::Change::InitTransactionalProducer`].
    TransactionalProducerInitialized(Result<InitializedProducer, TransactionError>),
    /// Of [`crate::Change::AddPartitionsToTxn`].
    PartitionsAddedToTxn(Result<(), TransactionError>),
    /// Of [`crate::Change::AddOffsetsToTxn`].
    OffsetsAddedToTxn(Result<(), TransactionError>),
    /// Of [`crate::Change::TxnOffsetCommit`].
    TxnOffsetsCommitted(Result<(), TxnOffsetCommitError>),
    /// Of [`crate::Change::EndTxn`].
    TxnEnded(Result<EndedTxn, TransactionError>),
    /// Of [`crate::Change::ExpireTransactionalIds`]: how many were forgotten.
    TransactionalIdsExpired(usize),
}
