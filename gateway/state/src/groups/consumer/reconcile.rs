//! How a member gets from what it has to what it should have.
//!
//! ```text
//! STABLE ──target moved──► has to give up something? ──yes──► UNREVOKED_PARTITIONS (keeps its epoch)
//!    ▲                            │ no                                │ no longer owns it
//!    │                            ▼                                   ▼
//!    └──all of its target── takes the epoch of the target ◄───────────┘
//!                                 │ others have some of it
//!                                 ▼
//!                         UNRELEASED_PARTITIONS (takes more at each heartbeat)
//! ```
//!
//! A partition is given to a member only when nobody else has it, so that nobody ever reads it twice at once.

use std::collections::BTreeSet;

use chronik_types::{MemberEpoch, MemberId, TopicId, TopicPartition};

use super::ConsumerGroup;
use super::member::{ConsumerMember, MemberState, OwnedPartitions};
use crate::topics::Topics;

/// What a heartbeat says that matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'a> {
    /// The partitions that the member says it has, if it says.
    pub(super) owned: Option<&'a [TopicPartition]>,
    /// Whether it has changed its subscription: what it is no longer subscribed to goes at once, and not only with the
    /// next target.
    pub(super) subscription_changed: bool,
}

impl Report<'_> {
    /// Whether the member may still have any of those. It does until it says otherwise.
    fn still_has_any(&self, pending: &OwnedPartitions) -> bool {
        self.owned.is_none_or(|owned| owned.iter().any(|at| pending.contains_key(at)))
    }
}

impl ConsumerGroup {
    /// The next step of a member towards its target, or the member as it is. It need not be in the group yet.
    pub(super) fn reconcile(
        &self,
        topics: &Topics,
        id: &MemberId,
        member: &ConsumerMember,
        report: Report<'_>,
    ) -> ConsumerMember {
        if !report.subscription_changed && member.is_reconciled_to(self.assignment_epoch) {
            return member.clone();
        }
        let step = Step { group: self, id, member, report, subscribed: self.topics_of(topics, member) };
        match member.state {
            MemberState::Stable if member.epoch != self.assignment_epoch => step.towards_target(),
            MemberState::Stable => step.drop_unsubscribed(),
            MemberState::UnrevokedPartitions if report.still_has_any(&member.pending_revocation) => {
                step.drop_unsubscribed()
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => step.towards_target(),
        }
    }

    /// Whether a member other than this one has that partition.
    fn is_held_by_another(&self, id: &MemberId, at: &TopicPartition) -> bool {
        self.members.iter().any(|(other, member)| other != id && member.owns(at))
    }

    /// Whether a member that waits for partitions still has to.
    pub(super) fn waits_for_others(&self, id: &MemberId, member: &ConsumerMember) -> bool {
        member.state == MemberState::UnreleasedPartitions
            && self.targets.get(id).is_some_and(|target| {
                target.iter().any(|at| !member.assigned.contains_key(at) && self.is_held_by_another(id, at))
            })
    }
}

struct Step<'a> {
    group: &'a ConsumerGroup,
    id: &'a MemberId,
    member: &'a ConsumerMember,
    report: Report<'a>,
    subscribed: BTreeSet<TopicId>,
}

impl Step<'_> {
    /// Gives up what is not in the target, or takes what is free of it.
    fn towards_target(&self) -> ConsumerMember {
        let target = self.group.targets.get(self.id).into_iter().flatten();
        let target: BTreeSet<&TopicPartition> =
            target.filter(|at| self.subscribed.contains(&at.topic_id)).collect();
        let (kept, pending) = split(&self.member.assigned, |at| target.contains(at));
        let mut next = self.member.clone();
        next.assigned = kept;
        if !pending.is_empty() && self.report.still_has_any(&pending) {
            next.state = MemberState::UnrevokedPartitions;
            next.pending_revocation = pending;
            // It keeps its epoch, and what it says with the one before is no longer taken.
            next.move_to_epoch(self.member.epoch);
            return next;
        }
        let epoch = self.group.assignment_epoch;
        let mut waits = false;
        for at in target {
            if next.assigned.contains_key(at) {
                continue;
            }
            if self.group.is_held_by_another(self.id, at) {
                waits = true;
            } else {
                next.assigned.insert(*at, epoch);
            }
        }
        next.state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        next.pending_revocation.clear();
        next.move_to_epoch(epoch);
        next
    }

    /// Gives up what the member is no longer subscribed to. The rest waits for the next target.
    fn drop_unsubscribed(&self) -> ConsumerMember {
        let (kept, dropped) = split(&self.member.assigned, |at| self.subscribed.contains(&at.topic_id));
        if !self.report.subscription_changed || dropped.is_empty() {
            return self.member.clone();
        }
        let mut next = self.member.clone();
        next.assigned = kept;
        let mut pending = self.member.pending_revocation.clone();
        pending.extend(dropped);
        if self.report.still_has_any(&pending) {
            next.state = MemberState::UnrevokedPartitions;
            next.pending_revocation = pending;
        }
        next.move_to_epoch(self.member.epoch);
        next
    }
}

fn split(
    owned: &OwnedPartitions,
    keep: impl Fn(&TopicPartition) -> bool,
) -> (OwnedPartitions, OwnedPartitions) {
    owned
        .iter()
        .map(|(at, epoch): (&TopicPartition, &MemberEpoch)| (*at, *epoch))
        .partition(|(at, _)| keep(at))
}
