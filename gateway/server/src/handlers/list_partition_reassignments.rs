//! ListPartitionReassignments (46), version 0 (KIP-455).
//!
//! The storage keeps the copies of a partition, so that none is ever being moved: the answer is empty for every request,
//! as Kafka's is when nothing moves, also for topics that do not exist.

use std::sync::Arc;

use kafka_protocol::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    _context: Arc<Context>,
    _request: Request<ListPartitionReassignmentsRequest>,
) -> Response<ListPartitionReassignmentsResponse> {
    Response::ok(ListPartitionReassignmentsResponse::default().with_error_message(None))
}
