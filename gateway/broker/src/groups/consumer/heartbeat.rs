//! The way of a heartbeat: a question to the state, and only if something changes, an entry.

use std::sync::Arc;
use std::time::Duration;

use chronik_config::kafka::GroupConfigs;
use chronik_config::{ConsumerAssignor, ConsumerMigration};
use chronik_state::{
    Assignor, Change, ConsumerGroup, ConsumerGroupHeartbeat, ConsumerGroupSettings, HeartbeatAnswer, Outcome,
    RegexMatches, State,
};
use chronik_types::{GroupId, MemberEpoch, MemberId, TimestampMs};

use super::ConsumerGroupError;
use super::sessions::Heard;
use crate::groups::CoordinatorError;
use crate::groups::coordinator::Absent;
use crate::groups::ledger::Weight;
use crate::{Broker, ChangeError};

/// How long a group keeps to what its regular expressions matched, even if there are other topics: so that many new
/// topics are one new assignment.
const REGEX_REST: Duration = Duration::from_secs(10);

/// What a member is answered, and how often it has to be heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeatAnswer {
    /// The member.
    pub member_id: MemberId,
    /// Its epoch.
    pub member_epoch: MemberEpoch,
    /// How often it should send a heartbeat; zero when it has left.
    pub heartbeat_interval: Duration,
    /// The partitions that it should have now, if it is told.
    pub assignment: Option<Vec<chronik_types::TopicPartition>>,
}

impl Broker {
    /// The settings that decide about a consumer group.
    pub fn consumer_group_settings(&self, group: &GroupId) -> ConsumerGroupSettings {
        let settings = self.settings();
        let migration = settings.groups.consumer_migration_policy;
        let interval = self.group_configs(group).consumer_assignment_interval;
        ConsumerGroupSettings {
            max_size: settings.groups.consumer_max_size,
            assignment_interval_ms: i32::try_from(interval.as_millis()).unwrap_or(i32::MAX),
            default_assignor: settings.groups.consumer_assignors.first().map_or(Assignor::Uniform, assignor),
            upgrade: matches!(migration, ConsumerMigration::Bidirectional | ConsumerMigration::Upgrade),
            downgrade: matches!(migration, ConsumerMigration::Bidirectional | ConsumerMigration::Downgrade),
            classic_max_size: settings.groups.max_size,
        }
    }

    /// The configs in force for a group.
    pub fn group_configs(&self, group: &GroupId) -> GroupConfigs {
        let overrides = self.state(|state| crate::configs::overrides(state.group_configs(group.as_str())));
        GroupConfigs::in_force(&self.settings(), &overrides)
    }

    /// Has a heartbeat act, whose `resolved` is for this to fill in.
    ///
    /// # Errors
    /// [`ConsumerGroupError`].
    pub async fn consumer_heartbeat(
        self: &Arc<Self>,
        mut heartbeat: Box<ConsumerGroupHeartbeat>,
    ) -> Result<ConsumerHeartbeatAnswer, ConsumerGroupError> {
        let generation = self.core.catalog.generation();
        let is_behind =
            !heartbeat.is_leaving() && self.consumers.sessions.is_behind(&heartbeat.group_id, generation);
        let asks_for_regex = heartbeat.subscribed_regex.as_deref().is_some_and(|regex| !regex.is_empty());
        let mut rests = false;
        if !heartbeat.is_leaving() && (is_behind || asks_for_regex) {
            (heartbeat.resolved, rests) = self.resolve_regexes(&heartbeat, generation).await?;
        }
        let configs = self.group_configs(&heartbeat.group_id);
        let now = self.core.clock.now();
        let preview = self.state(|state| state.preview_consumer_heartbeat(now, &heartbeat, is_behind))?;
        let (group_id, member_id) = (heartbeat.group_id.clone(), heartbeat.member_id.clone());
        let leaves = heartbeat.is_leaving();
        let session_timeout = configs.consumer_session_timeout;
        let answer = match preview {
            Some(answer) => {
                self.heard(&group_id, &answer, session_timeout);
                if is_behind && !rests {
                    self.consumers.sessions.compared(&group_id, generation);
                }
                answer
            }
            None if leaves => detached(Arc::clone(self).leave(heartbeat)).await?,
            None => detached(Arc::clone(self).change(heartbeat, session_timeout)).await?,
        };
        Ok(ConsumerHeartbeatAnswer {
            member_id,
            member_epoch: answer.epoch,
            heartbeat_interval: if leaves { Duration::ZERO } else { configs.consumer_heartbeat_interval },
            assignment: answer.assignment,
        })
    }

