//! Members that speak the classic protocol within a consumer group, and groups that change their protocol.
//!
//! Such a member is answered at once: the group has decided, and nobody waits for anybody. It is told to join again when
//! there is something to give up or to take, and has its rebalance timeout for that.

use std::sync::Arc;
use std::time::Duration;

use chronik_state::{
    Change, ClassicMembership, GroupError, JoinConsumerGroup, JoinedConsumerGroup, LeavingMember, Outcome,
    RemoveConsumerMembers,
};
use chronik_types::{GroupId, MemberId, TopicId};

use super::heartbeat::{consumers_of, detached};
use super::sessions::ClassicStep;
use crate::groups::classic::{JoinAnswer, SyncAnswer};
use crate::groups::coordinator::Absent;
use crate::groups::{
    CoordinatorError, JoinRefusal, JoinRequest, Joined, Leaving, MemberIdentity, SyncRequest, Synced,
};
use crate::{Broker, ChangeError};

/// What the members of such a group do.
const CONSUMER: &str = "consumer";

impl Broker {
    /// Whether the group is a consumer group with members.
    pub(in crate::groups) fn hosts_consumers(&self, id: &GroupId) -> bool {
        self.state(|state| {
            state.group(id.as_str()).is_some_and(|group| group.consumer().is_some() && !group.is_empty())
        })
    }

    /// Has a classic member join a consumer group.
    pub(in crate::groups) async fn join_consumer_group(self: &Arc<Self>, request: JoinRequest) -> JoinAnswer {
        let is_new = request.member_id.is_empty();
        // As Kafka writes a UUID; ids of topics are as random.
        let new_id = || MemberId::new(&TopicId::random(&self.entropy).to_string());
        let member_id = if is_new { new_id() } else { request.member_id.clone() };
        let refuse = |error: CoordinatorError| JoinRefusal::of(&request.member_id, error);
        let join = JoinConsumerGroup {
            settings: self.consumer_group_settings(&request.group_id),
            group_id: request.group_id.clone(),
            member_id: member_id.clone(),
            is_new,
            instance_id: request.instance_id.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocol_type: request.protocol_type.clone(),
            classic: ClassicMembership {
                session_timeout_ms: request.session_timeout_ms,
                protocols: Arc::clone(&request.protocols),
            },
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
        };
        self.state(|state| state.check_join_consumer_group(&join)).map_err(|error| refuse(error.into()))?;
        self.check_room(&request.group_id, &member_id, |group| join.growth(group)).map_err(refuse)?;
        if is_new && request.requires_known_member_id && request.instance_id.is_none() {
            return Err(JoinRefusal::of(&member_id, CoordinatorError::MemberIdRequired));
        }
        let joined = detached(Arc::clone(self).enter(join)).await.map_err(refuse)?;
        Ok(Joined {
            member_id,
            generation: joined.epoch.get(),
            protocol_type: Some(CONSUMER.into()),
            protocol_name: Some(joined.protocol_name),
            leader: None,
            members: Vec::new(),
            skip_assignment: false,
        })
    }

    async fn enter(
        self: Arc<Self>,
        join: JoinConsumerGroup,
    ) -> Result<JoinedConsumerGroup, CoordinatorError> {
        let (group_id, member_id) = (join.group_id.clone(), join.member_id.clone());
        let (session, rebalance) = (join.classic.session_timeout_ms, join.rebalance_timeout_ms);
        let joined = match self.propose(Change::JoinConsumerGroup(Box::new(join))).await? {
            Outcome::ConsumerGroupJoined(joined) => joined?,
            // No other outcome belongs to it.
            _ => return Err(CoordinatorError::NotCoordinator),
        };
        if let Some(replaced) = &joined.replaced {
            self.consumers.sessions.forget(&group_id, replaced);
        }
        if !self.adopt_downgraded(&group_id) {
            let step = ClassicStep::Joined { sync_by: self.monotonic_in(millis(rebalance)) };
            self.consumers.sessions.classic(&group_id, &member_id, self.monotonic_in(millis(session)), step);
            self.weigh(&group_id, &member_id);
        }
        Ok(joined)
    }

    /// Gives a classic member of a consumer group what it has.
    pub(in crate::groups) fn sync_consumer_group(&self, request: &SyncRequest) -> SyncAnswer {
        let MemberIdentity { member_id, instance_id } = &request.who;
        let protocol = (request.protocol_type.as_deref(), request.protocol_name.as_deref());
        let who = (member_id, instance_id.as_ref(), request.generation);
        let group_id = &request.group_id;
        let synced = self.state(|state| state.sync_consumer_group(group_id.as_str(), who, protocol));
        match synced {
            Ok(assignment) => {
                self.classic_step(group_id, member_id, |_| ClassicStep::Synced);
                Ok(Synced {
                    protocol_type: request.protocol_type.clone(),
                    protocol_name: request.protocol_name.clone(),
                    assignment: assignment.into(),
                })
            }
            Err(error) => {
                if error == GroupError::RebalanceInProgress {
                    self.must_join(group_id, member_id);
                }
                Err(unknown_group(error).into())
            }
        }
    }

