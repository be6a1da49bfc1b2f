//! The range assignor: each subscriber of a topic gets a range of its partitions, in one order of the members for all
//! topics. Topics with as many partitions and the same subscribers are therefore divided alike, so that they can be
//! joined (co-partitioning). Static members come first, by their instance ids: a restart does not change their ranges.

use std::collections::BTreeSet;

use chronik_types::{PartitionIndex, TopicPartition};

use super::{Candidates, Targets};

/// Cuts each topic into ranges. O(p log p) of the partitions.
pub(super) fn assign(candidates: &Candidates<'_>) -> Targets {
    let mut targets: Targets = vec![BTreeSet::new(); candidates.members.len()];
    let mut rank: Vec<usize> = (0..candidates.members.len()).collect();
    rank.sort_by_key(|place| {
        let instance = candidates.members.get(*place).and_then(|member| member.instance_id);
        (instance.is_none(), instance, *place)
    });
    let mut place_in_order = vec![0; rank.len()];
    for (order, place) in rank.iter().enumerate() {
        if let Some(slot) = place_in_order.get_mut(*place) {
            *slot = order;
        }
    }
    for (topic, mut subscribers) in candidates.subscribers() {
        subscribers.sort_by_key(|place| place_in_order.get(*place));
        let partitions = candidates.partition_count(topic);
        let members = i32::try_from(subscribers.len()).unwrap_or(i32::MAX).max(1);
        let (least, extra) = (partitions / members, partitions % members);
        let mut start = 0;
        for (order, place) in (0..).zip(subscribers) {
            let end = start + least + i32::from(order < extra);
            let range = (start..end).map(|index| TopicPartition::new(topic, PartitionIndex::new(index)));
            if let Some(target) = targets.get_mut(place) {
                target.extend(range);
            }
            start = end;
        }
    }
    targets
}
