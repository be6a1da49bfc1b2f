//! DescribeTopicPartitions (75), version 0 (KIP-966).
//!
//! Topics in the order of their names, up to a number of partitions; the cursor of an answer says where the next request
//! goes on. A request without topics describes all. Codes, per topic: UNKNOWN_TOPIC_OR_PARTITION,
//! INVALID_TOPIC_EXCEPTION; INVALID_REQUEST for all when the cursor is none of the topics asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use chronik_broker::Topic;
use chronik_types::{ErrorCode, PartitionIndex, TopicName};
use kafka_protocol::messages::describe_topic_partitions_request::Cursor as AskedCursor;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::topic_ids::uuid_of;
use super::{Context, Request, Response, operations, replicas, wire_topic_name};

/// The most partitions of one answer: Kafka's `max.request.partition.size.limit`.
const MAX_PARTITIONS: i32 = 2000;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeTopicPartitionsRequest>,
) -> Response<DescribeTopicPartitionsResponse> {
    let asked = request.message;
    let cursor = asked.cursor.as_ref();
    let limit = asked.response_partition_limit.clamp(1, MAX_PARTITIONS);
    let message = if asked.topics.is_empty() {
        describe_all(&context, cursor, limit)
    } else {
        let names: BTreeSet<StrBytes> = asked.topics.iter().map(|topic| topic.name.0.clone()).collect();
        if cursor.is_some_and(|cursor| cursor.partition_index < 0 || !names.contains(&cursor.topic_name.0)) {
            return invalid(names);
        }
        describe_named(&context, names, cursor, limit)
    };
    let errors: Vec<i16> = message.topics.iter().map(|topic| topic.error_code).collect();
    Response::with_errors(message, errors)
}

/// Refuses the whole request, in every place that it has for an error.
fn invalid(names: BTreeSet<StrBytes>) -> Response<DescribeTopicPartitionsResponse> {
    let error = ErrorCode::InvalidRequest;
    let topics = names.into_iter().map(|name| refused(name, error)).collect();
    Response { message: DescribeTopicPartitionsResponse::default().with_topics(topics), error }
}

fn describe_all(
    context: &Context,
    cursor: Option<&AskedCursor>,
    limit: i32,
) -> DescribeTopicPartitionsResponse {
    let mut page = Page::new(limit);
    let from = cursor.map_or("", |cursor| cursor.topic_name.as_str());
    let topics = context.broker.topics();
    let first = topics.partition_point(|topic| topic.name().as_str() < from);
    for topic in topics.iter().skip(first) {
        if !page.add(context, topic, first_partition(cursor, topic.name().as_str())) {
            break;
        }
    }
    page.response
}

fn describe_named(
    context: &Context,
    names: BTreeSet<StrBytes>,
    cursor: Option<&AskedCursor>,
    limit: i32,
) -> DescribeTopicPartitionsResponse {
    let mut page = Page::new(limit);
    let from = cursor.map_or("", |cursor| cursor.topic_name.as_str()).to_owned();
    for name in names.into_iter().filter(|name| name.as_str() >= from.as_str()) {
        let goes_on = match (TopicName::new(&name), context.broker.topic(&name)) {
            (_, Some(topic)) => page.add(context, &topic, first_partition(cursor, &name)),
            (Ok(_), None) => page.refuse(name, ErrorCode::UnknownTopicOrPartition),
            (Err(_), None) => page.refuse(name, ErrorCode::InvalidTopicException),
        };
        if !goes_on {
            break;
        }
    }
    page.response
}

/// The first partition to describe of a topic.
fn first_partition(cursor: Option<&AskedCursor>, topic: &str) -> i32 {
    cursor.filter(|cursor| cursor.topic_name.as_str() == topic).map_or(0, |cursor| cursor.partition_index)
}

/// An answer that fills up.
#[derive(Debug)]
struct Page {
    response: DescribeTopicPartitionsResponse,
    /// Partitions that it has room for.
    left: i32,
}

impl Page {
    fn new(limit: i32) -> Self {
        Self { response: DescribeTopicPartitionsResponse::default(), left: limit }
    }

    /// Adds the partitions of a topic from `first` on; `false` when the page is full, and its cursor set.
    fn add(&mut self, context: &Context, topic: &Topic, first: i32) -> bool {
        if self.left == 0 {
            return self.end_at(wire_topic_name(topic.name()), 0);
        }
        let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
        let end = first.saturating_add(self.left).min(count);
        let partitions: Vec<_> =
            (first..end).filter_map(|index| partition(context, topic, PartitionIndex::new(index))).collect();
        self.left -= i32::try_from(partitions.len()).unwrap_or(self.left);
        let described = DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(wire_topic_name(topic.name())))
            .with_topic_id(uuid_of(topic.id()))
            .with_is_internal(topic.name().is_internal())
            .with_partitions(partitions)
            .with_topic_authorized_operations(operations::TOPIC);
        self.response.topics.push(described);
        end >= count || self.end_at(wire_topic_name(topic.name()), end)
    }

    /// Adds a topic that cannot be described; `false` when the page is full, and its cursor set.
    fn refuse(&mut self, name: StrBytes, error: ErrorCode) -> bool {
        if self.left == 0 {
            return self.end_at(name.into(), 0);
        }
        self.response.topics.push(refused(name, error));
        true
    }

    fn end_at(&mut self, topic: kafka_protocol::messages::TopicName, partition: i32) -> bool {
        let cursor = Cursor::default().with_topic_name(topic).with_partition_index(partition);
        self.response.next_cursor = Some(cursor);
        false
    }
}

fn refused(name: StrBytes, error: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(name.into()))
        .with_error_code(error.code())
        .with_topic_authorized_operations(operations::TOPIC)
}

fn partition(
    context: &Context,
    topic: &Topic,
    index: PartitionIndex,
) -> Option<DescribeTopicPartitionsResponsePartition> {
    let replicas = replicas::of(topic, index, context.node_id());
    let described = DescribeTopicPartitionsResponsePartition::default()
        .with_partition_index(index.get())
        .with_leader_id(context.node_id().get().into())
        .with_leader_epoch(topic.partition(index)?.leader_epoch().get())
        .with_replica_nodes(replicas.clone())
        .with_isr_nodes(replicas)
        .with_eligible_leader_replicas(Some(Vec::new()))
        .with_last_known_elr(Some(Vec::new()));
    Some(described)
}
