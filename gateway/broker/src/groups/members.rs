//! What members of classic groups ask: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use std::sync::Arc;
use std::time::Duration;

use chronik_config::GroupSettings;
use chronik_state::GroupError;
use chronik_types::{Entropy, GroupId};
use tokio::sync::oneshot;

use super::classic::{JoinAnswer, SyncAnswer};
use super::coordinator::Absent;
use super::ledger::Weight;
use super::{CoordinatorError, JoinRefusal, JoinRequest, Leaving, MemberIdentity, SyncRequest};
use crate::Broker;

impl Broker {
    /// Lets a member join a classic group. Waits until the rebalance that this begins is over, which may take minutes;
    /// dropping the future does not take the member out.
    ///
    /// # Errors
    /// [`JoinRefusal`], with the id that the member has from now on.
    pub async fn join_group(self: &Arc<Self>, request: JoinRequest) -> JoinAnswer {
        self.check_join(&request)?;
        if self.hosts_consumers(&request.group_id) {
            match self.join_consumer_group(request.clone()).await {
                // Its last consumer has left meanwhile: it is a classic group again.
                Err(JoinRefusal { error: CoordinatorError::Refused(GroupError::UnknownGroup), .. }) => {}
                answer => return answer,
            }
        }
        let (waiter, answer) = oneshot::channel();
        let member_id = request.member_id.clone();
        self.begin_join(request, waiter)?;
        // Nobody answers when another coordinator has taken over.
        answer.await.unwrap_or_else(|_| Err(JoinRefusal::of(&member_id, CoordinatorError::NotCoordinator)))
    }

    /// What can be seen to be wrong without looking at the group.
    fn check_join(&self, request: &JoinRequest) -> Result<(), JoinRefusal> {
        let refuse = |error: CoordinatorError| JoinRefusal::of(&request.member_id, error);
        check_group_id(&request.group_id).map_err(refuse)?;
        let settings = self.settings();
        let session = u64::try_from(request.session_timeout_ms).map(Duration::from_millis);
        let allowed = settings.groups.min_session_timeout..=settings.groups.max_session_timeout;
        if !session.is_ok_and(|session| allowed.contains(&session)) {
            return Err(refuse(CoordinatorError::InvalidSessionTimeout));
        }
        Ok(())
    }

    fn begin_join(
        self: &Arc<Self>,
        request: JoinRequest,
        waiter: oneshot::Sender<JoinAnswer>,
    ) -> Result<(), JoinRefusal> {
        let settings = self.settings();
        let groups = &settings.groups;
        let absent = self.absent_for(&request)?;
        let unique = unique(&self.entropy);
        let (id, member_id) = (request.group_id.clone(), request.member_id.clone());
        let joined = self.in_group(&id, absent, |group, step| {
            let (members, bytes) = group.growth(&request);
            let bytes = bytes + if group.size() == 0 { id.as_str().len() } else { 0 };
            if self.has_room(groups, Weight { members, bytes }) {
                group.join(request, waiter, &unique, step);
                Ok(())
            } else {
                self.refuse_group(&id, "a member");
                Err(JoinRefusal::anonymous(CoordinatorError::GroupFull))
            }
        });
        joined.map_or_else(
            || Err(JoinRefusal::of(&member_id, self.why_gone(&id, GroupError::UnknownMember))),
            |(joined, _)| joined,
        )
    }

    /// What classic members of a group are told that is not there any more: when it has become a consumer group they have to
    /// join that one, else `otherwise`.
    pub(super) fn why_gone(&self, id: &GroupId, otherwise: impl Into<CoordinatorError>) -> CoordinatorError {
        if self.hosts_consumers(id) { CoordinatorError::RebalanceInProgress } else { otherwise.into() }
    }

    /// Whether that many members and bytes more may come, over all groups of both protocols.
    pub(super) fn has_room(&self, settings: &GroupSettings, more: Weight) -> bool {
        self.groups.ledger.has_room(settings, self.consumers.sessions.weight(), more)
    }

