//! A member of a classic group; the leader divides the partitions by range.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use chronik_types::ErrorCode;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::offsets::group_id;
use super::topic::{Topic, key};
use super::{Link, code};
use crate::checker::Key;
use crate::stage::Over;

const JOIN_GROUP_VERSION: i16 = 9;
const SYNC_GROUP_VERSION: i16 = 5;
const HEARTBEAT_VERSION: i16 = 4;
const LEAVE_GROUP_VERSION: i16 = 5;
const PROTOCOL_VERSION: i16 = 1;
const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "range";
/// The shortest that brokers allow by default.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(20);

/// Who a member is: what it commits offsets with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) member_id: String,
    /// Generation, or epoch of the member.
    pub(crate) generation: i32,
    pub(crate) instance: Option<String>,
}

impl Standing {
    /// Nobody: commits of a group without members.
    pub(crate) fn nobody() -> Self {
        Self { member_id: String::new(), generation: -1, instance: None }
    }
}

/// A member of one group.
#[derive(Debug)]
pub(crate) struct ClassicMember {
    group: String,
    topic: Topic,
    pub(crate) standing: Standing,
    pub(crate) assigned: Vec<Key>,
}

impl ClassicMember {
    pub(crate) fn new(group: &str, topic: Topic, instance: Option<String>) -> Self {
        let standing = Standing { instance, ..Standing::nobody() };
        Self { group: group.to_owned(), topic, standing, assigned: Vec::new() }
    }

    /// Joins until it has an assignment.
    pub(crate) fn join(&mut self, link: &mut Link<'_>) -> Result<(), Over> {
        let stage = link.stage;
        self.assigned.clear();
        stage.patiently("JoinGroup", || {
            let Some(joined) = self.join_once(link)? else { return Ok(None) };
            self.standing.generation = joined.generation_id;
            self.sync(link, &joined)
        })?;
        stage.counts.rebalances.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    fn join_once(&mut self, link: &mut Link<'_>) -> Result<Option<JoinGroupResponse>, Over> {
        let subscription = ConsumerProtocolSubscription::default()
            .with_topics(vec![StrBytes::from_string(self.topic.name.clone())]);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str(PROTOCOL))
            .with_metadata(versioned(&subscription));
        let request = JoinGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_session_timeout_ms(millis(SESSION_TIMEOUT))
            .with_rebalance_timeout_ms(millis(REBALANCE_TIMEOUT))
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_protocols(vec![protocol]);
        let Some(answer) = link.call(JOIN_GROUP_VERSION, &request)? else { return Ok(None) };
        match code(answer.error_code) {
            ErrorCode::None => {
                self.standing.member_id = answer.member_id.to_string();
                return Ok(Some(answer));
            }
            ErrorCode::MemberIdRequired => self.standing.member_id = answer.member_id.to_string(),
            // Its predecessor of the same instance, or its own earlier life, is gone.
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.forget(),
            ErrorCode::RebalanceInProgress => {}
            later if later.is_retriable() => {}
            refused => link.stage.problem(format!("{}: JoinGroup: {refused:?}", link.who)),
        }
        Ok(None)
    }

    fn sync(&mut self, link: &mut Link<'_>, joined: &JoinGroupResponse) -> Result<Option<()>, Over> {
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        let assignments = if leads { self.divide(joined) } else { Vec::new() };
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(joined.generation_id)
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
            .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
            .with_protocol_name(joined.protocol_name.clone())
            .with_assignments(assignments);
        let (answer, _) = link.insist(SYNC_GROUP_VERSION, &request)?;
        match code(answer.error_code) {
            ErrorCode::None => {
                match self.read_assignment(answer.assignment) {
                    Some(assigned) => self.assigned = assigned,
                    None => link.stage.problem(format!("{}: SyncGroup: unreadable assignment", link.who)),
                }
                return Ok(Some(()));
            }
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.forget(),
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {}
            later if later.is_retriable() => {}
            refused => link.stage.problem(format!("{}: SyncGroup: {refused:?}", link.who)),
        }
        Ok(None)
    }

    /// The assignor: ranges of partitions, members in the order of their ids.
    fn divide(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let mut members: Vec<&StrBytes> = joined.members.iter().map(|member| &member.member_id).collect();
        members.sort();
        let count = i32::try_from(members.len()).unwrap_or(i32::MAX).max(1);
        let (each, more) = (self.topic.partitions / count, self.topic.partitions % count);
        let mut first = 0;
        let ranges = members.into_iter().zip(0..).map(|(member, number)| {
            let last = first + each + i32::from(number < more);
            let partitions = (first..last).collect();
            first = last;
            let topic =
                TopicPartition::default().with_topic(self.topic.wire_name()).with_partitions(partitions);
            let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![topic]);
            SyncGroupRequestAssignment::default()
                .with_member_id(member.clone())
                .with_assignment(versioned(&assignment))
        });
        ranges.collect()
    }

    fn read_assignment(&self, mut bytes: Bytes) -> Option<Vec<Key>> {
        if bytes.is_empty() {
            return Some(Vec::new());
        }
        let version = i16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
        bytes.advance(2);
        let assignment = ConsumerProtocolAssignment::decode(&mut bytes, version).ok()?;
        let own = assignment.assigned_partitions.iter().filter(|topic| topic.topic == self.topic.wire_name());
        Some(own.flat_map(|topic| &topic.partitions).map(|partition| key(*partition)).collect())
    }

    /// One heartbeat; no answer is `None`.
    pub(crate) fn heartbeat(&mut self, link: &mut Link<'_>) -> Result<Option<ErrorCode>, Over> {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.standing.generation)
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance());
        let answer = link.call(HEARTBEAT_VERSION, &request)?;
        Ok(answer.map(|answer| code(answer.error_code)))
    }

    /// Leaves the group.
    pub(crate) fn leave(&mut self, link: &mut Link<'_>) -> Result<(), Over> {
        let member = MemberIdentity::default()
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance());
        let request =
            LeaveGroupRequest::default().with_group_id(group_id(&self.group)).with_members(vec![member]);
        // Whether it arrived makes no difference: the member is gone in any case, or times out.
        let _ = link.call(LEAVE_GROUP_VERSION, &request)?;
        self.forget();
        Ok(())
    }

    /// What a refusal of a heartbeat or a commit means for the membership; unknown ones are reported.
    pub(crate) fn refused(&mut self, link: &Link<'_>, api: &str, refused: ErrorCode) {
        match refused {
            ErrorCode::RebalanceInProgress => {}
            ErrorCode::IllegalGeneration => self.standing.generation = -1,
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.forget(),
            other => link.stage.problem(format!("{}: {api}: {other:?}", link.who)),
        }
    }

    /// Begins a new life.
    pub(crate) fn forget(&mut self) {
        self.standing.member_id = String::new();
        self.standing.generation = -1;
        self.assigned.clear();
    }

    fn member_id(&self) -> StrBytes {
        StrBytes::from_string(self.standing.member_id.clone())
    }

    fn instance(&self) -> Option<StrBytes> {
        self.standing.instance.clone().map(StrBytes::from_string)
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// A structure of the consumer protocol after its version.
fn versioned(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::from(&PROTOCOL_VERSION.to_be_bytes()[..]);
    // Names and numbers of partitions always fit.
    let _ = message.encode(&mut bytes, PROTOCOL_VERSION);
    bytes.freeze()
}
