//! A classic group as its coordinator sees it: a state machine without I/O, clock or tasks.
//!
//! Members join until all are there (`join`, `rebalance`), the leader hands in the assignment (`sync`), it is stored
//! (`stored`), and everybody is stable until somebody comes, goes or falls silent (`leave`, `expiry`). Each call is given a
//! [`Step`] with the time and the rules, answers who waits through his channel, and leaves in the step what has to be
//! stored. The rules are Kafka's (`ClassicGroup`, `GroupMetadataManager.classicGroup*`): KIP-134, 345, 394, 559, 800, 814.

mod commit;
mod describe;
mod expiry;
mod join;
mod leave;
mod member;
mod messages;
mod protocols;
mod rebalance;
mod stored;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chronik_state::{GroupError, MemberProtocol};
use chronik_types::{GroupId, GroupInstanceId, MemberId, TimestampMs};

pub use self::commit::Committing;
pub use self::describe::{ClassicState, DescribedMember};
use self::member::Member;
pub(crate) use self::messages::{JoinAnswer, JoinWaiter, SyncAnswer, SyncWaiter};
pub use self::messages::{
    JoinRefusal, JoinRequest, Joined, JoinedMember, Leaving, MemberIdentity, SyncRequest, Synced,
};
use self::protocols::ProtocolCounts;
use self::rebalance::InitialDelay;
pub(crate) use self::stored::{Store, StoreKind};

/// How long a member that has just been told its id may wait in a JoinGroup: its client cannot send heartbeats yet.
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// What the settings say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// How long an empty group waits for more members before its first assignment.
    pub(crate) initial_rebalance_delay: Duration,
    /// The most members of a group.
    pub(crate) max_size: usize,
}

/// The circumstances of a call, and what comes of it.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// The group's name, for the log.
    pub(crate) group_id: &'a GroupId,
    /// Monotonic time: all deadlines are in it.
    pub(crate) now: Duration,
    /// The time on the wall, for what is stored and shown.
    pub(crate) wall: TimestampMs,
    /// The settings.
    pub(crate) rules: Rules,
    /// What has to be stored. [`ClassicGroup::stored`] is told how that ended.
    pub(crate) store: Option<Store>,
    /// What happened, for the metrics.
    pub(crate) counts: Counts,
}

/// What happened in a [`Step`] that is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Generations whose members got their assignment.
    pub(crate) rebalances: u64,
    /// Members whose time was over.
    pub(crate) expired: u64,
}

/// Where a group is between two generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has no members.
    Empty,
    /// Members are joining the next generation.
    PreparingRebalance,
    /// All have joined, and the leader is making the assignment.
    CompletingRebalance,
    /// All have, or can get, their assignment.
    Stable,
}

/// A classic group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    phase: Phase,
    since: TimestampMs,
    protocol_type: Option<Box<str>>,
    protocol_name: Option<Box<str>>,
    generation: i32,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    /// The static members, by their instance.
    instances: BTreeMap<GroupInstanceId, MemberId>,
    /// Who was given an id and has yet to join with it, each with the time at which that is too late.
    pending: BTreeMap<MemberId, Duration>,
    protocols: ProtocolCounts,
    /// How many members wait in a JoinGroup.
    awaiting_join: usize,
    /// How many members have been told the generation, and have not asked for their assignment.
    owing_sync: usize,
    /// Bytes of what members brought and were assigned.
    bytes: usize,
    /// Set in the first rebalance after the group was empty.
    initial: Option<InitialDelay>,
    /// When members have to have joined.
    join_deadline: Option<Duration>,
    /// When members have to have asked for their assignment.
    sync_deadline: Option<Duration>,
    /// No deadline lies before this.
    alarm: Duration,
    /// What is in the state, as far as this coordinator knows.
    durable: stored::Durable,
}

impl ClassicGroup {
    /// A group that has never had members.
    pub(crate) fn new(now: TimestampMs, revision: u64) -> Self {
        Self {
            phase: Phase::Empty,
            since: now,
            protocol_type: None,
            protocol_name: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            protocols: ProtocolCounts::default(),
            awaiting_join: 0,
            owing_sync: 0,
            bytes: 0,
            initial: None,
            join_deadline: None,
            sync_deadline: None,
            alarm: Duration::MAX,
            durable: stored::Durable::new(revision),
        }
    }

