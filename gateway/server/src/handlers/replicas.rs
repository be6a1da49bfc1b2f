//! The replicas that a partition is said to have.
//!
//! The storage keeps the copies, whatever their number is, and this gateway serves them all: its id stands once for
//! each replica that was asked for, so that tools see the replication factor that they have set.

use chronik_broker::Topic;
use chronik_types::{NodeId, PartitionIndex};
use kafka_protocol::messages::BrokerId;

/// The nodes of the replicas of a partition, the leader first.
pub(super) fn of(topic: &Topic, partition: PartitionIndex, node_id: NodeId) -> Vec<BrokerId> {
    let assigned = topic.assignment(partition).len();
    let count =
        if assigned > 0 { assigned } else { usize::try_from(topic.replication_factor()).unwrap_or(1) };
    vec![BrokerId(node_id.get()); count.max(1)]
}
