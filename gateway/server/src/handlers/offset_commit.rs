//! OffsetCommit (8), versions 2 to 9. KIP-211, KIP-320, KIP-345, KIP-848.
//!
//! Commits of many groups share a commit of the journal. A client that is no member can commit for a group without
//! members, which is made if need be. Codes, for all partitions: 15, 16, 22, 25, 27, 35, 44, 69 (22 before version 9), 82, 113; for
//! one: UNKNOWN_TOPIC_OR_PARTITION, OFFSET_METADATA_TOO_LARGE. INVALID_COMMIT_OFFSET_SIZE when the offsets of all groups take
//! as much memory as they may.

use std::sync::Arc;

use chronik_broker::{Committing, CoordinatorError};
use chronik_state::{CommittedOffset, GroupError};
use chronik_types::{ErrorCode, GroupId, LeaderEpoch, Offset, PartitionIndex, TimestampMs, TopicPartition};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::group_words::{group_id, member, offset_metadata};
use super::{Context, Request, Response};

/// The first version that knows that there is no such group (KIP-848).
const UNKNOWN_GROUP_SINCE: i16 = 9;
/// The first version in which members of consumer groups can commit (KIP-848).
const MEMBER_EPOCH_SINCE: i16 = 9;
/// The first version with leader epochs (KIP-320).
const LEADER_EPOCH_SINCE: i16 = 6;
/// The versions in which clients say how long offsets are kept.
const RETENTION: std::ops::RangeInclusive<i16> = 2..=4;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<OffsetCommitRequest>,
) -> Response<OffsetCommitResponse> {
    let Request { message: asked, version, .. } = request;
    let expires_at = expiry(&context, version, asked.retention_time_ms);
    let mut offsets = Vec::new();
    // Of each partition: refused here, or what becomes of the commit.
    let planned: Vec<Vec<Result<(), ErrorCode>>> = asked
        .topics
        .iter()
        .map(|topic| plan_topic(&context, version, topic, expires_at, &mut offsets))
        .collect();
    let committing = Committing {
        who: member(&asked.member_id, asked.group_instance_id.as_ref()),
        generation: asked.generation_id_or_member_epoch,
        in_transaction: false,
    };
    let committed = if planned.iter().flatten().all(|plan| *plan == Err(ErrorCode::UnknownTopicOrPartition)) {
        // Then Kafka does not look at the group, either.
        Ok(())
    } else {
        commit(&context, version, group_id(&asked.group_id), &committing, offsets).await
    };
    let topics: Vec<_> =
        asked.topics.into_iter().zip(planned).map(|(topic, plans)| answer(topic, plans, committed)).collect();
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code).collect();
    Response::with_errors(OffsetCommitResponse::default().with_topics(topics), errors)
}

async fn commit(
    context: &Context,
    version: i16,
    group_id: GroupId,
    committing: &Committing,
    offsets: Vec<(TopicPartition, CommittedOffset)>,
) -> Result<(), ErrorCode> {
    let member_id = committing.who.member_id.as_str();
    if version < MEMBER_EPOCH_SINCE && context.broker.speaks_consumer_protocol(&group_id, member_id) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let committed = context.broker.commit_offsets(group_id, committing, offsets).await;
    committed.map_err(|error| code(&error, version))
}

fn expiry(context: &Context, version: i16, retention_ms: i64) -> Option<TimestampMs> {
    let says = RETENTION.contains(&version) && retention_ms != -1;
    says.then(|| TimestampMs::new(context.broker.now().get().saturating_add(retention_ms)))
}

fn plan_topic(
    context: &Context,
    version: i16,
    asked: &OffsetCommitRequestTopic,
    expires_at: Option<TimestampMs>,
    offsets: &mut Vec<(TopicPartition, CommittedOffset)>,
) -> Vec<Result<(), ErrorCode>> {
    let topic = context.broker.topic(&asked.name);
    let max = context.broker.settings().groups.offset_metadata_max_bytes.as_usize();
    let plan = |one: &OffsetCommitRequestPartition| {
        let index = PartitionIndex::new(one.partition_index);
        let partition = topic.as_ref().and_then(|topic| topic.partition(index));
        let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let metadata = offset_metadata(one.committed_metadata.as_ref(), max)?;
        let leader_epoch = if version >= LEADER_EPOCH_SINCE && one.committed_leader_epoch >= 0 {
            LeaderEpoch::new(one.committed_leader_epoch)
        } else {
            LeaderEpoch::NONE
        };
        let offset = CommittedOffset {
            offset: Offset::new(one.committed_offset),
            leader_epoch,
            metadata,
            // The entry has the time.
            committed_at: TimestampMs::NONE,
            expires_at,
        };
        offsets.push((partition.topic_partition(), offset));
        Ok(())
    };
    asked.partitions.iter().map(plan).collect()
}

fn code(error: &CoordinatorError, version: i16) -> ErrorCode {
    match error {
        CoordinatorError::Refused(GroupError::UnknownGroup) if version < UNKNOWN_GROUP_SINCE => {
            ErrorCode::IllegalGeneration
        }
        error => error.error_code(),
    }
}

fn answer(
    asked: OffsetCommitRequestTopic,
    plans: Vec<Result<(), ErrorCode>>,
    committed: Result<(), ErrorCode>,
) -> OffsetCommitResponseTopic {
    let partitions = asked.partitions.into_iter().zip(plans).map(|(one, plan)| {
        // What concerns the whole group goes before what concerns one offset of it, but for unknown partitions.
        let error = match (plan, committed) {
            (Err(ErrorCode::UnknownTopicOrPartition), _) => ErrorCode::UnknownTopicOrPartition,
            (_, Err(error)) | (Err(error), Ok(())) => error,
            (Ok(()), Ok(())) => ErrorCode::None,
        };
        OffsetCommitResponsePartition::default()
            .with_partition_index(one.partition_index)
            .with_error_code(error.code())
    });
    let partitions = partitions.collect();
    OffsetCommitResponseTopic::default().with_name(asked.name).with_partitions(partitions)
}
