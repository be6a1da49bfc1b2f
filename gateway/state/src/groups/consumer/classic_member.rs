//! Members that speak the classic protocol within a consumer group: JoinGroup, SyncGroup and Heartbeat.
//!
//! Joining is a heartbeat in other words, and answered at once: the group has decided, nobody leads. A member is told to
//! join again when there is something to give up or to take. SyncGroup and Heartbeat change nothing.

use chronik_types::{GroupId, GroupInstanceId, MemberEpoch, MemberId, TimestampMs, TopicPartition};

use super::embedded::Subscription;
use super::member::{ClassicMembership, ConsumerMember, MemberState, read_member_id};
use super::migration::{CONSUMER, ids_of};
use super::reconcile::Report;
use super::settings::ConsumerGroupSettings;
use super::{ConsumerGroup, GroupError};
use crate::codec::{DecodeError, Reader, Writer};
use crate::topics::Topics;

/// A member joins a consumer group by the classic protocol, or joins it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinConsumerGroup {
    /// The group.
    pub group_id: GroupId,
    /// The member; the proposer has made an id for one that has none.
    pub member_id: MemberId,
    /// Whether the member had no id.
    pub is_new: bool,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// How long it may take to join again, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// What its group does, as in `consumer`.
    pub protocol_type: Box<str>,
    /// How long it may be silent, and the strategies that it supports.
    pub classic: ClassicMembership,
    /// The client id of the request.
    pub client_id: Box<str>,
    /// The address it came from.
    pub client_host: Box<str>,
    /// The settings that apply.
    pub settings: ConsumerGroupSettings,
}

/// What a member that has joined is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedConsumerGroup {
    /// Its epoch, which its client takes for a generation.
    pub epoch: MemberEpoch,
    /// The strategy that it takes to be chosen.
    pub protocol_name: Box<str>,
    /// The member whose place it has taken.
    pub replaced: Option<MemberId>,
    /// Whether the group got another epoch by it.
    pub moves_group: bool,
}

/// A join that was found right, before anything is changed.
#[derive(Debug)]
pub(crate) struct PreparedJoin {
    member: ConsumerMember,
    replaces: Option<MemberId>,
    owned: Vec<TopicPartition>,
    bump: bool,
}

impl ConsumerGroup {
    /// Checks a join, and works out what it says of the member.
    ///
    /// # Errors
    /// [`GroupError::InconsistentProtocol`], [`GroupError::Full`], [`GroupError::UnknownMember`],
    /// [`GroupError::FencedInstance`].
    pub(crate) fn prepare_join(
        &self,
        topics: &Topics,
        join: &JoinConsumerGroup,
    ) -> Result<PreparedJoin, GroupError> {
        if !join.settings.upgrade && !join.settings.downgrade {
            return Err(GroupError::InconsistentProtocol);
        }
        let known = self.members.get(&join.member_id);
        if known.is_none() && join.settings.is_full(self.members.len()) {
            return Err(GroupError::Full { limit: join.settings.max_size });
        }
        let subscription =
            join.classic.protocols.first().and_then(|first| Subscription::read(&first.metadata));
        let subscription =
            subscription.filter(|_| self.supports(join)).ok_or(GroupError::InconsistentProtocol)?;
        let mut replaces = None;
        let before = match &join.instance_id {
            None => known.cloned().unwrap_or_else(ConsumerMember::unknown),
            Some(instance) if join.is_new => match self.instance(instance) {
                None => ConsumerMember::unknown(),
                Some((id, holder)) => {
                    replaces = Some(id.clone());
                    let (epoch, previous_epoch) = (MemberEpoch::JOIN, MemberEpoch::JOIN);
                    ConsumerMember { epoch, previous_epoch, ..holder.clone() }
                }
            },
            Some(instance) => self.check_instance(instance, &join.member_id)?.clone(),
        };
        let member = ConsumerMember {
            instance_id: join.instance_id.clone().or_else(|| before.instance_id.clone()),
            rack_id: subscription.rack.map(Into::into).or_else(|| before.rack_id.clone()),
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            subscribed_topics: subscription.topics.iter().map(|topic| (*topic).into()).collect(),
            subscribed_regex: "".into(),
            client_id: join.client_id.clone(),
            client_host: join.client_host.clone(),
            classic: Some(join.classic.clone()),
            ..before.clone()
        };
        let bump = member.subscribed_topics != before.subscribed_topics
            || member.subscribed_regex != before.subscribed_regex
            || self.epoch == MemberEpoch::JOIN;
        let owned = ids_of(topics, &subscription.owned).into_iter().collect();
        Ok(PreparedJoin { member, replaces, owned, bump })
    }

    /// Whether the other classic members know one of the strategies.
    fn supports(&self, join: &JoinConsumerGroup) -> bool {
        let others: Vec<&ClassicMembership> =
            self.members.values().filter_map(|member| member.classic.as_ref()).collect();
        let known_to =
            |classic: &ClassicMembership, name: &str| classic.protocols.iter().any(|one| &*one.name == name);
        let is_common = |name: &str| others.iter().all(|classic| known_to(classic, name));
        &*join.protocol_type == CONSUMER
            && join.classic.protocols.iter().any(|protocol| is_common(&protocol.name))
    }

