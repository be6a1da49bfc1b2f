//! The topics in which Kafka's brokers keep groups and transactions.
//!
//! Nothing is kept in them here. They are made when a client first looks for a coordinator, because tools look for them
//! and clients can ask for them; they stay empty, and nobody can write to them.

use chronik_config::Settings;
use chronik_state::{Configs, CreateTopic};
use chronik_types::TopicName;

use super::Context;

/// Where Kafka keeps groups.
pub(super) const CONSUMER_OFFSETS: &str = "__consumer_offsets";
/// Where Kafka keeps transactions.
pub(super) const TRANSACTION_STATE: &str = "__transaction_state";

/// Makes an internal topic if it is not there. That it cannot be made keeps nobody from anything.
pub(super) async fn ensure(context: &Context, name: &'static str) {
    let broker = &context.broker;
    if broker.topic(name).is_some() {
        return;
    }
    let settings = broker.settings();
    let (Ok(topic), Some((partitions, configs))) = (TopicName::new(name), shape(&settings, name)) else {
        return;
    };
    let create = CreateTopic {
        name: topic,
        topic_id: broker.new_topic_id(),
        partitions,
        replication_factor: settings.topics.replication_factor_default,
        configs,
        assignments: Vec::new(),
        limits: broker.topic_limits(),
    };
    if let Err(error) = broker.create_topic(create).await {
        tracing::debug!(topic = name, %error, "an internal topic was not made");
    }
}

/// Partitions and configs as Kafka makes an internal topic; `None` for any other name.
pub(super) fn shape(settings: &Settings, name: &str) -> Option<(i32, Configs)> {
    let (partitions, compression) = match name {
        CONSUMER_OFFSETS => (settings.groups.offsets_partitions, "producer"),
        TRANSACTION_STATE => (settings.transactions.state_partitions, "uncompressed"),
        _ => return None,
    };
    let both =
        [("cleanup.policy", "compact"), ("compression.type", compression), ("segment.bytes", "104857600")];
    // Kafka sets `min.insync.replicas` there too: here it would only say that replicas are missing.
    let own = (name == TRANSACTION_STATE).then_some(("unclean.leader.election.enable", "false"));
    Some((partitions, both.into_iter().chain(own).collect()))
}
