//! Names and ids of groups and members, from the wire and to it. What comes from a request is copied: groups outlive it.

use std::collections::HashSet;

use chronik_broker::MemberIdentity;
use chronik_types::{ErrorCode, GroupId, GroupInstanceId, MemberId};
use kafka_protocol::messages::GroupId as WireGroupId;
use kafka_protocol::protocol::StrBytes;
use tokio::task::coop::consume_budget;

/// The name of a group.
pub(super) fn group_id(id: &WireGroupId) -> GroupId {
    GroupId::new(id)
}

/// Describes each group once, however often it is named; other tasks may go on between two.
pub(super) async fn describe_once<D>(
    ids: Vec<WireGroupId>,
    mut describe: impl FnMut(WireGroupId) -> D,
) -> Vec<D> {
    let (mut seen, mut described) = (HashSet::new(), Vec::new());
    for id in ids {
        consume_budget().await;
        if seen.insert(id.clone()) {
            described.push(describe(id));
        }
    }
    described
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

/// What a client wants to remember with an offset; null is nothing. It is refused when it is longer than `max`, counted as
/// Kafka does: in the UTF-16 units of Java.
pub(super) fn offset_metadata(asked: Option<&StrBytes>, max: usize) -> Result<Box<str>, ErrorCode> {
    let metadata = asked.map_or("", StrBytes::as_str);
    if metadata.encode_utf16().count() > max {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    Ok(metadata.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_of_offsets_is_counted_as_in_java() {
        let kept =
            |metadata: &'static str, max| offset_metadata(Some(&StrBytes::from_static_str(metadata)), max);
        assert_eq!(kept("abcd", 4).as_deref(), Ok("abcd"));
        assert_eq!(kept("abcde", 4), Err(ErrorCode::OffsetMetadataTooLarge));
        // Two and three bytes in UTF-8, and one unit each; four bytes, and two units.
        assert_eq!(kept("éééé", 4).as_deref(), Ok("éééé"));
        assert_eq!(kept("日本語日", 4).as_deref(), Ok("日本語日"));
        assert_eq!(kept("🦀🦀", 4).as_deref(), Ok("🦀🦀"));
        assert_eq!(kept("🦀🦀🦀", 4), Err(ErrorCode::OffsetMetadataTooLarge));
        assert_eq!(offset_metadata(None, 0).as_deref(), Ok(""));
    }
}
