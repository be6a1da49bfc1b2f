//! Consumer groups: their coordinator, the classic protocol, KIP-848's, their offsets, and what operators ask about them.

use kafka_protocol::messages::{
    consumer_group_describe_request as consumer_group_describe,
    consumer_group_heartbeat_request as consumer_group_heartbeat, consumer_protocol_assignment,
    consumer_protocol_subscription, delete_groups_request as delete_groups,
    describe_groups_request as describe_groups, find_coordinator_request as find_coordinator,
    heartbeat_request as heartbeat, join_group_request as join_group, leave_group_request as leave_group,
    list_groups_request as list_groups, offset_commit_request as offset_commit,
    offset_delete_request as offset_delete, offset_fetch_request as offset_fetch,
    sync_group_request as sync_group,
};

use kafka_protocol::messages::{
    delete_groups_response, leave_group_response, offset_commit_response, offset_delete_response,
    offset_fetch_response,
};

use super::{ENTRY_COST, answered_with};
use crate::wellformed::shape::Kind::{Array, Bool, Bytes, Int8, Int32, Int64, String, Struct, Uuid};
use crate::wellformed::shape::{Shape, field};

shape!(OFFSET_COMMIT = offset_commit::OffsetCommitRequest {
    field("group_id", String),
    field("generation_id_or_member_epoch", Int32),
    field("member_id", String),
    field("group_instance_id", String).since(7).nullable_since(7),
    field("retention_time_ms", Int64).until(4),
    field("topics", Array(&Struct(&OFFSET_COMMIT_TOPIC))),
});
shape!(OFFSET_COMMIT_TOPIC = offset_commit::OffsetCommitRequestTopic {
    field("name", String),
    field("partitions", Array(&Struct(&OFFSET_COMMIT_PARTITION)))
        .costing(ENTRY_COST + answered_with::<offset_commit_response::OffsetCommitResponsePartition>()),
});
shape!(OFFSET_COMMIT_PARTITION = offset_commit::OffsetCommitRequestPartition {
    field("partition_index", Int32),
    field("committed_offset", Int64),
    field("committed_leader_epoch", Int32).since(6),
    field("committed_metadata", String).nullable_since(0),
});

shape!(OFFSET_FETCH = offset_fetch::OffsetFetchRequest {
    field("group_id", String).until(7),
    field("topics", Array(&Struct(&OFFSET_FETCH_TOPIC))).until(7).nullable_since(2),
    field("groups", Array(&Struct(&OFFSET_FETCH_GROUP))).since(8),
    field("require_stable", Bool).since(7),
});
shape!(OFFSET_FETCH_TOPIC = offset_fetch::OffsetFetchRequestTopic {
    field("name", String),
    field("partition_indexes", Array(&Int32))
        .costing(answered_with::<offset_fetch_response::OffsetFetchResponsePartition>()),
});
shape!(OFFSET_FETCH_GROUP = offset_fetch::OffsetFetchRequestGroup {
    field("group_id", String),
    field("member_id", String).since(9).nullable_since(9),
    field("member_epoch", Int32).since(9),
    field("topics", Array(&Struct(&OFFSET_FETCH_GROUP_TOPIC))).nullable_since(8),
});
shape!(OFFSET_FETCH_GROUP_TOPIC = offset_fetch::OffsetFetchRequestTopics {
    field("name", String),
    field("partition_indexes", Array(&Int32))
        .costing(answered_with::<offset_fetch_response::OffsetFetchResponsePartitions>()),
});

shape!(FIND_COORDINATOR = find_coordinator::FindCoordinatorRequest {
    field("key", String).until(3),
    field("key_type", Int8).since(1),
    field("coordinator_keys", Array(&String)).since(4),
});

shape!(JOIN_GROUP = join_group::JoinGroupRequest {
    field("group_id", String),
    field("session_timeout_ms", Int32),
    field("rebalance_timeout_ms", Int32).since(1),
    field("member_id", String),
    field("group_instance_id", String).since(5).nullable_since(5),
    field("protocol_type", String),
    field("protocols", Array(&Struct(&JOIN_GROUP_PROTOCOL))),
    field("reason", String).since(8).nullable_since(8),
});
shape!(JOIN_GROUP_PROTOCOL = join_group::JoinGroupRequestProtocol {
    field("name", String),
    field("metadata", Bytes),
});

shape!(HEARTBEAT = heartbeat::HeartbeatRequest {
    field("group_id", String),
    field("generation_id", Int32),
    field("member_id", String),
    field("group_instance_id", String).since(3).nullable_since(3),
});

