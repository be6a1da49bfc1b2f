//! TxnOffsetCommit (28), versions 0 to 5. KIP-98, KIP-447, KIP-890.
//!
//! Has offsets of a group wait for the end of a transaction. The group has been added before; from version 5 on it joins by
//! this. From version 3 on the member is checked, if the producer names one. Codes, of all partitions or of one: 3, 12, 22,
//! 24, 25, 28, 42, 44, 47, 48 (120 from version 4 on), 49, 82, 15.

use std::sync::Arc;

use chronik_broker::{Committing, CoordinatorError};
use chronik_state::{CommitOffsets, CommittedOffset, GroupError};
use chronik_types::{ErrorCode, GroupId, LeaderEpoch, Offset, TimestampMs, TopicPartition};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use super::group_words::{member, offset_metadata};
use super::transactional::{claim, find};
use super::{Context, Request, Response};

/// The version whose clients know TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 4;
/// The version from which the group joins by this.
const JOINS_SINCE: i16 = 5;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<TxnOffsetCommitRequest>,
) -> Response<TxnOffsetCommitResponse> {
    let Request { mut message, version, .. } = request;
    let topics = std::mem::take(&mut message.topics);
    let mut offsets = Vec::new();
    let max_metadata = context.broker.settings().groups.offset_metadata_max_bytes.as_usize();
    let checked: Vec<Vec<Result<(), ErrorCode>>> = topics
        .iter()
        .map(|topic| {
            let check = |asked| {
                offsets.push(offset(&context, &topic.name, asked, max_metadata)?);
                Ok(())
            };
            topic.partitions.iter().map(check).collect()
        })
        .collect();
    let error = match offsets.is_empty() {
        true => ErrorCode::None,
        false => commit(&context, &message, version, offsets).await.err().unwrap_or(ErrorCode::None),
    };
    let topics: Vec<_> =
        topics.into_iter().zip(checked).map(|(topic, checked)| response(topic, checked, error)).collect();
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    Response::with_errors(TxnOffsetCommitResponse::default().with_topics(topics), errors)
}

async fn commit(
    context: &Context,
    asked: &TxnOffsetCommitRequest,
    version: i16,
    offsets: Vec<(TopicPartition, CommittedOffset)>,
) -> Result<(), ErrorCode> {
    if asked.transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    if asked.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let claim = claim(&asked.transactional_id, asked.producer_id.0, asked.producer_epoch);
    let group_id = GroupId::new(&asked.group_id);
    let committing = Committing {
        who: member(&asked.member_id, asked.group_instance_id.as_ref()),
        generation: asked.generation_id,
        in_transaction: true,
    };
    let committer = context.broker.committer(&group_id, &committing).map_err(|error| match error {
        CoordinatorError::Refused(GroupError::UnknownGroup) => ErrorCode::IllegalGeneration,
        error => error.error_code(),
    })?;
    let commit = CommitOffsets { group_id, committer, offsets };
    let committed = context.broker.txn_offset_commit(claim, version >= JOINS_SINCE, commit).await;
    committed.map_err(|error| match error.error_code() {
        // Producers abort and go on with that; the newer code would end them.
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        // Of a consumer group: producers know generations alone.
        ErrorCode::StaleMemberEpoch => ErrorCode::IllegalGeneration,
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        code => code,
    })
}

fn offset(
    context: &Context,
    topic: &str,
    asked: &TxnOffsetCommitRequestPartition,
    max_metadata: usize,
) -> Result<(TopicPartition, CommittedOffset), ErrorCode> {
    let at = find(&context.broker, topic, asked.partition_index)?;
    let metadata = offset_metadata(asked.committed_metadata.as_ref(), max_metadata)?;
    let offset = CommittedOffset {
        offset: Offset::new(asked.committed_offset),
        leader_epoch: LeaderEpoch::new(asked.committed_leader_epoch),
        metadata,
        // The time of the entry takes its place.
        committed_at: TimestampMs::NONE,
        expires_at: None,
    };
    Ok((at, offset))
}

fn response(
    topic: TxnOffsetCommitRequestTopic,
    checked: Vec<Result<(), ErrorCode>>,
    error: ErrorCode,
) -> TxnOffsetCommitResponseTopic {
    let result = |(asked, checked): (&TxnOffsetCommitRequestPartition, Result<(), ErrorCode>)| {
        TxnOffsetCommitResponsePartition::default()
            .with_partition_index(asked.partition_index)
            .with_error_code(checked.err().unwrap_or(error).code())
    };
    let partitions = topic.partitions.iter().zip(checked).map(result).collect();
    TxnOffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
}
