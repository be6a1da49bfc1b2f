//! Creating a topic because somebody asked for it (`auto.create.topics.enable`).

use std::sync::Arc;

use chronik_broker::{Broker, ChangeError, Topic};
use chronik_state::{Configs, CreateTopic, Rejection};
use chronik_types::{ErrorCode, TopicName};

use super::super::internal_topics;

/// Creates a topic with the defaults of the settings.
pub(super) async fn topic(broker: &Broker, name: TopicName) -> Result<Arc<Topic>, ErrorCode> {
    let settings = broker.settings();
    let usual = (settings.topics.partitions, Configs::default());
    let (partitions, configs) = internal_topics::shape(&settings, name.as_str()).unwrap_or(usual);
    let create = CreateTopic {
        topic_id: broker.new_topic_id(),
        name: name.clone(),
        partitions,
        replication_factor: settings.topics.replication_factor_default,
        configs,
        assignments: Vec::new(),
        limits: broker.topic_limits(),
    };
    match broker.create_topic(create).await {
        Ok(topic) => Ok(topic),
        // Somebody else asked for it at the same time.
        Err(ChangeError::Rejected(Rejection::TopicExists { .. })) => {
            broker.topic(name.as_str()).ok_or(ErrorCode::UnknownTopicOrPartition)
        }
        Err(error) => Err(error.error_code()),
    }
}
