//! DeleteGroups (42), versions 0 to 2. KIP-229.
//!
//! A group goes with its offsets. Codes: NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, and what a change can fail with.

use std::collections::HashSet;
use std::sync::Arc;

use chronik_types::ErrorCode;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::group_words::group_id;
use super::together::together;
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DeleteGroupsRequest>,
) -> Response<DeleteGroupsResponse> {
    let mut seen = HashSet::new();
    let asked = request.message.groups_names.into_iter().filter(|id| seen.insert(id.clone()));
    let broker = &context.broker;
    let results = together(asked.map(async |id| {
        let deleted = broker.delete_group(group_id(&id)).await;
        let error = deleted.map_or_else(|error| error.error_code(), |()| ErrorCode::None);
        DeletableGroupResult::default().with_group_id(id).with_error_code(error.code())
    }))
    .await;
    let errors: Vec<i16> = results.iter().map(|result| result.error_code).collect();
    Response::with_errors(DeleteGroupsResponse::default().with_results(results), errors)
}
