//! ConsumerGroupHeartbeat: joining, staying and leaving.
//!
//! A heartbeat has three effects, each of which may be none: it creates or updates its member, which may move the group
//! epoch; it has a new target assignment made, if one is due; and it takes its member a step towards the target. One that
//! has no effect at all need not be an entry: [`ConsumerGroup::preview`] answers it.

use chronik_types::{GroupId, GroupInstanceId, MemberEpoch, MemberId, TimestampMs, TopicPartition};

use super::assignors::Assignor;
use super::member::{ConsumerMember, MemberState, OwnedPartitions, read_member_id, read_names};
use super::reconcile::Report;
use super::settings::ConsumerGroupSettings;
use super::subscription::RegexMatches;
use super::{ConsumerGroup, GroupError};
use crate::codec::{DecodeError, Reader, Writer};
use crate::topics::Topics;

/// What a member says. What it leaves out is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeat {
    /// The group.
    pub group_id: GroupId,
    /// The member; the proposer has made an id for one that has none.
    pub member_id: MemberId,
    /// The epoch that it was told last; 0 to join, -1 to leave, -2 to leave for a while.
    pub epoch: MemberEpoch,
    /// Set for a static member.
    pub instance_id: Option<GroupInstanceId>,
    /// Its rack.
    pub rack_id: Option<Box<str>>,
    /// How long it may take to give up partitions, in milliseconds.
    pub rebalance_timeout_ms: Option<i32>,
    /// The topics that it names.
    pub subscribed_topics: Option<Vec<Box<str>>>,
    /// The regular expression that it gives; empty for none.
    pub subscribed_regex: Option<Box<str>>,
    /// The assignor that it would like.
    pub assignor: Option<Assignor>,
    /// The partitions that it has.
    pub owned: Option<Vec<TopicPartition>>,
    /// The client id of the request.
    pub client_id: Box<str>,
    /// The address it came from.
    pub client_host: Box<str>,
    /// What regular expressions of the group match now, where that is not what the group knows.
    pub resolved: Vec<RegexMatches>,
    /// The settings that apply.
    pub settings: ConsumerGroupSettings,
}

/// What to do with the clock that bounds how long a member takes to give up partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebalanceTimer {
    /// Let it run, or not run, as it does.
    Keep,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
}

/// What a member is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatAnswer {
    /// The member.
    pub member_id: MemberId,
    /// Its epoch now.
    pub epoch: MemberEpoch,
    /// The partitions that it should have now, if it is told.
    pub assignment: Option<Vec<TopicPartition>>,
    /// What its rebalance timer does.
    pub rebalance: RebalanceTimer,
    /// How long the timer runs, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// The member whose place this one has taken.
    pub replaced: Option<MemberId>,
    /// Whether the group got another epoch by it.
    pub moves_group: bool,
}

/// A heartbeat that was found right, before anything is changed.
#[derive(Debug)]
pub(in crate::groups) struct Prepared {
    /// The member as it was; for one that replaces another, as that one was.
    before: ConsumerMember,
    /// The member with what the heartbeat says.
    member: ConsumerMember,
    /// The member whose place it takes.
    replaces: Option<MemberId>,
    subscription_changed: bool,
    bump: bool,
    is_new: bool,
}

impl ConsumerGroupHeartbeat {
    /// Whether the member says everything of itself, because it is not sure what the group knows.
    fn is_full(&self) -> bool {
        self.rebalance_timeout_ms.is_some()
            && (self.subscribed_topics.is_some() || self.subscribed_regex.is_some())
            && self.owned.is_some()
    }

