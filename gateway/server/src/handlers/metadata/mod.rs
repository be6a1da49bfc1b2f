//! Metadata (3), versions 0 to 13. KIP-4, KIP-204, KIP-430, KIP-516.
//!
//! One broker is told: this gateway, at the address of the listener that the client came in on. It leads every partition,
//! and stands for each replica that a topic was asked to have, because the storage keeps the copies. A topic that does
//! not exist is created when the client and the settings allow it, and answered at once as it is then.
//!
//! Codes: 3, 17, 42, 100, and what creating a topic can fail with.

mod create;
mod response;

use std::collections::HashSet;
use std::sync::Arc;

use chronik_broker::Topic;
use chronik_types::{ErrorCode, TopicId, TopicName};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response};

/// The first version in which a client can ask for no topics, and for all with null.
const NULL_IS_ALL_SINCE: i16 = 1;
/// The first version in which a topic may be asked for by id.
const BY_ID_SINCE: i16 = 12;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<MetadataRequest>,
) -> Response<MetadataResponse> {
    let Request { message, version, connection, .. } = request;
    let shape = response::Shape {
        version,
        node_id: context.broker.node_id(),
        with_topic_operations: message.include_topic_authorized_operations,
    };
    let topics = match message.topics {
        Some(asked) if version >= NULL_IS_ALL_SINCE || !asked.is_empty() => {
            let may_create =
                message.allow_auto_topic_creation && context.broker.settings().topics.auto_create;
            let mut topics = Vec::with_capacity(asked.len());
            // Each topic once, as in Kafka: a small request must not make a large answer by naming a topic many times.
            let mut seen = HashSet::with_capacity(asked.len());
            for asked in asked {
                if !seen.insert((asked.name.clone(), asked.topic_id)) {
                    continue;
                }
                consume_budget().await;
                topics.push(describe(&context, &shape, asked, may_create).await);
            }
            topics
        }
        _ => context.broker.topics().iter().map(|topic| shape.topic(topic)).collect(),
    };
    let with_cluster_operations = message.include_cluster_authorized_operations;
    let errors: Vec<i16> = topics.iter().map(|topic| topic.error_code).collect();
    let message = shape.response(&context, &connection.listener, topics, with_cluster_operations);
    Response::with_errors(message, errors)
}

/// One topic that was asked for by name or by id.
async fn describe(
    context: &Context,
    shape: &response::Shape,
    asked: MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let id = TopicId::from_bytes(*asked.topic_id.as_bytes());
    let found = match (&asked.name, id.is_none()) {
        (Some(name), true) => named(context, name, may_create).await,
        (_, false) if shape.version >= BY_ID_SINCE => {
            context.broker.topic_by_id(id).ok_or(ErrorCode::UnknownTopicId)
        }
        _ => Err(ErrorCode::InvalidRequest),
    };
    match found {
        Ok(topic) => shape.topic(&topic),
        Err(error) => shape.missing(asked, error),
    }
}

async fn named(context: &Context, name: &str, may_create: bool) -> Result<Arc<Topic>, ErrorCode> {
    if let Some(topic) = context.broker.topic(name) {
        return Ok(topic);
    }
    let name = TopicName::new(name).map_err(|_| ErrorCode::InvalidTopicException)?;
    if may_create {
        create::topic(&context.broker, name).await
    } else {
        Err(ErrorCode::UnknownTopicOrPartition)
    }
}
