//! JoinGroup: new members, static members that come back, and members that join the next generation.

use std::sync::Arc;
use std::time::Duration;

use chronik_state::GroupError;
use chronik_types::{GroupInstanceId, MemberId};

use super::member::Member;
use super::stored::{Replaced, StoreKind};
use super::{
    ClassicGroup, JoinAnswer, JoinRefusal, JoinRequest, JoinWaiter, Joined, JoinedMember,
    NEW_MEMBER_JOIN_TIMEOUT, Phase, Step,
};
use crate::groups::CoordinatorError;

impl ClassicGroup {
    /// Takes in a member, or lets one join the next generation. `unique` makes the id of a new member.
    pub(crate) fn join(
        &mut self,
        request: JoinRequest,
        waiter: JoinWaiter,
        unique: &str,
        step: &mut Step<'_>,
    ) {
        if !self.accepts(&request.member_id, step.rules.max_size) {
            self.remove(&request.member_id);
            refuse(waiter, JoinRefusal::anonymous(CoordinatorError::GroupFull));
            // The others may have waited for it alone.
            self.maybe_complete_join(step);
        } else if !self.supports(&request.protocol_type, &request.protocols) {
            refuse(waiter, JoinRefusal::of(&request.member_id, CoordinatorError::InconsistentProtocol));
        } else if request.is_unknown() {
            self.join_new(request, waiter, unique, step);
        } else {
            self.join_existing(request, waiter, step);
        }
    }

