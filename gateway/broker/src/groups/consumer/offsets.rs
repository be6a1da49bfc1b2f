//! Who commits offsets for a consumer group.

use chronik_state::{CommitOffsets, Committer, GroupError};
use chronik_types::GroupId;

use crate::Broker;
use crate::groups::Committing;

impl Broker {
    /// Who commits, as the state is told, if the group is a consumer group with members. The state checks the epoch.
    pub(in crate::groups) fn consumer_committer(
        &self,
        group_id: &GroupId,
        committing: &Committing,
    ) -> Option<Committer> {
        let has_consumers = self.state(|state| {
            let group = state.group(group_id.as_str()).and_then(|group| group.consumer());
            group.is_some_and(|group| !group.members().is_empty())
        });
        let Committing { who, generation, in_transaction } = committing;
        let is_nobody = *generation == -1 && who.member_id.is_empty() && who.instance_id.is_none();
        has_consumers.then(|| {
            if is_nobody && *in_transaction {
                return Committer::Anyone;
            }
            let (member_id, instance_id) = (who.member_id.clone(), who.instance_id.clone());
            Committer::Member { member_id, instance_id, generation: *generation }
        })
    }

    /// What the state would refuse of a commit for a consumer group, so that it does not become an entry.
    pub(in crate::groups) fn check_consumer_commit(&self, commit: &CommitOffsets) -> Result<(), GroupError> {
        self.state(|state| match state.group(commit.group_id.as_str()) {
            Some(group) if group.consumer().is_some() => group.check_commit(commit),
            _ => Ok(()),
        })
    }

    /// Whether a member of a consumer group speaks the consumer protocol: it has to commit with OffsetCommit 9.
    pub fn speaks_consumer_protocol(&self, group_id: &GroupId, member_id: &str) -> bool {
        self.state(|state| {
            let group = state.group(group_id.as_str()).and_then(|group| group.consumer());
            let member = group.and_then(|group| group.members().get(member_id));
            member.is_some_and(|member| member.classic.is_none())
        })
    }
}