    /// Lets the session of a classic member of a consumer group begin anew.
    pub(in crate::groups) fn heartbeat_consumer_group(
        &self,
        group_id: &GroupId,
        who: &MemberIdentity,
        generation: i32,
    ) -> Result<(), CoordinatorError> {
        let MemberIdentity { member_id, instance_id } = who;
        let beat = self.state(|state| {
            let group = state.group(group_id.as_str()).and_then(|group| group.consumer());
            let group = group.ok_or(GroupError::UnknownMember)?;
            group.check_classic_heartbeat(member_id, instance_id.as_ref(), generation)
        });
        match &beat {
            Ok(()) => self.classic_step(group_id, member_id, |_| ClassicStep::Beat),
            Err(GroupError::RebalanceInProgress) => self.must_join(group_id, member_id),
            Err(_) => {}
        }
        Ok(beat?)
    }

    /// Lets members of a consumer group go that leave by LeaveGroup.
    pub(in crate::groups) async fn leave_consumer_group(
        self: &Arc<Self>,
        group_id: &GroupId,
        leaving: &[Leaving],
    ) -> Result<Vec<Result<(), GroupError>>, CoordinatorError> {
        let members = leaving.iter().map(|leaving| LeavingMember {
            member_id: leaving.who.member_id.clone(),
            instance_id: leaving.who.instance_id.clone(),
            if_epoch: None,
        });
        let remove = RemoveConsumerMembers {
            group_id: group_id.clone(),
            members: members.collect(),
            settings: self.consumer_group_settings(group_id),
        };
        let results = self.remove_consumer_members(remove).await?;
        Ok(results.into_iter().map(|result| result.map(|_| ())).collect())
    }

    /// Takes members out of a consumer group, which may become a classic one by that.
    pub(super) async fn remove_consumer_members(
        self: &Arc<Self>,
        remove: RemoveConsumerMembers,
    ) -> Result<Vec<Result<MemberId, GroupError>>, ChangeError> {
        detached(Arc::clone(self).remove(remove)).await
    }

    async fn remove(
        self: Arc<Self>,
        remove: RemoveConsumerMembers,
    ) -> Result<Vec<Result<MemberId, GroupError>>, ChangeError> {
        let (group_id, asked) = (remove.group_id.clone(), remove.members.len());
        let results = match self.propose(Change::RemoveConsumerMembers(remove)).await? {
            Outcome::ConsumerMembersRemoved(Ok(results)) => results,
            // The group has gone, or become a classic one.
            _ => vec![Err(GroupError::UnknownMember); asked],
        };
        for gone in results.iter().flatten() {
            self.consumers.sessions.forget(&group_id, gone);
        }
        self.adopt_downgraded(&group_id);
        Ok(results)
    }

    /// If a consumer group has become a classic one, its members have to join again. Says whether it has.
    pub(super) fn adopt_downgraded(self: &Arc<Self>, id: &GroupId) -> bool {
        let is_classic = self.state(|state| {
            state.group(id.as_str()).is_some_and(|group| group.consumer().is_none() && !group.is_empty())
        });
        if is_classic && !self.groups.contains(id) {
            self.consumers.sessions.forget_group(id);
            self.in_group(id, Absent::Leave, |group, step| {
                group.rebalance_or_complete_join("the last consumer has left", step);
            });
        }
        is_classic
    }

    /// If a classic group has become a consumer group, its members go on in it.
    pub(super) fn adopt_upgraded(&self, id: &GroupId) {
        let members: Vec<_> = self.state(|state| {
            let Some(group) = consumers_of(state, id) else { return Vec::new() };
            let regexes = group.regex_bytes();
            let members = group.members().iter().filter_map(|(id, member)| {
                let session_timeout_ms = member.classic.as_ref()?.session_timeout_ms;
                Some((id.clone(), session_timeout_ms, (group.member_bytes(id), regexes)))
            });
            members.collect()
        });
        // Who waits in it for something is told that it rebalances, and joins again.
        self.groups.evict(id);
        for (member, session_timeout_ms, (bytes, regexes)) in members {
            let ends = self.monotonic_in(millis(session_timeout_ms));
            self.consumers.sessions.adopt(id, &member, ends);
            self.consumers.sessions.weigh(id, &member, bytes, regexes);
        }
    }

    fn must_join(&self, group: &GroupId, member: &MemberId) {
        self.classic_step(group, member, |rebalance_timeout| ClassicStep::MustJoin {
            join_by: self.monotonic_in(rebalance_timeout),
        });
    }

    /// Notes what a classic member has done, which begins its session anew.
    fn classic_step(
        &self,
        group_id: &GroupId,
        member_id: &MemberId,
        step: impl FnOnce(Duration) -> ClassicStep,
    ) {
        let timeouts = self.state(|state| {
            let member = state.group(group_id.as_str())?.consumer()?.members().get(member_id)?;
            Some((member.classic.as_ref()?.session_timeout_ms, member.rebalance_timeout_ms))
        });
        if let Some((session, rebalance)) = timeouts {
            let ends = self.monotonic_in(millis(session));
            self.consumers.sessions.classic(group_id, member_id, ends, step(millis(rebalance)));
        }
    }

    fn monotonic_in(&self, time: Duration) -> Duration {
        self.core.clock.monotonic().saturating_add(time)
    }
}

fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// A member of a group that is not there is not known, as in classic groups.
const fn unknown_group(error: GroupError) -> GroupError {
    match error {
        GroupError::UnknownGroup => GroupError::UnknownMember,
        other => other,
    }
}
