//! Metadata (3), versions 0 to 13. KIP-4, KIP-204, KIP-430, KIP-516.
//!
//! One broker is told: this gateway, at the address of the listener that the client came in on. It leads every partition,
//! and stands for each replica that a topic was asked to have, because the storage keeps the copies. A topic that does
//! not exist is created when the client and the settings allow it, and answered at once as it is then. The answer about
//! all topics is kept (`all`).
//!
//! Codes: 3, 17, 42, 100, and what creating a topic can fail with.

mod all;
mod create;
mod response;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use chronik_broker::Topic;
use chronik_policy::{Answer, Call, CloseReason, Connection, Reply, Reservation};
use chronik_types::{ErrorCode, TopicId, TopicName};
use chronik_wire::response::{encode_message, response_of};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use tokio::task::coop::consume_budget;

pub(crate) use self::all::MetadataOfAll;
use self::all::Question;
use super::answer::{decode, encode};
use super::{AnswerMemory, Context, Response};

/// The first version in which a client can ask for no topics, and for all with null.
const NULL_IS_ALL_SINCE: i16 = 1;
/// The first version in which a topic may be asked for by id.
const BY_ID_SINCE: i16 = 12;

/// More partitions than that are described away from the async threads.
const FEW_PARTITIONS: usize = 1_000;

/// What a topic takes in an answer: decoded, encoded, and among those that were seen.
const TOPIC_MEMORY: usize = 512;
/// What a partition takes: two lists of replicas too.
const PARTITION_MEMORY: usize = 256;

/// Answers a call; keeps its turn until then.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { connection, header, body, turn, reservation, .. } = call;
    let version = header.api_version;
    let (message, _counted) = match decode::<MetadataRequest>(&context, version, body, reservation).await {
        Ok(decoded) => decoded,
        Err(malformed) => return Reply::Close(malformed.into()),
    };
    let shape = response::Shape {
        version,
        node_id: context.broker.node_id(),
        with_topic_operations: message.include_topic_authorized_operations,
        with_cluster_operations: message.include_cluster_authorized_operations,
    };
    let reply = match message.topics {
        Some(asked) if version >= NULL_IS_ALL_SINCE || !asked.is_empty() => {
            let may_create = message.allow_auto_topic_creation;
            // As the settings were loaded: near enough, and at hand.
            let created = if may_create { context.settings.topics.partitions } else { 0 };
            let created = usize::try_from(created).unwrap_or(0);
            let most = memory_of(asked.len(), created * asked.len() + context.broker.partition_count());
            let ahead = if AnswerMemory::is_little_to_build(most) {
                None
            } else {
                reserve_ahead(&context, &asked, created).await
            };
            let reply =
                encode(&header, &those_asked_for(&context, &shape, &connection, asked, may_create).await);
            context.answer_memory.count(&connection, reply, ahead).await
        }
        _ => match all(&context, shape, &connection).await {
            Ok(message) => {
                match response_of(header.response_header_version(), header.correlation_id, message) {
                    Ok(segments) => Reply::Answer(Answer::new(segments, ErrorCode::None)),
                    Err(error) => Reply::Close(error.into()),
                }
            }
            Err(reply) => reply,
        },
    };
    drop(turn);
    reply
}

async fn those_asked_for(
    context: &Context,
    shape: &response::Shape,
    connection: &Connection,
    asked: Vec<MetadataRequestTopic>,
    may_create: bool,
) -> Response<MetadataResponse> {
    let may_create = may_create && context.broker.settings().topics.auto_create;
    let mut topics = Vec::with_capacity(asked.len());
    // Each topic once, as in Kafka: a small request must not make a large answer by naming a topic many times.
    let mut seen = HashSet::with_capacity(asked.len());
    for asked in asked {
        if !seen.insert((asked.name.clone(), asked.topic_id)) {
            continue;
        }
        consume_budget().await;
        topics.push(describe(context, shape, asked, may_create).await);
    }
    let errors: Vec<i16> = topics.iter().map(|topic| topic.error_code).collect();
    Response::with_errors(shape.response(context, &connection.listener, topics), errors)
}

/// Reserves for the answer to these topics what it takes while it is built, which is more than when it is encoded; nothing
/// where all topics together would take little. A topic that is named twice counts twice.
async fn reserve_ahead(
    context: &Context,
    asked: &[MetadataRequestTopic],
    created: usize,
) -> Option<Reservation> {
    let mut partitions = 0;
    for topic in asked {
        consume_budget().await;
        let found = match &topic.name {
            Some(name) => context.broker.topic(name),
            None => context.broker.topic_by_id(TopicId::from_bytes(*topic.topic_id.as_bytes())),
        };
        partitions += found.map_or(created, |topic| topic.partitions().len());
    }
    context.answer_memory.ahead(memory_of(asked.len(), partitions)).await
}

const fn memory_of(topics: usize, partitions: usize) -> usize {
    topics.saturating_mul(TOPIC_MEMORY).saturating_add(partitions.saturating_mul(PARTITION_MEMORY))
}

/// The encoded message about all topics.
async fn all(
    context: &Arc<Context>,
    shape: response::Shape,
    connection: &Connection,
) -> Result<Bytes, Reply> {
    let (generation, topics) = context.broker.topics_and_generation();
    let listener = Arc::clone(&connection.listener);
    let question = Question {
        version: shape.version,
        listener: Arc::clone(&listener),
        with_topic_operations: shape.with_topic_operations,
        with_cluster_operations: shape.with_cluster_operations,
    };
    let is_small = context.broker.partition_count() <= FEW_PARTITIONS;
    let described = {
        let context = Arc::clone(context);
        move || {
            let topics = topics.iter().map(|topic| shape.topic(topic)).collect();
            encode_message(shape.version, &shape.response(&context, &listener, topics))
        }
    };
    let encoded = async || {
        let encoded = if is_small { described() } else { chronik_broker::blocking(described).await };
        encoded.map_err(|error| Reply::Close(CloseReason::Unencodable(error)))
    };
    context.metadata_of_all.answer(generation, question, encoded).await
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