    /// Whether the member wants to leave, for good or for a while.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.epoch, MemberEpoch::LEAVE | MemberEpoch::LEAVE_STATIC)
    }

    fn update(&self, mut member: ConsumerMember) -> ConsumerMember {
        if let Some(instance_id) = &self.instance_id {
            member.instance_id = Some(instance_id.clone());
        }
        if let Some(rack_id) = &self.rack_id {
            member.rack_id = Some(rack_id.clone());
        }
        if let Some(timeout) = self.rebalance_timeout_ms {
            member.rebalance_timeout_ms = timeout;
        }
        if let Some(topics) = &self.subscribed_topics {
            member.subscribed_topics = topics.iter().cloned().collect();
        }
        if let Some(regex) = &self.subscribed_regex {
            member.subscribed_regex = regex.clone();
        }
        if let Some(assignor) = self.assignor {
            member.assignor = Some(assignor);
        }
        member.client_id = self.client_id.clone();
        member.client_host = self.client_host.clone();
        member.classic = None;
        member
    }

    fn report(&self, subscription_changed: bool) -> Report<'_> {
        Report { owned: self.owned.as_deref(), subscription_changed }
    }

    fn answer(
        &self,
        before: &ConsumerMember,
        after: &ConsumerMember,
        replaced: Option<MemberId>,
    ) -> HeartbeatAnswer {
        let is_told = self.epoch == MemberEpoch::JOIN || self.is_full() || before.assigned != after.assigned;
        let moved = (before.state, before.epoch, &before.assigned, &before.pending_revocation)
            != (after.state, after.epoch, &after.assigned, &after.pending_revocation);
        HeartbeatAnswer {
            member_id: self.member_id.clone(),
            epoch: after.epoch,
            assignment: is_told.then(|| after.assigned.keys().copied().collect()),
            rebalance: match after.state {
                _ if !moved => RebalanceTimer::Keep,
                MemberState::UnrevokedPartitions => RebalanceTimer::Start,
                MemberState::Stable | MemberState::UnreleasedPartitions => RebalanceTimer::Stop,
            },
            rebalance_timeout_ms: after.rebalance_timeout_ms,
            replaced,
            moves_group: false,
        }
    }
}

impl ConsumerGroup {
    /// What a heartbeat of a member that stays is answered if it changes nothing, which leaves the group as it is. `None`
    /// when it has to be an entry. Whether the subscribed topics have changed is looked at only if `look_at_topics`.
    ///
    /// # Errors
    /// As [`ConsumerGroup::prepare`].
    pub(in crate::groups) fn preview(
        &self,
        time: TimestampMs,
        topics: &Topics,
        heartbeat: &ConsumerGroupHeartbeat,
        look_at_topics: bool,
    ) -> Result<Option<HeartbeatAnswer>, GroupError> {
        let prepared = self.prepare(heartbeat)?;
        let changes = prepared.is_new
            || prepared.bump
            || prepared.replaces.is_some()
            || prepared.member != prepared.before
            || !heartbeat.resolved.is_empty()
            || self.is_assignment_due(time, heartbeat.settings.assignment_interval_ms)
            || (look_at_topics && self.metadata_hash(topics) != self.metadata_hash);
        if changes {
            return Ok(None);
        }
        let report = heartbeat.report(prepared.subscription_changed);
        let after = self.reconcile(topics, &heartbeat.member_id, &prepared.member, report);
        Ok((after == prepared.member).then(|| heartbeat.answer(&prepared.before, &after, None)))
    }

