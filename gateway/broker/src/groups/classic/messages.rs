//! What members ask and are answered, without the wire.

use std::sync::Arc;

use bytes::Bytes;
use chronik_state::MemberProtocol;
use chronik_types::{GroupId, GroupInstanceId, MemberId};
use tokio::sync::oneshot;

use super::super::CoordinatorError;
use super::member::member_bytes;

/// A member joins.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The group.
    pub group_id: GroupId,
    /// The id it was given; empty when it has none yet.
    pub member_id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// What its client calls itself.
    pub client_id: Box<str>,
    /// Where it is.
    pub client_host: Box<str>,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// How long it may take to join a rebalance, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// What the group does, as in `consumer`.
    pub protocol_type: Box<str>,
    /// What it supports, in its order.
    pub protocols: Arc<[MemberProtocol]>,
    /// Why it joins, as it says (KIP-800).
    pub reason: Option<Box<str>>,
    /// Whether a member without an id is given one first (KIP-394).
    pub requires_known_member_id: bool,
    /// Whether a leader can be told that the assignment stays (KIP-814).
    pub supports_skipping_assignment: bool,
}

/// A member asks for its assignment; the leader brings those of all.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// The group.
    pub group_id: GroupId,
    /// Who asks.
    pub who: MemberIdentity,
    /// The generation that it joined.
    pub generation: i32,
    /// What it takes the group to do (KIP-559).
    pub protocol_type: Option<Box<str>>,
    /// What it takes the protocol to be (KIP-559).
    pub protocol_name: Option<Box<str>>,
    /// What each member is assigned; of the leader.
    pub assignments: Vec<(MemberId, Arc<[u8]>)>,
}

/// How a member says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberIdentity {
    /// The id it was given.
    pub member_id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
}

/// A member leaves, or is removed by an operator, who then names the instance alone.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Who.
    pub who: MemberIdentity,
    /// Why, as it says (KIP-800).
    pub reason: Option<Box<str>>,
}

/// What a member that has joined is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its id.
    pub member_id: MemberId,
    /// The generation.
    pub generation: i32,
    /// What the group does.
    pub protocol_type: Option<Box<str>>,
    /// The protocol that was chosen.
    pub protocol_name: Option<Box<str>>,
    /// Who makes the assignment.
    pub leader: Option<MemberId>,
    /// All members; for the leader alone.
    pub members: Vec<JoinedMember>,
    /// Whether the leader need not make an assignment.
    pub skip_assignment: bool,
}

/// A member as the leader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: MemberId,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// What it says for the protocol that was chosen.
    pub metadata: Bytes,
}

/// What a member that asks for its assignment is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What the group does.
    pub protocol_type: Option<Box<str>>,
    /// The protocol that was chosen.
    pub protocol_name: Option<Box<str>>,
    /// The assignment.
    pub assignment: Arc<[u8]>,
}

/// Why a member could not join, and the id it is known by, which may be new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefusal {
    /// Why.
    pub error: CoordinatorError,
    /// The id to answer.
    pub member_id: MemberId,
}

pub(crate) type JoinAnswer = Result<Joined, JoinRefusal>;
pub(crate) type SyncAnswer = Result<Synced, CoordinatorError>;
pub(crate) type JoinWaiter = oneshot::Sender<JoinAnswer>;
pub(crate) type SyncWaiter = oneshot::Sender<SyncAnswer>;

impl JoinRequest {
    /// Whether it has no id yet.
    pub(crate) fn is_unknown(&self) -> bool {
        self.member_id.is_empty()
    }

    /// Bytes that keeping the member would take, about.
    pub(crate) fn bytes(&self) -> usize {
        member_bytes(&self.client_id, self.instance_id.as_ref(), &self.protocols)
    }
}

impl JoinRefusal {
    /// With an empty id.
    pub(crate) fn anonymous(error: impl Into<CoordinatorError>) -> Self {
        Self { error: error.into(), member_id: MemberId::new("") }
    }

    /// With the id of the request.
    pub(crate) fn of(member_id: &MemberId, error: impl Into<CoordinatorError>) -> Self {
        Self { error: error.into(), member_id: member_id.clone() }
    }
}
