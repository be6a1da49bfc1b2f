//! Committed offsets: OffsetCommit, OffsetFetch, TxnOffsetCommit.

use chronik_types::ErrorCode;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetFetchRequest, TxnOffsetCommitRequest};
use kafka_protocol::protocol::StrBytes;

use super::topic::{key, partition};
use super::{Link, Standing, Topic, code};
use crate::checker::Key;
use crate::stage::Over;

const OFFSET_COMMIT_VERSION: i16 = 9;
const OFFSET_FETCH_VERSION: i16 = 9;

/// A committed offset; its metadata is the number of the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) key: Key,
    pub(crate) offset: i64,
    pub(crate) metadata: String,
}

/// Who asks for offsets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Committer<'a> {
    /// Not as a member.
    Anyone,
    /// A member of a group of the consumer protocol.
    Member(&'a Standing),
}

pub(super) fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Commits offsets once; no answer is `None`.
pub(crate) fn commit_offsets(
    link: &mut Link<'_>,
    group: &str,
    standing: &Standing,
    topic: &Topic,
    offsets: &[Committed],
) -> Result<Option<ErrorCode>, Over> {
    let request = commit_request(group, standing, topic, offsets);
    let Some(answer) = link.call(OFFSET_COMMIT_VERSION, &request)? else { return Ok(None) };
    let mut codes =
        answer.topics.iter().flat_map(|topic| &topic.partitions).map(|found| code(found.error_code));
    Ok(Some(codes.find(|code| *code != ErrorCode::None).unwrap_or(ErrorCode::None)))
}

/// Commits offsets, and goes away without the answer.
pub(crate) fn commit_offsets_and_die(
    link: &mut Link<'_>,
    group: &str,
    standing: &Standing,
    topic: &Topic,
    offsets: &[Committed],
) -> Result<(), Over> {
    link.send_and_die(OFFSET_COMMIT_VERSION, &commit_request(group, standing, topic, offsets))
}

fn commit_request(
    group: &str,
    standing: &Standing,
    topic: &Topic,
    offsets: &[Committed],
) -> OffsetCommitRequest {
    let partitions = offsets.iter().map(|committed| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(partition(committed.key))
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(Some(text(&committed.metadata)))
    });
    let asked = OffsetCommitRequestTopic::default()
        .with_name(topic.wire_name())
        .with_partitions(partitions.collect());
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(standing.generation)
        .with_member_id(text(&standing.member_id))
        .with_group_instance_id(standing.instance.as_deref().map(text))
        .with_topics(vec![asked])
}

/// The committed offsets of all partitions, once no transaction that may change them is open. `Err` holds the code of a
/// group that refuses the member.
pub(crate) fn fetch_offsets(
    link: &mut Link<'_>,
    group: &str,
    committer: Committer<'_>,
    topic: &Topic,
) -> Result<Result<Vec<Committed>, ErrorCode>, Over> {
    let asked = OffsetFetchRequestTopics::default()
        .with_name(topic.wire_name())
        .with_partition_indexes(topic.keys().map(partition).collect());
    let mut by_group =
        OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(Some(vec![asked]));
    (by_group.member_id, by_group.member_epoch) = match committer {
        Committer::Anyone => (None, -1),
        Committer::Member(standing) => (Some(text(&standing.member_id)), standing.generation),
    };
    let request = OffsetFetchRequest::default().with_groups(vec![by_group]).with_require_stable(true);
    let stage = link.stage;
    stage.patiently("OffsetFetch", || {
        let Some(answer) = link.call(OFFSET_FETCH_VERSION, &request)? else { return Ok(None) };
        let Some(group) = answer.groups.first() else {
            stage.problem(format!("{}: OffsetFetch without the group", link.who));
            return Ok(None);
        };
        match code(group.error_code) {
            ErrorCode::None => {}
            later if later.is_retriable() => return Ok(None),
            refused => return Ok(Some(Err(refused))),
        }
        let mut offsets = Vec::new();
        for found in group.topics.iter().flat_map(|topic| &topic.partitions) {
            match code(found.error_code) {
                ErrorCode::None => offsets.push(Committed {
                    key: key(found.partition_index),
                    offset: found.committed_offset,
                    metadata: found.metadata.as_deref().unwrap_or_default().to_owned(),
                }),
                later if later.is_retriable() => return Ok(None),
                refused => return Ok(Some(Err(refused))),
            }
        }
        if offsets.len() != topic.keys().count() {
            stage.problem(format!("{}: OffsetFetch told {} partitions", link.who, offsets.len()));
        }
        Ok(Some(Ok(offsets)))
    })
}

/// A TxnOffsetCommit, without the producer.
pub(super) fn txn_commit_request(
    group: &str,
    standing: &Standing,
    topic: &Topic,
    offsets: &[Committed],
) -> TxnOffsetCommitRequest {
    let partitions = offsets.iter().map(|committed| {
        TxnOffsetCommitRequestPartition::default()
            .with_partition_index(partition(committed.key))
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(Some(text(&committed.metadata)))
    });
    let asked = TxnOffsetCommitRequestTopic::default()
        .with_name(topic.wire_name())
        .with_partitions(partitions.collect());
    TxnOffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(standing.generation)
        .with_member_id(text(&standing.member_id))
        .with_group_instance_id(standing.instance.as_deref().map(text))
        .with_topics(vec![asked])
}
