//! InitProducerId (22), versions 0 to 5. KIP-98, KIP-360.
//!
//! Hands out an id to an idempotent producer. A transactional one gets its id and the next epoch, which fences all before
//! it; what they left open is aborted at the same place of the journal, so that the answer is never
//! CONCURRENT_TRANSACTIONS because of that. Codes: 42, 44, 47 (90 from version 4 on), 50, and what a change can fail with.

use std::sync::Arc;

use chronik_types::{ErrorCode, ProducerEpoch, ProducerId, TransactionalId};
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId as WireProducerId};

use super::transactional::known_code;
use super::{Context, Request, Response};

/// The version whose clients know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 4;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<InitProducerIdRequest>,
) -> Response<InitProducerIdResponse> {
    let Request { message, version, .. } = request;
    match producer_id(&context, &message).await {
        Ok((producer_id, epoch)) => Response::ok(response(ErrorCode::None, producer_id, epoch)),
        Err(error) => {
            let error = known_code(error, version >= FENCED_SINCE);
            Response { message: response(error, ProducerId::NONE, ProducerEpoch::NONE), error }
        }
    }
}

async fn producer_id(
    context: &Context,
    asked: &InitProducerIdRequest,
) -> Result<(ProducerId, ProducerEpoch), ErrorCode> {
    // A producer that has an id names its epoch too. Without a transactional id it gets a new one all the same.
    let expected = match (asked.producer_id.0, asked.producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return Err(ErrorCode::InvalidRequest),
        (id, epoch) => Some((ProducerId::new(id), ProducerEpoch::new(epoch))),
    };
    let Some(transactional_id) = asked.transactional_id.as_deref() else {
        let id = context.broker.allocate_producer_id().await.map_err(|error| error.error_code())?;
        return Ok((id, ProducerEpoch::ZERO));
    };
    if transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let timeout_ms = asked.transaction_timeout_ms;
    let max_timeout = context.broker.settings().transactions.max_timeout.as_millis();
    if timeout_ms <= 0 || u128::from(timeout_ms.unsigned_abs()) > max_timeout {
        return Err(ErrorCode::InvalidTransactionTimeout);
    }
    let transactional_id = TransactionalId::new(transactional_id);
    let initialized =
        context.broker.init_transactional_producer(transactional_id, timeout_ms, expected).await;
    let initialized = initialized.map_err(|error| error.error_code())?;
    Ok((initialized.producer_id, initialized.producer_epoch))
}

fn response(error: ErrorCode, producer_id: ProducerId, epoch: ProducerEpoch) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(WireProducerId(producer_id.get()))
        .with_producer_epoch(epoch.get())
}
