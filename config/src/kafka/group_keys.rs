//! The settings that a group can override.

use std::time::Duration;

use super::Overrides;
use super::definition::{Definition, Refusal, boolean, int, string};
use crate::sections::{GroupSettings, Settings};

/// What the members of a consumer group are told: its own settings over the defaults of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfigs {
    /// `consumer.session.timeout.ms`
    pub consumer_session_timeout: Duration,
    /// `consumer.heartbeat.interval.ms`
    pub consumer_heartbeat_interval: Duration,
    /// `consumer.assignment.interval.ms`
    pub consumer_assignment_interval: Duration,
}

const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const ASSIGNMENT: &str = "consumer.assignment.interval.ms";
const NO_SHARE: &str = "Accepted and reported. Share groups are not spoken here.";
const NO_STREAMS: &str =
    "Accepted and reported. The streams protocol is not spoken here: Kafka Streams runs on classic groups.";

const GROUP_KEYS: &[Definition] = &[
    int(SESSION, "A member that is silent for this long has left the group.").or("45000").at_least(1),
    int(HEARTBEAT, "How often members are told to send a heartbeat.").or("5000").at_least(1),
    int(ASSIGNMENT, "The shortest time between two assignments of the group.").or("1000").at_least(0),
    int("share.session.timeout.ms", NO_SHARE).or("45000").at_least(1),
    int("share.heartbeat.interval.ms", NO_SHARE).or("5000").at_least(1),
    int("share.record.lock.duration.ms", NO_SHARE).or("30000").at_least(1000),
    int("share.delivery.count.limit", NO_SHARE).or("5").at_least(2),
    int("share.partition.max.record.locks", NO_SHARE).or("2000").at_least(100),
    string("share.auto.offset.reset", NO_SHARE).or("latest"),
    string("share.isolation.level", NO_SHARE)
        .or("read_uncommitted")
        .one_of(&["read_committed", "read_uncommitted"]),
    boolean("share.renew.acknowledge.enable", NO_SHARE).or("true"),
    int("share.assignment.interval.ms", NO_SHARE).or("1000").at_least(0),
    int("streams.session.timeout.ms", NO_STREAMS).or("45000").at_least(1),
    int("streams.heartbeat.interval.ms", NO_STREAMS).or("5000").at_least(1),
    int("streams.num.standby.replicas", NO_STREAMS).or("0").at_least(0),
    int("streams.initial.rebalance.delay.ms", NO_STREAMS).or("3000").at_least(0),
    int("streams.assignment.interval.ms", NO_STREAMS).or("1000").at_least(0),
];

/// Every setting of groups.
#[must_use]
pub const fn group_keys() -> &'static [Definition] {
    GROUP_KEYS
}

impl GroupConfigs {
    /// The value of a group that does not override it.
    pub(super) fn default_value(settings: &Settings, definition: &Definition) -> Option<String> {
        let millis = |duration: Duration| Some(duration.as_millis().to_string());
        match definition.name {
            SESSION => millis(settings.groups.consumer_session_timeout),
            HEARTBEAT => millis(settings.groups.consumer_heartbeat_interval),
            ASSIGNMENT => millis(settings.groups.consumer_assignment_interval),
            _ => definition.default.map(str::to_owned),
        }
    }

    /// The effective settings of a group with those overrides; `settings` are with what was changed at run time.
    ///
    /// # Errors
    /// INVALID_CONFIG for a name or a value that Kafka would refuse, in its words.
    pub fn new(settings: &Settings, overrides: &Overrides) -> Result<Self, Refusal> {
        for (name, value) in overrides {
            let Some(definition) = GROUP_KEYS.iter().find(|definition| definition.name == name) else {
                return Err(Refusal::config(format!("Unknown group config name: {name}")));
            };
            definition.check(value)?;
        }
        let configs = Self::of(&settings.groups, overrides);
        // The interval is looked at only where a group has its own.
        configs.check(&settings.groups, overrides.contains_key(ASSIGNMENT))?;
        Ok(configs)
    }

    /// What is in force for a group with those overrides: values that the broker no longer allows count as the nearest
    /// one that it does.
    #[must_use]
    pub fn in_force(settings: &Settings, overrides: &Overrides) -> Self {
        let groups = &settings.groups;
        let configs = Self::of(groups, overrides);
        let within = |name: &str, value: Duration, least: Duration, most: Duration| {
            if overrides.contains_key(name) { value.min(most).max(least) } else { value }
        };
        Self {
            consumer_session_timeout: within(
                SESSION,
                configs.consumer_session_timeout,
                groups.consumer_min_session_timeout,
                groups.consumer_max_session_timeout,
            ),
            consumer_heartbeat_interval: within(
                HEARTBEAT,
                configs.consumer_heartbeat_interval,
                groups.consumer_min_heartbeat_interval,
                groups.consumer_max_heartbeat_interval,
            ),
            consumer_assignment_interval: within(
                ASSIGNMENT,
                configs.consumer_assignment_interval,
                groups.consumer_min_assignment_interval,
                groups.consumer_max_assignment_interval,
            ),
        }
    }

    /// The overrides over the settings, unchecked.
    fn of(groups: &GroupSettings, overrides: &Overrides) -> Self {
        let millis = |name: &str, otherwise: Duration| {
            let own = overrides.get(name).and_then(|value| value.trim().parse().ok());
            own.map_or(otherwise, Duration::from_millis)
        };
        Self {
            consumer_session_timeout: millis(SESSION, groups.consumer_session_timeout),
            consumer_heartbeat_interval: millis(HEARTBEAT, groups.consumer_heartbeat_interval),
            consumer_assignment_interval: millis(ASSIGNMENT, groups.consumer_assignment_interval),
        }
    }

    fn check(&self, groups: &GroupSettings, has_own_interval: bool) -> Result<(), Refusal> {
        let (session, heartbeat) = (self.consumer_session_timeout, self.consumer_heartbeat_interval);
        let least = |name: &str, other: &str| format!("{name} must be greater than or equal to {other}");
        let most = |name: &str, other: &str| format!("{name} must be less than or equal to {other}");
        let rules = [
            (
                heartbeat < groups.consumer_min_heartbeat_interval,
                least(HEARTBEAT, "group.consumer.min.heartbeat.interval.ms"),
            ),
            (
                heartbeat > groups.consumer_max_heartbeat_interval,
                most(HEARTBEAT, "group.consumer.max.heartbeat.interval.ms"),
            ),
            (
                session < groups.consumer_min_session_timeout,
                least(SESSION, "group.consumer.min.session.timeout.ms"),
            ),
            (
                session > groups.consumer_max_session_timeout,
                most(SESSION, "group.consumer.max.session.timeout.ms"),
            ),
            (
                has_own_interval
                    && self.consumer_assignment_interval < groups.consumer_min_assignment_interval,
                least(ASSIGNMENT, "group.consumer.min.assignment.interval.ms"),
            ),
            (
                has_own_interval
                    && self.consumer_assignment_interval > groups.consumer_max_assignment_interval,
                most(ASSIGNMENT, "group.consumer.max.assignment.interval.ms"),
            ),
            (session <= heartbeat, format!("{SESSION} must be greater than {HEARTBEAT}")),
        ];
        match rules.into_iter().find(|(broken, _)| *broken) {
            Some((_, message)) => Err(Refusal::config(message)),
            None => Ok(()),
        }
    }
}
