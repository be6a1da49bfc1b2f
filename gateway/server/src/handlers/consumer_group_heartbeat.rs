//! ConsumerGroupHeartbeat (68), versions 0 to 1. KIP-848, KIP-1082.
//!
//! Joining, staying and leaving of members whose group decides the assignment. Version 0 gives an id to a member that has
//! none. Codes: 15, 16, 25, 35, 42, 69, 81, 82, 110, 111, 112, 128.

use std::sync::Arc;

use chronik_broker::{ConsumerGroupError, ConsumerHeartbeatAnswer};
use chronik_config::RebalanceProtocol;
use chronik_state::{Assignor, ConsumerGroupHeartbeat};
use chronik_types::{ErrorCode, GroupInstanceId, MemberEpoch, MemberId, PartitionIndex, TopicPartition};
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as OwnedPartitions;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use kafka_protocol::protocol::StrBytes;

use super::group_words::{group_id, kept, text};
use super::refused::{Refused, error_fields};
use super::topic_ids::{topic_id_of, uuid_of};
use super::{Context, Request, Response};

/// The first version in which a member makes its id itself (KIP-1082).
const OWN_MEMBER_ID_SINCE: i16 = 1;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ConsumerGroupHeartbeatRequest>,
) -> Response<ConsumerGroupHeartbeatResponse> {
    match heartbeat(&context, request).await {
        Ok(answer) => Response::ok(response(answer)),
        Err(refused) => {
            let (code, message) = error_fields(Some(&refused));
            let message =
                ConsumerGroupHeartbeatResponse::default().with_error_code(code).with_error_message(message);
            Response { message, error: refused.code }
        }
    }
}

async fn heartbeat(
    context: &Context,
    request: Request<ConsumerGroupHeartbeatRequest>,
) -> Result<ConsumerHeartbeatAnswer, Refused> {
    // Made before anything is waited for, so that what waits does not hold the message too.
    let heartbeat = heartbeat_of(context, request)?;
    Ok(context.broker.consumer_heartbeat(heartbeat).await?)
}

fn heartbeat_of(
    context: &Context,
    request: Request<ConsumerGroupHeartbeatRequest>,
) -> Result<Box<ConsumerGroupHeartbeat>, Refused> {
    let settings = context.broker.settings();
    if !settings.groups.rebalance_protocols.contains(&RebalanceProtocol::Consumer) {
        return Err(ErrorCode::UnsupportedVersion.into());
    }
    check(request.version, &request.message)?;
    let Request { message: asked, client_id, connection, .. } = request;
    let offered = settings.groups.consumer_assignors.iter().map(|assignor| assignor.name());
    let assignor = asked.server_assignor.as_deref().map(|name| assignor(name, offered)).transpose()?;
    let group_id = group_id(&asked.group_id);
    Ok(Box::new(ConsumerGroupHeartbeat {
        settings: context.broker.consumer_group_settings(&group_id),
        group_id,
        member_id: member_id(context, &asked.member_id),
        epoch: MemberEpoch::new(asked.member_epoch),
        instance_id: asked.instance_id.as_ref().map(|id| GroupInstanceId::new(id)),
        rack_id: asked.rack_id.as_ref().map(kept),
        rebalance_timeout_ms: Some(asked.rebalance_timeout_ms).filter(|timeout| *timeout != -1),
        subscribed_topics: asked
            .subscribed_topic_names
            .map(|names| names.iter().map(|name| kept(name)).collect()),
        subscribed_regex: asked.subscribed_topic_regex.as_ref().map(kept),
        assignor,
        owned: asked.topic_partitions.map(|owned| owned.iter().flat_map(partitions).collect()),
        client_id: client_id.as_ref().map(kept).unwrap_or_default(),
        // As Java writes an address without a name.
        client_host: format!("/{}", connection.peer.ip()).into(),
        resolved: Vec::new(),
    }))
}

