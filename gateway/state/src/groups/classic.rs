//! Classic groups: what of them survives a restart. The rebalance itself happens in memory, in the coordinator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chronik_types::{GenerationId, GroupId, GroupInstanceId, MemberId, TimestampMs};

use super::subscription::{self, Subscribed};
use super::{Committer, GroupError};
use crate::codec::{DecodeError, Reader, Writer};

/// A classic group as it was when its last generation became stable, or when it became empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassicGroup {
    /// What its members do, as in `consumer` or `connect`; `None` for a group that never had members.
    pub protocol_type: Option<Box<str>>,
    /// The assignment strategy that all members support.
    pub protocol_name: Option<Box<str>>,
    /// The generation.
    pub generation: GenerationId,
    /// The member that made the assignment.
    pub leader: Option<MemberId>,
    /// Since when it has been as it is.
    pub since: TimestampMs,
    /// Its members.
    pub members: BTreeMap<MemberId, ClassicMember>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMember {
    /// Set for a static member (KIP-345).
    pub instance_id: Option<GroupInstanceId>,
    /// The client id of its requests.
    pub client_id: Box<str>,
    /// The address it came from.
    pub client_host: Box<str>,
    /// How long it may take to join a rebalance, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// The strategies that it supports, in its order.
    pub protocols: Arc<[MemberProtocol]>,
    /// What the leader assigned to it. Opaque here.
    pub assignment: Arc<[u8]>,
}

/// An assignment strategy that a member supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberProtocol {
    /// Its name, as in `range`.
    pub name: Box<str>,
    /// What the member wants its leader to know, such as the topics that it subscribes to.
    pub metadata: Box<[u8]>,
}

/// The members of a classic group change: a generation has become stable, the last member has left, or a static member
/// came back with another id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreClassicGroup {
    /// The group.
    pub group_id: GroupId,
    /// [`super::Group::revision`] of the group that was decided against; 0 when there was none.
    pub expected_revision: u64,
    /// The group from now on.
    pub group: ClassicGroup,
}

impl StoreClassicGroup {
    /// Layout: group id text, expected revision u64, then as in [`ClassicGroup::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.group_id.as_str());
        w.u64(self.expected_revision);
        self.group.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: GroupId::new(r.text("group id")?),
            expected_revision: r.u64("expected revision")?,
            group: ClassicGroup::read(r)?,
        })
    }
}

/// The protocol type of consumers, as against Connect's workers and others.
const CONSUMER: &str = "consumer";

