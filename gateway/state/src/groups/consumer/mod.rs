//! Consumer groups (KIP-848): the group decides the assignment, members are told it step by step.
//!
//! Three counters tell how far it has got. The group epoch grows when members, subscriptions or subscribed topics change;
//! the assignment epoch is that of the target assignment, which follows it; each member has the epoch of what it was
//! told last. `heartbeat` and `leave` hold the changes, `subscription` what members want, `target` and `assignors` what
//! they should have, `reconcile` how they get there. `classic_member` is for members that speak the classic protocol, which
//! a group may have while it changes from one protocol to the other (`migration`).

mod assignors;
mod changes;
mod classic_member;
mod embedded;
mod heartbeat;
mod leave;
mod member;
mod migration;
mod reconcile;
mod settings;
mod subscription;
mod target;
mod weight;

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{GroupInstanceId, MemberEpoch, MemberId, TimestampMs, TopicPartition};

use self::member::read_member_id;
use super::{CommitOffsets, Committer, GroupError};
use crate::codec::{DecodeError, Reader, Writer};

pub use assignors::Assignor;
pub use classic_member::{JoinConsumerGroup, JoinedConsumerGroup};
pub use heartbeat::{ConsumerGroupHeartbeat, HeartbeatAnswer, RebalanceTimer};
pub use leave::{LeavingMember, RemoveConsumerMembers};
pub use member::{ClassicMembership, ConsumerMember, MemberState, OwnedPartitions};
pub use settings::ConsumerGroupSettings;
pub use subscription::{RegexMatches, ResolvedRegex};

/// A group whose assignment is made here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerGroup {
    epoch: MemberEpoch,
    metadata_hash: u64,
    assignment_epoch: MemberEpoch,
    /// When the target assignment was worked out; `None` before the first, and when another protocol did.
    assigned_at: Option<TimestampMs>,
    members: BTreeMap<MemberId, ConsumerMember>,
    /// What each member should have.
    targets: BTreeMap<MemberId, BTreeSet<TopicPartition>>,
    regexes: BTreeMap<Box<str>, ResolvedRegex>,
}

/// What a consumer group is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerGroupState {
    /// It has no members.
    Empty,
    /// Its target assignment is older than its epoch.
    Assigning,
    /// Members are on their way to the target assignment.
    Reconciling,
    /// Everybody has what he should have.
    Stable,
}

impl ConsumerGroupState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Empty, Self::Assigning, Self::Reconciling, Self::Stable];

    /// Its name, as it is shown to people and asked for by ListGroups.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

impl ConsumerGroup {
    /// The epoch of its members, their subscriptions and the topics that they are subscribed to.
    #[must_use]
    pub const fn epoch(&self) -> MemberEpoch {
        self.epoch
    }

    /// The group epoch that the target assignment was made for.
    #[must_use]
    pub const fn assignment_epoch(&self) -> MemberEpoch {
        self.assignment_epoch
    }

    /// Its members.
    #[must_use]
    pub const fn members(&self) -> &BTreeMap<MemberId, ConsumerMember> {
        &self.members
    }

