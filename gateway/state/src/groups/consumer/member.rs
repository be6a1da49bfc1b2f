//! A member of a consumer group: what it said of itself, and which partitions it has.
//!
//! A member moves from its assignment to the target of its group in steps (`reconcile`): it keeps its epoch until it has
//! given up what it has to, then takes the epoch of the target, and gets partitions as others give them up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chronik_types::{GroupInstanceId, MemberEpoch, MemberId, TopicPartition};

use super::assignors::Assignor;
use crate::codec::{DecodeError, Reader, Writer};
use crate::groups::MemberProtocol;

/// Partitions with the epoch since which a member has each: offsets may be committed with any epoch from there on
/// (KIP-1251).
pub type OwnedPartitions = BTreeMap<TopicPartition, MemberEpoch>;

/// How far a member has come on its way to the target assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has what it was told to have.
    #[default]
    Stable,
    /// It has still to give up partitions.
    UnrevokedPartitions,
    /// It waits for partitions that others have still to give up.
    UnreleasedPartitions,
}

impl MemberState {
    /// Persisted ordinals, never reused.
    const STABLE: u8 = 0;
    const UNREVOKED: u8 = 1;
    const UNRELEASED: u8 = 2;

    const fn ordinal(self) -> u8 {
        match self {
            Self::Stable => Self::STABLE,
            Self::UnrevokedPartitions => Self::UNREVOKED,
            Self::UnreleasedPartitions => Self::UNRELEASED,
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("member state")? {
            Self::STABLE => Ok(Self::Stable),
            Self::UNREVOKED => Ok(Self::UnrevokedPartitions),
            Self::UNRELEASED => Ok(Self::UnreleasedPartitions),
            other => {
                Err(DecodeError::Invalid { field: "member state", reason: format!("{other} is no state") })
            }
        }
    }
}

/// What is known of a member that speaks the classic protocol within a consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMembership {
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// The strategies that it supports, in its order, each with its subscription. The first one counts.
    pub protocols: Arc<[MemberProtocol]>,
}

/// A member of a consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerMember {
    /// The epoch that it was told last; [`MemberEpoch::LEAVE_STATIC`] while a static member is away.
    pub epoch: MemberEpoch,
    /// The epoch before: its answer may have been lost.
    pub previous_epoch: MemberEpoch,
    /// How far it has come.
    pub state: MemberState,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// The rack that it is in.
    pub rack_id: Option<Box<str>>,
    /// How long it may take to give up partitions, in milliseconds; -1 when it has not said.
    pub rebalance_timeout_ms: i32,
    /// The client id of its requests.
    pub client_id: Box<str>,
    /// The address it came from.
    pub client_host: Box<str>,
    /// The topics that it names, whether they exist or not.
    pub subscribed_topics: BTreeSet<Box<str>>,
    /// The regular expression that it gives; empty for none.
    pub subscribed_regex: Box<str>,
    /// The assignor that it would like.
    pub assignor: Option<Assignor>,
    /// What it has.
    pub assigned: OwnedPartitions,
    /// What it has still to give up.
    pub pending_revocation: OwnedPartitions,
    /// Set for a member that speaks the classic protocol.
    pub classic: Option<ClassicMembership>,
}

impl ConsumerMember {
    /// One that has just been heard of.
    pub(super) fn unknown() -> Self {
        Self { previous_epoch: MemberEpoch::new(-1), rebalance_timeout_ms: -1, ..Self::default() }
    }

    /// Whether it has what the target of that epoch gives it.
    #[must_use]
    pub fn is_reconciled_to(&self, epoch: MemberEpoch) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// The regular expression that it is subscribed to.
    #[must_use]
    pub fn regex(&self) -> Option<&str> {
        Some(&*self.subscribed_regex).filter(|regex| !regex.is_empty())
    }

    /// Whether it has that partition, or has still to give it up.
    #[must_use]
    pub fn owns(&self, at: &TopicPartition) -> bool {
        self.assigned.contains_key(at) || self.pending_revocation.contains_key(at)
    }

