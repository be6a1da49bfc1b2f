//! InitProducerId (22), versions 0 to 5. KIP-98, KIP-360.
//!
//! Hands out an id to an idempotent producer. There are no transactions yet: a transactional id gets UNSUPPORTED_VERSION,
//! which clients report as it is and do not retry. Codes: 35, 42, and what a change can fail with.

use std::sync::Arc;

use chronik_types::{ErrorCode, ProducerEpoch, ProducerId};
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId as WireProducerId};

use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<InitProducerIdRequest>,
) -> Response<InitProducerIdResponse> {
    match producer_id(&context, &request.message).await {
        Ok(producer_id) => Response::ok(response(ErrorCode::None, producer_id, ProducerEpoch::ZERO)),
        Err(error) => {
            let message = response(error, ProducerId::NONE, ProducerEpoch::NONE);
            Response { message, error }
        }
    }
}

async fn producer_id(context: &Context, asked: &InitProducerIdRequest) -> Result<ProducerId, ErrorCode> {
    match asked.transactional_id.as_deref() {
        Some(id) if id.is_empty() => return Err(ErrorCode::InvalidRequest),
        Some(_) => return Err(ErrorCode::UnsupportedVersion),
        None => {}
    }
    // A producer that has an id names its epoch too. Without a transactional id it gets a new one all the same.
    if (asked.producer_id.0 == -1) != (asked.producer_epoch == -1) {
        return Err(ErrorCode::InvalidRequest);
    }
    context.broker.allocate_producer_id().await.map_err(|error| error.error_code())
}

fn response(error: ErrorCode, producer_id: ProducerId, epoch: ProducerEpoch) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(WireProducerId(producer_id.get()))
        .with_producer_epoch(epoch.get())
}