    /// Has a prepared join act.
    pub(in crate::groups) fn apply_join(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        join: &JoinConsumerGroup,
        prepared: PreparedJoin,
    ) -> JoinedConsumerGroup {
        let PreparedJoin { member, replaces, owned, bump } = prepared;
        let (id, before) = (&join.member_id, self.epoch);
        self.put(id, member, replaces.as_ref());
        self.forget_regexes();
        self.refresh(topics, bump);
        if self.is_assignment_due(time, join.settings.assignment_interval_ms) {
            self.assign(time, topics, join.settings.default_assignor);
        }
        let report = Report { owned: Some(&owned), subscription_changed: bump };
        let after =
            self.members.get(id).map(|member| self.reconcile(topics, id, member, report)).unwrap_or_default();
        let epoch = after.epoch;
        self.members.insert(id.clone(), after);
        let protocol_name =
            join.classic.protocols.first().map(|first| first.name.clone()).unwrap_or_default();
        let replaced = replaces.filter(|other| other != id);
        JoinedConsumerGroup { epoch, protocol_name, replaced, moves_group: self.epoch != before }
    }

    /// The classic member of that id, in that generation.
    fn classic_member(
        &self,
        id: &MemberId,
        instance: Option<&GroupInstanceId>,
        generation: i32,
    ) -> Result<(&ConsumerMember, &ClassicMembership), GroupError> {
        let member = match instance {
            None => self.members.get(id).ok_or(GroupError::UnknownMember)?,
            Some(instance) => self.check_instance(instance, id)?,
        };
        let classic = member.classic.as_ref().ok_or(GroupError::UnknownMember)?;
        if member.epoch != MemberEpoch::new(generation) {
            return Err(GroupError::IllegalGeneration);
        }
        Ok((member, classic))
    }

    /// Whether a classic member may go on; otherwise it has to join again ([`GroupError::RebalanceInProgress`]).
    ///
    /// # Errors
    /// [`GroupError`].
    pub fn check_classic_heartbeat(
        &self,
        id: &MemberId,
        instance: Option<&GroupInstanceId>,
        generation: i32,
    ) -> Result<(), GroupError> {
        let (member, _) = self.classic_member(id, instance, generation)?;
        let can_take_more =
            member.state == MemberState::UnreleasedPartitions && !self.waits_for_others(id, member);
        let must_give_up = member.state == MemberState::UnrevokedPartitions;
        if member.epoch < self.assignment_epoch || must_give_up || can_take_more {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Checks a SyncGroup, and gives the member that sent it. What it takes the protocol to be has to be the one that it
    /// was told.
    ///
    /// # Errors
    /// [`GroupError`].
    pub(crate) fn check_sync(
        &self,
        id: &MemberId,
        instance: Option<&GroupInstanceId>,
        generation: i32,
        protocol: (Option<&str>, Option<&str>),
    ) -> Result<(&ConsumerMember, &ClassicMembership), GroupError> {
        let (member, classic) = self.classic_member(id, instance, generation)?;
        let first = classic.protocols.first().map(|first| &*first.name);
        let (kind, name) = protocol;
        if kind.is_some_and(|kind| kind != CONSUMER) || name.is_some_and(|name| Some(name) != first) {
            return Err(GroupError::InconsistentProtocol);
        }
        // One that has to give up partitions has joined already, and is told now what it keeps.
        if member.epoch < self.assignment_epoch && member.state != MemberState::UnrevokedPartitions {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok((member, classic))
    }
}

impl JoinConsumerGroup {
    /// Layout: group id text, member id text, is new u8, optional instance id text, rebalance timeout i32, protocol type
    /// text, classic membership (session timeout i32, count u32 of protocols, each name text and bytes), client id text,
    /// client host text, settings as in [`ConsumerGroupSettings::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.group_id.as_str());
        w.text(self.member_id.as_str());
        w.u8(self.is_new.into());
        w.optional(self.instance_id.as_ref(), |w, id| w.text(id.as_str()));
        w.i32(self.rebalance_timeout_ms);
        w.text(&self.protocol_type);
        self.classic.write(w);
        w.text(&self.client_id);
        w.text(&self.client_host);
        self.settings.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: GroupId::new(r.text("group id")?),
            member_id: read_member_id(r)?,
            is_new: super::settings::read_flag(r, "is new")?,
            instance_id: r.optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
            rebalance_timeout_ms: r.i32("rebalance timeout")?,
            protocol_type: r.text("protocol type")?.into(),
            classic: ClassicMembership::read(r)?,
            client_id: r.text("client id")?.into(),
            client_host: r.text("client host")?.into(),
            settings: ConsumerGroupSettings::read(r)?,
        })
    }
}
