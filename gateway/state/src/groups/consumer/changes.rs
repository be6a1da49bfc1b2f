//! How changes of consumer groups act on all groups: which group is meant, and what becomes of it.

use chronik_types::{MemberEpoch, MemberId, TimestampMs};

use super::ConsumerGroup;
use super::classic_member::{JoinConsumerGroup, JoinedConsumerGroup};
use super::heartbeat::{ConsumerGroupHeartbeat, HeartbeatAnswer};
use super::leave::RemoveConsumerMembers;
use super::settings::ConsumerGroupSettings;
use crate::groups::{Group, GroupBody, GroupError, Groups};
use crate::topics::Topics;

impl Groups {
    /// Has a heartbeat act.
    ///
    /// # Errors
    /// What [`ConsumerGroup::prepare`] and [`ConsumerGroup::check_leave`] say, and [`GroupError::UnknownGroup`].
    pub(crate) fn consumer_heartbeat(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Result<HeartbeatAnswer, GroupError> {
        if heartbeat.is_leaving() {
            let (group, revision) = self.consumer_mut(heartbeat.group_id.as_str())?;
            group.check_leave(heartbeat)?;
            *revision += 1;
            let answer = group.leave(topics, heartbeat);
            self.downgrade(time, topics, heartbeat.group_id.as_str(), &heartbeat.settings);
            return Ok(answer);
        }
        if heartbeat.epoch != MemberEpoch::JOIN {
            let (group, revision) = self.consumer_mut(heartbeat.group_id.as_str())?;
            let prepared = group.prepare(heartbeat)?;
            *revision += 1;
            return Ok(group.apply(time, topics, heartbeat, prepared));
        }
        let made = self.joined(topics, heartbeat)?;
        let target = made.as_ref().map_or_else(|| self.consumer(heartbeat.group_id.as_str()), Ok)?;
        let prepared = target.prepare(heartbeat)?;
        if let Some(made) = made {
            self.change(&heartbeat.group_id, |group| group.body = GroupBody::Consumer(made));
        }
        let (group, revision) = self.consumer_mut(heartbeat.group_id.as_str())?;
        *revision += 1;
        Ok(group.apply(time, topics, heartbeat, prepared))
    }

    /// What a heartbeat is answered if it changes nothing; see [`ConsumerGroup::preview`].
    pub(crate) fn preview_consumer_heartbeat(
        &self,
        time: TimestampMs,
        topics: &Topics,
        heartbeat: &ConsumerGroupHeartbeat,
        look_at_topics: bool,
    ) -> Result<Option<HeartbeatAnswer>, GroupError> {
        if heartbeat.is_leaving() {
            self.consumer(heartbeat.group_id.as_str())?.check_leave(heartbeat)?;
            return Ok(None);
        }
        if heartbeat.epoch == MemberEpoch::JOIN
            && let Some(made) = self.joined(topics, heartbeat)?
        {
            made.prepare(heartbeat)?;
            return Ok(None);
        }
        self.consumer(heartbeat.group_id.as_str())?.preview(time, topics, heartbeat, look_at_topics)
    }

    /// Takes members out; says for each who it was, or why he stays.
    ///
    /// # Errors
    /// [`GroupError::UnknownGroup`].
    pub(crate) fn remove_consumer_members(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        remove: &RemoveConsumerMembers,
    ) -> Result<Vec<Result<MemberId, GroupError>>, GroupError> {
        let (group, revision) = self.consumer_mut(remove.group_id.as_str())?;
        let leaving: Vec<Result<MemberId, GroupError>> =
            remove.members.iter().map(|member| group.leaving(member)).collect();
        let who: Vec<MemberId> = leaving.iter().flatten().cloned().collect();
        if !who.is_empty() {
            *revision += 1;
            group.take_out(topics, &who);
            self.downgrade(time, topics, remove.group_id.as_str(), &remove.settings);
        }
        Ok(leaving)
    }

    /// Has a classic member join a consumer group that has members.
    ///
    /// # Errors
    /// What [`ConsumerGroup::prepare_join`] says, and [`GroupError::UnknownGroup`].
    pub(crate) fn join_consumer_group(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        join: &JoinConsumerGroup,
    ) -> Result<JoinedConsumerGroup, GroupError> {
        let (group, revision) = self.consumer_mut(join.group_id.as_str())?;
        let prepared = group.prepare_join(topics, join)?;
        *revision += 1;
        let had_consumers = group.members().values().any(|member| member.classic.is_none());
        let mut joined = group.apply_join(time, topics, join, prepared);
        // It may have taken the place of the last consumer.
        if had_consumers && self.downgrade(time, topics, join.group_id.as_str(), &join.settings) {
            let generation = self.get(join.group_id.as_str()).map(Group::body);
            if let Some(GroupBody::Classic(classic)) = generation {
                joined.epoch = MemberEpoch::new(classic.generation.get());
            }
        }
        Ok(joined)
    }

    /// Makes a consumer group that has only classic members left a classic one, if that is allowed.
    fn downgrade(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        id: &str,
        settings: &ConsumerGroupSettings,
    ) -> bool {
        let Some(group) = self.by_id.get_mut(id) else { return false };
        let GroupBody::Consumer(consumer) = &group.body else { return false };
        let may = consumer.may_downgrade(settings);
        if may {
            group.body = GroupBody::Classic(consumer.downgraded(time, topics));
        }
        may
    }

    /// The consumer group that a member joining would make, if there is none. An empty classic group becomes one and
    /// keeps its offsets; one of consumers becomes one with its members, if that is allowed.
    fn joined(
        &self,
        topics: &Topics,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Result<Option<ConsumerGroup>, GroupError> {
        match self.by_id.get(heartbeat.group_id.as_str()).map(|group| &group.body) {
            None => Ok(Some(ConsumerGroup::default())),
            Some(GroupBody::Consumer(_)) => Ok(None),
            Some(GroupBody::Classic(classic)) if classic.members.is_empty() => {
                Ok(Some(ConsumerGroup::default()))
            }
            Some(GroupBody::Classic(classic)) => {
                let upgraded = ConsumerGroup::upgraded(topics, classic, &heartbeat.settings);
                upgraded.map(Some).ok_or(GroupError::UnknownGroup)
            }
        }
    }

    fn consumer(&self, id: &str) -> Result<&ConsumerGroup, GroupError> {
        self.by_id.get(id).and_then(Group::consumer).ok_or(GroupError::UnknownGroup)
    }

    fn consumer_mut(&mut self, id: &str) -> Result<(&mut ConsumerGroup, &mut u64), GroupError> {
        match self.by_id.get_mut(id) {
            Some(Group { body: GroupBody::Consumer(group), revision, .. }) => Ok((group, revision)),
            _ => Err(GroupError::UnknownGroup),
        }
    }
}

impl Group {
    /// Its members, if it is a consumer group.
    #[must_use]
    pub const fn consumer(&self) -> Option<&ConsumerGroup> {
        match &self.body {
            GroupBody::Consumer(group) => Some(group),
            GroupBody::Classic(_) => None,
        }
    }
}