    /// Since which epoch it has had that partition.
    pub(super) fn owned_since(&self, at: &TopicPartition) -> Option<MemberEpoch> {
        self.assigned.get(at).or_else(|| self.pending_revocation.get(at)).copied()
    }

    pub(super) fn move_to_epoch(&mut self, epoch: MemberEpoch) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }

    /// A static member goes away and keeps its partitions. What is committed in its name until it is back is refused.
    pub(super) fn leave_for_a_while(&mut self) {
        self.epoch = MemberEpoch::LEAVE_STATIC;
        self.pending_revocation.clear();
        self.assigned.values_mut().for_each(|epoch| *epoch = MemberEpoch::JOIN);
    }

    /// Layout: epoch i32, previous epoch i32, state u8 (0 stable, 1 unrevoked, 2 unreleased), optional instance id text,
    /// optional rack id text, rebalance timeout i32, client id text, client host text, count u32 of topics, each a text,
    /// regular expression text, optional assignor u8, assigned and pending partitions (count u32, each partition and
    /// epoch i32), optional classic membership (session timeout i32, count u32 of protocols, each name text and bytes).
    pub(super) fn write(&self, w: &mut Writer) {
        w.i32(self.epoch.get());
        w.i32(self.previous_epoch.get());
        w.u8(self.state.ordinal());
        w.optional(self.instance_id.as_ref(), |w, id| w.text(id.as_str()));
        w.optional(self.rack_id.as_deref(), Writer::text);
        w.i32(self.rebalance_timeout_ms);
        w.text(&self.client_id);
        w.text(&self.client_host);
        w.count(self.subscribed_topics.len());
        self.subscribed_topics.iter().for_each(|topic| w.text(topic));
        w.text(&self.subscribed_regex);
        w.optional(self.assignor, |w, assignor| assignor.write(w));
        write_owned(w, &self.assigned);
        write_owned(w, &self.pending_revocation);
        w.optional(self.classic.as_ref(), |w, classic| classic.write(w));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: MemberEpoch::new(r.i32("member epoch")?),
            previous_epoch: MemberEpoch::new(r.i32("previous member epoch")?),
            state: MemberState::read(r)?,
            instance_id: r.optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
            rack_id: r.optional("rack id", |r| r.text("rack id").map(Into::into))?,
            rebalance_timeout_ms: r.i32("rebalance timeout")?,
            client_id: r.text("client id")?.into(),
            client_host: r.text("client host")?.into(),
            subscribed_topics: read_names(r)?.into_iter().collect(),
            subscribed_regex: r.text("subscribed regex")?.into(),
            assignor: r.optional("assignor", Assignor::read)?,
            assigned: read_owned(r)?,
            pending_revocation: read_owned(r)?,
            classic: r.optional("classic membership", ClassicMembership::read)?,
        })
    }
}

impl ClassicMembership {
    pub(super) fn write(&self, w: &mut Writer) {
        w.i32(self.session_timeout_ms);
        MemberProtocol::write_all(&self.protocols, w);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { session_timeout_ms: r.i32("session timeout")?, protocols: MemberProtocol::read_all(r)? })
    }
}

/// A list of topic names: count u32, each a text.
pub(super) fn read_names(r: &mut Reader<'_>) -> Result<Vec<Box<str>>, DecodeError> {
    r.list("topic names", 4, |r| r.text("topic name").map(Into::into))
}

/// The identity under which a member is kept.
pub(super) fn read_member_id(r: &mut Reader<'_>) -> Result<MemberId, DecodeError> {
    r.text("member id").map(MemberId::new)
}

fn write_owned(w: &mut Writer, owned: &OwnedPartitions) {
    w.count(owned.len());
    for (at, epoch) in owned {
        w.topic_partition(*at);
        w.i32(epoch.get());
    }
}

fn read_owned(r: &mut Reader<'_>) -> Result<OwnedPartitions, DecodeError> {
    let owned = r.list("owned partitions", 24, |r| {
        Ok((r.topic_partition("owned partition")?, MemberEpoch::new(r.i32("assignment epoch")?)))
    })?;
    Ok(owned.into_iter().collect())
}