    /// What a member should have.
    pub fn target(&self, member: &MemberId) -> impl Iterator<Item = TopicPartition> + use<'_> {
        self.targets.get(member).into_iter().flatten().copied()
    }

    /// The regular expressions of its members, as they were resolved.
    #[must_use]
    pub const fn regexes(&self) -> &BTreeMap<Box<str>, ResolvedRegex> {
        &self.regexes
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> ConsumerGroupState {
        if self.members.is_empty() {
            ConsumerGroupState::Empty
        } else if self.assignment_epoch < self.epoch {
            ConsumerGroupState::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.assignment_epoch)) {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    /// Whether its targets are those of members, no partition is meant for two, and the assignment is not ahead of it.
    pub(super) fn is_consistent(&self) -> bool {
        let mut targeted = BTreeSet::new();
        self.assignment_epoch <= self.epoch
            && self.targets.iter().all(|(member, partitions)| {
                self.members.contains_key(member) && partitions.iter().all(|at| targeted.insert(*at))
            })
    }

    /// Whether that client may commit those offsets.
    pub(super) fn check_commit(&self, commit: &CommitOffsets) -> Result<(), GroupError> {
        let Committer::Member { member_id, generation, .. } = &commit.committer else {
            return if self.members.is_empty() { Ok(()) } else { Err(GroupError::UnknownMember) };
        };
        let member = self.members.get(member_id).ok_or(GroupError::UnknownMember)?;
        let stale =
            if member.classic.is_some() { GroupError::IllegalGeneration } else { GroupError::StaleEpoch };
        let sent = MemberEpoch::new(*generation);
        if sent == member.epoch {
            return Ok(());
        }
        // An earlier epoch is good enough for a partition that the member has had since then (KIP-1251).
        let had = |at: &TopicPartition| member.owned_since(at).is_some_and(|since| since <= sent);
        if sent < member.epoch && commit.offsets.iter().all(|(at, _)| had(at)) { Ok(()) } else { Err(stale) }
    }

    /// Whether a client that names itself may fetch the offsets (OffsetFetch 9).
    pub(super) fn check_fetch(&self, member_id: &str, epoch: MemberEpoch) -> Result<(), GroupError> {
        let member = self.members.get(member_id).ok_or(GroupError::UnknownMember)?;
        match (member.epoch == epoch, &member.classic) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(GroupError::IllegalGeneration),
            (false, None) => Err(GroupError::StaleEpoch),
        }
    }

    /// The member that is this static instance at present.
    pub(super) fn instance(&self, instance: &GroupInstanceId) -> Option<(&MemberId, &ConsumerMember)> {
        self.members.iter().find(|(_, member)| member.instance_id.as_ref() == Some(instance))
    }

    /// Takes a member out, with its target.
    pub(super) fn remove(&mut self, id: &MemberId) {
        self.members.remove(id);
        self.targets.remove(id);
    }

    fn bump(&mut self) {
        self.epoch = MemberEpoch::new(self.epoch.get().saturating_add(1));
    }

    /// Layout: epoch i32, metadata hash u64, assignment epoch i32, optional assigned at i64, count u32 of members, each id
    /// text and [`ConsumerMember::write`], count u32 of targets, each member id text, count u32 and partitions, count u32
    /// of regular expressions, each text and [`ResolvedRegex::write`].
    pub(super) fn write(&self, w: &mut Writer) {
        w.i32(self.epoch.get());
        w.u64(self.metadata_hash);
        w.i32(self.assignment_epoch.get());
        w.optional(self.assigned_at, |w, time| w.i64(time.get()));
        w.count(self.members.len());
        for (id, member) in &self.members {
            w.text(id.as_str());
            member.write(w);
        }
        w.count(self.targets.len());
        for (id, target) in &self.targets {
            w.text(id.as_str());
            w.count(target.len());
            target.iter().for_each(|at| w.topic_partition(*at));
        }
        w.count(self.regexes.len());
        for (regex, resolved) in &self.regexes {
            w.text(regex);
            resolved.write(w);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let epoch = MemberEpoch::new(r.i32("group epoch")?);
        let metadata_hash = r.u64("metadata hash")?;
        let assignment_epoch = MemberEpoch::new(r.i32("assignment epoch")?);
        let assigned_at = r.optional("assigned at", |r| r.timestamp("assigned at"))?;
        let members = r.list("members", 53, |r| Ok((read_member_id(r)?, ConsumerMember::read(r)?)))?;
        let targets = r.list("targets", 8, |r| {
            let id = read_member_id(r)?;
            let target = r.list("target", 20, |r| r.topic_partition("target partition"))?;
            Ok((id, target.into_iter().collect()))
        })?;
        let regexes = r.list("regexes", 16, |r| Ok((r.text("regex")?.into(), ResolvedRegex::read(r)?)))?;
        Ok(Self {
            epoch,
            metadata_hash,
            assignment_epoch,
            assigned_at,
            members: members.into_iter().collect(),
            targets: targets.into_iter().collect(),
            regexes: regexes.into_iter().collect(),
        })
    }
}