    /// Checks a heartbeat of a member that joins or stays, and works out what it says of the member.
    ///
    /// # Errors
    /// [`GroupError::Full`], [`GroupError::UnknownMember`], [`GroupError::FencedEpoch`],
    /// [`GroupError::UnreleasedInstance`], [`GroupError::FencedInstance`].
    pub(in crate::groups) fn prepare(
        &self,
        heartbeat: &ConsumerGroupHeartbeat,
    ) -> Result<Prepared, GroupError> {
        let known = self.members.get(&heartbeat.member_id);
        if known.is_none() && heartbeat.settings.is_full(self.members.len()) {
            return Err(GroupError::Full { limit: heartbeat.settings.max_size });
        }
        let joins = heartbeat.epoch == MemberEpoch::JOIN;
        let mut replaces = None;
        let before = match (&heartbeat.instance_id, joins) {
            (None, _) => match known {
                Some(member) => check_epoch(member, heartbeat)?.clone(),
                None if joins => ConsumerMember::unknown(),
                None => return Err(GroupError::UnknownMember),
            },
            (Some(instance), true) => match self.instance(instance) {
                None => known.cloned().unwrap_or_else(ConsumerMember::unknown),
                Some((_, holder))
                    if holder.classic.is_none() && holder.epoch != MemberEpoch::LEAVE_STATIC =>
                {
                    return Err(GroupError::UnreleasedInstance);
                }
                Some((id, holder)) => {
                    replaces = Some(id.clone());
                    let (epoch, previous_epoch) = (MemberEpoch::JOIN, MemberEpoch::JOIN);
                    ConsumerMember { epoch, previous_epoch, ..holder.clone() }
                }
            },
            (Some(instance), false) => {
                check_epoch(self.check_instance(instance, &heartbeat.member_id)?, heartbeat)?.clone()
            }
        };
        Ok(self.prepared(heartbeat, before, replaces, known.is_none()))
    }

    fn prepared(
        &self,
        heartbeat: &ConsumerGroupHeartbeat,
        before: ConsumerMember,
        replaces: Option<MemberId>,
        is_new: bool,
    ) -> Prepared {
        let member = heartbeat.update(before.clone());
        let topics_changed = member.subscribed_topics != before.subscribed_topics;
        let regex_changed = member.subscribed_regex != before.subscribed_regex;
        // A regular expression that the group does not know yet counts when it is resolved.
        let regex_resolved = member.regex().is_none_or(|regex| self.regexes.contains_key(regex));
        let is_first = self.epoch == MemberEpoch::JOIN;
        Prepared {
            before,
            member,
            replaces,
            subscription_changed: topics_changed || regex_changed,
            bump: topics_changed || (regex_changed && regex_resolved) || is_first,
            is_new,
        }
    }

    /// Has a prepared heartbeat act.
    pub(in crate::groups) fn apply(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        heartbeat: &ConsumerGroupHeartbeat,
        prepared: Prepared,
    ) -> HeartbeatAnswer {
        let Prepared { before, member, replaces, subscription_changed, bump, .. } = prepared;
        let (id, epoch) = (&heartbeat.member_id, self.epoch);
        self.put(id, member, replaces.as_ref());
        let matches_changed = self.resolve(time, &heartbeat.resolved);
        self.forget_regexes();
        self.refresh(topics, bump || matches_changed);
        if self.is_assignment_due(time, heartbeat.settings.assignment_interval_ms) {
            self.assign(time, topics, heartbeat.settings.default_assignor);
        }
        let after = self
            .members
            .get(id)
            .map(|member| self.reconcile(topics, id, member, heartbeat.report(subscription_changed)))
            .unwrap_or_default();
        let answer = heartbeat.answer(&before, &after, replaces);
        self.members.insert(id.clone(), after);
        HeartbeatAnswer { moves_group: self.epoch != epoch, ..answer }
    }

    /// Puts a member in, in the place of another if it replaces one: that one's target becomes its own.
    pub(super) fn put(&mut self, id: &MemberId, member: ConsumerMember, replaces: Option<&MemberId>) {
        if let Some(other) = replaces.filter(|other| *other != id) {
            let target = self.targets.get(other).cloned();
            self.remove(other);
            self.targets.extend(target.map(|target| (id.clone(), target)));
        }
        self.members.insert(id.clone(), member);
    }

    /// Moves the group epoch if that is wanted, or if the subscribed topics are not what they were.
    pub(super) fn refresh(&mut self, topics: &Topics, bump: bool) {
        let hash = self.metadata_hash(topics);
        if bump || hash != self.metadata_hash {
            self.metadata_hash = hash;
            self.bump();
        }
    }

