//! SyncGroup (14), versions 0 to 5. KIP-345, KIP-559.
//!
//! Waits until the leader has brought the assignment and it is stored. When the gateway stops before, the member is told to
//! look for its coordinator. Codes: 15, 16, 22, 23, 24, 25, 27, 81, 82, -1.

use std::sync::Arc;

use bytes::Bytes;
use chronik_broker::SyncRequest;
use chronik_types::{ErrorCode, MemberId};
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::group_words::{group_id, kept, member, text};
use super::{Context, Request, Response};

/// The first version in which both sides say what the protocol is (KIP-559).
const PROTOCOL_SINCE: i16 = 5;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<SyncGroupRequest>,
) -> Response<SyncGroupResponse> {
    let version = request.version;
    let message = &request.message;
    if version >= PROTOCOL_SINCE && (message.protocol_type.is_none() || message.protocol_name.is_none()) {
        return refused(ErrorCode::InconsistentGroupProtocol);
    }
    let closing = request.connection.closing.clone();
    let synced = tokio::select! {
        biased;
        synced = context.broker.sync_group(asked(request)) => synced,
        () = closing.cancelled() => return refused(ErrorCode::NotCoordinator),
    };
    match synced {
        Ok(synced) => {
            let told =
                |word: Option<Box<str>>| word.filter(|_| version >= PROTOCOL_SINCE).as_deref().map(text);
            let response = SyncGroupResponse::default()
                .with_protocol_type(told(synced.protocol_type))
                .with_protocol_name(told(synced.protocol_name))
                .with_assignment(Bytes::copy_from_slice(&synced.assignment));
            Response::ok(response)
        }
        Err(error) => refused(error.error_code()),
    }
}

fn refused(error: ErrorCode) -> Response<SyncGroupResponse> {
    Response { message: SyncGroupResponse::default().with_error_code(error.code()), error }
}

/// What the group is asked. The request ends here, and its memory is given back before the wait: what the group keeps is
/// counted there.
fn asked(request: Request<SyncGroupRequest>) -> SyncRequest {
    let asked = &request.message;
    let assignments = asked.assignments.iter();
    SyncRequest {
        group_id: group_id(&asked.group_id),
        who: member(&asked.member_id, asked.group_instance_id.as_ref()),
        generation: asked.generation_id,
        protocol_type: asked.protocol_type.as_ref().map(kept),
        protocol_name: asked.protocol_name.as_ref().map(kept),
        assignments: assignments
            .map(|one| (MemberId::new(&one.member_id), one.assignment[..].into()))
            .collect(),
    }
}
