//! OffsetFetch (9), versions 1 to 9. KIP-88, KIP-320, KIP-447, KIP-709, KIP-848.
//!
//! From version 8 on of many groups at once. Without topics all offsets of a group are answered. A partition without a
//! committed offset gets -1; so does every one of a group that is not there. With `require_stable`, a partition whose offset
//! waits for the end of a transaction gets UNSTABLE_OFFSET_COMMIT. A member of a consumer group that names itself has to be
//! in its epoch: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH.
//!
//! Each partition of a group is answered once, however often it is named, and an answer has a limit: a small request must
//! not make a large one. Beyond it a group gets INVALID_REQUEST. The state is locked for some partitions at a time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chronik_broker::Broker;
use chronik_state::{CommittedOffset, Group, GroupError, State};
use chronik_types::{ErrorCode, MemberEpoch, PartitionIndex, TopicPartition};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    GroupId as WireGroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName as WireTopicName,
};
use kafka_protocol::protocol::StrBytes;
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response, wire_topic_name};

/// The first version with many groups (KIP-709).
const MANY_SINCE: i16 = 8;
/// The first version with leader epochs (KIP-320).
const LEADER_EPOCH_SINCE: i16 = 5;
/// The first version with an error for the whole group.
const ERROR_SINCE: i16 = 2;

/// The most that an answer may take, as [`Answering`] counts it: offsets of half a million partitions, or 16,000 with the
/// longest metadata that is usual.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// So many partitions are looked up in one go.
const AT_ONCE: usize = 1024;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<OffsetFetchRequest>,
) -> Response<OffsetFetchResponse> {
    let Request { message: asked, version, .. } = request;
    let mut answering = Answering {
        broker: &context.broker,
        stable: asked.require_stable,
        room: MAX_ANSWER_BYTES,
        seen: HashMap::new(),
    };
    if version >= MANY_SINCE {
        let mut groups = Vec::new();
        for group in asked.groups {
            groups.extend(answering.group(group).await);
        }
        let errors: Vec<i16> = groups.iter().flat_map(errors).collect();
        return Response::with_errors(OffsetFetchResponse::default().with_groups(groups), errors);
    }
    let topics: Option<Vec<_>> = asked.topics.map(|topics| {
        let topics = topics.into_iter();
        let topic = |topic: kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        };
        topics.map(topic).collect()
    });
    let named = topics.clone().filter(|_| version < ERROR_SINCE).unwrap_or_default();
    let group = OffsetFetchRequestGroup::default().with_group_id(asked.group_id).with_topics(topics);
    let mut group = answering.group(group).await.unwrap_or_default();
    if group.error_code != 0 {
        // Where the group has no place for it, each partition says so.
        group.topics = named.into_iter().map(|topic| refused(topic, group.error_code)).collect();
    }
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

/// What a request has been answered so far.
#[derive(Debug)]
struct Answering<'a> {
    broker: &'a Broker,
    stable: bool,
    /// Bytes that are left of [`MAX_ANSWER_BYTES`].
    room: usize,
    /// The partitions that are in the answer, or would be; without a topic, a group of which everything was asked.
    seen: HashMap<(WireGroupId, Option<WireTopicName>), HashSet<i32>>,
}

