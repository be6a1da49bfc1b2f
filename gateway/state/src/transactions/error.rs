//! Why a request of a transactional producer is refused, and the one place where that becomes a Kafka error code.

use chronik_types::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition, TransactionalId};
use thiserror::Error;

use super::TransactionState;

/// A refusal. The texts may be sent to clients.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransactionError {
    /// No producer was ever initialized under this transactional id, or it has expired.
    #[error("no producer has the transactional id '{transactional_id}'")]
    UnknownTransactionalId {
        /// The id asked for.
        transactional_id: TransactionalId,
    },
    /// The producer id is not the one that the transactional id has now.
    #[error("the producer id {producer_id} does not belong to the transactional id")]
    ProducerIdMapping {
        /// The producer id of the request.
        producer_id: ProducerId,
    },
    /// Another producer has taken over, or the transaction was ended without this one.
    #[error("the epoch {epoch} of producer {producer_id} is fenced, the present one is {current}")]
    Fenced {
        /// The producer.
        producer_id: ProducerId,
        /// The epoch of the request.
        epoch: ProducerEpoch,
        /// The present epoch.
        current: ProducerEpoch,
    },
    /// The transaction is not in a state in which that can be done.
    #[error("the transaction is {state}, which does not allow that")]
    InvalidState {
        /// The state it is in.
        state: TransactionState,
    },
    /// The partition or group was not added to the open transaction.
    #[error("the transaction does not include that partition or group")]
    NotInTransaction,
    /// Partitions that do not exist were to be added.
    #[error("{} of the partitions do not exist", unknown.len())]
    UnknownPartitions {
        /// Those, in the order of the request.
        unknown: Vec<TopicPartition>,
    },
    /// There are as many transactional ids as there may be.
    #[error("the cluster may have {limit} transactional ids and has as many")]
    TooManyTransactionalIds {
        /// The limit that the entry carries.
        limit: u32,
    },
    /// The transaction would include more partitions than it may.
    #[error("a transaction may include {limit} partitions")]
    TooManyPartitions {
        /// The limit that the entry carries.
        limit: u32,
    },
    /// The control batch that came with the entry was made for another moment: whoever proposed it has to do so anew.
    #[error("the transaction has moved on since it was looked at")]
    MovedOn,
    /// All producer ids have been handed out.
    #[error("there are no producer ids left")]
    ProducerIdsExhausted,
}

impl TransactionError {
    /// What a client is answered that knows the newest codes. Older versions of the requests know fewer.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self {
            Self::UnknownTransactionalId { .. } | Self::ProducerIdMapping { .. } => {
                ErrorCode::InvalidProducerIdMapping
            }
            Self::Fenced { .. } => ErrorCode::ProducerFenced,
            Self::InvalidState { .. } => ErrorCode::InvalidTxnState,
            Self::NotInTransaction => ErrorCode::TransactionAbortable,
            Self::UnknownPartitions { .. } => ErrorCode::UnknownTopicOrPartition,
            Self::TooManyTransactionalIds { .. } | Self::TooManyPartitions { .. } => {
                ErrorCode::PolicyViolation
            }
            Self::MovedOn => ErrorCode::ConcurrentTransactions,
            Self::ProducerIdsExhausted => ErrorCode::UnknownServerError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_code_that_kafka_answers() {
        let transactional_id = TransactionalId::new("t");
        let (producer_id, epoch, current) = (ProducerId::new(1), ProducerEpoch::ZERO, ProducerEpoch::new(1));
        let table = [
            (TransactionError::UnknownTransactionalId { transactional_id }, 49),
            (TransactionError::ProducerIdMapping { producer_id }, 49),
            (TransactionError::Fenced { producer_id, epoch, current }, 90),
            (TransactionError::InvalidState { state: TransactionState::Empty }, 48),
            (TransactionError::NotInTransaction, 120),
            (TransactionError::UnknownPartitions { unknown: Vec::new() }, 3),
            (TransactionError::TooManyTransactionalIds { limit: 1 }, 44),
            (TransactionError::TooManyPartitions { limit: 1 }, 44),
            (TransactionError::MovedOn, 51),
            (TransactionError::ProducerIdsExhausted, -1),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code().code(), code, "{error}");
        }
    }
}
