//! What the requests of transactional producers share: who they say they are, and what their versions can be told.

use chronik_broker::Broker;
use chronik_state::Claim;
use chronik_types::{ErrorCode, PartitionIndex, ProducerEpoch, ProducerId, TopicPartition, TransactionalId};

/// Who sends a request.
pub(super) fn claim(transactional_id: &str, producer_id: i64, producer_epoch: i16) -> Claim {
    Claim {
        transactional_id: TransactionalId::new(transactional_id),
        producer_id: ProducerId::new(producer_id),
        producer_epoch: ProducerEpoch::new(producer_epoch),
    }
}

/// The code for a client that may be too old to know PRODUCER_FENCED (KIP-588).
pub(super) fn known_code(code: ErrorCode, knows_fenced: bool) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced if !knows_fenced => ErrorCode::InvalidProducerEpoch,
        code => code,
    }
}

/// The partition of that name and index, if it exists.
pub(super) fn find(broker: &Broker, topic: &str, partition: i32) -> Result<TopicPartition, ErrorCode> {
    let topic = broker.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(PartitionIndex::new(partition));
    Ok(partition.ok_or(ErrorCode::UnknownTopicOrPartition)?.topic_partition())
}
