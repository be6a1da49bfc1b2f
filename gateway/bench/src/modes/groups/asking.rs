//! The requests of members, in both protocols.

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupId,
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::member::{Ask, Asked, Member, Standing, deal};
use super::message::{blob, put, text};
use crate::args::GroupProtocol;
use crate::control::Control;
use crate::error::BenchError;

/// What all members know.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) protocol: GroupProtocol,
    pub(super) topic: String,
    pub(super) topic_id: Uuid,
    pub(super) partitions: i32,
    pub(super) versions: Versions,
    /// Tells the groups of this run from those of others.
    pub(super) run: String,
}

/// The versions of the APIs that both sides know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versions {
    pub(super) join: i16,
    pub(super) sync: i16,
    pub(super) heartbeat: i16,
    pub(super) leave: i16,
    pub(super) commit: i16,
    pub(super) consumer_heartbeat: i16,
}

impl Versions {
    pub(super) fn agree(control: &Control, protocol: GroupProtocol) -> Result<Self, BenchError> {
        let consumer_heartbeat = match protocol {
            GroupProtocol::Classic => 0,
            GroupProtocol::Consumer => control.require("ConsumerGroupHeartbeat", 68, (0, 1))?,
        };
        Ok(Self {
            join: control.require("JoinGroup", 11, (4, 9))?,
            sync: control.require("SyncGroup", 14, (3, 5))?,
            heartbeat: control.require("Heartbeat", 12, (3, 4))?,
            leave: control.require("LeaveGroup", 13, (1, 2))?,
            // From 9 on a commit may carry the epoch of a member of the consumer protocol; 10 names topics by id.
            commit: control.require("OffsetCommit", 8, (7, 9))?,
            consumer_heartbeat,
        })
    }
}

/// The one strategy of the classic members.
const STRATEGY: &str = "range";
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
/// The version of the blobs in JoinGroup and SyncGroup.
const BLOB_VERSION: i16 = 0;
/// The epochs with which a member of the consumer protocol comes and goes.
const JOIN_EPOCH: i32 = 0;
const LEAVE_EPOCH: i32 = -1;

impl Plan {
    /// The name of a group.
    pub(super) fn group(&self, number: usize) -> String {
        format!("bench-{}-{number}", self.run)
    }

    fn group_id(&self, number: usize) -> GroupId {
        GroupId(text(&self.group(number)))
    }

    fn topic_name(&self) -> TopicName {
        TopicName(text(&self.topic))
    }

    /// Puts a request on its way; nothing when all slots are in flight.
    pub(super) fn ask(&self, member: &mut Member, what: Ask, now_ns: u64) -> Result<(), BenchError> {
        let Member { connection, group, id, generation, standing, partitions, .. } = member;
        let group_id = self.group_id(*group);
        let member_id = text(id);
        let Some((slot, correlation_id)) = connection.free_slot() else { return Ok(()) };
        let versions = self.versions;
        match (self.protocol, what) {
            (GroupProtocol::Consumer, Ask::Join | Ask::Sync | Ask::Heartbeat | Ask::Leave) => {
                let request = self.consumer_heartbeat(group_id, member_id, what, *generation, partitions);
                put(slot, correlation_id, versions.consumer_heartbeat, &request)?;
            }
            (_, Ask::Commit) => {
                let at = partitions.first().copied().unwrap_or_default();
                let request = self.commit(group_id, member_id, *generation, at);
                put(slot, correlation_id, versions.commit, &request)?;
            }
            (GroupProtocol::Classic, Ask::Join) => {
                put(slot, correlation_id, versions.join, &self.join(group_id, member_id)?)?;
            }
            (GroupProtocol::Classic, Ask::Sync) => {
                let assignments = match standing {
                    Standing::Joined { members } => self.assignments(members)?,
                    Standing::Outside | Standing::Assigned | Standing::Gone => Vec::new(),
                };
                let request = SyncGroupRequest::default()
                    .with_group_id(group_id)
                    .with_generation_id(*generation)
                    .with_member_id(member_id)
                    .with_assignments(assignments);
                let named = |request: SyncGroupRequest| {
                    request
                        .with_protocol_type(Some(StrBytes::from_static_str("consumer")))
                        .with_protocol_name(Some(StrBytes::from_static_str(STRATEGY)))
                };
                let request = if versions.sync >= 5 { named(request) } else { request };
                put(slot, correlation_id, versions.sync, &request)?;
            }
            (GroupProtocol::Classic, Ask::Heartbeat) => {
                let request = HeartbeatRequest::default()
                    .with_group_id(group_id)
                    .with_generation_id(*generation)
                    .with_member_id(member_id);
                put(slot, correlation_id, versions.heartbeat, &request)?;
            }
            (GroupProtocol::Classic, Ask::Leave) => {
                let request = LeaveGroupRequest::default().with_group_id(group_id).with_member_id(member_id);
                put(slot, correlation_id, versions.leave, &request)?;
            }
        }
        slot.tag = Asked { what, at_ns: now_ns };
        connection.filled();
        connection.flush(&[])
    }

