//! Changes of groups, as lines of a dump.

use chronik_state::Change;

use crate::dump::line::Line;
use crate::dump::transactions;

/// Describes a change of a group; another one is for [`transactions`].
pub(super) fn describe(line: Line, change: &Change) -> Line {
    match change {
        Change::CommitOffsets(commit) => line
            .text("change", "commit_offsets")
            .text("group", commit.group_id.as_str())
            .number("offsets", commit.offsets.len()),
        Change::StoreClassicGroup(store) => line
            .text("change", "store_classic_group")
            .text("group", store.group_id.as_str())
            .number("generation", store.group.generation.get())
            .number("members", store.group.members.len()),
        Change::DeleteOffsets(delete) => line
            .text("change", "delete_offsets")
            .text("group", delete.group_id.as_str())
            .number("offsets", delete.partitions.len()),
        Change::DeleteGroup { group_id } => {
            line.text("change", "delete_group").text("group", group_id.as_str())
        }
        Change::ExpireOffsets(expire) => line
            .text("change", "expire_offsets")
            .number("groups", expire.group_ids.len())
            .number("retention_ms", expire.retention_ms),
        Change::ConsumerGroupHeartbeat(heartbeat) => line
            .text("change", "consumer_group_heartbeat")
            .text("group", heartbeat.group_id.as_str())
            .text("member", heartbeat.member_id.as_str())
            .number("epoch", heartbeat.epoch.get()),
        Change::RemoveConsumerMembers(remove) => line
            .text("change", "remove_consumer_members")
            .text("group", remove.group_id.as_str())
            .number("members", remove.members.len()),
        Change::JoinConsumerGroup(join) => line
            .text("change", "join_consumer_group")
            .text("group", join.group_id.as_str())
            .text("member", join.member_id.as_str()),
        change => transactions::describe(line, change),
    }
}
