//! Topics, their ends, and what an operator asks about transactions.

use chronik_types::{ErrorCode, IsolationLevel};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::ProducerState;
use kafka_protocol::messages::describe_transactions_response::TransactionState;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeProducersRequest,
    DescribeTransactionsRequest, ListOffsetsRequest, WriteTxnMarkersRequest,
};

use super::{code, first_refusal, missing, text, topic_name, transactional_id};
use crate::{ClientError, Connection};

const CREATE_TOPICS_VERSION: i16 = 5;
const LIST_OFFSETS_VERSION: i16 = 7;
const LATEST: i64 = -1;
const TIMEOUT_MS: i32 = 30_000;

/// Creates a topic with configs.
///
/// # Errors
/// When no answer comes.
pub fn create_topic(
    connection: &mut Connection,
    topic: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Result<ErrorCode, ClientError> {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    });
    let creatable = CreatableTopic::default()
        .with_name(topic_name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topics(vec![creatable]);
    let answer = connection.call(CREATE_TOPICS_VERSION, &request)?;
    Ok(first_refusal(answer.topics.iter().map(|topic| topic.error_code)))
}

/// The end of a partition: the high watermark, or the last stable offset.
///
/// # Errors
/// When no answer comes, or it has no offset.
pub fn end_offset(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    isolation_level: IsolationLevel,
) -> Result<i64, ClientError> {
    let asked = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(LATEST);
    let asked = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]);
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_isolation_level(isolation_level.id())
        .with_topics(vec![asked]);
    let answer = connection.call(LIST_OFFSETS_VERSION, &request)?;
    let mut found = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let found = found.next().filter(|found| found.error_code == 0);
    Ok(found.ok_or_else(|| missing("the end of the partition"))?.offset)
}

/// Moves the start of a partition.
///
/// # Errors
/// When no answer comes.
pub fn delete_records(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    before: i64,
) -> Result<ErrorCode, ClientError> {
    let asked = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(before);
    let asked = DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]);
    let request = DeleteRecordsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topics(vec![asked]);
    let answer = connection.call(2, &request)?;
    Ok(first_refusal(answer.topics.iter().flat_map(|topic| &topic.partitions).map(|found| found.error_code)))
}

/// The producers of a partition.
///
/// # Errors
/// When no answer comes, or it is a refusal.
pub fn describe_producers(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
) -> Result<Vec<ProducerState>, ClientError> {
    let asked = TopicRequest::default().with_name(topic_name(topic)).with_partition_indexes(vec![partition]);
    let answer = connection.call(0, &DescribeProducersRequest::default().with_topics(vec![asked]))?;
    let mut found = answer.topics.into_iter().flat_map(|topic| topic.partitions);
    let found = found.next().filter(|found| found.error_code == 0);
    Ok(found.ok_or_else(|| missing("the partition"))?.active_producers)
}

/// The state of a transactional id; its code tells when there is none.
///
/// # Errors
/// When no answer comes.
pub fn describe_transaction(
    connection: &mut Connection,
    id: &str,
) -> Result<(ErrorCode, TransactionState), ClientError> {
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![transactional_id(id)]);
    let answer = connection.call(0, &request)?;
    let found = answer.transaction_states.into_iter().next();
    let found = found.ok_or_else(|| missing("the transactional id"))?;
    Ok((code(found.error_code), found))
}

/// Deletes a topic.
///
/// # Errors
/// When no answer comes.
pub fn delete_topic(connection: &mut Connection, topic: &str) -> Result<ErrorCode, ClientError> {
    let names = vec![topic_name(topic)];
    let request = DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topic_names(names);
    let answer = connection.call(4, &request)?;
    Ok(first_refusal(answer.responses.iter().map(|topic| topic.error_code)))
}

/// A marker for the end of a producer's transaction in one partition, as brokers of Kafka write it to each other and
/// `kafka-transactions.sh abort` to one of them. `producer` is its id and epoch.
///
/// # Errors
/// When no answer comes.
pub fn write_marker(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    producer: (i64, i16),
    commit: bool,
) -> Result<ErrorCode, ClientError> {
    let at = WritableTxnMarkerTopic::default()
        .with_name(topic_name(topic))
        .with_partition_indexes(vec![partition]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(producer.0.into())
        .with_producer_epoch(producer.1)
        .with_coordinator_epoch(0)
        .with_transaction_result(commit)
        .with_topics(vec![at]);
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(vec![marker]))?;
    let found = answer.markers.iter().flat_map(|marker| &marker.topics).flat_map(|topic| &topic.partitions);
    Ok(first_refusal(found.map(|found| found.error_code)))
}
