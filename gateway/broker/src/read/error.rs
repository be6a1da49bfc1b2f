//! Why records cannot be read, and what the reader is told.

use chronik_backend::Position;
use chronik_types::{ErrorCode, Offset};
use chronik_wire::batch::{BatchError, RecordError};

use crate::index::IndexError;

/// Why a read of one partition failed. Other partitions, and other ranges of the same one, are not concerned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The topic was deleted.
    #[error("the topic has been deleted")]
    TopicDeleted,
    /// The offset is not within what the partition holds.
    #[error("the offset {offset} is not within {log_start_offset} to {high_watermark}")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// The first offset of the partition.
        log_start_offset: Offset,
        /// The offset after its last record.
        high_watermark: Offset,
    },
    /// The journal is damaged, and only what lies before the damage is known.
    #[error(
        "the journal is damaged, and known up to offset {high_watermark} of the partition, not to {offset}"
    )]
    BehindDamage {
        /// The offset asked for.
        offset: Offset,
        /// The offset after the last record that is known.
        high_watermark: Offset,
    },
    /// The bytes of a batch are not those that were appended.
    #[error("the batch of {offset} at journal position {at} is damaged")]
    Corrupt {
        /// Its first offset.
        offset: Offset,
        /// Where it lies.
        at: Position,
        /// What is wrong.
        #[source]
        source: BatchError,
    },
    /// The records of a batch cannot be walked.
    #[error("the records of the batch of {offset} cannot be read")]
    Records {
        /// Its first offset.
        offset: Offset,
        /// What is wrong.
        #[source]
        source: RecordError,
    },
    /// Storage did not give the bytes of a batch.
    #[error("the batch of {offset} cannot be read from storage")]
    Storage {
        /// Its first offset.
        offset: Offset,
        /// What storage said.
        #[source]
        source: chronik_backend::ReadError,
    },
    /// Where the batch lies is not known, because the index that says so is damaged.
    #[error("the index of the records from offset {offset} on is not usable")]
    Index {
        /// The offset asked for.
        offset: Offset,
        /// What is wrong; nothing when it was found at the start already.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl ReadError {
    pub(crate) fn index(offset: Offset, source: Option<IndexError>) -> Self {
        Self::Index { offset, source: source.map(Into::into) }
    }

    /// What the reader is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::TopicDeleted => ErrorCode::UnknownTopicOrPartition,
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Corrupt { .. } | Self::Records { .. } => ErrorCode::CorruptMessage,
            Self::Storage { source: chronik_backend::ReadError::Damaged { .. }, .. } => {
                ErrorCode::CorruptMessage
            }
            Self::BehindDamage { .. } | Self::Storage { .. } | Self::Index { .. } => {
                ErrorCode::KafkaStorageError
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_code() {
        let (offset, at) = (Offset::ZERO, Position::ZERO);
        let out_of_range =
            ReadError::OffsetOutOfRange { offset, log_start_offset: offset, high_watermark: offset };
        let storage = |source| ReadError::Storage { offset, source };
        let damaged =
            chronik_backend::ReadError::Damaged { file: String::new(), offset: 0, reason: String::new() };
        let table = [
            (ReadError::TopicDeleted, ErrorCode::UnknownTopicOrPartition),
            (out_of_range, ErrorCode::OffsetOutOfRange),
            (ReadError::BehindDamage { offset, high_watermark: offset }, ErrorCode::KafkaStorageError),
            (ReadError::Corrupt { offset, at, source: BatchError::Empty }, ErrorCode::CorruptMessage),
            (
                ReadError::Records { offset, source: RecordError::UnknownCodec { id: 7 } },
                ErrorCode::CorruptMessage,
            ),
            (storage(damaged), ErrorCode::CorruptMessage),
            (storage(chronik_backend::ReadError::NotFound { at }), ErrorCode::KafkaStorageError),
            (ReadError::index(offset, None), ErrorCode::KafkaStorageError),
        ];
        for (error, code) in table {
            assert_eq!(error.error_code(), code, "{error}");
        }
    }
}
