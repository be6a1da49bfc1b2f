//! A member of a classic group; whoever leads divides the partitions (`assignor`).

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use chronik_types::ErrorCode;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::assignor::{Candidate, Strategy, divide};
use super::offsets::group_id;
use super::topic::{Topic, key, partition};
use super::{Link, code};
use crate::checker::Key;
use crate::stage::Over;

const JOIN_GROUP_VERSION: i16 = 9;
const SYNC_GROUP_VERSION: i16 = 5;
const HEARTBEAT_VERSION: i16 = 4;
const LEAVE_GROUP_VERSION: i16 = 5;
/// The first in which members say in which generation they were given what they have.
const PROTOCOL_VERSION: i16 = 2;
const PROTOCOL_TYPE: &str = "consumer";

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

/// What the members of a group agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) strategy: Strategy,
    /// How long a member may be silent; in the consumer protocol the broker says.
    pub(crate) session: Duration,
    /// How long a member may take in a rebalance.
    pub(crate) rebalance: Duration,
}

impl Default for Terms {
    /// The shortest session that brokers allow by default.
    fn default() -> Self {
        let (session, rebalance) = (Duration::from_secs(6), Duration::from_secs(20));
        Self { strategy: Strategy::Range, session, rebalance }
    }
}

/// A member of one group.
#[derive(Debug)]
pub(crate) struct ClassicMember {
    group: String,
    topic: Topic,
    terms: Terms,
    pub(crate) standing: Standing,
    pub(crate) assigned: BTreeSet<Key>,
    /// How often it has lost all that it was assigned.
    pub(crate) losses: u64,
}

impl ClassicMember {
    pub(crate) fn new(group: &str, topic: Topic, instance: Option<String>, terms: Terms) -> Self {
        let standing = Standing { instance, ..Standing::nobody() };
        let assigned = BTreeSet::new();
        Self { group: group.to_owned(), topic, terms, standing, assigned, losses: 0 }
    }

    /// Joins until it has an assignment.
    pub(crate) fn join(&mut self, link: &mut Link<'_>) -> Result<(), Over> {
        let stage = link.stage;
        if self.terms.strategy == Strategy::Range {
            self.lose();
        }
        stage.patiently("JoinGroup", || {
            let Some(joined) = self.join_once(link)? else { return Ok(None) };
            self.standing.generation = joined.generation_id;
            self.sync(link, &joined)
        })?;
        stage.counts.rebalances.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    /// Asks to join, and goes away before anything comes of it. A dynamic member has been given its id by then.
    pub(crate) fn join_and_die(&mut self, link: &mut Link<'_>) -> Result<(), Over> {
        if self.standing.instance.is_none() && self.join_once(link)?.is_some() {
            return Ok(());
        }
        link.send_and_die(JOIN_GROUP_VERSION, &self.join_request())
    }

    fn join_request(&self) -> JoinGroupRequest {
        let mut subscription = ConsumerProtocolSubscription::default()
            .with_topics(vec![StrBytes::from_string(self.topic.name.clone())]);
        if self.terms.strategy == Strategy::Cooperative {
            let owned = OwnedPartition::default().with_topic(self.topic.wire_name());
            subscription = subscription
                .with_owned_partitions(vec![owned.with_partitions(partitions(&self.assigned))])
                .with_generation_id(self.standing.generation);
        }
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str(self.protocol()))
            .with_metadata(versioned(&subscription));
        JoinGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_session_timeout_ms(millis(self.terms.session))
            .with_rebalance_timeout_ms(millis(self.terms.rebalance))
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_protocols(vec![protocol])
    }

    fn join_once(&mut self, link: &mut Link<'_>) -> Result<Option<JoinGroupResponse>, Over> {
        let Some(answer) = link.call(JOIN_GROUP_VERSION, &self.join_request())? else { return Ok(None) };
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
            ErrorCode::IllegalGeneration => self.lose(),
            ErrorCode::RebalanceInProgress => {}
            later if later.is_retriable() => {}
            refused => link.stage.problem(format!("{}: SyncGroup: {refused:?}", link.who)),
        }
        Ok(None)
    }

    /// The assignments that the leader makes.
    fn divide(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let candidates: Vec<Candidate> = joined
            .members
            .iter()
            .map(|member| {
                let (owned, generation) = self.read_subscription(member.metadata.clone()).unwrap_or_default();
                Candidate { member_id: member.member_id.to_string(), owned, generation }
            })
            .collect();
        let divided = divide(self.terms.strategy, &candidates, &self.topic.keys().collect());
        let assignments = divided.into_iter().map(|(member_id, keys)| {
            let topic = TopicPartition::default()
                .with_topic(self.topic.wire_name())
                .with_partitions(partitions(&keys));
            let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![topic]);
            SyncGroupRequestAssignment::default()
                .with_member_id(StrBytes::from_string(member_id))
                .with_assignment(versioned(&assignment))
        });
        assignments.collect()
    }

    /// What a member says it has, and in which generation it got that.
    fn read_subscription(&self, bytes: Bytes) -> Option<(BTreeSet<Key>, i32)> {
        let subscription: ConsumerProtocolSubscription = read_versioned(bytes)?;
        let own = subscription.owned_partitions.iter().filter(|topic| topic.topic == self.topic.wire_name());
        let owned = own.flat_map(|topic| &topic.partitions).map(|partition| key(*partition)).collect();
        Some((owned, subscription.generation_id))
    }

    fn read_assignment(&self, bytes: Bytes) -> Option<BTreeSet<Key>> {
        if bytes.is_empty() {
            return Some(BTreeSet::new());
        }
        let assignment: ConsumerProtocolAssignment = read_versioned(bytes)?;
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
            ErrorCode::IllegalGeneration => {
                self.lose();
                self.standing.generation = -1;
            }
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.forget(),
            other => link.stage.problem(format!("{}: {api}: {other:?}", link.who)),
        }
    }

    /// Begins a new life.
    pub(crate) fn forget(&mut self) {
        self.standing.member_id = String::new();
        self.lose();
        self.standing.generation = -1;
    }

    /// All that it was assigned is gone, perhaps to others.
    fn lose(&mut self) {
        self.assigned.clear();
        self.losses += 1;
    }

    fn protocol(&self) -> &'static str {
        match self.terms.strategy {
            Strategy::Range => "range",
            Strategy::Cooperative => "cooperative",
        }
    }

    fn member_id(&self) -> StrBytes {
        StrBytes::from_string(self.standing.member_id.clone())
    }

    fn instance(&self) -> Option<StrBytes> {
        self.standing.instance.clone().map(StrBytes::from_string)
    }
}

fn partitions(keys: &BTreeSet<Key>) -> Vec<i32> {
    keys.iter().map(|key| partition(*key)).collect()
}

pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// A structure of the consumer protocol after its version.
fn versioned(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::from(&PROTOCOL_VERSION.to_be_bytes()[..]);
    // Names and numbers of partitions always fit.
    let _ = message.encode(&mut bytes, PROTOCOL_VERSION);
    bytes.freeze()
}

fn read_versioned<M: Decodable>(mut bytes: Bytes) -> Option<M> {
    let version = i16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
    bytes.advance(2);
    M::decode(&mut bytes, version).ok()
}