/// What can be seen to be wrong without looking at the group.
fn check(version: i16, asked: &ConsumerGroupHeartbeatRequest) -> Result<(), Refused> {
    let epoch = MemberEpoch::new(asked.member_epoch);
    let is_empty = |text: &Option<StrBytes>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    let has_id = version >= OWN_MEMBER_ID_SINCE || epoch > MemberEpoch::JOIN || epoch == MemberEpoch::LEAVE;
    let rules = [
        (has_id && asked.member_id.trim().is_empty(), "MemberId can't be empty."),
        (asked.group_id.trim().is_empty(), "GroupId can't be empty."),
        (is_empty(&asked.instance_id), "InstanceId can't be empty."),
        (is_empty(&asked.rack_id), "RackId can't be empty."),
    ];
    let joining = [
        (asked.rebalance_timeout_ms == -1, "RebalanceTimeoutMs must be provided in first request."),
        (
            asked.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()),
            "TopicPartitions must be empty when (re-)joining.",
        ),
        (
            asked.subscribed_topic_names.is_none() && asked.subscribed_topic_regex.is_none(),
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
    ];
    let staying = [
        (epoch == MemberEpoch::LEAVE_STATIC && asked.instance_id.is_none(), "InstanceId can't be null."),
        (epoch < MemberEpoch::LEAVE_STATIC, "MemberEpoch is invalid."),
    ];
    let more: &[(bool, &'static str)] = if epoch == MemberEpoch::JOIN { &joining } else { &staying };
    match rules.iter().chain(more).find(|(broken, _)| *broken) {
        Some((_, message)) => Err(Refused::request(*message)),
        None => Ok(()),
    }
}

fn assignor<'a>(name: &str, offered: impl Iterator<Item = &'a str> + Clone) -> Result<Assignor, Refused> {
    match Assignor::named(name).filter(|_| offered.clone().any(|one| one == name)) {
        Some(assignor) => Ok(assignor),
        None => {
            let offered: Vec<&str> = offered.collect();
            let message = format!(
                "ServerAssignor {name} is not supported. Supported assignors: {}.",
                offered.join(", ")
            );
            Err(Refused::new(ErrorCode::UnsupportedAssignor, message))
        }
    }
}

fn member_id(context: &Context, id: &StrBytes) -> MemberId {
    // One that joins without an id gets one; ids of topics are as random.
    if id.is_empty() { MemberId::new(&context.broker.new_topic_id().to_string()) } else { MemberId::new(id) }
}

fn partitions(owned: &OwnedPartitions) -> impl Iterator<Item = TopicPartition> + '_ {
    let id = topic_id_of(owned.topic_id);
    owned.partitions.iter().map(move |index| TopicPartition::new(id, PartitionIndex::new(*index)))
}

fn response(answer: ConsumerHeartbeatAnswer) -> ConsumerGroupHeartbeatResponse {
    let interval = i32::try_from(answer.heartbeat_interval.as_millis()).unwrap_or(i32::MAX);
    ConsumerGroupHeartbeatResponse::default()
        .with_member_id(Some(text(answer.member_id.as_str())))
        .with_member_epoch(answer.member_epoch.get())
        .with_heartbeat_interval_ms(interval)
        .with_assignment(answer.assignment.map(assignment))
}

/// Partitions come in their order.
fn assignment(partitions: Vec<TopicPartition>) -> Assignment {
    let topics = partitions.chunk_by(|one, next| one.topic_id == next.topic_id).filter_map(|partitions| {
        let topic = partitions.first()?.topic_id;
        let indexes = partitions.iter().map(|at| at.partition.get()).collect();
        Some(TopicPartitions::default().with_topic_id(uuid_of(topic)).with_partitions(indexes))
    });
    Assignment::default().with_topic_partitions(topics.collect())
}

impl From<ConsumerGroupError> for Refused {
    fn from(error: ConsumerGroupError) -> Self {
        Self::new(error.error_code(), error.to_string())
    }
}
