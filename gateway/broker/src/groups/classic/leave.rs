//! LeaveGroup: members go, or an operator removes static members (KIP-345).

use chronik_state::GroupError;
use chronik_types::MemberId;

use super::{ClassicGroup, JoinRefusal, Leaving, Phase, Step};

impl ClassicGroup {
    /// Lets members go: one result for each, in their order.
    pub(crate) fn leave(&mut self, leaving: &[Leaving], step: &mut Step<'_>) -> Vec<Result<(), GroupError>> {
        let results: Vec<_> = leaving.iter().map(|one| self.leave_one(one, step)).collect();
        if results.iter().any(Result::is_ok) {
            match self.phase {
                Phase::Stable | Phase::CompletingRebalance => {
                    self.prepare_rebalance("members have left", step)
                }
                Phase::PreparingRebalance => self.maybe_complete_join(step),
                Phase::Empty => {}
            }
        }
        results
    }

    fn leave_one(&mut self, leaving: &Leaving, step: &Step<'_>) -> Result<(), GroupError> {
        let who = &leaving.who;
        let id = if who.member_id.is_empty() {
            let holder = who.instance_id.as_ref().and_then(|instance| self.instances.get(instance));
            holder.cloned().ok_or(GroupError::UnknownMember)?
        } else {
            if !self.pending.contains_key(&who.member_id) {
                self.check_member(&who.member_id, who.instance_id.as_ref())?;
            }
            who.member_id.clone()
        };
        let reason = leaving.reason.as_deref().unwrap_or("not provided");
        tracing::info!(group = %step.group_id, member = %id, reason, "member leaves");
        self.dismiss(&id);
        Ok(())
    }

    /// Takes a member out, and tells whoever waits in its name to join anew.
    pub(super) fn dismiss(&mut self, id: &MemberId) {
        self.answer_join(id, Err(JoinRefusal::anonymous(GroupError::UnknownMember)));
        self.answer_sync(id, Err(GroupError::UnknownMember.into()));
        self.remove(id);
    }
}
