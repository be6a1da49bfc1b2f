//! What DescribeConfigs answers about a topic, a broker or a group.

use super::broker_keys::Unit;
use super::definition::{ConfigType, Definition};
use super::{DynamicConfigs, GroupConfigs, Overrides, broker_key, broker_keys, group_keys, topic_keys};
use crate::sections::Settings;

/// Who set a value, numbered as in DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The topic itself.
    DynamicTopic = 1,
    /// A change for one broker.
    DynamicBroker = 2,
    /// A change for all brokers.
    DynamicDefaultBroker = 3,
    /// The file, the environment or a flag.
    StaticBroker = 4,
    /// Nobody.
    Default = 5,
    /// A change of a logger's level.
    DynamicBrokerLogger = 6,
    /// A subscription to metrics of clients.
    ClientMetrics = 7,
    /// The group itself.
    Group = 8,
}

impl ConfigSource {
    /// The number on the wire.
    #[must_use]
    pub const fn wire(self) -> i8 {
        self as i8
    }
}

/// A name under which a value can be set, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The name.
    pub name: &'static str,
    /// The value under that name; `None` for a secret.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
}

/// One setting as DescribeConfigs answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name.
    pub name: &'static str,
    /// The effective value; `None` is null, also for a secret.
    pub value: Option<String>,
    /// Who set it.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the gateway runs.
    pub read_only: bool,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// Its type.
    pub kind: ConfigType,
    /// What it does.
    pub documentation: &'static str,
    /// All values it could have, the effective one first.
    pub synonyms: Vec<Synonym>,
}

impl Described {
    /// With the source of its first synonym.
    fn new(definition: &Definition, value: Option<String>, synonyms: Vec<Synonym>) -> Self {
        let source = synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source);
        Self {
            name: definition.name,
            value: value.filter(|_| !definition.is_sensitive()),
            source,
            read_only: false,
            sensitive: definition.is_sensitive(),
            kind: definition.kind,
            documentation: definition.doc,
            synonyms,
        }
    }
}

/// Every setting of a topic with those overrides. `settings` are without `dynamic`.
#[must_use]
pub fn describe_topic(
    settings: &Settings,
    dynamic: &DynamicConfigs,
    overrides: &Overrides,
) -> Vec<Described> {
    topic_keys()
        .iter()
        .map(|key| {
            let definition = &key.definition;
            let fallbacks = chain(key.synonyms, settings, dynamic);
            let fallback = fallbacks
                .first()
                .map(|(synonym, unit)| unit.to_setting(synonym.value.as_deref().unwrap_or_default()));
            let own = overrides.get(definition.name).cloned();
            let value = own.clone().or(fallback).or_else(|| definition.default.map(str::to_owned));
            let own = own.map(|value| Synonym {
                name: definition.name,
                value: Some(value),
                source: ConfigSource::DynamicTopic,
            });
            let fallbacks = from_strongest(fallbacks, key.broker_name().unwrap_or_default());
            Described::new(definition, value, own.into_iter().chain(fallbacks).collect())
        })
        .collect()
}

/// Every setting of this broker. `settings` are without `dynamic`.
#[must_use]
pub fn describe_broker(settings: &Settings, dynamic: &DynamicConfigs) -> Vec<Described> {
    broker_keys()
        .map(|key| {
            let definition = &key.definition;
            let names = names_of(definition.name);
            let synonyms = from_strongest(chain(&names, settings, dynamic), definition.name);
            let value = synonyms.first().filter(|synonym| synonym.name == definition.name);
            let value = value.and_then(|synonym| synonym.value.clone());
            Described { read_only: !key.dynamic, ..Described::new(definition, value, synonyms) }
        })
        .collect()
}

/// What was changed for all brokers: the answer for the broker with an empty name.
#[must_use]
pub fn describe_broker_defaults(dynamic: &DynamicConfigs) -> Vec<Described> {
    let changed = dynamic.cluster.iter().filter_map(|(name, value)| Some((broker_key(name)?, value)));
    changed
        .map(|(key, value)| {
            let definition = &key.definition;
            let value = (!definition.is_sensitive()).then(|| value.clone());
            let synonym = Synonym {
                name: definition.name,
                value: value.clone(),
                source: ConfigSource::DynamicDefaultBroker,
            };
            Described { read_only: !key.dynamic, ..Described::new(definition, value, vec![synonym]) }
        })
        .collect()
}

/// Every setting of a group with those overrides. `settings` are with what was changed at run time.
#[must_use]
pub fn describe_group(settings: &Settings, overrides: &Overrides) -> Vec<Described> {
    group_keys()
        .iter()
        .map(|definition| {
            let own = overrides.get(definition.name);
            let value = own.cloned().or_else(|| GroupConfigs::default_value(settings, definition));
            let source = if own.is_some() { ConfigSource::Group } else { ConfigSource::Default };
            let synonym = Synonym { name: definition.name, value: value.clone(), source };
            Described::new(definition, value, vec![synonym])
        })
        .collect()
}

/// The names that mean the same as a broker setting, itself first; as Kafka pairs them.
fn names_of(name: &'static str) -> Vec<(&'static str, Unit)> {
    let family = topic_keys()
        .iter()
        .map(|key| key.synonyms)
        .find(|names| names.len() > 1 && names.iter().any(|(synonym, _)| *synonym == name));
    match family {
        Some(names) => names.to_vec(),
        None => vec![(name, Unit::Plain)],
    }
}

/// Every value that is set under one of the names: by who set it, then by the strength of the name.
fn chain(
    names: &[(&'static str, Unit)],
    settings: &Settings,
    dynamic: &DynamicConfigs,
) -> Vec<(Synonym, Unit)> {
    let value = |name: &str, source: ConfigSource| {
        let key = broker_key(name)?;
        match source {
            ConfigSource::DynamicBroker => dynamic.broker.get(name).cloned(),
            ConfigSource::DynamicDefaultBroker => dynamic.cluster.get(name).cloned(),
            ConfigSource::StaticBroker => key.static_value(settings),
            ConfigSource::Default => key.default_value(),
            ConfigSource::DynamicTopic
            | ConfigSource::DynamicBrokerLogger
            | ConfigSource::ClientMetrics
            | ConfigSource::Group => None,
        }
    };
    let sources = [
        ConfigSource::DynamicBroker,
        ConfigSource::DynamicDefaultBroker,
        ConfigSource::StaticBroker,
        ConfigSource::Default,
    ];
    let mut found = Vec::new();
    for source in sources {
        for &(name, unit) in names {
            if let Some(value) = value(name, source) {
                found.push((Synonym { name, value: Some(value), source }, unit));
            }
        }
    }
    found
}

/// The part of a chain from the first value that is set under `name` itself, which is what Kafka shows.
fn from_strongest(chain: Vec<(Synonym, Unit)>, name: &str) -> Vec<Synonym> {
    chain.into_iter().map(|(synonym, _)| synonym).skip_while(|synonym| synonym.name != name).collect()
}
