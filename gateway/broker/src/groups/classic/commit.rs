//! Whether a client may commit offsets for the group, and what it says to the state (`ClassicGroup.validateOffsetCommit`).

use std::time::Duration;

use chronik_state::{Committer, GroupError};

use super::{ClassicGroup, MemberIdentity, Phase};
use crate::groups::CoordinatorError;

/// Who wants to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committing {
    /// Who it says it is; empty for a client that is no member.
    pub who: MemberIdentity,
    /// The generation it is in; -1 for a client that is no member.
    pub generation: i32,
    /// Whether the offsets belong to a transaction.
    pub in_transaction: bool,
}

impl ClassicGroup {
    /// Who commits, as the state is told; a commit keeps a session alive.
    ///
    /// The state knows the last generation whose assignment was stored. When this one has none, because it ended before,
    /// members keep what they were assigned in that one, and commit in its name.
    pub(crate) fn committer(
        &mut self,
        committing: &Committing,
        now: Duration,
    ) -> Result<Committer, CoordinatorError> {
        let Committing { who, generation, in_transaction } = committing;
        if *generation < 0 && self.is_empty() {
            return Ok(Committer::Anyone);
        }
        if *generation < 0 && who.member_id.is_empty() && who.instance_id.is_none() {
            return if *in_transaction {
                Ok(Committer::Anyone)
            } else {
                Err(GroupError::UnknownMember.into())
            };
        }
        self.check_member(&who.member_id, who.instance_id.as_ref())?;
        if *generation != self.generation {
            return Err(GroupError::IllegalGeneration.into());
        }
        if self.phase == Phase::CompletingRebalance && !in_transaction {
            return Err(CoordinatorError::RebalanceInProgress);
        }
        if !self.members.get(&who.member_id).is_some_and(|member| member.is_stored) {
            // It has been assigned nothing yet. Producers take the first of these for the end of everything.
            return Err(if *in_transaction {
                GroupError::IllegalGeneration.into()
            } else {
                CoordinatorError::RebalanceInProgress
            });
        }
        if matches!(self.phase, Phase::Stable | Phase::PreparingRebalance) && !in_transaction {
            self.renew(&who.member_id, now);
        }
        Ok(Committer::Member {
            member_id: who.member_id.clone(),
            instance_id: who.instance_id.clone(),
            generation: self.durable.generation(),
        })
    }
}
