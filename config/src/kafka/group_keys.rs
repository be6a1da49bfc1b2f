//! The settings that a group can override.

use std::time::Duration;

use super::Overrides;
use super::definition::{Definition, Refusal, int, string};
use crate::sections::{GroupSettings, Settings};

/// What the members of a consumer group are told: its own settings over the defaults of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupConfigs {
    /// `consumer.session.timeout.ms`
    pub consumer_session_timeout: Duration,
    /// `consumer.heartbeat.interval.ms`
    pub consumer_heartbeat_interval: Duration,
}

const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const NO_SHARE: &str = "Accepted and reported. Share groups are not spoken here.";

const GROUP_KEYS: &[Definition] = &[
    int(SESSION, "A member that is silent for this long has left the group.").or("45000").at_least(1),
    int(HEARTBEAT, "How often members are told to send a heartbeat.").or("5000").at_least(1),
    int("share.session.timeout.ms", NO_SHARE).or("45000").at_least(1),
    int("share.heartbeat.interval.ms", NO_SHARE).or("5000").at_least(1),
    int("share.record.lock.duration.ms", NO_SHARE).or("30000").at_least(1000),
    string("share.auto.offset.reset", NO_SHARE).or("latest"),
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
            _ => definition.default.map(str::to_owned),
        }
    }

    /// The effective settings of a group with those overrides; `settings` are with what was changed at run time.
    ///
    /// # Errors
    /// INVALID_CONFIG for a name or a value that Kafka would refuse, in its words.
    pub fn new(settings: &Settings, overrides: &Overrides) -> Result<Self, Refusal> {
        let groups = &settings.groups;
        let mut configs = Self {
            consumer_session_timeout: groups.consumer_session_timeout,
            consumer_heartbeat_interval: groups.consumer_heartbeat_interval,
        };
        for (name, value) in overrides {
            let Some(definition) = GROUP_KEYS.iter().find(|definition| definition.name == name) else {
                return Err(Refusal::config(format!("Unknown group config name: {name}")));
            };
            definition.check(value)?;
            let duration = value.trim().parse().map(Duration::from_millis).ok();
            match name.as_str() {
                SESSION => {
                    configs.consumer_session_timeout = duration.unwrap_or(configs.consumer_session_timeout)
                }
                HEARTBEAT => {
                    configs.consumer_heartbeat_interval =
                        duration.unwrap_or(configs.consumer_heartbeat_interval);
                }
                _ => {}
            }
        }
        configs.check(groups)?;
        Ok(configs)
    }

    fn check(&self, groups: &GroupSettings) -> Result<(), Refusal> {
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
            (session <= heartbeat, format!("{SESSION} must be greater than {HEARTBEAT}")),
        ];
        match rules.into_iter().find(|(broken, _)| *broken) {
            Some((_, message)) => Err(Refusal::config(message)),
            None => Ok(()),
        }
    }
}
