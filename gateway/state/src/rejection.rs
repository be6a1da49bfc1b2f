//! Why the state machine refuses a change, and the one place where that becomes a Kafka error code.

use chronik_types::{
    ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, TopicName, TopicPartition,
};
use thiserror::Error;

use crate::transactions::TransactionError;

/// A change that was refused at its place in the order. The texts may be sent to clients.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// No topic has this id, or it was deleted by an earlier entry.
    #[error("no topic has the id {topic_id}")]
    UnknownTopic {
        /// The id asked for.
        topic_id: TopicId,
    },
    /// The topic has no such partition.
    #[error("there is no partition {at}")]
    UnknownPartition {
        /// The partition asked for.
        at: TopicPartition,
    },
    /// A topic of that name exists.
    #[error("Topic '{name}' already exists.")]
    TopicExists {
        /// The name.
        name: TopicName,
    },
    /// The name differs from that of another topic only in `.` against `_`.
    #[error("Topic '{name}' collides with existing topic: {existing}")]
    TopicNameCollision {
        /// The name asked for.
        name: TopicName,
        /// The name of the topic that is there.
        existing: TopicName,
    },
    /// The id is all zeros or belongs to another topic.
    #[error("the topic id {topic_id} cannot be used for a new topic")]
    TopicIdTaken {
        /// The id.
        topic_id: TopicId,
    },
    /// The cluster has as many topics as it may.
    #[error("the cluster may have {limit} topics and has as many")]
    TooManyTopics {
        /// The limit that the entry carries.
        limit: u32,
    },
    /// The cluster would have more partitions than it may.
    #[error("the cluster may have {limit} partitions, the change would make it {wanted}")]
    TooManyPartitions {
        /// The limit that the entry carries.
        limit: u32,
        /// The count that would result.
        wanted: u64,
    },
    /// A partition count that is not between 1 and the greatest one.
    #[error("a topic has between 1 and {max} partitions, not {count}")]
    PartitionCount {
        /// The count asked for.
        count: i32,
        /// The greatest count.
        max: i32,
    },
    /// CreatePartitions with a count that is not greater than the present one.
    #[error("Topic {name} has {current} partition(s) and cannot be reduced to {requested}.")]
    NotAnIncrease {
        /// The topic.
        name: TopicName,
        /// Its partitions.
        current: i32,
        /// The total asked for.
        requested: i32,
    },
    /// A replication factor below 1.
    #[error("the replication factor must be larger than 0, it is {factor}")]
    ReplicationFactor {
        /// The factor asked for.
        factor: i16,
    },
    /// An explicit assignment that does not name replicas for each new partition.
    #[error("the assignment names {assigned} partitions, {partitions} are created")]
    AssignmentCount {
        /// Partitions in the assignment.
        assigned: usize,
        /// Partitions that are created.
        partitions: i32,
    },
    /// A log start beyond the high watermark, or negative.
    #[error("the offset {requested} is not within {log_start_offset} to {high_watermark}")]
    OffsetOutOfRange {
        /// The offset asked for.
        requested: Offset,
        /// The first offset of the partition.
        log_start_offset: Offset,
        /// Its high watermark.
        high_watermark: Offset,
    },
    /// A batch of an idempotent producer that does not follow the one before.
    #[error(
        "producer {producer_id} sent sequence {base_sequence} of epoch {epoch} after sequence {last_sequence} of epoch {last_epoch}"
    )]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch of the batch.
        epoch: ProducerEpoch,
        /// Its first sequence.
        base_sequence: Sequence,
        /// The epoch known before.
        last_epoch: ProducerEpoch,
        /// The last sequence known before.
        last_sequence: Sequence,
    },
    /// A batch of an epoch that has been superseded.
    #[error("producer {producer_id} sent epoch {epoch}, the partition has seen epoch {current}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch of the batch.
        epoch: ProducerEpoch,
        /// The newest epoch seen.
        current: ProducerEpoch,
    },
    /// A batch without a transaction from a producer that has one open in the partition.
    #[error(
        "producer {producer_id} has a transaction open in the partition, and the batch does not belong to it"
    )]
    NotTransactional {
        /// The producer.
        producer_id: ProducerId,
    },
    /// The transaction of the batch does not allow it.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// Coordinates that no batch can have.
    #[error("the batch is impossible: {reason}")]
    InvalidBatch {
        /// What is wrong.
        reason: &'static str,
    },
    /// The partition has used up the offsets of the protocol.
    #[error("the partition {at} has no offsets left")]
    OffsetsExhausted {
        /// The partition.
        at: TopicPartition,
    },
    /// All producer ids have been handed out.
    #[error("there are no producer ids left")]
    ProducerIdsExhausted,
}

