//! LeaveGroup (13), versions 0 to 5. KIP-345, KIP-800.
//!
//! From version 3 on several members at once. An operator names a static member by its instance alone. Codes: 24, 25, 82,
//! and what storing an empty group can fail with.

use std::sync::Arc;

use chronik_broker::Leaving;
use chronik_types::ErrorCode;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::group_words::{group_id, kept, member};
use super::{Context, Request, Response};

/// The first version with several members (KIP-345).
const MANY_SINCE: i16 = 3;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<LeaveGroupRequest>,
) -> Response<LeaveGroupResponse> {
    let LeaveGroupRequest { group_id: group, member_id, members, .. } = request.message;
    let members = if request.version < MANY_SINCE {
        vec![MemberIdentity::default().with_member_id(member_id)]
    } else {
        members
    };
    let leaving: Vec<_> = members
        .iter()
        .map(|one| Leaving {
            who: member(&one.member_id, one.group_instance_id.as_ref()),
            reason: one.reason.as_ref().map(kept),
        })
        .collect();
    let left = match context.broker.leave_group(&group_id(&group), &leaving).await {
        Ok(left) => left,
        Err(error) => {
            let error = error.error_code();
            return Response { message: LeaveGroupResponse::default().with_error_code(error.code()), error };
        }
    };
    let codes =
        left.iter().map(|left| left.as_ref().map_or_else(|error| error.error_code(), |()| ErrorCode::None));
    let codes: Vec<i16> = codes.map(ErrorCode::code).collect();
    let message = if request.version < MANY_SINCE {
        LeaveGroupResponse::default().with_error_code(codes.first().copied().unwrap_or_default())
    } else {
        let responses = members.into_iter().zip(&codes).map(|(one, code)| {
            MemberResponse::default()
                .with_member_id(one.member_id)
                .with_group_instance_id(one.group_instance_id)
                .with_error_code(*code)
        });
        LeaveGroupResponse::default().with_members(responses.collect())
    };
    Response::with_errors(message, codes)
}
