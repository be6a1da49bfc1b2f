//! Names and ids of groups and members, from the wire and to it. What comes from a request is copied: groups outlive it.

use chronik_broker::MemberIdentity;
use chronik_types::{GroupId, GroupInstanceId, MemberId};
use kafka_protocol::messages::GroupId as WireGroupId;
use kafka_protocol::protocol::StrBytes;

/// The name of a group.
pub(super) fn group_id(id: &WireGroupId) -> GroupId {
    GroupId::new(id)
}

/// The name of a group, for an answer.
pub(super) fn wire_group_id(id: &GroupId) -> WireGroupId {
    WireGroupId(text(id.as_str()))
}

/// Who a member says it is.
pub(super) fn member(member_id: &StrBytes, instance_id: Option<&StrBytes>) -> MemberIdentity {
    let instance_id = instance_id.map(|id| GroupInstanceId::new(id));
    MemberIdentity { member_id: MemberId::new(member_id), instance_id }
}

/// A text for an answer.
pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A text of a request that outlives it.
pub(super) fn kept(text: &StrBytes) -> Box<str> {
    text.as_str().into()
}
