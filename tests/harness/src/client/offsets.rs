//! Committed offsets.

use chronik_types::ErrorCode;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest};

use super::{Coded, code, first_refusal, group_id, missing, text, topic_name};
use crate::{ClientError, Connection};

const OFFSET_COMMIT_VERSION: i16 = 9;
const OFFSET_FETCH_VERSION: i16 = 9;

/// As whom a member commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Empty for nobody.
    pub member_id: String,
    /// Generation, or -1 for nobody.
    pub generation_id: i32,
    /// Instance of a static member.
    pub group_instance_id: Option<String>,
}

impl Standing {
    /// Not a member: commits of a group that nobody is in.
    #[must_use]
    pub fn nobody() -> Self {
        Self { member_id: String::new(), generation_id: -1, group_instance_id: None }
    }
}

/// Commits offsets of partitions of a topic.
///
/// # Errors
/// When no answer comes.
pub fn commit_offsets(
    connection: &mut Connection,
    group: &str,
    standing: &Standing,
    topic: &str,
    offsets: &[(i32, i64)],
) -> Result<ErrorCode, ClientError> {
    let request = commit_request(group, standing, topic, offsets);
    let answer = connection.call(OFFSET_COMMIT_VERSION, &request)?;
    let found = answer.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(first_refusal(found.map(|found| found.error_code)))
}

/// The request of [`commit_offsets`], version 9.
#[must_use]
pub fn commit_request(
    group: &str,
    standing: &Standing,
    topic: &str,
    offsets: &[(i32, i64)],
) -> OffsetCommitRequest {
    let partitions = offsets.iter().map(|(partition, offset)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*partition)
            .with_committed_offset(*offset)
            .with_committed_leader_epoch(-1)
    });
    let asked = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(partitions.collect());
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(standing.generation_id)
        .with_member_id(text(&standing.member_id))
        .with_group_instance_id(standing.group_instance_id.as_deref().map(text))
        .with_topics(vec![asked])
}

impl Coded for (ErrorCode, i64) {
    fn error_code(&self) -> ErrorCode {
        self.0
    }
}

/// The committed offset of a partition, -1 when there is none. `require_stable` refuses while a transaction may change it.
///
/// # Errors
/// When no answer comes.
pub fn fetch_offset(
    connection: &mut Connection,
    group: &str,
    topic: &str,
    partition: i32,
    require_stable: bool,
) -> Result<(ErrorCode, i64), ClientError> {
    let asked = OffsetFetchRequestTopics::default()
        .with_name(topic_name(topic))
        .with_partition_indexes(vec![partition]);
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_member_epoch(-1)
        .with_topics(Some(vec![asked]));
    let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(require_stable);
    let answer = connection.call(OFFSET_FETCH_VERSION, &request)?;
    let found = answer.groups.first().ok_or_else(|| missing("the group"))?;
    if found.error_code != 0 {
        return Ok((code(found.error_code), -1));
    }
    let found = found.topics.iter().flat_map(|topic| &topic.partitions).next();
    let found = found.ok_or_else(|| missing("the partition"))?;
    Ok((code(found.error_code), found.committed_offset))
}
