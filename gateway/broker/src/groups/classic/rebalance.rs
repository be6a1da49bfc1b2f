//! From one generation to the next: who has to join, how long that may take, and what happens when all have.

use std::time::Duration;

use super::{ClassicGroup, Phase, Step, StoreKind};
use crate::groups::CoordinatorError;

/// What a wait for the sessions of members takes at least, whatever rebalance timeout they have asked for.
const AT_LEAST: Duration = Duration::from_secs(1);

/// The wait of a group that was empty: each new member makes it longer, up to the rebalance timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    /// What the present wait takes.
    delay: Duration,
    /// How much may follow.
    remaining: Duration,
    /// A member has come since.
    pub(super) grown: bool,
}

impl ClassicGroup {
    /// Begins a rebalance, or goes on with the one that is going on.
    pub(in crate::groups) fn rebalance_or_complete_join(&mut self, reason: &str, step: &mut Step<'_>) {
        match self.phase {
            Phase::Empty | Phase::CompletingRebalance | Phase::Stable => self.prepare_rebalance(reason, step),
            Phase::PreparingRebalance => self.maybe_complete_join(step),
        }
    }

    /// Begins a rebalance: all members have to join again.
    pub(super) fn prepare_rebalance(&mut self, reason: &str, step: &mut Step<'_>) {
        if self.phase == Phase::CompletingRebalance {
            self.reset_assignments(&CoordinatorError::RebalanceInProgress, step.now);
        }
        self.sync_deadline = None;
        self.members.values_mut().for_each(|member| member.owes_sync = false);
        self.owing_sync = 0;
        let was_empty = self.phase == Phase::Empty;
        self.go(Phase::PreparingRebalance, step);
        tracing::info!(group = %step.group_id, generation = self.generation, reason, "rebalance begins");
        if was_empty {
            let delay = step.rules.initial_rebalance_delay;
            let remaining = self.rebalance_timeout().saturating_sub(delay);
            self.initial = Some(InitialDelay { delay, remaining, grown: false });
            self.join_within(delay, step.now);
        } else if self.all_joined() {
            self.complete_join(step);
        } else {
            self.join_within(self.rebalance_timeout(), step.now);
        }
    }

    fn join_within(&mut self, time: Duration, now: Duration) {
        let deadline = now.saturating_add(time);
        self.join_deadline = Some(deadline);
        self.wake_at(deadline);
    }

    /// Goes on to the next generation if all have joined. A group that was empty waits for others in any case.
    pub(super) fn maybe_complete_join(&mut self, step: &mut Step<'_>) {
        if self.phase == Phase::PreparingRebalance && self.initial.is_none() && self.all_joined() {
            self.complete_join(step);
        }
    }

    /// The time to join is over.
    pub(super) fn expire_join(&mut self, step: &mut Step<'_>) {
        if let Some(initial) = &mut self.initial
            && initial.grown
            && !initial.remaining.is_zero()
        {
            let delay = step.rules.initial_rebalance_delay.min(initial.remaining);
            let remaining = initial.remaining.saturating_sub(initial.delay);
            *initial = InitialDelay { delay, remaining, grown: false };
            self.join_within(delay, step.now);
        } else {
            self.complete_join(step);
        }
    }

    /// Goes on to the next generation with those who have joined, and static members.
    pub(super) fn complete_join(&mut self, step: &mut Step<'_>) {
        self.join_deadline = None;
        let is_late = |member: &super::Member| member.awaiting_join.is_none() && member.instance_id.is_none();
        let late: Vec<_> =
            self.members.iter().filter(|(_, member)| is_late(member)).map(|(id, _)| id.clone()).collect();
        for id in late {
            tracing::info!(group = %step.group_id, member = %id, "member has not joined in time");
            step.counts.expired += 1;
            self.remove(&id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left, and none has joined: their sessions have to end first.
            return self.join_within(self.rebalance_timeout().max(AT_LEAST), step.now);
        }
        self.initial = None;
        self.generation = if self.generation == i32::MAX { 1 } else { self.generation + 1 };
        if self.members.is_empty() {
            self.protocol_name = None;
            self.go(Phase::Empty, step);
            tracing::info!(group = %step.group_id, generation = self.generation, "group is empty");
            self.store(StoreKind::Emptied { generation: self.generation }, step);
        } else {
            self.begin_generation(step);
        }
    }

    fn begin_generation(&mut self, step: &mut Step<'_>) {
        self.protocol_name = self.select_protocol();
        self.go(Phase::CompletingRebalance, step);
        let members = self.members.len();
        tracing::info!(group = %step.group_id, generation = self.generation, members, "generation begins");
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.joined(&id);
            self.answer_join(&id, Ok(answer));
            self.renew(&id, step.now);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
                member.owes_sync = true;
            }
        }
        self.owing_sync = self.members.len();
        let deadline = step.now.saturating_add(self.rebalance_timeout());
        self.sync_deadline = Some(deadline);
        self.wake_at(deadline);
    }

    /// Makes sure that the leader is one who has joined; `false` when nobody has.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        if self.leader.as_ref().is_some_and(has_joined) {
            return true;
        }
        let joined = self.members.iter().find(|(_, member)| member.awaiting_join.is_some());
        let Some(elected) = joined.map(|(id, _)| id.clone()) else { return false };
        self.leader = Some(elected);
        true
    }
}
