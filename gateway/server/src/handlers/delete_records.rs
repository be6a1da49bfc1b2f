//! DeleteRecords (21), versions 0 to 2 (KIP-107).
//!
//! Raises the log start of partitions, all at one place in the journal; -1 stands for the high watermark there. The low
//! watermark of an answer is the log start that results, also when it had been passed before. Codes:
//! UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE, POLICY_VIOLATION for a topic that is not cleaned by deleting,
//! INVALID_TOPIC_EXCEPTION for an internal one.

use std::sync::Arc;

use chronik_config::CleanupPolicy;
use chronik_types::{ErrorCode, Offset, PartitionIndex, TopicPartition};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};

use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DeleteRecordsRequest>,
) -> Response<DeleteRecordsResponse> {
    let mut advances = Vec::new();
    let mut asked = Vec::with_capacity(request.message.topics.len());
    for topic in request.message.topics {
        let found: Vec<_> = topic
            .partitions
            .iter()
            .map(|partition| {
                let found = find(&context, &topic.name, partition.partition_index);
                (partition.partition_index, found, Offset::new(partition.offset))
            })
            .collect();
        advances.extend(found.iter().filter_map(|(_, found, offset)| Some((found.ok()?, *offset))));
        asked.push((topic.name, found));
    }
    // One result for each advance, in their order, which is that of the request.
    let mut advanced = advance(&context, advances).await.into_iter();
    let topics: Vec<_> = asked
        .into_iter()
        .map(|(name, partitions)| {
            let results = partitions.into_iter().map(|(partition, found, _)| {
                let outcome =
                    found.and_then(|_| advanced.next().unwrap_or(Err(ErrorCode::UnknownServerError)));
                partition_result(partition, outcome)
            });
            DeleteRecordsTopicResult::default().with_name(name).with_partitions(results.collect())
        })
        .collect();
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    Response::with_errors(DeleteRecordsResponse::default().with_topics(topics), errors)
}

fn find(context: &Context, name: &TopicName, partition: i32) -> Result<TopicPartition, ErrorCode> {
    let topic = context.broker.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition =
        topic.partition(PartitionIndex::new(partition)).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.name().is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !topic.configs().cleanup_policy.contains(&CleanupPolicy::Delete) {
        return Err(ErrorCode::PolicyViolation);
    }
    Ok(partition.topic_partition())
}

async fn advance(
    context: &Context,
    advances: Vec<(TopicPartition, Offset)>,
) -> Vec<Result<Offset, ErrorCode>> {
    if advances.is_empty() {
        return Vec::new();
    }
    let count = advances.len();
    match context.broker.delete_records(advances).await {
        Ok(log_starts) => {
            log_starts.into_iter().map(|start| start.map_err(|rejection| rejection.error_code())).collect()
        }
        Err(error) => vec![Err(error.error_code()); count],
    }
}

fn partition_result(partition: i32, outcome: Result<Offset, ErrorCode>) -> DeleteRecordsPartitionResult {
    let (low_watermark, error) = match outcome {
        Ok(log_start) => (log_start, ErrorCode::None),
        Err(error) => (Offset::NONE, error),
    };
    DeleteRecordsPartitionResult::default()
        .with_partition_index(partition)
        .with_low_watermark(low_watermark.get())
        .with_error_code(error.code())
}