impl Rejection {
    /// What a client is answered.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::UnknownTopic { .. } | Self::UnknownPartition { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::TopicExists { .. } => ErrorCode::TopicAlreadyExists,
            Self::TopicNameCollision { .. } => ErrorCode::InvalidTopicException,
            Self::TopicIdTaken { .. } => ErrorCode::InvalidRequest,
            Self::TooManyTopics { .. } | Self::TooManyPartitions { .. } => ErrorCode::PolicyViolation,
            Self::PartitionCount { .. } | Self::NotAnIncrease { .. } => ErrorCode::InvalidPartitions,
            Self::ReplicationFactor { .. } => ErrorCode::InvalidReplicationFactor,
            Self::AssignmentCount { .. } => ErrorCode::InvalidReplicaAssignment,
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::NotTransactional { .. } => ErrorCode::InvalidTxnState,
            // Kafka tells producers so, which abort and go on then; the newer code would end them.
            Self::Transaction(TransactionError::Fenced { .. }) => ErrorCode::InvalidProducerEpoch,
            Self::Transaction(error) => error.error_code(),
            Self::InvalidBatch { .. } => ErrorCode::InvalidRecord,
            Self::OffsetsExhausted { .. } | Self::ProducerIdsExhausted => ErrorCode::UnknownServerError,
        }
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::PartitionIndex;

    use super::*;

    #[test]
    fn every_rejection_has_the_code_that_kafka_answers() {
        let name = TopicName::new("t").unwrap();
        let topic_id = TopicId::NONE;
        let at = TopicPartition::new(topic_id, PartitionIndex::new(0));
        let (producer_id, epoch, zero) = (ProducerId::new(1), ProducerEpoch::ZERO, Offset::ZERO);
        let (base_sequence, last_sequence) = (Sequence::new(5), Sequence::ZERO);
        let table = [
            (Rejection::UnknownTopic { topic_id }, 3),
            (Rejection::UnknownPartition { at }, 3),
            (Rejection::TopicExists { name: name.clone() }, 36),
            (Rejection::TopicNameCollision { name: name.clone(), existing: name.clone() }, 17),
            (Rejection::TopicIdTaken { topic_id }, 42),
            (Rejection::TooManyTopics { limit: 1 }, 44),
            (Rejection::TooManyPartitions { limit: 1, wanted: 2 }, 44),
            (Rejection::PartitionCount { count: 0, max: 1 }, 37),
            (Rejection::NotAnIncrease { name, current: 2, requested: 1 }, 37),
            (Rejection::ReplicationFactor { factor: 0 }, 38),
            (Rejection::AssignmentCount { assigned: 1, partitions: 2 }, 39),
            (
                Rejection::OffsetOutOfRange { requested: zero, log_start_offset: zero, high_watermark: zero },
                1,
            ),
            (
                Rejection::OutOfOrderSequence {
                    producer_id,
                    epoch,
                    base_sequence,
                    last_epoch: epoch,
                    last_sequence,
                },
                45,
            ),
            (Rejection::InvalidProducerEpoch { producer_id, epoch, current: epoch }, 47),
            (Rejection::NotTransactional { producer_id }, 48),
            (TransactionError::Fenced { producer_id, epoch, current: epoch }.into(), 47),
            (TransactionError::NotInTransaction.into(), 120),
            (Rejection::InvalidBatch { reason: "it has no records" }, 87),
            (Rejection::OffsetsExhausted { at }, -1),
            (Rejection::ProducerIdsExhausted, -1),
        ];
        for (rejection, code) in table {
            assert_eq!(rejection.error_code().code(), code, "{rejection}");
        }
    }
}
