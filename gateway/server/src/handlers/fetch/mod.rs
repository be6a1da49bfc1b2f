//! Fetch (1), versions 4 to 18. KIP-74, KIP-98, KIP-227, KIP-320, KIP-516, KIP-595 (diverging epochs).
//!
//! The request names partitions, or changes the set that a session remembers (`session`). What there is is read at once
//! (`read`); when it is less than the client wants, the fetch waits until enough has been appended, its time is up, or
//! the connection ends, and reads again. A fetch that waits gives the memory of its request back, and what it keeps is
//! counted apart: when there is no room for it, it answers at once. Records go from storage to the socket in pieces that are never joined.
//!
//! Partial: there are no followers, so a replica id is refused; preferred replicas and snapshots are never named. Codes: 1, 2, 3, 29, 42, 56, 70, 71, 74, 75, 100, 106.

mod cache;
mod interest;
mod read;
mod response;
mod session;

use std::sync::Arc;
use std::time::Duration;

use chronik_policy::{Answer, Call, CloseReason, Reply, Reservation};
use chronik_types::{ErrorCode, IsolationLevel};
use chronik_wire::hot::fetch::FetchRequest;
use chronik_wire::response::{EncodeError, Segments};

pub(crate) use self::cache::SessionCache;
use self::read::{Limits, Poll};
use self::response::Builder;
use super::Context;

/// Answers a call. Takes the whole of it, to let the next request start while this one waits for records.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { header, body, turn, connection, reservation, .. } = call;
    let version = header.api_version;
    let request = match FetchRequest::decode(version, body) {
        Ok(request) => request,
        Err(malformed) => return Reply::Close(malformed.into()),
    };
    let builder = Builder { version, correlation_id: header.correlation_id };
    let Some(limits) = limits(&context, &request) else {
        return builder.refused(ErrorCode::InvalidRequest);
    };
    // A broker, that is, a replica that follows (CVE-2018-1288: it would pass by what is checked of clients).
    if request.is_from_replica {
        return builder.each_refused(&request, ErrorCode::TopicAuthorizationFailed);
    }
    let mut subject = match context.fetch_sessions.begin(&context.broker, version, request) {
        Ok(subject) => subject,
        Err(error) => return builder.refused(error),
    };
    drop(turn);
    // It holds on to the frame.
    drop(header);
    let kept = subject.kept(reservation.as_ref().map_or(0, Reservation::bytes));
    let poll = Poll {
        broker: &context.broker,
        memory: context.answer_memory.bytes(),
        connection: &connection,
        element_memory: &context.element_memory,
        waiting_memory: &context.waiting_memory,
        interests: &subject.interests,
        kept,
        limits,
    };
    let mut round = poll.run(reservation, &connection.closing).await;
    subject.tell(&mut round.found);
    connection.hold_answer_bytes(round.reservation.as_ref().map_or(0, Reservation::bytes));
    builder.found(subject.session_id(), limits.isolation, round)
}

fn reply(
    segments: Result<Segments, EncodeError>,
    error: ErrorCode,
    reservation: Option<Reservation>,
) -> Reply {
    match segments {
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
