//! Fetch (1), versions 4 to 18. KIP-74, KIP-98, KIP-227, KIP-320, KIP-516, KIP-595 (diverging epochs).
//!
//! The request names partitions, or changes the set that a session remembers (`session`). What there is is read at once
//! (`read`); when it is less than the client wants, the fetch waits until enough has been appended, its time is up, or
//! the connection ends, and reads again. Records go from storage to the socket in pieces that are never joined.
//!
//! Partial: there are no followers, so a replica id is refused; preferred replicas and snapshots are never named, and
//! aborted transactions are always none. Codes: 1, 2, 3, 29, 42, 56, 70, 71, 74, 75, 100, 106.

mod cache;
mod interest;
mod read;
mod response;
mod session;

use std::sync::Arc;
use std::time::Duration;

use chronik_policy::{Answer, Call, CloseReason, Reply};
use chronik_types::{ErrorCode, IsolationLevel};
use chronik_wire::request::decode_request;
use chronik_wire::response::encode_fetch_response;
use kafka_protocol::messages::FetchRequest;

pub(crate) use self::cache::SessionCache;
use self::read::{Limits, Poll};
use self::response::Built;
use super::Context;

/// Answers a call. Takes the whole of it, to let the next request start while this one waits for records.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { header, mut body, turn, connection, reservation, .. } = call;
    let version = header.api_version;
    let request: FetchRequest = match decode_request(version, &mut body) {
        Ok(request) => request,
        Err(malformed) => return Reply::Close(malformed.into()),
    };
    drop(body);
    let Some(limits) = limits(&context, &request) else {
        return encode(version, header.correlation_id, response::refused(ErrorCode::InvalidRequest));
    };
    if is_from_replica(&request) {
        let refused = response::each_refused(request, ErrorCode::TopicAuthorizationFailed);
        return encode(version, header.correlation_id, refused);
    }
    let subject = match context.fetch_sessions.begin(&context.broker, version, request) {
        Ok(subject) => subject,
        Err(error) => return encode(version, header.correlation_id, response::refused(error)),
    };
    drop(turn);
    // What the client asked for is small and copied where it lives on; a long wait must not hold its memory.
    drop(reservation);
    let poll = Poll {
        broker: &context.broker,
        memory: &context.answer_memory,
        interests: &subject.interests,
        limits,
    };
    let round = poll.run(&connection.closing).await;
    let session_id = subject.session_id();
    let told = subject.finish(round.found);
    let built = Built { reservation: round.reservation, ..response::of(session_id, limits.isolation, told) };
    encode(version, header.correlation_id, built)
}

fn encode(version: i16, correlation_id: i32, built: Built) -> Reply {
    let Built { message, records, error, reservation } = built;
    match encode_fetch_response(version, correlation_id, message, &records) {
        Ok(segments) => Reply::Answer(Answer { reservation, ..Answer::new(segments, error) }),
        Err(error) => Reply::Close(CloseReason::Unencodable(error)),
    }
}

/// What bounds the fetch; `None` when the isolation level is unknown.
fn limits(context: &Context, request: &FetchRequest) -> Option<Limits> {
    let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
    Some(Limits {
        min_bytes: size(request.min_bytes),
        max_bytes: size(request.max_bytes).min(context.broker.settings().limits.fetch_max_bytes.as_usize()),
        max_wait: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        isolation: IsolationLevel::from_id(request.isolation_level)?,
    })
}

/// Whether a broker asks, that is, a replica that follows (CVE-2018-1288: it would pass by what is checked of clients).
fn is_from_replica(request: &FetchRequest) -> bool {
    request.replica_id.0 >= 0 || request.replica_state.replica_id.0 >= 0
}
