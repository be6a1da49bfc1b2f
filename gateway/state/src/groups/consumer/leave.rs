//! Leaving a consumer group: because the member says so, or because it was not heard of for too long.

use chronik_types::{GroupId, GroupInstanceId, MemberEpoch, MemberId};

use super::heartbeat::{ConsumerGroupHeartbeat, HeartbeatAnswer, RebalanceTimer};
use super::member::read_member_id;
use super::settings::ConsumerGroupSettings;
use super::{ConsumerGroup, GroupError};
use crate::codec::{DecodeError, Reader, Writer};
use crate::topics::Topics;

/// Members are taken out of a consumer group: their time is over, or they leave by the classic protocol, or an operator
/// takes them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveConsumerMembers {
    /// The group.
    pub group_id: GroupId,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
    /// The settings that apply.
    pub settings: ConsumerGroupSettings,
}

/// A member that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// Its id; empty for whoever is the static instance.
    pub member_id: MemberId,
    /// Its instance, for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// It stays if its epoch is another one by now.
    pub if_epoch: Option<MemberEpoch>,
}

impl ConsumerGroup {
    /// What a heartbeat that leaves comes to: who leaves, or the refusal.
    ///
    /// # Errors
    /// [`GroupError::UnknownMember`], [`GroupError::FencedInstance`].
    pub(in crate::groups) fn check_leave(
        &self,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Result<(), GroupError> {
        match &heartbeat.instance_id {
            None => self.members.get(&heartbeat.member_id).ok_or(GroupError::UnknownMember)?,
            Some(instance) => self.check_instance(instance, &heartbeat.member_id)?,
        };
        Ok(())
    }

    /// Has a heartbeat that leaves act; it was found right before.
    pub(in crate::groups) fn leave(
        &mut self,
        topics: &Topics,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> HeartbeatAnswer {
        let (id, before) = (&heartbeat.member_id, self.epoch);
        if heartbeat.epoch == MemberEpoch::LEAVE_STATIC && heartbeat.instance_id.is_some() {
            // It comes back with the same instance id, or its session ends.
            self.members.entry(id.clone()).and_modify(super::ConsumerMember::leave_for_a_while);
        } else {
            self.take_out(topics, std::slice::from_ref(id));
        }
        HeartbeatAnswer {
            member_id: id.clone(),
            epoch: heartbeat.epoch,
            assignment: None,
            rebalance: RebalanceTimer::Stop,
            rebalance_timeout_ms: -1,
            replaced: None,
            moves_group: self.epoch != before,
        }
    }

    /// Who it is that leaves.
    pub(in crate::groups) fn leaving(&self, leaving: &LeavingMember) -> Result<MemberId, GroupError> {
        let id = match &leaving.instance_id {
            Some(instance) if leaving.member_id.is_empty() => {
                self.instance(instance).ok_or(GroupError::UnknownMember)?.0.clone()
            }
            Some(instance) => {
                self.check_instance(instance, &leaving.member_id)?;
                leaving.member_id.clone()
            }
            None => leaving.member_id.clone(),
        };
        let member = self.members.get(&id).ok_or(GroupError::UnknownMember)?;
        match leaving.if_epoch {
            Some(known) if known != member.epoch => {
                Err(GroupError::FencedEpoch { sent: known, known: member.epoch })
            }
            _ => Ok(id),
        }
    }

    /// Takes members out, and moves the group epoch once.
    pub(in crate::groups) fn take_out(&mut self, topics: &Topics, members: &[MemberId]) {
        if members.is_empty() {
            return;
        }
        members.iter().for_each(|id| self.remove(id));
        self.forget_regexes();
        self.refresh(topics, true);
    }
}

impl RemoveConsumerMembers {
    /// Layout: group id text, count u32 of members, each id text, optional instance id text and optional epoch i32,
    /// settings as in [`ConsumerGroupSettings::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.group_id.as_str());
        w.count(self.members.len());
        for leaving in &self.members {
            w.text(leaving.member_id.as_str());
            w.optional(leaving.instance_id.as_ref(), |w, id| w.text(id.as_str()));
            w.optional(leaving.if_epoch, |w, epoch| w.i32(epoch.get()));
        }
        self.settings.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: GroupId::new(r.text("group id")?),
            members: r.list("leaving members", 6, |r| {
                Ok(LeavingMember {
                    member_id: read_member_id(r)?,
                    instance_id: r
                        .optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
                    if_epoch: r.optional("epoch", |r| r.i32("epoch").map(MemberEpoch::new))?,
                })
            })?,
            settings: ConsumerGroupSettings::read(r)?,
        })
    }
}