    async fn leave(
        self: Arc<Self>,
        heartbeat: Box<ConsumerGroupHeartbeat>,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        let (group_id, member_id) = (heartbeat.group_id.clone(), heartbeat.member_id.clone());
        let answer = self.propose_heartbeat(heartbeat).await?;
        if answer.epoch == MemberEpoch::LEAVE_STATIC {
            self.consumers.sessions.away(&group_id, &member_id);
        } else {
            self.consumers.sessions.forget(&group_id, &member_id);
            self.adopt_downgraded(&group_id);
        }
        Ok(answer)
    }

    /// Has a heartbeat act that changes something.
    async fn change(
        self: Arc<Self>,
        heartbeat: Box<ConsumerGroupHeartbeat>,
        session_timeout: Duration,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        let (group_id, member_id) = (heartbeat.group_id.clone(), heartbeat.member_id.clone());
        // Storage may be slow: that is no fault of the member.
        let ends = self.core.clock.monotonic().saturating_add(session_timeout);
        self.consumers.sessions.extend(&group_id, &member_id, ends);
        let joins = heartbeat.epoch == MemberEpoch::JOIN;
        self.check_room(&group_id, &member_id, |group| heartbeat.growth(group))?;
        if joins && self.groups.contains(&group_id) {
            self.in_group(&group_id, Absent::Leave, |group, step| group.store_for_upgrade(step));
        }
        let answer = self.propose_heartbeat(heartbeat).await?;
        if joins {
            self.adopt_upgraded(&group_id);
        }
        if let Some(replaced) = answer.replaced.as_ref().filter(|replaced| **replaced != member_id) {
            self.consumers.sessions.forget(&group_id, replaced);
        }
        self.heard(&group_id, &answer, session_timeout);
        self.weigh(&group_id, &member_id);
        Ok(answer)
    }

    /// Whether a member may come, with one more group if need be, and the group `grow` by so many bytes. Counts are those
    /// of a moment.
    pub(super) fn check_room(
        &self,
        group_id: &GroupId,
        member_id: &MemberId,
        grow: impl FnOnce(Option<&ConsumerGroup>) -> usize,
    ) -> Result<(), CoordinatorError> {
        let settings = self.settings();
        let (exists, is_known, groups, bytes) = self.state(|state| {
            let group = state.group(group_id.as_str());
            let consumer = group.and_then(|group| group.consumer());
            let is_known = consumer.is_some_and(|group| group.members().contains_key(member_id));
            (group.is_some(), is_known, state.group_count(), grow(consumer))
        });
        let more = Weight { members: usize::from(!is_known), bytes };
        let has_name = exists || self.has_room_for_group(group_id, groups);
        if !has_name || !self.has_room(&settings.groups, more) {
            self.refuse_group(group_id, "a member");
            return Err(CoordinatorError::GroupFull);
        }
        Ok(())
    }

    /// Notes how much memory a member takes, after it has changed.
    pub(super) fn weigh(&self, group_id: &GroupId, member_id: &MemberId) {
        let weights = self.state(|state| {
            consumers_of(state, group_id).map(|group| (group.member_bytes(member_id), group.regex_bytes()))
        });
        if let Some((member, regexes)) = weights {
            self.consumers.sessions.weigh(group_id, member_id, member, regexes);
        }
    }

