//! What the configs APIs share: resources as the wire names them, and the way of an alteration.
//!
//! Which settings exist and what they may say is decided by `chronik_config::kafka`; that an altered resource keeps its
//! settings, by the state machine.

use std::collections::HashMap;
use std::sync::Arc;

use chronik_broker::Topic;
use chronik_config::kafka::{
    Alteration, BrokerScope, GroupConfigs, Overrides, alter_broker, alter_group, alter_topic, check_broker,
    check_topic, replacement,
};
use chronik_state::{ConfigChange, ConfigResource, Configs};
use chronik_types::{ErrorCode, GroupId, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::refused::Refused;

/// The kind of a resource, in the order of its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ResourceType {
    Topic,
    Broker,
    BrokerLogger,
    ClientMetrics,
    Group,
}

impl ResourceType {
    pub(super) const ALL: [Self; 5] =
        [Self::Topic, Self::Broker, Self::BrokerLogger, Self::ClientMetrics, Self::Group];

    /// The number on the wire.
    pub(super) const fn wire(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::BrokerLogger => 8,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    /// The kind with that number.
    pub(super) fn from_wire(id: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.wire() == id)
    }
}

/// What an alteration asks for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// These settings and no others (AlterConfigs).
    Replacement(Vec<(String, Option<String>)>),
    /// These changes (IncrementalAlterConfigs).
    Alterations(Vec<Alteration>),
}

/// A resource of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ResourceKey {
    kind: i8,
    name: StrBytes,
}

impl ResourceKey {
    pub(super) fn new(kind: i8, name: &StrBytes) -> Self {
        Self { kind, name: name.clone() }
    }
}

/// How often a request names each of its resources.
#[derive(Debug)]
pub(super) struct Named(HashMap<ResourceKey, usize>);

impl Named {
    pub(super) fn new(resources: impl Iterator<Item = ResourceKey>) -> Self {
        let mut times = HashMap::new();
        resources.for_each(|resource| *times.entry(resource).or_default() += 1);
        Self(times)
    }

    /// Refuses a resource that is named more than once.
    pub(super) fn once(&self, resource: &ResourceKey) -> Result<(), Refused> {
        if self.0.get(resource).is_some_and(|times| *times > 1) {
            return Err(Refused::request("A resource may appear only once in a request."));
        }
        Ok(())
    }
}

/// Alters one resource, or only checks whether it could be altered.
pub(super) async fn alter(
    context: &Context,
    resource: &ResourceKey,
    wanted: Wanted,
    validate_only: bool,
) -> Result<(), Refused> {
    let (resource, before, after) = match ResourceType::from_wire(resource.kind) {
        Some(ResourceType::Topic) => topic_change(context, &resource.name, wanted)?,
        Some(ResourceType::Broker) => broker_change(context, &resource.name, wanted)?,
        Some(ResourceType::Group) => group_change(context, &resource.name, wanted)?,
        Some(ResourceType::BrokerLogger) => {
            return Err(Refused::request(
                "The levels of loggers are set with --log and cannot be changed here.",
            ));
        }
        Some(ResourceType::ClientMetrics) => {
            return Err(Refused::request("Subscriptions to metrics of clients are not served here."));
        }
        None => return Err(Refused::request(format!("Unknown resource type {}", resource.kind))),
    };
    let changes = changes(&before, &after);
    if validate_only || changes.is_empty() {
        return Ok(());
    }
    Ok(context.broker.alter_configs(resource, changes).await?)
}

/// A resource with its settings before and after.
type Altered = (ConfigResource, Overrides, Overrides);

fn topic_change(context: &Context, name: &str, wanted: Wanted) -> Result<Altered, Refused> {
    if name.is_empty() {
        return Err(Refused::request("A topic resource needs a name."));
    }
    let name = TopicName::new(name)?;
    let topic = context.broker.topic(name.as_str());
    let before = topic.as_ref().map(|topic| overrides_of(&topic.overrides())).unwrap_or_default();
    let settings = context.broker.settings();
    // As in Kafka the settings are looked at before the topic.
    let after = match wanted {
        Wanted::Replacement(configs) => check_topic(&settings, replacement(&configs)?),
        Wanted::Alterations(changes) => alter_topic(&settings, &before, &changes),
    }?;
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    Ok((ConfigResource::Topic(topic.id()), before, after))
}

