//! ConsumerGroupDescribe (69), versions 0 to 1. KIP-848, KIP-430, KIP-1099.
//!
//! Members with what they have and what they should have; version 1 tells which of them speak the classic protocol. What
//! a member has still to give up is among what it has. A group that is named twice is described once. Codes:
//! INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, UNSUPPORTED_VERSION.

use std::sync::Arc;

use chronik_config::RebalanceProtocol;
use chronik_state::{ConsumerGroup, ConsumerMember, GroupError, State};
use chronik_types::{ErrorCode, MemberId, TopicName, TopicPartition};
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, Member, TopicPartitions,
};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId as WireGroupId,
    TopicName as WireTopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::group_words::{describe_once, text};
use super::topic_ids::uuid_of;
use super::{Context, Request, Response, operations, wire_topic_name};

/// The first version that tells the protocols of members (KIP-1099).
const MEMBER_TYPE_SINCE: i16 = 1;
/// A member that speaks the classic protocol.
const CLASSIC: i8 = 0;
/// A member that speaks the consumer protocol.
const CONSUMER: i8 = 1;
/// Of versions that do not tell.
const NOT_TOLD: i8 = -1;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ConsumerGroupDescribeRequest>,
) -> Response<ConsumerGroupDescribeResponse> {
    let ConsumerGroupDescribeRequest { group_ids, include_authorized_operations, .. } = request.message;
    let operations = operations::if_asked(include_authorized_operations, operations::GROUP);
    let settings = context.broker.settings();
    let is_spoken = settings.groups.rebalance_protocols.contains(&RebalanceProtocol::Consumer);
    let default = settings.groups.consumer_assignors.first().map_or("uniform", |assignor| assignor.name());
    let describe = |id: WireGroupId| {
        if !is_spoken {
            return refused(ErrorCode::UnsupportedVersion, None).with_group_id(id);
        }
        if id.is_empty() {
            return refused(ErrorCode::InvalidGroupId, None).with_group_id(id);
        }
        // Each under a lock of its own: a group may be large.
        let described = context.broker.state(|state| {
            let group = state.group(&id).ok_or_else(|| format!("Group {} not found.", id.as_str()))?;
            let not_one = || format!("Group {} is not a consumer group.", id.as_str());
            Ok(described(state, group.consumer().ok_or_else(not_one)?, request.version, default))
        });
        let group = match described {
            Ok(group) => group.with_authorized_operations(operations),
            Err(message) => refused(GroupError::UnknownGroup.error_code(), Some(message)),
        };
        group.with_group_id(id)
    };
    let groups = describe_once(group_ids, describe).await;
    let errors: Vec<i16> = groups.iter().map(|group| group.error_code).collect();
    Response::with_errors(ConsumerGroupDescribeResponse::default().with_groups(groups), errors)
}

fn refused(code: ErrorCode, message: Option<String>) -> DescribedGroup {
    DescribedGroup::default()
        .with_error_code(code.code())
        .with_error_message(message.map(StrBytes::from_string))
        .with_authorized_operations(operations::NOT_ASKED)
}

fn described(state: &State, group: &ConsumerGroup, version: i16, default: &'static str) -> DescribedGroup {
    let assignor = group.preferred_assignor().map_or(default, chronik_state::Assignor::name);
    let members =
        group.members().iter().map(|(id, member)| described_member(state, group, id, member, version));
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state().name()))
        .with_group_epoch(group.epoch().get())
        .with_assignment_epoch(group.assignment_epoch().get())
        .with_assignor_name(StrBytes::from_static_str(assignor))
        .with_members(members.collect())
}

fn described_member(
    state: &State,
    group: &ConsumerGroup,
    id: &MemberId,
    member: &ConsumerMember,
    version: i16,
) -> Member {
    let kind = if member.classic.is_some() { CLASSIC } else { CONSUMER };
    let mut owned: Vec<TopicPartition> =
        member.assigned.keys().chain(member.pending_revocation.keys()).copied().collect();
    owned.sort_unstable();
    let topics = member.subscribed_topics.iter().map(|topic| WireTopicName(text(topic)));
    Member::default()
        .with_member_id(text(id.as_str()))
        .with_instance_id(member.instance_id.as_ref().map(|id| text(id.as_str())))
        .with_rack_id(member.rack_id.as_deref().map(text))
        .with_member_epoch(member.epoch.get())
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.client_host))
        .with_subscribed_topic_names(topics.collect())
        .with_subscribed_topic_regex(Some(text(&member.subscribed_regex)))
        .with_assignment(assignment(state, &owned))
        .with_target_assignment(assignment(state, &group.target(id).collect::<Vec<_>>()))
        .with_member_type(if version >= MEMBER_TYPE_SINCE { kind } else { NOT_TOLD })
}

/// Partitions of topics that exist; they come in their order.
fn assignment(state: &State, partitions: &[TopicPartition]) -> Assignment {
    let topics = partitions.chunk_by(|one, next| one.topic_id == next.topic_id).filter_map(|partitions| {
        let id = partitions.first()?.topic_id;
        let name: &TopicName = state.topic_by_id(id)?.name();
        let indexes = partitions.iter().map(|at| at.partition.get()).collect();
        let topic =
            TopicPartitions::default().with_topic_id(uuid_of(id)).with_topic_name(wire_topic_name(name));
        Some(topic.with_partitions(indexes))
    });
    Assignment::default().with_topic_partitions(topics.collect())
}