impl ClassicGroup {
    /// Whether its members are consumers, whose subscriptions can be read.
    #[must_use]
    pub fn has_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// The topics that its members subscribe to (`ClassicGroup.computeSubscribedTopics` in Kafka).
    #[must_use]
    pub fn subscribed(&self) -> Subscribed<'_> {
        match &self.protocol_name {
            _ if !self.has_consumers() => Subscribed::Nothing,
            _ if self.members.is_empty() => Subscribed::Nothing,
            Some(protocol) => {
                subscription::of_all(self.members.values().map(|member| member.metadata(protocol)))
            }
            None => Subscribed::Unknown,
        }
    }

    /// Whether its leader is a member, and no two members are the same instance.
    pub(super) fn is_consistent(&self) -> bool {
        let mut instances = BTreeSet::new();
        let mut of_members = self.members.values().filter_map(|member| member.instance_id.as_ref());
        of_members.all(|instance| instances.insert(instance))
            && self.leader.as_ref().is_none_or(|leader| self.members.contains_key(leader))
    }

    /// Whether that client may commit offsets (`ClassicGroup.validateOffsetCommit` in Kafka).
    pub(super) fn check_committer(&self, committer: &Committer) -> Result<(), GroupError> {
        match committer {
            Committer::Anyone if self.members.is_empty() => Ok(()),
            Committer::Anyone => Err(GroupError::UnknownMember),
            Committer::Member { member_id, instance_id, generation } => {
                if let Some(instance_id) = instance_id {
                    self.check_instance(instance_id, member_id)?;
                }
                if !self.members.contains_key(member_id) {
                    return Err(GroupError::UnknownMember);
                }
                if *generation != self.generation.get() {
                    return Err(GroupError::IllegalGeneration);
                }
                Ok(())
            }
        }
    }

    fn check_instance(&self, instance: &GroupInstanceId, member: &MemberId) -> Result<(), GroupError> {
        let holder = self.members.iter().find(|(_, known)| known.instance_id.as_ref() == Some(instance));
        match holder {
            None => Err(GroupError::UnknownMember),
            Some((id, _)) if id != member => Err(GroupError::FencedInstance),
            Some(_) => Ok(()),
        }
    }

    /// Layout: optional protocol type text, optional protocol name text, generation i32, optional leader text, since i64,
    /// count u32, per member in the order of their ids: id text and [`ClassicMember::write`].
    pub(super) fn write(&self, w: &mut Writer) {
        w.optional(self.protocol_type.as_deref(), Writer::text);
        w.optional(self.protocol_name.as_deref(), Writer::text);
        w.i32(self.generation.get());
        w.optional(self.leader.as_ref(), |w, leader| w.text(leader.as_str()));
        w.i64(self.since.get());
        w.count(self.members.len());
        for (id, member) in &self.members {
            w.text(id.as_str());
            member.write(w);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_type: r.optional("protocol type", |r| r.text("protocol type").map(Into::into))?,
            protocol_name: r.optional("protocol name", |r| r.text("protocol name").map(Into::into))?,
            generation: GenerationId::new(r.i32("generation")?),
            leader: r.optional("leader", |r| r.text("leader").map(MemberId::new))?,
            since: r.timestamp("since")?,
            members: r
                .list("members", 33, |r| Ok((MemberId::new(r.text("member id")?), ClassicMember::read(r)?)))?
                .into_iter()
                .collect(),
        })
    }
}

impl MemberProtocol {
    /// Layout: count u32, each name text and bytes.
    pub(in crate::groups) fn write_all(protocols: &[Self], w: &mut Writer) {
        w.count(protocols.len());
        for protocol in protocols {
            w.text(&protocol.name);
            w.bytes(&protocol.metadata);
        }
    }

    pub(in crate::groups) fn read_all(r: &mut Reader<'_>) -> Result<Arc<[Self]>, DecodeError> {
        let protocols = r.list("protocols", 8, |r| {
            let name = r.text("protocol")?.into();
            Ok(Self { name, metadata: r.bytes("protocol metadata")?.into() })
        })?;
        Ok(protocols.into())
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.metadata.len()
    }
}

impl ClassicMember {
    /// What it told its leader for a protocol; nothing when it does not support it.
    #[must_use]
    pub fn metadata(&self, protocol: &str) -> &[u8] {
        let found = self.protocols.iter().find(|supported| &*supported.name == protocol);
        found.map_or(&[], |supported| &supported.metadata)
    }

    /// Layout: optional instance id text, client id text, client host text, rebalance timeout i32, session timeout i32,
    /// count u32 of protocols, each name text and bytes, assignment bytes.
    fn write(&self, w: &mut Writer) {
        w.optional(self.instance_id.as_ref(), |w, id| w.text(id.as_str()));
        w.text(&self.client_id);
        w.text(&self.client_host);
        w.i32(self.rebalance_timeout_ms);
        w.i32(self.session_timeout_ms);
        MemberProtocol::write_all(&self.protocols, w);
        w.bytes(&self.assignment);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            instance_id: r.optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
            client_id: r.text("client id")?.into(),
            client_host: r.text("client host")?.into(),
            rebalance_timeout_ms: r.i32("rebalance timeout")?,
            session_timeout_ms: r.i32("session timeout")?,
            protocols: MemberProtocol::read_all(r)?,
            assignment: r.bytes("assignment")?.into(),
        })
    }
}
