//! How much memory the names of groups and their offsets take, about: so that a flood of them can be refused in time. The
//! sums are kept as the state changes; the members are weighed elsewhere (`consumer/weight`, and the broker core).

use std::collections::BTreeMap;
use std::mem::size_of;

use chronik_types::{GroupId, ProducerId, TopicPartition};

use super::offsets::KeptBack;
use super::{CommitOffsets, CommittedOffset, Group, Groups};
use crate::memory::{ARC_HEADER, tree_entry};

/// A producer whose offsets wait, without them.
pub(super) const PRODUCER: usize = tree_entry(size_of::<(ProducerId, BTreeMap<TopicPartition, KeptBack>)>());

/// How much memory a group takes, about, without its members and offsets.
#[must_use]
pub fn group_name_bytes(id: &GroupId) -> usize {
    ARC_HEADER + id.as_str().len() + tree_entry(size_of::<(GroupId, Group)>())
}

impl CommittedOffset {
    /// With its place in the group.
    pub(super) fn bytes(&self) -> usize {
        tree_entry(size_of::<(TopicPartition, Self)>()) + self.metadata.len()
    }
}

impl KeptBack {
    /// With its place in the group.
    pub(super) fn bytes(&self) -> usize {
        let metadata = self.offset.as_ref().map_or(0, |offset| offset.metadata.len());
        tree_entry(size_of::<(TopicPartition, Self)>()) + metadata
    }
}

impl CommitOffsets {
    /// Bytes by which the names and offsets of all groups become more, at most, if this is applied; 0 when it only takes the
    /// place of as much. In a transaction the offsets come on top of those that they replace.
    #[must_use]
    pub fn growth(&self, group: Option<&Group>, in_transaction: bool) -> usize {
        let new_group = if group.is_none() { group_name_bytes(&self.group_id) } else { 0 };
        if in_transaction {
            let kept_back = tree_entry(size_of::<(TopicPartition, KeptBack)>());
            let offsets = self.offsets.iter().map(|(_, offset)| kept_back + offset.metadata.len());
            return new_group + PRODUCER + offsets.sum::<usize>();
        }
        let before = |at| group.and_then(|group| group.offsets().get(at)).map_or(0, CommittedOffset::bytes);
        // Each by itself: a partition may be named twice.
        let offsets = self.offsets.iter().map(|(at, offset)| offset.bytes().saturating_sub(before(*at)));
        new_group + offsets.sum::<usize>()
    }
}

impl Groups {
    /// What the names and offsets of all groups weigh.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// [`Groups::bytes`], counted anew.
    pub(crate) fn weigh(&self) -> usize {
        self.by_id.iter().map(|(id, group)| group_name_bytes(id) + group.offsets.bytes()).sum()
    }

    /// Changes a group, which is made if need be.
    pub(super) fn change(&mut self, id: &GroupId, change: impl FnOnce(&mut Group)) {
        let group = self.by_id.entry(id.clone()).or_insert_with(|| {
            self.bytes += group_name_bytes(id);
            Group::default()
        });
        self.bytes -= group.offsets.bytes();
        change(group);
        self.bytes += group.offsets.bytes();
    }

    /// Takes a group out, with its offsets.
    pub(super) fn remove(&mut self, id: &GroupId) {
        if let Some(group) = self.by_id.remove(id) {
            self.bytes -= group_name_bytes(id) + group.offsets.bytes();
        }
    }
}