impl Answering<'_> {
    /// The answer about a group; none when it says nothing that was not said before.
    async fn group(&mut self, asked: OffsetFetchRequestGroup) -> Option<OffsetFetchResponseGroup> {
        consume_budget().await;
        let OffsetFetchRequestGroup { group_id, topics, member_id, member_epoch, .. } = asked;
        let checked = self.broker.state(|state| {
            // Whoever names neither a member nor an epoch is an operator, or a client of an early version.
            let names_member = member_id.is_some() || member_epoch >= 0;
            state.group(&group_id).filter(|_| names_member).map_or(Ok(()), |group| {
                group.check_fetch(&member_id.unwrap_or_default(), MemberEpoch::new(member_epoch))
            })
        });
        let answered = match (checked.map_err(|refusal| GroupError::error_code(&refusal)), topics) {
            (Err(code), _) => self.take::<OffsetFetchResponseGroup>(group_id.len()).and(Err(code)),
            (Ok(()), None) if !self.is_new((group_id.clone(), None)) => return None,
            (Ok(()), None) => {
                let topics = self.broker.state(|state| committed(state, state.group(&group_id)));
                self.topics(&group_id, topics, true).await
            }
            (Ok(()), Some(topics)) => {
                let asks_nothing = topics.is_empty();
                let answered = self.topics(&group_id, topics, false).await;
                if !asks_nothing && answered.as_ref().is_ok_and(Vec::is_empty) {
                    return None;
                }
                answered
            }
        };
        let answer = OffsetFetchResponseGroup::default().with_group_id(group_id);
        Some(match answered {
            Ok(topics) => answer.with_topics(topics),
            Err(code) => answer.with_error_code(code.code()),
        })
    }

    /// The answer about topics of a group: what was not asked before.
    async fn topics(
        &mut self,
        group_id: &WireGroupId,
        asked: Vec<OffsetFetchRequestTopics>,
        committed_only: bool,
    ) -> Result<Vec<OffsetFetchResponseTopics>, ErrorCode> {
        self.take::<OffsetFetchResponseGroup>(group_id.len())?;
        let mut topics = Vec::new();
        for OffsetFetchRequestTopics { name, partition_indexes, .. } in asked {
            consume_budget().await;
            let is_new = committed_only || self.is_new((group_id.clone(), Some(name.clone())));
            let mut partitions = Vec::new();
            for indexes in partition_indexes.chunks(AT_ONCE) {
                consume_budget().await;
                let indexes =
                    if committed_only { indexes.to_vec() } else { self.not_seen(group_id, &name, indexes) };
                for partition in self.fetch(group_id, &name, &indexes, committed_only) {
                    let metadata = partition.metadata.as_ref().map_or(0, |metadata| metadata.len());
                    self.take::<OffsetFetchResponsePartitions>(metadata)?;
                    partitions.push(partition);
                }
            }
            if !partitions.is_empty() || (is_new && partition_indexes.is_empty()) {
                self.take::<OffsetFetchResponseTopics>(name.len())?;
                topics.push(OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions));
            }
        }
        Ok(topics)
    }

    fn fetch(
        &self,
        group_id: &WireGroupId,
        topic: &WireTopicName,
        indexes: &[i32],
        committed_only: bool,
    ) -> Vec<OffsetFetchResponsePartitions> {
        self.broker.state(|state| {
            let topic_id = state.topic(topic).map(chronik_state::Topic::id);
            let group = state.group(group_id);
            let partition = |index: &i32| {
                let at = topic_id.map(|id| TopicPartition::new(id, PartitionIndex::new(*index)));
                let at = group.zip(at);
                let offset = at.and_then(|(group, at)| group.offsets().get(at));
                let unstable = self.stable && at.is_some_and(|(group, at)| group.offsets().is_unstable(at));
                (offset.is_some() || !committed_only).then(|| described(*index, offset, unstable))
            };
            indexes.iter().filter_map(partition).collect()
        })
    }

    fn is_new(&mut self, key: (WireGroupId, Option<WireTopicName>)) -> bool {
        match self.seen.entry(key) {
            Entry::Vacant(place) => {
                place.insert(HashSet::new());
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Those of the partitions that are not in the answer.
    fn not_seen(&mut self, group_id: &WireGroupId, topic: &WireTopicName, indexes: &[i32]) -> Vec<i32> {
        let seen = self.seen.entry((group_id.clone(), Some(topic.clone()))).or_default();
        indexes.iter().copied().filter(|index| seen.insert(*index)).collect()
    }

    /// Takes the room for a `T` and what it points to.
    fn take<T>(&mut self, more: usize) -> Result<(), ErrorCode> {
        let left = self.room.checked_sub(size_of::<T>().saturating_add(more));
        self.room = left.ok_or(ErrorCode::InvalidRequest)?;
        Ok(())
    }
}

/// Everything that a group has committed offsets for.
fn committed(state: &State, group: Option<&Group>) -> Vec<OffsetFetchRequestTopics> {
    let mut topics: Vec<OffsetFetchRequestTopics> = Vec::new();
    let mut last = None;
    for (at, _) in group.into_iter().flat_map(|group| group.offsets().iter()) {
        if last != Some(at.topic_id) {
            let Some(topic) = state.topic_by_id(at.topic_id) else { continue };
            topics.push(OffsetFetchRequestTopics::default().with_name(wire_topic_name(topic.name())));
            last = Some(at.topic_id);
        }
        if let Some(topic) = topics.last_mut() {
            topic.partition_indexes.push(at.partition.get());
        }
    }
    topics
}

fn refused(topic: OffsetFetchRequestTopics, code: i16) -> OffsetFetchResponseTopics {
    let partition = |index| described(index, None, false).with_error_code(code);
    let partitions = topic.partition_indexes.into_iter().map(partition).collect();
    OffsetFetchResponseTopics::default().with_name(topic.name).with_partitions(partitions)
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
