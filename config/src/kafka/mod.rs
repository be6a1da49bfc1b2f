//! Kafka's names: every topic, broker and group setting that DescribeConfigs answers, and the rules to change them.
//!
//! The tables say what Kafka says about each name: type, default, range, whether it can change at run time. Broker names
//! that stand for a setting of ours are mapped to it, so that a value has one home. [`describe_topic`],
//! [`describe_broker`] and [`describe_group`] are all of DescribeConfigs; [`alter_topic`], [`alter_broker`] and
//! [`alter_group`] all of (Incremental)AlterConfigs. They are pure: what was overridden goes in, what is overridden
//! afterwards comes out, and keeping it is left to the caller.

mod alter;
mod broker_keys;
mod definition;
mod describe;
mod dynamic;
mod group_keys;
mod topic_configs;
mod topic_keys;

pub use alter::{
    AlterOp, Alteration, alter_broker, alter_group, alter_topic, check_broker, check_topic, replacement,
};
pub use broker_keys::{BrokerConfigKey, broker_key, broker_keys};
pub use definition::{ConfigType, Definition, Refusal};
pub use describe::{
    ConfigSource, Described, Synonym, describe_broker, describe_broker_defaults, describe_group,
    describe_topic,
};
pub use dynamic::{BrokerScope, DynamicConfigs};
pub use group_keys::{GroupConfigs, group_keys};
pub use topic_configs::TopicConfigs;
pub use topic_keys::{REMOVED_TOPIC_KEYS, TopicConfigKey, topic_key, topic_keys};

/// Settings under Kafka's names, as they were set.
pub type Overrides = std::collections::BTreeMap<String, String>;

#[cfg(test)]
mod tests;