    /// Whether a join makes a group that has no members yet. One of a member that the group should know does not, and
    /// there must not be too many groups.
    fn absent_for(&self, request: &JoinRequest) -> Result<Absent, JoinRefusal> {
        let id = request.group_id.as_str();
        let (exists, stored) = self.state(|state| (state.group(id).is_some(), state.group_count()));
        if exists || self.groups.contains(&request.group_id) {
            return Ok(Absent::Make);
        }
        if !request.is_unknown() {
            return Ok(Absent::Leave);
        }
        if !self.has_room_for_group(&request.group_id, stored.max(self.groups.ledger.groups())) {
            self.refuse_group(&request.group_id, "a group");
            return Err(JoinRefusal::anonymous(CoordinatorError::GroupFull));
        }
        Ok(Absent::Make)
    }

    /// Gives a member its assignment. Waits until the leader has brought it and it is stored.
    ///
    /// # Errors
    /// [`CoordinatorError`].
    pub async fn sync_group(self: &Arc<Self>, request: SyncRequest) -> SyncAnswer {
        check_group_id(&request.group_id)?;
        if !self.groups.contains(&request.group_id) && self.hosts_consumers(&request.group_id) {
            return self.sync_consumer_group(&request);
        }
        let (waiter, answer) = oneshot::channel();
        let (id, settings) = (request.group_id.clone(), self.settings());
        let bytes = request.assignments.iter().map(|(_, assignment)| assignment.len()).sum();
        self.in_group(&id, Absent::Leave, |group, step| {
            if self.has_room(&settings.groups, Weight { members: 0, bytes }) {
                group.sync(request, waiter, step);
            } else {
                self.refuse_group(&id, "an assignment");
                let _ = waiter.send(Err(CoordinatorError::GroupFull));
            }
        })
        .ok_or_else(|| self.why_gone(&id, GroupError::UnknownMember))?;
        // Nobody answers when the member was taken out, or another coordinator has taken over.
        answer.await.unwrap_or(Err(CoordinatorError::NotCoordinator))
    }

    /// Lets the session of a member begin anew.
    ///
    /// # Errors
    /// [`CoordinatorError`]; [`CoordinatorError::RebalanceInProgress`] tells the member to join again.
    pub fn heartbeat_group(
        self: &Arc<Self>,
        group_id: &GroupId,
        who: &MemberIdentity,
        generation: i32,
    ) -> Result<(), CoordinatorError> {
        check_group_id(group_id)?;
        if !self.groups.contains(group_id) && self.hosts_consumers(group_id) {
            return self.heartbeat_consumer_group(group_id, who, generation);
        }
        let beat =
            self.in_group(group_id, Absent::Leave, |group, step| group.heartbeat(who, generation, step.now));
        beat.map_or_else(|| Err(self.why_gone(group_id, GroupError::UnknownMember)), |(result, _)| result)
    }

    /// Lets members go, and waits until it is stored if they were the last. One result for each.
    ///
    /// # Errors
    /// [`CoordinatorError`] for all of them.
    pub async fn leave_group(
        self: &Arc<Self>,
        group_id: &GroupId,
        leaving: &[Leaving],
    ) -> Result<Vec<Result<(), GroupError>>, CoordinatorError> {
        check_group_id(group_id)?;
        if !self.groups.contains(group_id) && self.hosts_consumers(group_id) {
            return self.leave_consumer_group(group_id, leaving).await;
        }
        let left = self.in_group(group_id, Absent::Leave, |group, step| group.leave(leaving, step));
        let Some((results, stored)) = left else {
            return Ok(leaving.iter().map(|_| Err(GroupError::UnknownMember)).collect());
        };
        if let Some(stored) = stored {
            stored.await.unwrap_or(Err(CoordinatorError::NotCoordinator))?;
        }
        Ok(results)
    }
}

/// A group that members join has a name.
pub(super) fn check_group_id(id: &GroupId) -> Result<(), CoordinatorError> {
    if id.is_empty() { Err(CoordinatorError::InvalidGroupId) } else { Ok(()) }
}

/// A random UUID in words, as the ids of members end.
fn unique(entropy: &Entropy) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = entropy.next_u128().to_be_bytes();
    let (g, i) = (g & 0x0f | 0x40, i & 0x3f | 0x80);
    format!(
        "{a:02x}{b:02x}{c:02x}{d:02x}-{e:02x}{f:02x}-{g:02x}{h:02x}-{i:02x}{j:02x}-{k:02x}{l:02x}{m:02x}{n:02x}{o:02x}{p:02x}"
    )
}
