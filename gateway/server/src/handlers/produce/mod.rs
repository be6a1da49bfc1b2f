//! Produce (0), versions 3 to 13; advertised from 0 (see `chronik_wire::api`). KIP-98, KIP-467, KIP-516.
//!
//! The records stay slices of the frame all the way to storage. Once they are queued, their order is decided: the turn is
//! given up and the next request of the connection starts, while this one waits until its records are durable. An
//! error with acks = 0 closes the connection, because there is no other way to tell. Topics are not created here, as in
//! Kafka. Transactional produces get INVALID_TXN_STATE, because there are no transactions yet.
//!
//! Codes: 1-record checks of the batch (2, 10, 32, 42, 76, 87), sequences (45, 47), 3, 17 for an internal topic, 100, 21, 48, 56.

mod plan;
mod response;

use std::sync::Arc;

use chronik_policy::{Answer, Call, CloseReason, Reply};
use chronik_types::ErrorCode;
use chronik_wire::hot::produce::ProduceRequest;

use self::plan::Plan;
use super::Context;

/// The version from which zstd may be used (KIP-110).
const ZSTD_SINCE: i16 = 7;

/// Answers a call. Takes the whole of it, to give up the turn before the answer is there.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { header, body, turn, .. } = call;
    let version = header.api_version;
    let request = match ProduceRequest::decode(version, body) {
        Ok(request) => request,
        Err(malformed) => return Reply::Close(malformed.into()),
    };
    let acks = request.acks;
    let (plan, batches) = Plan::of(&context.broker, version, request);
    let batches = chronik_broker::ProduceRequest { batches, zstd_allowed: version >= ZSTD_SINCE };
    let submitted = context.broker.submit(batches).await;
    drop(turn);
    let results = submitted.committed(&context.broker).await;
    let error = plan.first_error(&results);
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

/// Whether a client may ask for this many acknowledgements.
fn is_acks(acks: i16) -> bool {
    (-1..=1).contains(&acks)
}

/// Why a partition of a request does not get to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Acks,
    Transactional,
    UnknownTopic,
    UnknownTopicId,
    UnknownPartition,
    InternalTopic,
}

impl Refusal {
    const fn code(self) -> ErrorCode {
        match self {
            Self::Acks => ErrorCode::InvalidRequiredAcks,
            Self::Transactional => ErrorCode::InvalidTxnState,
            Self::UnknownTopic | Self::UnknownPartition => ErrorCode::UnknownTopicOrPartition,
            Self::UnknownTopicId => ErrorCode::UnknownTopicId,
            Self::InternalTopic => ErrorCode::InvalidTopicException,
        }
    }

    const fn message(self) -> Option<&'static str> {
        match self {
            Self::Acks => Some("acks must be -1, 0 or 1"),
            Self::Transactional => Some("this gateway has no transactions"),
            Self::InternalTopic => Some("the topic is internal, nobody can write to it"),
            Self::UnknownTopic | Self::UnknownTopicId | Self::UnknownPartition => None,
        }
    }
}
