//! DescribeGroups (15), versions 0 to 6. KIP-345, KIP-430, KIP-1043.
//!
//! A group that is not there is `Dead`; from version 6 on that is GROUP_ID_NOT_FOUND. A group that is named twice is
//! described once: what its members brought is copied.

use std::sync::Arc;

use bytes::Bytes;
use chronik_broker::{ClassicState, CoordinatorError, DescribedGroup, DescribedMember};
use chronik_state::GroupError;
use kafka_protocol::messages::describe_groups_response::{
    DescribedGroup as WireDescribedGroup, DescribedGroupMember,
};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId as WireGroupId};
use kafka_protocol::protocol::StrBytes;

use super::group_words::{describe_once, group_id, text};
use super::{Context, Request, Response, operations};

/// The first version with authorized operations (KIP-430).
const OPERATIONS_SINCE: i16 = 3;
/// The first version with instances (KIP-345).
const INSTANCE_SINCE: i16 = 4;
/// The first version in which a group that is not there is an error (KIP-1043).
const UNKNOWN_GROUP_SINCE: i16 = 6;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeGroupsRequest>,
) -> Response<DescribeGroupsResponse> {
    let DescribeGroupsRequest { groups, include_authorized_operations, .. } = request.message;
    let version = request.version;
    let with_operations = include_authorized_operations && version >= OPERATIONS_SINCE;
    let is_consumer_group = |id: &str| {
        context.broker.state(|state| state.group(id).is_some_and(|group| group.consumer().is_some()))
    };
    let describe = |id: WireGroupId| match context.broker.describe_group(&group_id(&id)) {
        Ok(group) => described(version, group, with_operations).with_group_id(id),
        Err(CoordinatorError::Refused(GroupError::UnknownGroup)) => {
            let why = if is_consumer_group(&id) { "is not a classic group" } else { "not found" };
            unknown(version, id, why, with_operations)
        }
        Err(error) => WireDescribedGroup::default()
            .with_error_code(error.error_code().code())
            .with_authorized_operations(operations::NOT_ASKED)
            .with_group_id(id),
    };
    let groups = describe_once(groups, describe).await;
    let errors: Vec<i16> = groups.iter().map(|group| group.error_code).collect();
    Response::with_errors(DescribeGroupsResponse::default().with_groups(groups), errors)
}

fn described(version: i16, group: DescribedGroup, with_operations: bool) -> WireDescribedGroup {
    WireDescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_protocol_type(text(&group.protocol_type))
        .with_protocol_data(text(&group.protocol))
        .with_members(group.members.into_iter().map(|member| described_member(version, member)).collect())
        .with_authorized_operations(operations::if_asked(with_operations, operations::GROUP))
}

fn unknown(version: i16, id: WireGroupId, why: &str, with_operations: bool) -> WireDescribedGroup {
    let dead =
        WireDescribedGroup::default().with_group_state(StrBytes::from_static_str(ClassicState::Dead.name()));
    if version < UNKNOWN_GROUP_SINCE {
        return dead
            .with_group_id(id)
            .with_authorized_operations(operations::if_asked(with_operations, operations::GROUP));
    }
    let message = format!("Group {} {why}.", id.as_str());
    dead.with_group_id(id)
        .with_error_code(GroupError::UnknownGroup.error_code().code())
        .with_error_message(Some(StrBytes::from_string(message)))
        .with_authorized_operations(operations::NOT_ASKED)
}

fn described_member(version: i16, member: DescribedMember) -> DescribedGroupMember {
    let instance_id = member.instance_id.filter(|_| version >= INSTANCE_SINCE);
    DescribedGroupMember::default()
        .with_member_id(text(member.member_id.as_str()))
        .with_group_instance_id(instance_id.map(|id| text(id.as_str())))
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(Bytes::copy_from_slice(&member.assignment))
}
