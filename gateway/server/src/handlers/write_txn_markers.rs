//! WriteTxnMarkers (27), version 1. KIP-98, KIP-664.
//!
//! Between brokers of Kafka it ends transactions partition by partition; here transactions end by EndTxn alone, in all
//! partitions at once. What is left is the operator who aborts one that hangs (`kafka-transactions.sh abort`): the whole
//! transaction that includes the partition is aborted, and its producer fenced. A partition in which nothing of the producer
//! is open needs no marker. Codes: 3, 42 (commit), 47, 52, 15.

use std::sync::Arc;

use chronik_broker::Broker;
use chronik_state::{Claim, EndedBy};
use chronik_types::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use super::transactional::find;
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<WriteTxnMarkersRequest>,
) -> Response<WriteTxnMarkersResponse> {
    let mut markers = Vec::with_capacity(request.message.markers.len());
    for mut marker in request.message.markers {
        let mut topics = Vec::with_capacity(marker.topics.len());
        for topic in std::mem::take(&mut marker.topics) {
            topics.push(write_topic(&context.broker, &marker, topic).await);
        }
        let result = WritableTxnMarkerResult::default().with_producer_id(marker.producer_id);
        markers.push(result.with_topics(topics));
    }
    let topics = markers.iter().flat_map(|marker| &marker.topics);
    let errors: Vec<i16> =
        topics.flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    Response::with_errors(WriteTxnMarkersResponse::default().with_markers(markers), errors)
}

async fn write_topic(
    broker: &Broker,
    marker: &WritableTxnMarker,
    topic: WritableTxnMarkerTopic,
) -> WritableTxnMarkerTopicResult {
    let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
    for index in topic.partition_indexes {
        let written = write(broker, marker, &topic.name, index).await;
        let error = written.err().unwrap_or(ErrorCode::None);
        let result = WritableTxnMarkerPartitionResult::default().with_partition_index(index);
        partitions.push(result.with_error_code(error.code()));
    }
    WritableTxnMarkerTopicResult::default().with_name(topic.name).with_partitions(partitions)
}

async fn write(
    broker: &Broker,
    marker: &WritableTxnMarker,
    topic: &str,
    partition: i32,
) -> Result<(), ErrorCode> {
    let at = find(broker, topic, partition)?;
    if marker.transaction_result {
        return Err(ErrorCode::InvalidRequest);
    }
    if marker.coordinator_epoch < 0 {
        return Err(ErrorCode::TransactionCoordinatorFenced);
    }
    let producer_id = ProducerId::new(marker.producer_id.0);
    let epoch = ProducerEpoch::new(marker.producer_epoch);
    match open_transaction(broker, producer_id, epoch, at)? {
        Some(claim) => {
            let ended = broker.end_txn(claim, EndedBy::Operator, false).await;
            ended.map(|_| ()).map_err(|error| error.error_code())
        }
        None => Ok(()),
    }
}

/// The open transaction of a producer that includes a partition; an error when the epoch is older than the present one.
fn open_transaction(
    broker: &Broker,
    producer_id: ProducerId,
    epoch: ProducerEpoch,
    at: TopicPartition,
) -> Result<Option<Claim>, ErrorCode> {
    broker.state(|state| {
        let seen = state.partition(at).and_then(|partition| partition.producer_epoch(producer_id));
        let transactional = state.transactional_id_of(producer_id);
        let current = transactional.map(|(_, producer)| producer.epoch()).max(seen);
        if current.is_some_and(|current| epoch < current) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        Ok(transactional.filter(|(_, producer)| producer.is_ongoing() && producer.includes(at)).map(
            |(id, producer)| Claim {
                transactional_id: id.clone(),
                producer_id,
                producer_epoch: producer.epoch(),
            },
        ))
    })
}
