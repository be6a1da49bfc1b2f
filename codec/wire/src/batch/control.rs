//! Control batches: the commit and abort markers that end a transaction in a partition (KIP-98).
//!
//! | part | bytes | field |
//! |---|---|---|
//! | key | 2 | version, 0 |
//! | key | 2 | type: 0 abort, 1 commit, others of KRaft |
//! | value | 2 | version, 0 |
//! | value | 4 | coordinator epoch |
//!
//! Later versions may only append fields, so a greater version is read as this one.

use bytes::Bytes;
use chronik_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use thiserror::Error;

use super::{BatchBuilder, BuildError, NewRecord, RecordBatch, RecordError};

/// Why a control batch cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The batch does not have the control bit.
    #[error("the batch is not a control batch")]
    NotControl,
    /// Its record cannot be read.
    #[error("the control record cannot be read")]
    Record(#[from] RecordError),
    /// A control batch holds exactly one record.
    #[error("a control batch holds one record, not {record_count}")]
    RecordCount {
        /// The count that the header gives.
        record_count: i32,
    },
    /// Key or value is missing or too short.
    #[error("the {field} of the control record is missing or too short")]
    Short {
        /// `key` or `value`.
        field: &'static str,
    },
    /// A version below 0.
    #[error("the {field} of the control record has the version {version}")]
    Version {
        /// `key` or `value`.
        field: &'static str,
        /// The version as it stands.
        version: i16,
    },
    /// A type other than commit and abort.
    #[error("the control record has the type {type_id}, which does not end a transaction")]
    UnknownType {
        /// The type as it stands.
        type_id: i16,
    },
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// Its records are not to be seen.
    Abort,
    /// Its records are to be seen.
    Commit,
}

impl ControlType {
    const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
        }
    }

    const fn from_id(id: i16) -> Option<Self> {
        match id {
            0 => Some(Self::Abort),
            1 => Some(Self::Commit),
            _ => None,
        }
    }
}

/// The record that ends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Commit or abort.
    pub control_type: ControlType,
    /// Epoch of the coordinator that decided.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// The batch that holds this marker: transactional, control, one record, no sequence.
    ///
    /// # Errors
    ///
    /// None in practice; a marker has no size that could be too large.
    pub fn build(
        &self,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        timestamp: TimestampMs,
    ) -> Result<Bytes, BuildError> {
        let [v0, v1] = VERSION.to_be_bytes();
        let [t0, t1] = self.control_type.id().to_be_bytes();
        let [e0, e1, e2, e3] = self.coordinator_epoch.to_be_bytes();
        BatchBuilder::new()
            .base_offset(base_offset)
            .leader_epoch(leader_epoch)
            .producer(producer_id, producer_epoch, Sequence::NONE)
            .transactional()
            .control()
            .record(&NewRecord {
                timestamp,
                key: Some(&[v0, v1, t0, t1]),
                value: Some(&[v0, v1, e0, e1, e2, e3]),
                headers: &[],
            })
            .build()
    }

    /// Reads the marker of a control batch.
    ///
    /// # Errors
    ///
    /// [`ControlError`] when the batch is not a control batch of one record that ends a transaction.
    pub fn read(batch: &RecordBatch) -> Result<Self, ControlError> {
        let header = batch.header();
        if !header.attributes.is_control() {
            return Err(ControlError::NotControl);
        }
        if header.record_count != 1 {
            return Err(ControlError::RecordCount { record_count: header.record_count });
        }
        let records = batch.decode(MARKER_LIMIT_BYTES)?;
        let Some(record) = records.iter().next().transpose()? else {
            return Err(ControlError::RecordCount { record_count: 0 });
        };
        Self::parse(record.key.unwrap_or_default(), record.value.unwrap_or_default())
    }

    /// Reads key and value of a control record.
    ///
    /// # Errors
    ///
    /// [`ControlError::Short`], [`ControlError::Version`] or [`ControlError::UnknownType`].
    pub fn parse(key: &[u8], value: &[u8]) -> Result<Self, ControlError> {
        let (type_id, _) = versioned::<2>("key", key)?;
        let type_id = i16::from_be_bytes(type_id);
        let control_type = ControlType::from_id(type_id).ok_or(ControlError::UnknownType { type_id })?;
        let (epoch, _) = versioned::<4>("value", value)?;
        Ok(Self { control_type, coordinator_epoch: i32::from_be_bytes(epoch) })
    }
}

/// The `N` bytes after a version, and what follows them.
fn versioned<'a, const N: usize>(
    field: &'static str,
    bytes: &'a [u8],
) -> Result<([u8; N], &'a [u8]), ControlError> {
    let (version, rest) = bytes.split_first_chunk::<2>().ok_or(ControlError::Short { field })?;
    let version = i16::from_be_bytes(*version);
    if version < 0 {
        return Err(ControlError::Version { field, version });
    }
    let (body, rest) = rest.split_first_chunk::<N>().ok_or(ControlError::Short { field })?;
    Ok((*body, rest))
}

const VERSION: i16 = 0;

/// Kafka writes markers without compression and in some 80 bytes; a compressed one is read all the same.
const MARKER_LIMIT_BYTES: usize = 64 * 1024;
