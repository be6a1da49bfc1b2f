//! Dynamic configs of topics, brokers and groups, as text. Which keys exist and what they may say is checked before an entry is
//! proposed; a list operation has been worked out by then, so that here a key is only set or removed.

use std::collections::BTreeMap;

use chronik_types::{GroupId, NodeId, TopicId};

use crate::codec::{DecodeError, Reader, Writer};

/// Whose configs an entry alters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicId),
    /// The dynamic default of all brokers (a broker resource with an empty name).
    BrokerDefault,
    /// One broker.
    Broker(NodeId),
    /// A group, which need not exist.
    Group(GroupId),
}

impl ConfigResource {
    /// Persisted ordinals, never reused.
    const TOPIC: u8 = 1;
    const BROKER_DEFAULT: u8 = 2;
    const BROKER: u8 = 3;
    const GROUP: u8 = 4;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Topic(id) => {
                w.u8(Self::TOPIC);
                w.topic_id(*id);
            }
            Self::BrokerDefault => w.u8(Self::BROKER_DEFAULT),
            Self::Broker(node) => {
                w.u8(Self::BROKER);
                w.i32(node.get());
            }
            Self::Group(id) => {
                w.u8(Self::GROUP);
                w.text(id.as_str());
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("config resource")? {
            Self::TOPIC => r.topic_id("topic id").map(Self::Topic),
            Self::BROKER_DEFAULT => Ok(Self::BrokerDefault),
            Self::BROKER => r.i32("node id").map(|id| Self::Broker(NodeId::new(id))),
            Self::GROUP => r.text("group id").map(|id| Self::Group(GroupId::new(id))),
            other => Err(DecodeError::Invalid {
                field: "config resource",
                reason: format!("there is no kind {other}"),
            }),
        }
    }
}

/// One key of an alteration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key.
    pub key: String,
    /// Its new value; `None` removes it, so that the default applies again.
    pub value: Option<String>,
}

/// An alteration of the configs of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigs {
    /// Whose.
    pub resource: ConfigResource,
    /// What; a later change of a key wins.
    pub changes: Vec<ConfigChange>,
}

impl AlterConfigs {
    /// Layout: resource kind u8 (1 topic and its id 16, 2 all brokers, 3 broker and its id i32, 4 group
    /// and its id text), changes: count u32,
    /// each key text and value as optional text.
    pub(crate) fn write(&self, w: &mut Writer) {
        self.resource.write(w);
        w.count(self.changes.len());
        for change in &self.changes {
            w.text(&change.key);
            w.optional(change.value.as_deref(), Writer::text);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let resource = ConfigResource::read(r)?;
        let changes = r.list("config changes", 5, |r| {
            let key = r.text("config key")?.to_owned();
            let value = r.optional("config value", |r| r.text("config value"))?.map(str::to_owned);
            Ok(ConfigChange { key, value })
        })?;
        Ok(Self { resource, changes })
    }
}

/// What a resource has on which nothing was set.
static NO_CONFIGS: Configs = Configs(BTreeMap::new());

/// The keys of one resource that were set, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configs(BTreeMap<Box<str>, Box<str>>);

impl Configs {
    /// The value that was set for a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| &**value)
    }

    /// All keys that were set, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether no key was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn apply(&mut self, changes: &[ConfigChange]) {
        for change in changes {
            match &change.value {
                Some(value) => self.0.insert(change.key.as_str().into(), value.as_str().into()),
                None => self.0.remove(change.key.as_str()),
            };
        }
    }

    /// Layout: count u32, each key text and value text.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.0.len());
        for (key, value) in self.iter() {
            w.text(key);
            w.text(value);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let configs =
            r.list("configs", 8, |r| Ok((r.text("config key")?.into(), r.text("config value")?.into())))?;
        Ok(Self(configs.into_iter().collect()))
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Configs {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(configs: I) -> Self {
        Self(configs.into_iter().map(|(key, value)| (key.as_ref().into(), value.as_ref().into())).collect())
    }
}

/// Dynamic configs of the brokers: one set for all, and one for each that has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BrokerConfigs {
    default: Configs,
    nodes: BTreeMap<NodeId, Configs>,
}

impl BrokerConfigs {
    pub(crate) fn default(&self) -> &Configs {
        &self.default
    }

    pub(crate) fn of(&self, node: NodeId) -> &Configs {
        self.nodes.get(&node).unwrap_or(&NO_CONFIGS)
    }

    pub(crate) fn alter_default(&mut self, changes: &[ConfigChange]) {
        self.default.apply(changes);
    }

    pub(crate) fn alter(&mut self, node: NodeId, changes: &[ConfigChange]) {
        let configs = self.nodes.entry(node).or_default();
        configs.apply(changes);
        if configs.is_empty() {
            self.nodes.remove(&node);
        }
    }

    /// Layout: configs of all (see [`Configs::write`]), count u32, each node id i32 and its configs.
    pub(crate) fn write(&self, w: &mut Writer) {
        self.default.write(w);
        w.count(self.nodes.len());
        for (node, configs) in &self.nodes {
            w.i32(node.get());
            configs.write(w);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let default = Configs::read(r)?;
        let nodes =
            r.list("broker configs", 8, |r| Ok((NodeId::new(r.i32("node id")?), Configs::read(r)?)))?;
        Ok(Self { default, nodes: nodes.into_iter().collect() })
    }
}

/// Configs of groups, of those that have any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupConfigs(BTreeMap<GroupId, Configs>);

impl GroupConfigs {
    pub(crate) fn of(&self, group: &str) -> &Configs {
        self.0.get(group).unwrap_or(&NO_CONFIGS)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The groups that have configs, in the order of their names.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.0.keys()
    }

    pub(crate) fn alter(&mut self, group: &GroupId, changes: &[ConfigChange]) {
        let configs = self.0.entry(group.clone()).or_default();
        configs.apply(changes);
        if configs.is_empty() {
            self.0.remove(group);
        }
    }

    /// Layout: count u32, each group id text and its configs (see [`Configs::write`]).
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.0.len());
        for (group, configs) in &self.0 {
            w.text(group.as_str());
            configs.write(w);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let groups =
            r.list("group configs", 8, |r| Ok((GroupId::new(r.text("group id")?), Configs::read(r)?)))?;
        Ok(Self(groups.into_iter().collect()))
    }
}
