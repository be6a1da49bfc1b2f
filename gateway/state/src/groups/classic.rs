//! Classic groups: what of them survives a restart. The rebalance itself happens in memory, in the coordinator.

use std::collections::BTreeMap;

use chronik_types::{GenerationId, GroupInstanceId, MemberId, TimestampMs};

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
    /// The strategies that it supports, in its order, each with what it wants its leader to know. Opaque here.
    pub protocols: Vec<(Box<str>, Box<[u8]>)>,
    /// What the leader assigned to it. Opaque here.
    pub assignment: Box<[u8]>,
}

impl ClassicGroup {
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

impl ClassicMember {
    /// Layout: optional instance id text, client id text, client host text, rebalance timeout i32, session timeout i32,
    /// count u32 of protocols, each name text and bytes, assignment bytes.
    fn write(&self, w: &mut Writer) {
        w.optional(self.instance_id.as_ref(), |w, id| w.text(id.as_str()));
        w.text(&self.client_id);
        w.text(&self.client_host);
        w.i32(self.rebalance_timeout_ms);
        w.i32(self.session_timeout_ms);
        w.count(self.protocols.len());
        for (name, metadata) in &self.protocols {
            w.text(name);
            w.bytes(metadata);
        }
        w.bytes(&self.assignment);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            instance_id: r.optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
            client_id: r.text("client id")?.into(),
            client_host: r.text("client host")?.into(),
            rebalance_timeout_ms: r.i32("rebalance timeout")?,
            session_timeout_ms: r.i32("session timeout")?,
            protocols: r.list("protocols", 8, |r| {
                Ok((r.text("protocol")?.into(), r.bytes("protocol metadata")?.into()))
            })?,
            assignment: r.bytes("assignment")?.into(),
        })
    }
}
