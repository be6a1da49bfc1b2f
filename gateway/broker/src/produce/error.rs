//! Why a batch was not appended, and what the producer is told.

use chronik_backend::AppendError;
use chronik_state::Rejection;
use chronik_types::ErrorCode;
use chronik_wire::batch::{BatchError, RecordError};
use chronik_wire::compression::CompressError;

/// Why one batch of a produce request was not appended. The texts may be sent to clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// The topic was deleted.
    #[error("the topic has been deleted")]
    TopicDeleted,
    /// The bytes are not a batch that the topic accepts.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The records cannot be read, where they have to be.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// A record without a key for a compacted topic.
    #[error("a compacted topic cannot accept a record without a key")]
    MissingKey,
    /// A batch of a transaction in a request without a transactional id.
    #[error("the batch belongs to a transaction, and the request names no transactional id")]
    Transactional,
    /// The partition is new to the transaction, and transactions take as much memory as they may.
    #[error("all transactions take as much memory as this gateway gives them")]
    TransactionsFull,
    /// The records could not be compressed with the codec of the topic.
    #[error("the records cannot be compressed as the topic demands")]
    Compress(#[from] CompressError),
    /// The state machine refused the batch.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Storage did not take the entry; nothing of it was appended.
    #[error(transparent)]
    Storage(#[from] AppendError),
    /// The gateway stops; whether the batch was appended is unknown.
    #[error("the gateway stops")]
    Stopped,
}

impl ProduceError {
    /// What the producer is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::TopicDeleted => ErrorCode::UnknownTopicOrPartition,
            Self::Batch(error) => error.code(),
            Self::Records(error) => error.code(),
            Self::MissingKey => ErrorCode::InvalidRecord,
            Self::Transactional => ErrorCode::TransactionalIdAuthorizationFailed,
            Self::TransactionsFull => ErrorCode::PolicyViolation,
            Self::Compress(_) => ErrorCode::UnknownServerError,
            Self::Rejected(rejection) => rejection.error_code(),
            Self::Storage(error) => storage_code(error),
            // Retriable, and it makes the client ask for the leader again.
            Self::Stopped => ErrorCode::NotLeaderOrFollower,
        }
    }
}

/// What a client is told when storage does not take an entry.
pub(crate) const fn storage_code(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Full { .. } | AppendError::Overloaded { .. } | AppendError::ReadOnly { .. } => {
            ErrorCode::KafkaStorageError
        }
        AppendError::TooLarge { .. } => ErrorCode::RecordListTooLarge,
        AppendError::Closed => ErrorCode::NotLeaderOrFollower,
    }
}

#[cfg(test)]
mod tests {
    use chronik_backend::Damage;
    use chronik_types::{TopicId, TopicPartition};

    use super::*;

    #[test]
    fn each_failure_has_its_code() {
        let at = TopicPartition::new(TopicId::NONE, 0.into());
        let damage = Damage { file: "wal-1.log".into(), offset: 7, reason: "cut".into() };
        let table = [
            (ProduceError::TopicDeleted, ErrorCode::UnknownTopicOrPartition),
            (BatchError::Empty.into(), ErrorCode::InvalidRecord),
            (BatchError::CrcMismatch { stored: 0, computed: 1 }.into(), ErrorCode::CorruptMessage),
            (BatchError::TooLarge { size: 2, max: 1 }.into(), ErrorCode::MessageTooLarge),
            (RecordError::UnknownCodec { id: 7 }.into(), ErrorCode::UnsupportedCompressionType),
            (ProduceError::MissingKey, ErrorCode::InvalidRecord),
            (ProduceError::Transactional, ErrorCode::TransactionalIdAuthorizationFailed),
            (ProduceError::TransactionsFull, ErrorCode::PolicyViolation),
            (Rejection::UnknownPartition { at }.into(), ErrorCode::UnknownTopicOrPartition),
            (AppendError::Full { detail: String::new() }.into(), ErrorCode::KafkaStorageError),
            (AppendError::TooLarge { size: 2, limit: 1 }.into(), ErrorCode::RecordListTooLarge),
            (AppendError::Overloaded { queued: 2, limit: 1 }.into(), ErrorCode::KafkaStorageError),
            (AppendError::ReadOnly { damage }.into(), ErrorCode::KafkaStorageError),
            (AppendError::Closed.into(), ErrorCode::NotLeaderOrFollower),
            (ProduceError::Stopped, ErrorCode::NotLeaderOrFollower),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code(), code, "{error}");
        }
    }
}
