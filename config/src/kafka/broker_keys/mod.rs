//! The settings of a broker, by what they are about.

mod groups;
mod log;
mod security;
mod server;
mod sockets;

use super::definition::Definition;
use crate::sections::{Key, Settings, key};

/// In what a number of Kafka is counted, where that is not milliseconds or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As the setting itself.
    Plain,
    /// Minutes of a setting in milliseconds.
    Minutes,
    /// Hours of a setting in milliseconds.
    Hours,
}

impl Unit {
    const fn millis(self) -> Option<i64> {
        match self {
            Self::Plain => None,
            Self::Minutes => Some(60_000),
            Self::Hours => Some(3_600_000),
        }
    }

    /// A value in this unit, in the one of the setting. Kafka's −1 stays what it is.
    pub(crate) fn to_setting(self, value: &str) -> String {
        match (self.millis(), value.trim().parse::<i64>()) {
            (Some(millis), Ok(number)) if number >= 0 => number.saturating_mul(millis).to_string(),
            _ => value.to_owned(),
        }
    }

    /// A value of the setting in this unit, rounded down.
    pub(super) fn of_setting(self, value: String) -> String {
        match (self.millis(), value.parse::<i64>()) {
            (Some(millis), Ok(number)) if number >= 0 => (number / millis).to_string(),
            _ => value,
        }
    }
}

/// When a broker setting shows the value of the setting of ours that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// At all times.
    Always,
    /// When that is not at its default: Kafka's own default is null, and a weaker synonym holds the value.
    WhenChanged,
    /// Never: it is a weaker synonym, and shows its own default.
    Never,
}

/// A setting of brokers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BrokerConfigKey {
    /// What it is. Where the setting stands for one of ours, the default is in [`BrokerConfigKey::default_value`].
    pub definition: Definition,
    /// Whether it can be changed while the gateway runs.
    pub dynamic: bool,
    /// The setting of ours that it stands for.
    pub setting: Option<&'static str>,
    pub(crate) unit: Unit,
    pub(crate) view: View,
}

impl Definition {
    /// A broker setting that stands for nothing of ours: it is only reported.
    const fn reported(self) -> BrokerConfigKey {
        BrokerConfigKey {
            definition: self,
            dynamic: false,
            setting: None,
            unit: Unit::Plain,
            view: View::Always,
        }
    }

    /// A broker setting that stands for one of ours.
    const fn sets(self, setting: &'static str) -> BrokerConfigKey {
        let mut key = self.reported();
        key.setting = Some(setting);
        key
    }
}

impl BrokerConfigKey {
    const fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    const fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    const fn shown(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// The setting of ours that it stands for, in the registry.
    pub(crate) fn own(&self) -> Option<&'static Key> {
        self.setting.and_then(key)
    }

    fn value_in(&self, settings: &Settings) -> Option<String> {
        self.own().and_then(|key| (key.kafka)(settings)).map(|value| self.unit.of_setting(value))
    }

    /// The value when nobody sets one.
    #[must_use]
    pub fn default_value(&self) -> Option<String> {
        match (self.setting, self.view) {
            (Some(_), View::Always) => self.value_in(&Settings::default()),
            _ => self.definition.default.map(str::to_owned),
        }
    }

    /// The value that the file, the environment or a flag gave it; `None` when it is at its default.
    #[must_use]
    pub fn static_value(&self, settings: &Settings) -> Option<String> {
        if self.view == View::Never {
            return None;
        }
        let value = self.value_in(settings)?;
        (Some(&value) != self.value_in(&Settings::default()).as_ref()).then_some(value)
    }
}

const GROUPS: [&[BrokerConfigKey]; 5] =
    [server::KEYS, sockets::KEYS, log::KEYS, groups::KEYS, security::KEYS];

/// Every setting of brokers.
pub fn broker_keys() -> impl Iterator<Item = &'static BrokerConfigKey> {
    GROUPS.into_iter().flatten()
}

/// The setting with that name.
#[must_use]
pub fn broker_key(name: &str) -> Option<&'static BrokerConfigKey> {
    broker_keys().find(|key| key.definition.name == name)
}
