//! Produce (0), versions 3 to 13; advertised from 0 (see `chronik_wire::api`). KIP-98, KIP-467, KIP-516, KIP-890.
//!
//! The records stay slices of the frame all the way to storage. Once they are queued, their order is decided: the turn is
//! given up and the next request of the connection starts, while this one waits until its records are durable. An
//! error with acks = 0 closes the connection, because there is no other way to tell. Topics are not created here, as in
//! Kafka. A batch of a transaction is appended while its partition is in the open transaction of its producer; from version
//! 12 on the partition joins by that. The transactional id has to be that of the producer id, always; Kafka looks only when
//! the partition is new to the transaction.
//!
//! Codes: 1-record checks of the batch (2, 10, 32, 42, 76, 87), sequences (45, 47), transactions (44, 47, 48, 49, 53, 120),
//! 3, 17 for an internal topic, 100, 21, 56.

mod plan;
mod response;

use std::sync::Arc;

use bytes::Bytes;
use chronik_broker::{ProduceError, ProduceTransaction};
use chronik_policy::{Answer, Call, CloseReason, Reply, Reservation};
use chronik_types::{ErrorCode, TransactionalId};
use chronik_wire::hot::produce::ProduceRequest;
use chronik_wire::wellformed::Malformed;

use self::plan::Plan;
use super::Context;
use super::counted::{Counted, uncounted};

/// The version from which zstd may be used (KIP-110).
const ZSTD_SINCE: i16 = 7;
/// The version whose clients know TRANSACTION_ABORTABLE (KIP-890).
const ABORTABLE_SINCE: i16 = 11;
/// The version from which partitions join a transaction by being produced to (KIP-890).
const JOINS_SINCE: i16 = 12;

/// Answers a call. Takes the whole of it, to give up the turn before the answer is there.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { header, body, turn, reservation, .. } = call;
    let version = header.api_version;
    let (request, _counted) = match ProduceRequest::decode_small(version, &body, uncounted(body.len())) {
        Some(request) => (request, Counted::frame_alone(reservation)),
        // Rare: boxed, it does not weigh on every request.
        None => match Box::pin(decode_large(&context, version, body, reservation)).await {
            Ok(decoded) => decoded,
            Err(malformed) => return Reply::Close(malformed.into()),
        },
    };
    let acks = request.acks;
    let transaction = request.transactional_id.as_deref().map(|id| ProduceTransaction {
        transactional_id: TransactionalId::new(id),
        joins: version >= JOINS_SINCE,
    });
    let (plan, batches) = Plan::of(&context.broker, version, request);
    let batches =
        chronik_broker::ProduceRequest { batches, zstd_allowed: version >= ZSTD_SINCE, transaction };
    let submitted = context.broker.submit(batches).await;
    drop(turn);
    let results = submitted.committed(&context.broker).await;
    let error = plan.first_error(version, &results);
    if acks == 0 {
        return if error.is_none() {
            Reply::Nothing
        } else {
            Reply::Close(CloseReason::FailedWithoutAnswer(error))
        };
    }
    match plan.response(version, header.correlation_id, results) {
        Ok(segments) => Reply::Answer(Answer::new(segments, error)),
        Err(error) => Reply::Close(CloseReason::Unencodable(error)),
    }
}

/// Decodes a request, and counts what its partitions take until they are answered.
async fn decode_large(
    context: &Context,
    version: i16,
    body: Bytes,
    frame: Option<Reservation>,
) -> Result<(ProduceRequest, Counted), Malformed> {
    let bytes = ProduceRequest::weigh(version, &body)?.bytes();
    let counted = Counted::whole(&context.element_memory, frame, body.len(), bytes).await;
    Ok((ProduceRequest::decode(version, body)?, counted))
}

/// What a client of that version is told.
fn code(version: i16, error: &ProduceError) -> ErrorCode {
    match error.error_code() {
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        code => code,
    }
}

/// Whether a client may ask for this many acknowledgements.
fn is_acks(acks: i16) -> bool {
    (-1..=1).contains(&acks)
}

/// Why a partition of a request does not get to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Acks,
    UnknownTopic,
    UnknownTopicId,
    UnknownPartition,
    InternalTopic,
}

impl Refusal {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Acks => ErrorCode::InvalidRequiredAcks,
            Self::UnknownTopic | Self::UnknownPartition => ErrorCode::UnknownTopicOrPartition,
            Self::UnknownTopicId => ErrorCode::UnknownTopicId,
            Self::InternalTopic => ErrorCode::InvalidTopicException,
        }
    }

    const fn message(self) -> Option<&'static str> {
        match self {
            Self::Acks => Some("acks must be -1, 0 or 1"),
            Self::InternalTopic => Some("the topic is internal, nobody can write to it"),
            Self::UnknownTopic | Self::UnknownTopicId | Self::UnknownPartition => None,
        }
    }
}