    async fn propose_heartbeat(
        &self,
        heartbeat: Box<ConsumerGroupHeartbeat>,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        match self.propose(Change::ConsumerGroupHeartbeat(heartbeat)).await? {
            Outcome::ConsumerGroupHeartbeat(answer) => Ok(answer?),
            // No other outcome belongs to it.
            _ => Err(ChangeError::Stopped.into()),
        }
    }

    fn heard(&self, group: &GroupId, answer: &HeartbeatAnswer, session_timeout: Duration) {
        let now = self.core.clock.monotonic();
        let rebalance_ms = u64::try_from(answer.rebalance_timeout_ms).unwrap_or(0);
        let heard = Heard {
            ends: now.saturating_add(session_timeout),
            epoch: answer.epoch,
            rebalance: answer.rebalance,
            rebalance_until: now.saturating_add(Duration::from_millis(rebalance_ms)),
        };
        self.consumers.sessions.heard(group, &answer.member_id, heard);
    }

    /// What the regular expressions of a group match, where that is not what it knows; and whether some have to rest
    /// before the group is told.
    async fn resolve_regexes(
        &self,
        heartbeat: &ConsumerGroupHeartbeat,
        generation: u64,
    ) -> Result<(Vec<RegexMatches>, bool), ConsumerGroupError> {
        let group_id = &heartbeat.group_id;
        let asked = heartbeat.subscribed_regex.as_deref().filter(|regex| !regex.is_empty());
        if let Some(regex) = asked {
            self.consumers.regexes.check(regex)?;
        }
        let mut wanted = self.state(|state| {
            consumers_of(state, group_id).map(ConsumerGroup::subscribed_regexes).unwrap_or_default()
        });
        wanted.extend(asked.map(Into::into));
        let mut found = Vec::with_capacity(wanted.len());
        for regex in wanted {
            let matches = match self.consumers.regexes.remembered(&regex, generation) {
                Some(matches) => matches,
                None => {
                    let (generation, topics) = self.core.catalog.sorted();
                    let names = topics.iter().map(|topic| topic.name().as_str());
                    self.consumers.regexes.resolve(&regex, generation, names)?
                }
            };
            found.push((regex, matches));
        }
        let now = self.core.clock.now();
        Ok(self.state(|state| {
            let group = consumers_of(state, group_id);
            let known = |regex: &str| group.and_then(|group| group.regexes().get(regex));
            let mut rests = false;
            let mut news = Vec::new();
            for (regex, matches) in found {
                match known(&regex) {
                    Some(known) if known.topics == *matches => {}
                    Some(known) if is_resting(known.resolved_at, now) => rests = true,
                    _ => news.push(RegexMatches { regex, topics: (*matches).clone() }),
                }
            }
            (news, rests)
        }))
    }
}

/// Carries something out to its end, even if the client goes meanwhile: what has become an entry has to get its session.
pub(super) fn detached<T: Send + 'static, E: From<ChangeError> + Send + 'static>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> impl Future<Output = Result<T, E>> + Send {
    // Before it is waited for, so that the memory of a request that waits does not hold the work.
    let work = tokio::spawn(work);
    // It is never aborted while the gateway runs.
    async { work.await.unwrap_or_else(|_| Err(ChangeError::Stopped.into())) }
}

pub(super) fn consumers_of<'a>(state: &'a State, group: &GroupId) -> Option<&'a ConsumerGroup> {
    state.group(group.as_str()).and_then(|group| group.consumer())
}

fn is_resting(resolved_at: TimestampMs, now: TimestampMs) -> bool {
    let rest = i64::try_from(REGEX_REST.as_millis()).unwrap_or(i64::MAX);
    (resolved_at.get()..resolved_at.get().saturating_add(rest)).contains(&now.get())
}

const fn assignor(assignor: &ConsumerAssignor) -> Assignor {
    match assignor {
        ConsumerAssignor::Uniform => Assignor::Uniform,
        ConsumerAssignor::Range => Assignor::Range,
    }
}
