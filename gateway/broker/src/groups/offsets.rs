//! What is asked about committed offsets: committing, deleting and expiring them. They are read from the state.

use std::sync::Arc;

use chronik_state::{
    Change, CommitOffsets, CommittedOffset, Committer, DeleteOffsets, ExpireOffsets, GroupError,
    OffsetsExpired, Outcome,
};
use chronik_types::{GroupId, TopicPartition};

use super::coordinator::Absent;
use super::members::check_group_id;
use super::{Committing, CoordinatorError};
use crate::{Broker, ChangeError};

/// Groups that are looked at under one lock of the state.
const GROUPS_AT_ONCE: usize = 1_000;

impl Broker {
    /// Commits offsets for a group, and waits until it is durable. A client that is no member makes the group it is for.
    ///
    /// # Errors
    /// [`CoordinatorError`] for all of them.
    pub async fn commit_offsets(
        self: &Arc<Self>,
        group_id: GroupId,
        committing: &Committing,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    ) -> Result<(), CoordinatorError> {
        let committer = self.committer(&group_id, committing)?;
        if offsets.is_empty() {
            return Ok(());
        }
        let commit = CommitOffsets { group_id, committer, offsets };
        self.check_consumer_commit(&commit)?;
        let _proposed = self.room_for_offsets(&commit, false).ok_or(CoordinatorError::OffsetsFull)?;
        match self.propose(Change::CommitOffsets(commit)).await? {
            Outcome::OffsetsCommitted(result) => Ok(result?),
            _ => Err(CoordinatorError::NotCoordinator),
        }
    }

    /// Who commits, as the state is told, if that client may.
    ///
    /// # Errors
    /// [`GroupError::UnknownGroup`] for a member of a group that is not there; early versions of the protocol call
    /// that an illegal generation.
    pub fn committer(
        self: &Arc<Self>,
        group_id: &GroupId,
        committing: &Committing,
    ) -> Result<Committer, CoordinatorError> {
        let in_memory =
            self.in_group(group_id, Absent::Leave, |group, step| group.committer(committing, step.now));
        if let Some((committer, _)) = in_memory {
            return committer;
        }
        if let Some(committer) = self.consumer_committer(group_id, committing) {
            return Ok(committer);
        }
        if committing.generation < 0 {
            return self.commit_without_members(group_id);
        }
        let exists = self.state(|state| state.group(group_id.as_str()).is_some());
        Err(if exists { GroupError::UnknownMember.into() } else { GroupError::UnknownGroup.into() })
    }

    /// Whoever commits for a group without members; if it is not there, there has to be room for one more.
    fn commit_without_members(&self, group_id: &GroupId) -> Result<Committer, CoordinatorError> {
        let limit = usize::try_from(self.settings().groups.max_groups).unwrap_or(usize::MAX);
        let has_room =
            self.state(|state| state.group_count() < limit || state.group(group_id.as_str()).is_some());
        if has_room { Ok(Committer::Anyone) } else { Err(CoordinatorError::TooManyGroups) }
    }

    /// Deletes offsets of a group: one result for each partition, in their order.
    ///
    /// # Errors
    /// [`CoordinatorError`] for all of them.
    pub async fn delete_offsets(
        self: &Arc<Self>,
        group_id: GroupId,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Result<(), GroupError>>, CoordinatorError> {
        check_group_id(&group_id)?;
        // Members that are not stored yet count, too.
        let members = self
            .in_group(&group_id, Absent::Leave, |group, _| (!group.is_empty()).then(|| group.as_stored()));
        let members = members.and_then(|(members, _)| members);
        if members.as_ref().is_some_and(|members| !members.has_consumers()) {
            return Err(GroupError::NotEmpty.into());
        }
        let subscribed = members.as_ref().map(chronik_state::ClassicGroup::subscribed);
        let is_subscribed = |at: &TopicPartition| {
            let topic = self.topic_by_id(at.topic_id);
            let mut both = subscribed.as_ref().zip(topic).into_iter();
            both.any(|(subscribed, topic)| subscribed.contains(topic.name().as_str()))
        };
        let refused: Vec<bool> = partitions.iter().map(is_subscribed).collect();
        let asked = partitions.iter().zip(&refused).filter(|(_, refused)| !**refused);
        let partitions: Vec<_> = asked.map(|(at, _)| *at).collect();
        let delete = DeleteOffsets { group_id, partitions };
        let deleted = match self.propose(Change::DeleteOffsets(delete)).await? {
            Outcome::OffsetsDeleted(result) => result?,
            _ => return Err(CoordinatorError::NotCoordinator),
        };
        let mut deleted = deleted.into_iter();
        let result = |refused| {
            if refused { Err(GroupError::SubscribedToTopic) } else { deleted.next().unwrap_or(Ok(())) }
        };
        Ok(refused.into_iter().map(result).collect())
    }

    /// Forgets committed offsets that are older than `offsets_retention`, and groups of which nothing is left. Runs by
    /// itself every `offsets_retention_check_interval`.
    ///
    /// # Errors
    /// When storage does not take the change.
    pub async fn run_offset_expiry(self: &Arc<Self>) -> Result<OffsetsExpired, ChangeError> {
        let retention = self.settings().groups.offsets_retention;
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let mut expired = OffsetsExpired::default();
        let mut after = None;
        loop {
            let now = self.core.clock.now();
            let (mut group_ids, last) =
                self.state(|state| state.groups_to_expire(after.as_ref(), GROUPS_AT_ONCE, now, retention_ms));
            group_ids.retain(|id| !self.is_rebalancing(id));
            if !group_ids.is_empty() {
                let expire = ExpireOffsets { retention_ms, group_ids };
                if let Outcome::OffsetsExpired(some) = self.propose(Change::ExpireOffsets(expire)).await? {
                    expired.offsets += some.offsets;
                    expired.groups += some.groups;
                }
            }
            if last.is_none() {
                return Ok(expired);
            }
            after = last;
        }
    }

    /// Whether members are joining: their offsets stay, whatever the state says of the last generation.
    fn is_rebalancing(self: &Arc<Self>, id: &GroupId) -> bool {
        let rebalancing = self.in_group(id, Absent::Leave, |group, _| group.stable_protocol().is_none());
        rebalancing.is_some_and(|(rebalancing, _)| rebalancing)
    }
}