    /// Whether the group has room for that member. While it rebalances those count who have joined already, so that
    /// the last ones go when the limit was lowered.
    fn accepts(&self, id: &MemberId, max_size: usize) -> bool {
        let member = self.members.get(id);
        match self.phase {
            Phase::Empty => true,
            Phase::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some()) || self.awaiting_join < max_size
            }
            Phase::CompletingRebalance | Phase::Stable => member.is_some() || self.members.len() < max_size,
        }
    }

    fn join_new(&mut self, request: JoinRequest, waiter: JoinWaiter, unique: &str, step: &mut Step<'_>) {
        let prefix = request.instance_id.as_ref().map_or(&*request.client_id, GroupInstanceId::as_str);
        let new_id = MemberId::new(&format!("{prefix}-{unique}"));
        if let Some(instance) = &request.instance_id {
            match self.instances.get(instance).cloned() {
                Some(old_id) => self.replace_static(&old_id, new_id, request, waiter, step),
                None => self.add(new_id, request, waiter, step),
            }
        } else if request.requires_known_member_id {
            let deadline = step.now.saturating_add(millis(request.session_timeout_ms));
            self.expect(new_id.clone(), deadline);
            self.wake_at(deadline);
            refuse(waiter, JoinRefusal { error: CoordinatorError::MemberIdRequired, member_id: new_id });
        } else {
            self.add(new_id, request, waiter, step);
        }
    }

    fn join_existing(&mut self, request: JoinRequest, waiter: JoinWaiter, step: &mut Step<'_>) {
        let id = request.member_id.clone();
        // Ids are given in advance to dynamic members alone.
        if self.pending.contains_key(&id) && request.instance_id.is_none() {
            return self.add(id, request, waiter, step);
        }
        if let Err(error) = self.check_member(&id, request.instance_id.as_ref()) {
            return refuse(waiter, JoinRefusal::of(&id, error));
        }
        let is_same = self.members.get(&id).is_some_and(|member| member.protocols == request.protocols);
        let stays = match self.phase {
            // It may not have received the answer to an earlier request.
            Phase::CompletingRebalance => is_same,
            // The leader joins again when it wants another assignment, for reasons that its metadata does not show.
            Phase::Stable => is_same && !self.is_leader(&id),
            Phase::Empty | Phase::PreparingRebalance => false,
        };
        if stays {
            let _ = waiter.send(Ok(self.joined(&id)));
            return;
        }
        let reason = request.reason.clone();
        self.update(&id, request, waiter);
        self.rebalance_or_complete_join(&format!("member {id} joins again, {}", said(reason)), step);
    }

    /// A new member joins.
    fn add(&mut self, id: MemberId, request: JoinRequest, waiter: JoinWaiter, step: &mut Step<'_>) {
        if let Some(initial) = &mut self.initial {
            initial.grown = true;
        }
        self.forget_pending(&id);
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type);
        }
        self.leader.get_or_insert_with(|| id.clone());
        if let Some(instance) = &request.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.protocols.add(&request.protocols);
        let deadline = step.now.saturating_add(NEW_MEMBER_JOIN_TIMEOUT);
        let member = Member {
            instance_id: request.instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: request.protocols,
            assignment: Arc::default(),
            deadline,
            is_new: true,
            is_stored: false,
            owes_sync: false,
            awaiting_join: Some(waiter),
            awaiting_sync: None,
        };
        let reason = format!("new member {id}, {}", said(request.reason));
        self.bytes += member.bytes();
        self.members.insert(id, member);
        self.awaiting_join += 1;
        self.wake_at(deadline);
        self.rebalance_or_complete_join(&reason, step);
    }

    /// A member takes over what its new request says, and waits for the next generation.
    fn update(&mut self, id: &MemberId, request: JoinRequest, waiter: JoinWaiter) {
        self.set_protocols(id, request.protocols);
        let Some(member) = self.members.get_mut(id) else { return };
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        // An earlier request of the same member has lost its client.
        if member.awaiting_join.replace(waiter).is_none() {
            self.awaiting_join += 1;
        }
    }

    /// A static member comes back without its id: it gets a new one, and whoever uses the old one is fenced (KIP-345).
    fn replace_static(
        &mut self,
        old_id: &MemberId,
        new_id: MemberId,
        request: JoinRequest,
        waiter: JoinWaiter,
        step: &mut Step<'_>,
    ) {
        let skips = request.supports_skipping_assignment;
        let (reason, leader_before) = (said(request.reason.clone()), self.leader.clone());
        let Some(before) = self.rename_static(old_id, &new_id) else { return };
        self.update(&new_id, request, waiter);
        self.renew(&new_id, step.now);
        match self.phase {
            Phase::Stable if self.select_protocol() == self.protocol_name => {
                let replaced = Replaced { new_id, before, leader_before, skips };
                self.store(StoreKind::Replaced(replaced), step);
            }
            Phase::Stable => self.rebalance_or_complete_join(
                &format!("static member {new_id} changes the protocol, {reason}"),
                step,
            ),
            // The leader has been told the old id, so that the new one would be assigned nothing.
            Phase::CompletingRebalance => {
                self.prepare_rebalance(&format!("static member {new_id} came back, {reason}"), step);
            }
            Phase::Empty | Phase::PreparingRebalance => self.maybe_complete_join(step),
        }
    }

    /// Gives a static member another id, and tells whoever waits under the old one. Returns what the member was like.
    pub(super) fn rename_static(
        &mut self,
        old_id: &MemberId,
        new_id: &MemberId,
    ) -> Option<super::stored::Before> {
        let fenced = GroupError::FencedInstance;
        self.answer_join(old_id, Err(JoinRefusal::of(old_id, fenced.clone())));
        self.answer_sync(old_id, Err(fenced.into()));
        let member = self.members.remove(old_id)?;
        let before = super::stored::Before {
            id: old_id.clone(),
            protocols: Arc::clone(&member.protocols),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
        };
        if let Some(instance) = &member.instance_id {
            self.instances.insert(instance.clone(), new_id.clone());
        }
        self.members.insert(new_id.clone(), Member { is_new: false, ..member });
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        Some(before)
    }

    /// What a member of the present generation is told.
    pub(super) fn joined(&self, id: &MemberId) -> Joined {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let members = if self.is_leader(id) {
            let member = |(id, member): (&MemberId, &Member)| JoinedMember {
                member_id: id.clone(),
                instance_id: member.instance_id.clone(),
                metadata: bytes::Bytes::copy_from_slice(member.metadata(protocol)),
            };
            self.members.iter().map(member).collect()
        } else {
            Vec::new()
        };
        Joined {
            member_id: id.clone(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            members,
            skip_assignment: false,
        }
    }
}

fn refuse(waiter: JoinWaiter, refusal: JoinRefusal) {
    let answer: JoinAnswer = Err(refusal);
    let _ = waiter.send(answer);
}

fn said(reason: Option<Box<str>>) -> String {
    reason.map_or_else(|| "reason not provided".to_owned(), |reason| format!("reason: {reason}"))
}

fn millis(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
