//! From what was found to the response.

use bytes::Bytes;
use chronik_policy::Reservation;
use chronik_types::{ErrorCode, IsolationLevel};
use kafka_protocol::messages::fetch_response::{EpochEndOffset, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use uuid::Uuid;

use super::interest::TopicRef;
use super::read::Found;

/// A response whose records are still beside it.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) message: FetchResponse,
    /// Those of each partition, in the order of the message.
    pub(super) records: Vec<Vec<Bytes>>,
    /// The first error in it.
    pub(super) error: ErrorCode,
    /// The memory that is counted for the records.
    pub(super) reservation: Option<Reservation>,
}

/// A response that says no to the whole request.
pub(super) fn refused(error: ErrorCode) -> Built {
    Built {
        message: FetchResponse::default().with_error_code(error.code()),
        records: Vec::new(),
        error,
        reservation: None,
    }
}

/// A response that says no to each partition of the request.
pub(super) fn each_refused(request: FetchRequest, error: ErrorCode) -> Built {
    let mut records = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in request.topics {
        let partitions =
            asked.partitions.iter().map(|asked| failed(asked.partition, error)).collect::<Vec<_>>();
        records.resize_with(records.len() + partitions.len(), Vec::new);
        topics.push(
            FetchableTopicResponse::default()
                .with_topic(asked.topic)
                .with_topic_id(asked.topic_id)
                .with_partitions(partitions),
        );
    }
    Built { message: FetchResponse::default().with_responses(topics), records, error, reservation: None }
}

/// A response with what was found; partitions of a topic that follow each other are put together.
pub(super) fn of(session_id: i32, isolation: IsolationLevel, found: Vec<Found>) -> Built {
    let mut topics: Vec<(TopicRef, Vec<PartitionData>)> = Vec::new();
    let mut records = Vec::with_capacity(found.len());
    let mut error = ErrorCode::None;
    for found in found {
        if error.is_none() {
            error = found.error;
        }
        let data = partition_data(&found, isolation);
        match topics.last_mut() {
            Some((topic, partitions)) if *topic == found.topic => partitions.push(data),
            _ => topics.push((found.topic, vec![data])),
        }
        records.push(found.records);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        FetchableTopicResponse::default()
            .with_topic(TopicName(topic.name))
            .with_topic_id(Uuid::from_bytes(*topic.id.as_bytes()))
            .with_partitions(partitions)
    });
    let message = FetchResponse::default().with_session_id(session_id).with_responses(topics.collect());
    Built { message, records, error, reservation: None }
}

fn partition_data(found: &Found, isolation: IsolationLevel) -> PartitionData {
    let data = failed(found.index, found.error)
        .with_high_watermark(found.high_watermark.get())
        .with_last_stable_offset(found.last_stable_offset.get())
        .with_log_start_offset(found.log_start_offset.get())
        .with_aborted_transactions(has_aborted_list(found.error, isolation).then(Vec::new));
    match found.diverging {
        Some((epoch, end)) => data.with_diverging_epoch(
            EpochEndOffset::default().with_epoch(epoch.get()).with_end_offset(end.get()),
        ),
        None => data,
    }
}

/// There are no transactions, but Kafka tells an empty list from null: null is for a reader that sees all records.
fn has_aborted_list(error: ErrorCode, isolation: IsolationLevel) -> bool {
    let is_missing = matches!(error, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId);
    is_missing || isolation == IsolationLevel::ReadCommitted
}

fn failed(index: i32, error: ErrorCode) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(None)
}
