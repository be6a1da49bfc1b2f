//! What changes of transactions come to.

use chronik_types::{ProducerEpoch, ProducerId};
use thiserror::Error;

use super::{PlacedMarker, TransactionError};
use crate::groups::GroupError;

/// What a producer got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitializedProducer {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Whether a transaction was open, and is aborted now.
    pub aborted: bool,
    /// The markers that ended it.
    pub markers: Vec<PlacedMarker>,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedTxn {
    /// The id of the producer from now on.
    pub producer_id: ProducerId,
    /// Its epoch from now on.
    pub producer_epoch: ProducerEpoch,
    /// Whether anything was open: not when the request was repeated, or nothing had been begun.
    pub was_open: bool,
    /// The markers, one for each partition.
    pub markers: Vec<PlacedMarker>,
}

/// Why offsets do not wait for the end of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TxnOffsetCommitError {
    /// The transaction does not allow it.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The group does not.
    #[error(transparent)]
    Group(#[from] GroupError),
}
