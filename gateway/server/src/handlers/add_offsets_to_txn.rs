//! AddOffsetsToTxn (25), versions 0 to 4. KIP-98, KIP-588.
//!
//! The offsets of a group join the open transaction of a producer, or begin one. Codes: 24, 42, 44, 47 (90 from version 2
//! on), 49, 15.

use std::sync::Arc;

use chronik_types::{ErrorCode, GroupId};
use kafka_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::transactional::{claim, known_code};
use super::{Context, Request, Response};

/// The version whose clients know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<AddOffsetsToTxnRequest>,
) -> Response<AddOffsetsToTxnResponse> {
    let Request { message, version, .. } = request;
    let added = add(&context, &message).await;
    let error = known_code(added.err().unwrap_or(ErrorCode::None), version >= FENCED_SINCE);
    Response { message: AddOffsetsToTxnResponse::default().with_error_code(error.code()), error }
}

async fn add(context: &Context, asked: &AddOffsetsToTxnRequest) -> Result<(), ErrorCode> {
    if asked.transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    if asked.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let claim = claim(&asked.transactional_id, asked.producer_id.0, asked.producer_epoch);
    let added = context.broker.add_offsets_to_txn(claim, GroupId::new(&asked.group_id)).await;
    added.map_err(|error| error.error_code())
}
