//! OffsetFetch (9), versions 1 to 9. KIP-88, KIP-320, KIP-447, KIP-709, KIP-848.
//!
//! From version 8 on of many groups at once. Without topics all offsets of a group are answered. A partition without a
//! committed offset gets -1; so does every one of a group that is not there. With `require_stable`, a partition whose offset
//! waits for the end of a transaction gets UNSTABLE_OFFSET_COMMIT. A member of a consumer group that names itself has to be
//! in its epoch: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_broker::Broker;
use chronik_state::{CommittedOffset, Group, GroupError, State};
use chronik_types::{ErrorCode, MemberEpoch, PartitionIndex, TopicPartition};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Context, Request, Response, wire_topic_name};

/// The first version with many groups (KIP-709).
const MANY_SINCE: i16 = 8;
/// The first version with leader epochs (KIP-320).
const LEADER_EPOCH_SINCE: i16 = 5;
/// The first version with an error for the whole group.
const ERROR_SINCE: i16 = 2;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<OffsetFetchRequest>,
) -> Response<OffsetFetchResponse> {
    let Request { message: asked, version, .. } = request;
    let stable = asked.require_stable;
    if version >= MANY_SINCE {
        let groups: Vec<_> =
            asked.groups.into_iter().map(|group| fetch(&context.broker, group, stable)).collect();
        let errors: Vec<i16> = groups.iter().flat_map(errors).collect();
        return Response::with_errors(OffsetFetchResponse::default().with_groups(groups), errors);
    }
    let topics = asked.topics.map(|topics| {
        let topics = topics.into_iter();
        let topic = |topic: kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        };
        topics.map(topic).collect()
    });
    let group = OffsetFetchRequestGroup::default().with_group_id(asked.group_id).with_topics(topics);
    let group = fetch(&context.broker, group, stable);
    let errors: Vec<i16> = errors(&group).collect();
    Response::with_errors(single(version, group), errors)
}

fn errors(group: &OffsetFetchResponseGroup) -> impl Iterator<Item = i16> {
    let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    std::iter::once(group.error_code).chain(partitions.map(|one| one.error_code))
}

/// The answer as versions before 8 have it.
fn single(version: i16, group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let partition = |one: OffsetFetchResponsePartitions| {
        let epoch = if version >= LEADER_EPOCH_SINCE { one.committed_leader_epoch } else { -1 };
        OffsetFetchResponsePartition::default()
            .with_partition_index(one.partition_index)
            .with_committed_offset(one.committed_offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(one.metadata)
            .with_error_code(one.error_code)
    };
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(partition).collect();
        OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    let error = if version >= ERROR_SINCE { group.error_code } else { 0 };
    OffsetFetchResponse::default().with_topics(topics.collect()).with_error_code(error)
}

fn fetch(broker: &Broker, asked: OffsetFetchRequestGroup, stable: bool) -> OffsetFetchResponseGroup {
    let OffsetFetchRequestGroup { group_id, topics, member_id, member_epoch, .. } = asked;
    let fetched = broker.state(|state| {
        let group = state.group(&group_id);
        // Whoever names neither a member nor an epoch is an operator, or a client of an early version.
        if let Some(group) = group.filter(|_| member_id.is_some() || member_epoch >= 0) {
            group.check_fetch(&member_id.unwrap_or_default(), MemberEpoch::new(member_epoch))?;
        }
        Ok(match topics {
            Some(topics) => topics.into_iter().map(|topic| fetch_some(state, group, topic, stable)).collect(),
            None => group.map(|group| fetch_all(state, group, stable)).unwrap_or_default(),
        })
    });
    let answer = OffsetFetchResponseGroup::default().with_group_id(group_id);
    match fetched {
        Ok(topics) => answer.with_topics(topics),
        Err(refusal) => answer.with_error_code(GroupError::error_code(&refusal).code()),
    }
}

fn fetch_some(
    state: &State,
    group: Option<&Group>,
    asked: OffsetFetchRequestTopics,
    stable: bool,
) -> OffsetFetchResponseTopics {
    let topic_id = state.topic(&asked.name).map(chronik_state::Topic::id);
    let partition = |index: i32| {
        let at = topic_id.map(|id| TopicPartition::new(id, PartitionIndex::new(index)));
        let unstable = stable && group.zip(at).is_some_and(|(group, at)| group.offsets().is_unstable(at));
        let offset = group.zip(at).and_then(|(group, at)| group.offsets().get(at));
        described(index, offset, unstable)
    };
    let partitions = asked.partition_indexes.into_iter().map(partition).collect();
    OffsetFetchResponseTopics::default().with_name(asked.name).with_partitions(partitions)
}

fn fetch_all(state: &State, group: &Group, stable: bool) -> Vec<OffsetFetchResponseTopics> {
    let mut by_topic: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (at, offset) in group.offsets().iter() {
        let unstable = stable && group.offsets().is_unstable(at);
        by_topic.entry(at.topic_id).or_default().push(described(at.partition.get(), Some(offset), unstable));
    }
    let topic = |(id, partitions)| {
        let name = wire_topic_name(state.topic_by_id(id)?.name());
        Some(OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions))
    };
    by_topic.into_iter().filter_map(topic).collect()
}

fn described(index: i32, offset: Option<&CommittedOffset>, unstable: bool) -> OffsetFetchResponsePartitions {
    let partition = OffsetFetchResponsePartitions::default()
        .with_partition_index(index)
        .with_committed_offset(-1)
        .with_committed_leader_epoch(-1)
        .with_metadata(Some(StrBytes::default()));
    match offset {
        _ if unstable => partition.with_error_code(ErrorCode::UnstableOffsetCommit.code()),
        None => partition,
        Some(offset) => partition
            .with_committed_offset(offset.offset.get())
            .with_committed_leader_epoch(offset.leader_epoch.get())
            .with_metadata(Some(super::group_words::text(&offset.metadata))),
    }
}
