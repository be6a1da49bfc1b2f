//! Heartbeat (12), versions 0 to 4. KIP-345.
//!
//! Touches memory alone. Codes: 22, 24, 25, 27, 82.

use std::sync::Arc;

use chronik_types::ErrorCode;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use super::group_words::{group_id, member};
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<HeartbeatRequest>,
) -> Response<HeartbeatResponse> {
    let asked = request.message;
    let who = member(&asked.member_id, asked.group_instance_id.as_ref());
    let beat = context.broker.heartbeat_group(&group_id(&asked.group_id), &who, asked.generation_id);
    let error = beat.map_or_else(|error| error.error_code(), |()| ErrorCode::None);
    Response { message: HeartbeatResponse::default().with_error_code(error.code()), error }
}