    /// The member, if it is that instance.
    pub(super) fn check_instance(
        &self,
        instance: &GroupInstanceId,
        id: &MemberId,
    ) -> Result<&ConsumerMember, GroupError> {
        match self.instance(instance) {
            None => Err(GroupError::UnknownMember),
            Some((holder, _)) if holder != id => Err(GroupError::FencedInstance),
            Some((_, member)) => Ok(member),
        }
    }
}

/// Fences a member that speaks of another epoch. The one before is taken from a member that has nothing it should not
/// have, because the answer that told the present one may have been lost.
fn check_epoch<'a>(
    member: &'a ConsumerMember,
    heartbeat: &ConsumerGroupHeartbeat,
) -> Result<&'a ConsumerMember, GroupError> {
    let (sent, known) = (heartbeat.epoch, member.epoch);
    let missed_an_answer = || {
        sent < known
            && sent == member.previous_epoch
            && heartbeat.owned.as_deref().is_some_and(|owned| are_within(owned, &member.assigned))
    };
    if sent == MemberEpoch::JOIN || sent == known || missed_an_answer() {
        Ok(member)
    } else {
        Err(GroupError::FencedEpoch { sent, known })
    }
}

fn are_within(owned: &[TopicPartition], assigned: &OwnedPartitions) -> bool {
    owned.iter().all(|at| assigned.contains_key(at))
}

impl ConsumerGroupHeartbeat {
    /// Layout: group id text, member id text, epoch i32, optional instance id text, optional rack id text, optional
    /// rebalance timeout i32, optional topics (count u32, each a text), optional regular expression text, optional
    /// assignor u8, optional owned partitions (count u32, each a partition), client id text, client host text, count u32
    /// of resolved expressions, each as in [`RegexMatches::write`], settings as in [`ConsumerGroupSettings::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.group_id.as_str());
        w.text(self.member_id.as_str());
        w.i32(self.epoch.get());
        w.optional(self.instance_id.as_ref(), |w, id| w.text(id.as_str()));
        w.optional(self.rack_id.as_deref(), Writer::text);
        w.optional(self.rebalance_timeout_ms, Writer::i32);
        w.optional(self.subscribed_topics.as_ref(), |w, topics| {
            w.count(topics.len());
            topics.iter().for_each(|topic| w.text(topic));
        });
        w.optional(self.subscribed_regex.as_deref(), Writer::text);
        w.optional(self.assignor, |w, assignor| assignor.write(w));
        w.optional(self.owned.as_ref(), |w, owned| {
            w.count(owned.len());
            owned.iter().for_each(|at| w.topic_partition(*at));
        });
        w.text(&self.client_id);
        w.text(&self.client_host);
        w.count(self.resolved.len());
        self.resolved.iter().for_each(|resolved| resolved.write(w));
        self.settings.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: GroupId::new(r.text("group id")?),
            member_id: read_member_id(r)?,
            epoch: MemberEpoch::new(r.i32("member epoch")?),
            instance_id: r.optional("instance id", |r| r.text("instance id").map(GroupInstanceId::new))?,
            rack_id: r.optional("rack id", |r| r.text("rack id").map(Into::into))?,
            rebalance_timeout_ms: r.optional("rebalance timeout", |r| r.i32("rebalance timeout"))?,
            subscribed_topics: r.optional("subscribed topics", read_names)?,
            subscribed_regex: r
                .optional("subscribed regex", |r| r.text("subscribed regex").map(Into::into))?,
            assignor: r.optional("assignor", Assignor::read)?,
            owned: r.optional("owned partitions", |r| {
                r.list("owned partitions", 20, |r| r.topic_partition("owned partition"))
            })?,
            client_id: r.text("client id")?.into(),
            client_host: r.text("client host")?.into(),
            resolved: r.list("resolved regexes", 8, RegexMatches::read)?,
            settings: ConsumerGroupSettings::read(r)?,
        })
    }
}
