//! JoinGroup (11), versions 0 to 9. KIP-62, KIP-345, KIP-394, KIP-559, KIP-800, KIP-814.
//!
//! Waits until the rebalance that the member begins, or joins, is over. When the gateway stops before, the member is told to
//! look for its coordinator. Codes: 16, 23, 24, 25, 26, 79, 81, 82, and what storing a group can fail with.

use std::sync::Arc;

use chronik_broker::{JoinRefusal, JoinRequest, Joined};
use chronik_state::MemberProtocol;
use chronik_types::ErrorCode;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;

use super::group_words::{group_id, kept, member, text};
use super::{Context, Request, Response};

/// The first version in which a member says how long it may take to rebalance (KIP-62).
const REBALANCE_TIMEOUT_SINCE: i16 = 1;
/// The first version in which a new member is given its id before it joins (KIP-394).
const KNOWN_MEMBER_ID_SINCE: i16 = 4;
/// The first version with instances (KIP-345).
const INSTANCE_SINCE: i16 = 5;
/// The first version that answers a protocol type, and in which the protocol can be null (KIP-559).
const PROTOCOL_TYPE_SINCE: i16 = 7;
/// The first version in which a leader can be told to skip the assignment (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<JoinGroupRequest>,
) -> Response<JoinGroupResponse> {
    let version = request.version;
    let closing = request.connection.closing.clone();
    let member_id = text(&request.message.member_id);
    let joining = context.broker.join_group(asked(request));
    let joined = tokio::select! {
        biased;
        joined = joining => joined,
        () = closing.cancelled() => {
            let error = ErrorCode::NotCoordinator;
            return Response { message: refusal(version, error, &member_id), error };
        }
    };
    match joined {
        Ok(joined) => Response::ok(response(version, joined)),
        Err(JoinRefusal { error, member_id }) => {
            let error = error.error_code();
            Response { message: refusal(version, error, &text(member_id.as_str())), error }
        }
    }
}

/// What the group is asked. The request ends here, and its memory is given back before the wait: what the group keeps is
/// counted there.
fn asked(request: Request<JoinGroupRequest>) -> JoinRequest {
    let Request { message: asked, version, client_id, connection, counted: _given_back } = request;
    let who = member(&asked.member_id, asked.group_instance_id.as_ref());
    let protocol = |protocol: &kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol| {
        MemberProtocol { name: kept(&protocol.name), metadata: Box::from(&protocol.metadata[..]) }
    };
    JoinRequest {
        group_id: group_id(&asked.group_id),
        member_id: who.member_id,
        instance_id: who.instance_id,
        client_id: client_id.as_ref().map(kept).unwrap_or_default(),
        // As Java writes an address without a name.
        client_host: format!("/{}", connection.peer.ip()).into(),
        session_timeout_ms: asked.session_timeout_ms,
        rebalance_timeout_ms: if version >= REBALANCE_TIMEOUT_SINCE {
            asked.rebalance_timeout_ms
        } else {
            asked.session_timeout_ms
        },
        protocol_type: kept(&asked.protocol_type),
        protocols: asked.protocols.iter().map(protocol).collect(),
        reason: asked.reason.as_ref().map(kept),
        requires_known_member_id: version >= KNOWN_MEMBER_ID_SINCE,
        supports_skipping_assignment: version >= SKIP_ASSIGNMENT_SINCE,
    }
}

fn response(version: i16, joined: Joined) -> JoinGroupResponse {
    let protocol_name = joined.protocol_name.as_deref().map(text);
    let members = joined.members.into_iter().map(|member| {
        let instance_id = member.instance_id.filter(|_| version >= INSTANCE_SINCE);
        JoinGroupResponseMember::default()
            .with_member_id(text(member.member_id.as_str()))
            .with_group_instance_id(instance_id.map(|id| text(id.as_str())))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(
            joined.protocol_type.as_deref().filter(|_| version >= PROTOCOL_TYPE_SINCE).map(text),
        )
        .with_protocol_name(null_or_empty(version, protocol_name))
        .with_leader(joined.leader.map(|leader| text(leader.as_str())).unwrap_or_default())
        .with_skip_assignment(joined.skip_assignment && version >= SKIP_ASSIGNMENT_SINCE)
        .with_member_id(text(joined.member_id.as_str()))
        .with_members(members.collect())
}

fn refusal(version: i16, error: ErrorCode, member_id: &StrBytes) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_protocol_type(None)
        .with_protocol_name(null_or_empty(version, None))
        .with_member_id(member_id.clone())
}

fn null_or_empty(version: i16, protocol: Option<StrBytes>) -> Option<StrBytes> {
    if version >= PROTOCOL_TYPE_SINCE { protocol } else { Some(protocol.unwrap_or_default()) }
}