    /// Whether nothing would be lost if it were forgotten.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Empty && self.pending.is_empty() && !self.durable.is_storing()
    }

    /// Whether it has no members, not even such as are about to join.
    pub(crate) fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    /// How many members it has, with those that were only given an id.
    pub(crate) fn size(&self) -> usize {
        self.members.len() + self.pending.len()
    }

    /// Bytes of what its members brought and were assigned.
    pub(crate) const fn member_bytes(&self) -> usize {
        self.bytes
    }

    /// How many members, and bytes of them, a join would add.
    pub(crate) fn growth(&self, request: &JoinRequest) -> (usize, usize) {
        let known =
            self.members.get(&request.member_id).map(|member| member.bytes() - member.assignment.len());
        let members = usize::from(known.is_none() && !self.pending.contains_key(&request.member_id));
        (members, request.bytes().saturating_sub(known.unwrap_or(0)))
    }

    /// Until then nothing is due.
    pub(crate) fn alarm(&self) -> Duration {
        self.alarm
    }

    fn go(&mut self, phase: Phase, step: &Step<'_>) {
        self.phase = phase;
        self.since = step.wall;
    }

    fn wake_at(&mut self, deadline: Duration) {
        self.alarm = self.alarm.min(deadline);
    }

    fn is_leader(&self, member: &MemberId) -> bool {
        self.leader.as_ref() == Some(member)
    }

    fn all_joined(&self) -> bool {
        self.members.len() == self.awaiting_join && self.pending.is_empty()
    }

    /// The longest that any member may take to join.
    fn rebalance_timeout(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
        Duration::from_millis(u64::try_from(longest).unwrap_or(0))
    }

    /// Whether that member is in the group, and is who it says.
    fn check_member(&self, id: &MemberId, instance: Option<&GroupInstanceId>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(GroupError::UnknownMember),
                Some(holder) if holder != id => return Err(GroupError::FencedInstance),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(GroupError::UnknownMember) }
    }

    /// Checks a heartbeat, and lets the session of its member begin anew.
    pub(crate) fn heartbeat(
        &mut self,
        who: &MemberIdentity,
        generation: i32,
        now: Duration,
    ) -> Result<(), super::CoordinatorError> {
        self.check_member(&who.member_id, who.instance_id.as_ref())?;
        if generation != self.generation {
            return Err(GroupError::IllegalGeneration.into());
        }
        self.renew(&who.member_id, now);
        match self.phase {
            Phase::PreparingRebalance => Err(super::CoordinatorError::RebalanceInProgress),
            Phase::Empty | Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    /// Lets the session of a member begin anew.
    fn renew(&mut self, id: &MemberId, now: Duration) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.deadline = now.saturating_add(member.session_timeout());
        let deadline = member.deadline;
        self.wake_at(deadline);
    }

    /// Lets a member support other protocols.
    fn set_protocols(&mut self, id: &MemberId, protocols: Arc<[MemberProtocol]>) {
        let Some(member) = self.members.get_mut(id) else { return };
        self.protocols.remove(&member.protocols);
        self.protocols.add(&protocols);
        self.bytes -= member.bytes();
        member.protocols = protocols;
        self.bytes += member.bytes();
    }

    /// Gives every member its part of the assignment, or nothing.
    fn set_assignments(&mut self, mut assigned: impl FnMut(&MemberId) -> Option<Arc<[u8]>>) {
        for (id, member) in &mut self.members {
            self.bytes -= member.assignment.len();
            member.assignment = assigned(id).unwrap_or_default();
            self.bytes += member.assignment.len();
        }
    }

    /// Takes a member out, with all that points to it. Who waits in its name is told before.
    fn remove(&mut self, id: &MemberId) {
        if let Some(member) = self.members.remove(id) {
            self.protocols.remove(&member.protocols);
            self.bytes -= member.bytes();
            self.owing_sync -= usize::from(member.owes_sync);
            if member.awaiting_join.is_some() {
                self.awaiting_join -= 1;
            }
            if let Some(instance) = &member.instance_id {
                self.instances.remove(instance);
            }
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.forget_pending(id);
    }

    /// Waits for a member to join with the id that it is given.
    fn expect(&mut self, id: MemberId, deadline: Duration) {
        self.bytes += pending_bytes(&id);
        self.pending.insert(id, deadline);
    }

    fn forget_pending(&mut self, id: &MemberId) {
        if self.pending.remove(id).is_some() {
            self.bytes -= pending_bytes(id);
        }
    }

    fn answer_join(&mut self, id: &MemberId, answer: JoinAnswer) {
        if let Some(waiter) = self.members.get_mut(id).and_then(|member| member.awaiting_join.take()) {
            self.awaiting_join -= 1;
            // The client may have gone; it comes back or falls silent.
            let _ = waiter.send(answer);
        }
    }

    /// Lets everybody go who waits for something, because the group is not this one any more.
    pub(crate) fn dissolve(&mut self, why: &super::CoordinatorError) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            self.answer_join(&id, Err(JoinRefusal::of(&id, why.clone())));
            self.answer_sync(&id, Err(why.clone()));
        }
    }

    /// Answers who waits for an assignment; `false` when nobody does.
    fn answer_sync(&mut self, id: &MemberId, answer: SyncAnswer) -> bool {
        let waiter = self.members.get_mut(id).and_then(|member| member.awaiting_sync.take());
        waiter.map(|waiter| waiter.send(answer)).is_some()
    }
}

/// A member that has been given an id and has not joined with it.
fn pending_bytes(id: &MemberId) -> usize {
    64 + id.as_str().len()
}