shape!(LEAVE_GROUP = leave_group::LeaveGroupRequest {
    field("group_id", String),
    field("member_id", String).until(2),
    field("members", Array(&Struct(&LEAVE_GROUP_MEMBER)))
        .since(3)
        .costing(answered_with::<leave_group_response::MemberResponse>()),
});
shape!(LEAVE_GROUP_MEMBER = leave_group::MemberIdentity {
    field("member_id", String),
    field("group_instance_id", String).nullable_since(3),
    field("reason", String).since(5).nullable_since(5),
});

shape!(SYNC_GROUP = sync_group::SyncGroupRequest {
    field("group_id", String),
    field("generation_id", Int32),
    field("member_id", String),
    field("group_instance_id", String).since(3).nullable_since(3),
    field("protocol_type", String).since(5).nullable_since(5),
    field("protocol_name", String).since(5).nullable_since(5),
    field("assignments", Array(&Struct(&SYNC_GROUP_ASSIGNMENT))),
});
shape!(SYNC_GROUP_ASSIGNMENT = sync_group::SyncGroupRequestAssignment {
    field("member_id", String),
    field("assignment", Bytes),
});

shape!(DESCRIBE_GROUPS = describe_groups::DescribeGroupsRequest {
    field("groups", Array(&String)),
    field("include_authorized_operations", Bool).since(3),
});

shape!(LIST_GROUPS = list_groups::ListGroupsRequest {
    field("states_filter", Array(&String)).since(4),
    field("types_filter", Array(&String)).since(5),
});

shape!(DELETE_GROUPS = delete_groups::DeleteGroupsRequest {
    field("groups_names", Array(&String))
        .costing(ENTRY_COST + answered_with::<delete_groups_response::DeletableGroupResult>()),
});

shape!(OFFSET_DELETE = offset_delete::OffsetDeleteRequest {
    field("group_id", String),
    field("topics", Array(&Struct(&OFFSET_DELETE_TOPIC))),
});
shape!(OFFSET_DELETE_TOPIC = offset_delete::OffsetDeleteRequestTopic {
    field("name", String),
    field("partitions", Array(&Struct(&OFFSET_DELETE_PARTITION)))
        .costing(ENTRY_COST + answered_with::<offset_delete_response::OffsetDeleteResponsePartition>()),
});
shape!(OFFSET_DELETE_PARTITION = offset_delete::OffsetDeleteRequestPartition {
    field("partition_index", Int32),
});

shape!(CONSUMER_GROUP_HEARTBEAT = consumer_group_heartbeat::ConsumerGroupHeartbeatRequest {
    field("group_id", String),
    field("member_id", String),
    field("member_epoch", Int32),
    field("instance_id", String).nullable_since(0),
    field("rack_id", String).nullable_since(0),
    field("rebalance_timeout_ms", Int32),
    field("subscribed_topic_names", Array(&String)).nullable_since(0),
    field("subscribed_topic_regex", String).since(1).nullable_since(1),
    field("server_assignor", String).nullable_since(0),
    field("topic_partitions", Array(&Struct(&CONSUMER_GROUP_HEARTBEAT_TOPIC))).nullable_since(0),
});
shape!(CONSUMER_GROUP_HEARTBEAT_TOPIC = consumer_group_heartbeat::TopicPartitions {
    field("topic_id", Uuid),
    field("partitions", Array(&Int32)),
});

shape!(CONSUMER_GROUP_DESCRIBE = consumer_group_describe::ConsumerGroupDescribeRequest {
    field("group_ids", Array(&String)),
    field("include_authorized_operations", Bool),
});

shape!(
    /// What JoinGroup carries as the metadata of a protocol of consumers, after its version.
    CONSUMER_PROTOCOL_SUBSCRIPTION = consumer_protocol_subscription::ConsumerProtocolSubscription {
    field("topics", Array(&String)),
    field("user_data", Bytes).nullable_since(0),
    field("owned_partitions", Array(&Struct(&CONSUMER_PROTOCOL_OWNED_TOPIC))).since(1),
    field("generation_id", Int32).since(2),
    field("rack_id", String).since(3).nullable_since(3),
});
shape!(CONSUMER_PROTOCOL_OWNED_TOPIC = consumer_protocol_subscription::TopicPartition {
    field("topic", String),
    field("partitions", Array(&Int32)),
});

shape!(
    /// What SyncGroup carries as the assignment of a consumer, after its version.
    CONSUMER_PROTOCOL_ASSIGNMENT = consumer_protocol_assignment::ConsumerProtocolAssignment {
    field("assigned_partitions", Array(&Struct(&CONSUMER_PROTOCOL_ASSIGNED_TOPIC))),
    field("user_data", Bytes).nullable_since(0),
});
shape!(CONSUMER_PROTOCOL_ASSIGNED_TOPIC = consumer_protocol_assignment::TopicPartition {
    field("topic", String),
    field("partitions", Array(&Int32)),
});
