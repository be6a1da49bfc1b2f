//! What happens by itself in time: silent members, members that never finish joining, rebalances that take too long.

use std::time::Duration;

use super::{ClassicGroup, Phase, Step};

impl ClassicGroup {
    /// Does all that is due, and finds out when to come again: heartbeats move deadlines without touching the alarm.
    pub(crate) fn expire(&mut self, step: &mut Step<'_>) {
        if step.now < self.alarm {
            return;
        }
        self.expire_pending(step);
        self.expire_members(step);
        if self.join_deadline.is_some_and(|deadline| deadline <= step.now) {
            self.expire_join(step);
        }
        if self.sync_deadline.is_some_and(|deadline| deadline <= step.now) {
            self.expire_sync(step);
        }
        self.alarm = self.next_deadline();
    }

    fn expire_pending(&mut self, step: &mut Step<'_>) {
        let before = self.pending.len();
        self.pending.retain(|id, deadline| {
            let stays = *deadline > step.now;
            self.bytes -= if stays { 0 } else { super::pending_bytes(id) };
            stays
        });
        if self.pending.len() < before && self.phase == Phase::PreparingRebalance && self.all_joined() {
            self.complete_join(step);
        }
    }

    fn expire_members(&mut self, step: &mut Step<'_>) {
        let due = |member: &super::Member| member.deadline <= step.now;
        let due: Vec<_> =
            self.members.iter().filter(|(_, member)| due(member)).map(|(id, _)| id.clone()).collect();
        for id in due {
            match self.members.get_mut(&id) {
                // Its session begins anew with the answer.
                Some(member) if member.is_excused() => member.deadline = Duration::MAX,
                Some(member) if member.deadline <= step.now => {
                    tracing::info!(group = %step.group_id, member = %id, "member has fallen silent");
                    step.counts.expired += 1;
                    self.dismiss(&id);
                    match self.phase {
                        Phase::Stable | Phase::CompletingRebalance => {
                            self.prepare_rebalance(&format!("member {id} has fallen silent"), step);
                        }
                        Phase::PreparingRebalance if self.all_joined() => self.complete_join(step),
                        Phase::PreparingRebalance | Phase::Empty => {}
                    }
                }
                // It was renewed by what happened for another.
                Some(_) | None => {}
            }
        }
    }

    /// Members that have joined, and do not ask for their assignment, go.
    fn expire_sync(&mut self, step: &mut Step<'_>) {
        self.sync_deadline = None;
        let late: Vec<_> =
            self.members.iter().filter(|(_, member)| member.owes_sync).map(|(id, _)| id.clone()).collect();
        if late.is_empty() {
            return;
        }
        for id in &late {
            tracing::info!(group = %step.group_id, member = %id, "member has not asked for its assignment");
            step.counts.expired += 1;
            self.dismiss(id);
        }
        self.prepare_rebalance("members have not asked for their assignment", step);
    }

    fn next_deadline(&self) -> Duration {
        let members = self.members.values().map(|member| member.deadline);
        let pending = self.pending.values().copied();
        let group = self.join_deadline.into_iter().chain(self.sync_deadline);
        members.chain(pending).chain(group).min().unwrap_or(Duration::MAX)
    }
}