fn broker_change(context: &Context, name: &str, wanted: Wanted) -> Result<Altered, Refused> {
    let scope = broker_scope(context, name)?;
    let dynamic = context.broker.dynamic_configs();
    let before = dynamic.of(scope).clone();
    let after = match wanted {
        Wanted::Replacement(configs) => {
            check_broker(&context.settings, &dynamic, scope, replacement(&configs)?)
        }
        Wanted::Alterations(changes) => alter_broker(&context.settings, &dynamic, scope, &changes),
    }?;
    let resource = match scope {
        BrokerScope::Cluster => ConfigResource::BrokerDefault,
        BrokerScope::Broker => ConfigResource::Broker(context.node_id()),
    };
    Ok((resource, before, after))
}

fn group_change(context: &Context, name: &str, wanted: Wanted) -> Result<Altered, Refused> {
    if name.is_empty() {
        return Err(Refused::request("A group resource needs a name."));
    }
    let before = context.broker.state(|state| overrides_of(state.group_configs(name)));
    let settings = context.broker.settings();
    let after = match wanted {
        Wanted::Replacement(configs) => {
            let overrides = replacement(&configs)?;
            GroupConfigs::new(&settings, &overrides).map(|_| overrides)
        }
        Wanted::Alterations(changes) => alter_group(&settings, &before, &changes),
    }?;
    Ok((ConfigResource::Group(GroupId::new(name)), before, after))
}

fn broker_scope(context: &Context, name: &str) -> Result<BrokerScope, Refused> {
    if name.is_empty() {
        return Ok(BrokerScope::Cluster);
    }
    check_broker_id(context, name)?;
    Ok(BrokerScope::Broker)
}

/// Refuses the name of a broker resource that is not this gateway's.
pub(super) fn check_broker_id(context: &Context, name: &str) -> Result<(), Refused> {
    let node = context.node_id();
    match name.parse::<i32>() {
        Ok(id) if id == node.get() => Ok(()),
        Ok(_) => Err(Refused::request(format!("This is broker {node}, not {name}."))),
        Err(_) => Err(Refused::request(format!("A broker is named by its id, not by {name}."))),
    }
}

/// The topic of a resource.
pub(super) fn topic_of(context: &Context, name: &str) -> Result<Arc<Topic>, Refused> {
    let name = TopicName::new(name)?;
    Ok(context.broker.topic(name.as_str()).ok_or(ErrorCode::UnknownTopicOrPartition)?)
}

/// Settings as the config crate takes them.
pub(super) fn overrides_of(configs: &Configs) -> Overrides {
    configs.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Settings as the state machine takes them.
pub(super) fn configs_of(overrides: &Overrides) -> Configs {
    overrides.iter().collect()
}

/// What makes `after` out of `before`.
fn changes(before: &Overrides, after: &Overrides) -> Vec<ConfigChange> {
    let removed = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key, None));
    let set = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| (key, Some(value)));
    let change =
        |(key, value): (&String, Option<&String>)| ConfigChange { key: key.clone(), value: value.cloned() };
    removed.chain(set).map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alteration_is_only_what_differs() {
        let map = |pairs: &[(&str, &str)]| -> Overrides {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let change = |key: &str, value: Option<&str>| ConfigChange {
            key: key.to_owned(),
            value: value.map(str::to_owned),
        };
        let (before, after) =
            (map(&[("a", "1"), ("b", "2"), ("c", "3")]), map(&[("a", "1"), ("b", "9"), ("d", "4")]));
        assert_eq!(
            changes(&before, &after),
            [change("c", None), change("b", Some("9")), change("d", Some("4"))]
        );
        assert_eq!(changes(&after, &after), []);
    }
}
