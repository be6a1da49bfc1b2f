//! ListGroups (16), versions 0 to 5. KIP-518, KIP-848.
//!
//! Version 4 asks for states, version 5 for kinds of groups; neither minds upper and lower case. No codes.

use std::sync::Arc;

use chronik_broker::ListedGroup;
use kafka_protocol::messages::list_groups_response::ListedGroup as WireListedGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;

use super::group_words::{text, wire_group_id};
use super::{Context, Request, Response};

/// The first version that tells the state (KIP-518).
const STATE_SINCE: i16 = 4;
/// The first version that tells the kind (KIP-848).
const KIND_SINCE: i16 = 5;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ListGroupsRequest>,
) -> Response<ListGroupsResponse> {
    let ListGroupsRequest { states_filter, types_filter, .. } = request.message;
    let version = request.version;
    let is_asked_for = |group: &ListedGroup| {
        is_among(&states_filter, group.state) && is_among(&types_filter, group.kind.name())
    };
    let listed = |group: ListedGroup| {
        let state = if version >= STATE_SINCE { group.state } else { "" };
        let kind = if version >= KIND_SINCE { group.kind.name() } else { "" };
        WireListedGroup::default()
            .with_group_id(wire_group_id(&group.group_id))
            .with_protocol_type(text(&group.protocol_type))
            .with_group_state(StrBytes::from_static_str(state))
            .with_group_type(StrBytes::from_static_str(kind))
    };
    let groups = context.broker.list_groups().into_iter().filter(is_asked_for).map(listed).collect();
    Response::ok(ListGroupsResponse::default().with_groups(groups))
}

/// No filter lets everything through.
fn is_among(filter: &[StrBytes], word: &str) -> bool {
    filter.is_empty() || filter.iter().any(|asked| asked.trim().eq_ignore_ascii_case(word))
}
