//! SyncGroup: the leader brings the assignment, everybody gets his part of it once it is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chronik_state::GroupError;
use chronik_types::MemberId;

use super::{ClassicGroup, Phase, Step, StoreKind, SyncRequest, SyncWaiter, Synced};
use crate::groups::CoordinatorError;

/// What each member is assigned.
pub(crate) type Assignments = HashMap<MemberId, Arc<[u8]>>;

impl ClassicGroup {
    /// Answers with the assignment, now or when the leader has brought it and it is stored.
    pub(crate) fn sync(&mut self, request: SyncRequest, waiter: SyncWaiter, step: &mut Step<'_>) {
        if let Err(error) = self.check_sync(&request) {
            let _ = waiter.send(Err(error));
            return;
        }
        let id = request.who.member_id;
        match self.phase {
            Phase::Empty => {
                let _ = waiter.send(Err(GroupError::UnknownMember.into()));
            }
            Phase::PreparingRebalance => {
                let _ = waiter.send(Err(CoordinatorError::RebalanceInProgress));
            }
            Phase::CompletingRebalance => {
                let Some(member) = self.members.get_mut(&id) else { return };
                // An earlier request of the same member has lost its client.
                member.awaiting_sync = Some(waiter);
                self.has_synced(&id);
                if self.is_leader(&id) {
                    self.store_assignments(request.assignments, step);
                }
            }
            Phase::Stable => {
                self.has_synced(&id);
                let _ = waiter.send(Ok(self.synced(&id)));
            }
        }
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), CoordinatorError> {
        self.check_member(&request.who.member_id, request.who.instance_id.as_ref())?;
        if request.generation != self.generation {
            return Err(GroupError::IllegalGeneration.into());
        }
        let differs =
            |asked: Option<&str>, has: Option<&str>| asked.zip(has).is_some_and(|(asked, has)| asked != has);
        if differs(request.protocol_type.as_deref(), self.protocol_type.as_deref())
            || differs(request.protocol_name.as_deref(), self.protocol_name.as_deref())
        {
            return Err(CoordinatorError::InconsistentProtocol);
        }
        Ok(())
    }

    fn store_assignments(&mut self, assignments: Vec<(MemberId, Arc<[u8]>)>, step: &mut Step<'_>) {
        if self.durable.is_storing_generation(self.generation) {
            // The leader has asked twice; what it brought first counts.
            return;
        }
        let mut assignments: Assignments = assignments.into_iter().collect();
        assignments.retain(|id, _| self.members.contains_key(id));
        let missing = self.members.len() - assignments.len();
        for id in self.members.keys().filter(|_| missing > 0) {
            assignments.entry(id.clone()).or_default();
        }
        if missing > 0 {
            tracing::warn!(group = %step.group_id, generation = self.generation, missing, "members are assigned nothing");
        }
        self.store(StoreKind::Synced { generation: self.generation, assignments }, step);
    }

    /// The member has asked for its assignment; when all have, nobody is waited for any more.
    fn has_synced(&mut self, id: &MemberId) {
        let member = self.members.get_mut(id).filter(|member| member.owes_sync);
        if let Some(member) = member {
            member.owes_sync = false;
            self.owing_sync -= 1;
        }
        if self.owing_sync == 0 {
            self.sync_deadline = None;
        }
    }

    /// What a member of a stable group is told.
    pub(super) fn synced(&self, id: &MemberId) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self.members.get(id).map(|member| Arc::clone(&member.assignment)).unwrap_or_default(),
        }
    }

    /// The assignment is stored: everybody gets his part.
    pub(super) fn assign(&mut self, mut assignments: Assignments, step: &mut Step<'_>) {
        self.go(Phase::Stable, step);
        step.counts.rebalances += 1;
        self.set_assignments(|id| assignments.remove(id));
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.synced(&id);
            // Who waited was excused from heartbeats until now.
            if self.answer_sync(&id, Ok(answer)) {
                self.renew(&id, step.now);
            }
        }
    }

    /// There is no assignment in this generation.
    pub(super) fn reset_assignments(&mut self, error: &CoordinatorError, now: Duration) {
        self.set_assignments(|_| None);
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            if self.answer_sync(&id, Err(error.clone())) {
                self.renew(&id, now);
            }
        }
    }
}
