//! DescribeProducers (61), version 0 (KIP-664).
//!
//! The idempotent producers that a partition remembers, and where the open transaction of each begins. The coordinator of
//! transactions is never replaced, so that its epoch is always the first one. Codes: INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chronik_broker::ActiveProducer;
use chronik_types::{ErrorCode, Offset, PartitionIndex, TopicName};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};

use super::refused::{Refused, error_fields};
use super::{Context, Request, Response};

/// "None" for a coordinator epoch.
const NONE: i32 = -1;
/// The epoch of the coordinator of a transactional producer.
const COORDINATOR_EPOCH: i32 = 0;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeProducersRequest>,
) -> Response<DescribeProducersResponse> {
    let mut seen = HashSet::new();
    let topics: Vec<_> = request
        .message
        .topics
        .into_iter()
        .filter(|topic| seen.insert(topic.name.clone()))
        .map(|topic| describe_topic(&context, topic))
        .collect();
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    Response::with_errors(DescribeProducersResponse::default().with_topics(topics), errors)
}

fn describe_topic(context: &Context, asked: TopicRequest) -> TopicResponse {
    let found = TopicName::new(&asked.name).map_err(Refused::from).and_then(|name| {
        context.broker.topic(name.as_str()).ok_or_else(|| ErrorCode::UnknownTopicOrPartition.into())
    });
    // Each once: a partition can have many producers, and a request can name it very often.
    let indexes: BTreeSet<i32> = asked.partition_indexes.into_iter().collect();
    let partitions = indexes
        .iter()
        .map(|index| {
            let response = PartitionResponse::default().with_partition_index(*index);
            let refused = match &found {
                Err(refused) => refused.clone(),
                Ok(topic) => match topic.partition(PartitionIndex::new(*index)) {
                    Some(partition) => {
                        let producers = context.broker.producers(partition).into_iter().map(producer_state);
                        return response.with_active_producers(producers.collect());
                    }
                    None => ErrorCode::UnknownTopicOrPartition.into(),
                },
            };
            let (code, message) = error_fields(Some(&refused));
            response.with_error_code(code).with_error_message(message)
        })
        .collect();
    TopicResponse::default().with_name(asked.name).with_partitions(partitions)
}

fn producer_state(producer: ActiveProducer) -> ProducerState {
    ProducerState::default()
        .with_producer_id(producer.producer_id.get().into())
        .with_producer_epoch(producer.producer_epoch.get().into())
        .with_last_sequence(producer.last_sequence.get())
        .with_last_timestamp(producer.last_timestamp.get())
        .with_coordinator_epoch(if producer.is_transactional { COORDINATOR_EPOCH } else { NONE })
        .with_current_txn_start_offset(producer.transaction_start.unwrap_or(Offset::NONE).get())
}
