//! EndTxn (26), versions 0 to 5. KIP-98, KIP-588, KIP-890.
//!
//! Commits or aborts a transaction at one place of the journal, in all its partitions and groups; the answer comes when it
//! has taken effect. From version 5 on the producer gets its next epoch with the answer. A request that is repeated gets the same
//! answer. Codes: 42, 47 (90 from version 2 on), 48, 49, 15.

use std::sync::Arc;

use chronik_state::EndedBy;
use chronik_types::ErrorCode;
use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse};

use super::transactional::{claim, known_code};
use super::{Context, Request, Response};

/// The version whose clients know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// The version from which each transaction has an epoch of its own.
const BUMPS_SINCE: i16 = 5;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<EndTxnRequest>,
) -> Response<EndTxnResponse> {
    let Request { message, version, .. } = request;
    let response = EndTxnResponse::default();
    let refused = |error: ErrorCode| {
        let error = known_code(error, version >= FENCED_SINCE);
        Response { message: EndTxnResponse::default().with_error_code(error.code()), error }
    };
    if message.transactional_id.is_empty() {
        return refused(ErrorCode::InvalidRequest);
    }
    let claim = claim(&message.transactional_id, message.producer_id.0, message.producer_epoch);
    let ended_by = if version >= BUMPS_SINCE { EndedBy::ProducerWithBump } else { EndedBy::Producer };
    match context.broker.end_txn(claim, ended_by, message.committed).await {
        Ok(ended) if version >= BUMPS_SINCE => Response::ok(
            response
                .with_producer_id(ended.producer_id.get().into())
                .with_producer_epoch(ended.producer_epoch.get()),
        ),
        Ok(_) => Response::ok(response),
        Err(error) => refused(error.error_code()),
    }
}
