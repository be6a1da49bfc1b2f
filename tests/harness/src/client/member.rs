//! A member of a classic group. Whoever leads divides the partitions of one topic among the members, in ranges.

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

use super::{Standing, code, first_refusal, group_id, missing, text, topic_name};
use crate::{ClientError, Connection};

const JOIN_GROUP_VERSION: i16 = 9;
const SYNC_GROUP_VERSION: i16 = 5;
const HEARTBEAT_VERSION: i16 = 4;
const LEAVE_GROUP_VERSION: i16 = 5;
const PROTOCOL_VERSION: i16 = 1;
const PROTOCOL_TYPE: &str = "consumer";
const PROTOCOL: &str = "range";
/// Long, so that no member that a busy machine holds up is taken for dead.
const SESSION_TIMEOUT_MS: i32 = 30_000;
const REBALANCE_TIMEOUT_MS: i32 = 30_000;

/// The answer to a JoinGroup that was accepted.
#[derive(Debug, Clone)]
pub struct Joined {
    response: JoinGroupResponse,
}

impl Joined {
    /// Whether this member is to make the assignment.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.response.leader == self.response.member_id && !self.response.skip_assignment
    }
}

/// A member of one group, which reads one topic.
#[derive(Debug, Clone)]
pub struct ClassicMember {
    group: String,
    topic: String,
    partitions: i32,
    /// Who it is now.
    pub standing: Standing,
    /// What it may read.
    pub assigned: Vec<i32>,
}

impl ClassicMember {
    /// One that has not joined yet.
    #[must_use]
    pub fn new(group: &str, topic: &str, partitions: i32) -> Self {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        Self { group, topic, partitions, standing: Standing::nobody(), assigned: Vec::new() }
    }

    /// Asks to join; waits for the slowest member. MEMBER_ID_REQUIRED gives it the id to ask again with.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn join(&mut self, connection: &mut Connection) -> Result<Result<Joined, ErrorCode>, ClientError> {
        let subscription = ConsumerProtocolSubscription::default().with_topics(vec![text(&self.topic)]);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str(PROTOCOL))
            .with_metadata(versioned(&subscription)?);
        let request = JoinGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_session_timeout_ms(SESSION_TIMEOUT_MS)
            .with_rebalance_timeout_ms(REBALANCE_TIMEOUT_MS)
            .with_member_id(text(&self.standing.member_id))
            .with_group_instance_id(self.standing.group_instance_id.as_deref().map(text))
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_protocols(vec![protocol]);
        let response = connection.call(JOIN_GROUP_VERSION, &request)?;
        match code(response.error_code) {
            ErrorCode::None => {
                self.standing.member_id = response.member_id.to_string();
                self.standing.generation_id = response.generation_id;
                Ok(Ok(Joined { response }))
            }
            refused => {
                if refused == ErrorCode::MemberIdRequired {
                    self.standing.member_id = response.member_id.to_string();
                }
                Ok(Err(refused))
            }
        }
    }

    /// Asks for its assignment, and makes everybody's when it leads. One without bytes is unreadable: every leader here
    /// assigns something to everybody, if only no partitions.
    ///
    /// # Errors
    /// When no answer comes, or the assignment cannot be read.
    pub fn sync(&mut self, connection: &mut Connection, joined: &Joined) -> Result<ErrorCode, ClientError> {
        let assignments = if joined.leads() { self.divide(&joined.response)? } else { Vec::new() };
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(joined.response.generation_id)
            .with_member_id(text(&self.standing.member_id))
            .with_group_instance_id(self.standing.group_instance_id.as_deref().map(text))
            .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
            .with_protocol_name(joined.response.protocol_name.clone())
            .with_assignments(assignments);
        let answer = connection.call(SYNC_GROUP_VERSION, &request)?;
        let said = code(answer.error_code);
        if said == ErrorCode::None {
            self.assigned = self.read_assignment(answer.assignment)?;
        }
        Ok(said)
    }

    /// One heartbeat.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn heartbeat(&self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.standing.generation_id)
            .with_member_id(text(&self.standing.member_id))
            .with_group_instance_id(self.standing.group_instance_id.as_deref().map(text));
        Ok(code(connection.call(HEARTBEAT_VERSION, &request)?.error_code))
    }

    /// Leaves the group.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn leave(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        let member = MemberIdentity::default()
            .with_member_id(text(&self.standing.member_id))
            .with_group_instance_id(self.standing.group_instance_id.as_deref().map(text));
        let request =
            LeaveGroupRequest::default().with_group_id(group_id(&self.group)).with_members(vec![member]);
        let answer = connection.call(LEAVE_GROUP_VERSION, &request)?;
        let codes = answer.members.iter().map(|member| member.error_code);
        let said = first_refusal(std::iter::once(answer.error_code).chain(codes));
        if said == ErrorCode::None {
            (self.standing.member_id, self.standing.generation_id) = (String::new(), -1);
            self.assigned.clear();
        }
        Ok(said)
    }

    /// Members in the order of their ids, partitions in ranges.
    fn divide(&self, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
        let mut members: Vec<&StrBytes> = joined.members.iter().map(|member| &member.member_id).collect();
        members.sort();
        let count = i32::try_from(members.len()).unwrap_or(i32::MAX).max(1);
        let (each, more) = (self.partitions / count, self.partitions % count);
        let mut first = 0;
        let mut assignments = Vec::with_capacity(members.len());
        for (member, number) in members.into_iter().zip(0..) {
            let last = first + each + i32::from(number < more);
            let topic = TopicPartition::default()
                .with_topic(topic_name(&self.topic))
                .with_partitions((first..last).collect());
            first = last;
            let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![topic]);
            assignments.push(
                SyncGroupRequestAssignment::default()
                    .with_member_id(member.clone())
                    .with_assignment(versioned(&assignment)?),
            );
        }
        Ok(assignments)
    }

    fn read_assignment(&self, mut bytes: Bytes) -> Result<Vec<i32>, ClientError> {
        if bytes.len() < 2 {
            return Err(missing("an assignment"));
        }
        let version = bytes.get_i16();
        let unreadable = |error| ClientError::Unreadable(format!("assignment: {error:#}"));
        let assignment = ConsumerProtocolAssignment::decode(&mut bytes, version).map_err(unreadable)?;
        let own = assignment.assigned_partitions.iter().filter(|topic| topic.topic.as_str() == self.topic);
        Ok(own.flat_map(|topic| &topic.partitions).copied().collect())
    }
}

/// A structure of the consumer protocol behind its version.
fn versioned(message: &impl Encodable) -> Result<Bytes, ClientError> {
    let mut bytes = BytesMut::from(&PROTOCOL_VERSION.to_be_bytes()[..]);
    let unencodable = |error| ClientError::Unencodable(format!("{error:#}"));
    message.encode(&mut bytes, PROTOCOL_VERSION).map_err(unencodable)?;
    Ok(bytes.freeze())
}