    fn join(&self, group_id: GroupId, member_id: StrBytes) -> Result<JoinGroupRequest, BenchError> {
        let subscription = ConsumerProtocolSubscription::default().with_topics(vec![text(&self.topic)]);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str(STRATEGY))
            .with_metadata(blob(BLOB_VERSION, &subscription)?);
        Ok(JoinGroupRequest::default()
            .with_group_id(group_id)
            .with_session_timeout_ms(SESSION_TIMEOUT_MS)
            .with_rebalance_timeout_ms(REBALANCE_TIMEOUT_MS)
            .with_member_id(member_id)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]))
    }

    fn assignments(&self, members: &[String]) -> Result<Vec<SyncGroupRequestAssignment>, BenchError> {
        let assignment = |(id, partitions): (&String, Vec<i32>)| {
            let topic = TopicPartition::default().with_topic(self.topic_name()).with_partitions(partitions);
            let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![topic]);
            Ok(SyncGroupRequestAssignment::default()
                .with_member_id(text(id))
                .with_assignment(blob(BLOB_VERSION, &assignment)?))
        };
        members.iter().zip(deal(members.len(), self.partitions)).map(assignment).collect()
    }

    fn commit(&self, group: GroupId, member: StrBytes, generation: i32, at: i32) -> OffsetCommitRequest {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(at)
            .with_committed_offset(1)
            .with_committed_metadata(Some(StrBytes::default()));
        let topic =
            OffsetCommitRequestTopic::default().with_name(self.topic_name()).with_partitions(vec![partition]);
        OffsetCommitRequest::default()
            .with_group_id(group)
            .with_member_id(member)
            .with_generation_id_or_member_epoch(generation)
            .with_topics(vec![topic])
    }

    /// Everything when it joins; what it owns when that has just changed (`Ask::Sync`); else only that it lives.
    fn consumer_heartbeat(
        &self,
        group_id: GroupId,
        member_id: StrBytes,
        what: Ask,
        epoch: i32,
        partitions: &[i32],
    ) -> ConsumerGroupHeartbeatRequest {
        let request =
            ConsumerGroupHeartbeatRequest::default().with_group_id(group_id).with_member_id(member_id);
        let owned = |partitions: &[i32]| {
            let owned =
                TopicPartitions::default().with_topic_id(self.topic_id).with_partitions(partitions.to_vec());
            Some(if partitions.is_empty() { Vec::new() } else { vec![owned] })
        };
        match what {
            Ask::Join => request
                .with_member_epoch(JOIN_EPOCH)
                .with_rebalance_timeout_ms(REBALANCE_TIMEOUT_MS)
                .with_subscribed_topic_names(Some(vec![self.topic_name()]))
                .with_topic_partitions(owned(&[])),
            Ask::Sync => request
                .with_member_epoch(epoch)
                .with_rebalance_timeout_ms(-1)
                .with_topic_partitions(owned(partitions)),
            Ask::Leave => request.with_member_epoch(LEAVE_EPOCH).with_rebalance_timeout_ms(-1),
            Ask::Heartbeat | Ask::Commit => request.with_member_epoch(epoch).with_rebalance_timeout_ms(-1),
        }
    }
}
