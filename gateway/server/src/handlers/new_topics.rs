//! What CreateTopics and CreatePartitions check alike: limits, replication factors and explicit assignments.
//!
//! The storage keeps the copies of a partition. So any replication factor and any broker ids are accepted and reported
//! back, unless `[topics] replication_factor = "strict"` asks for the answers of a Kafka cluster with one broker.

use chronik_config::ReplicationFactorPolicy;
use chronik_types::{ErrorCode, NodeId};
use kafka_protocol::messages::BrokerId;

use super::Context;
use super::refused::Refused;

/// Refuses more partitions than one topic may have here.
pub(super) fn check_partition_limit(context: &Context, partitions: i32) -> Result<(), Refused> {
    let limit = context.broker.settings().topics.max_partitions_per_topic;
    if u32::try_from(partitions).is_ok_and(|partitions| partitions > limit) {
        let message = format!("A topic may have {limit} partitions here, {partitions} were asked for.");
        return Err(Refused::new(ErrorCode::PolicyViolation, message));
    }
    Ok(())
}

/// Refuses a replication factor that cannot be reached, where that matters.
pub(super) fn check_replication_factor(context: &Context, factor: i16) -> Result<(), Refused> {
    match context.broker.settings().topics.replication_factor {
        ReplicationFactorPolicy::Strict if factor > 1 => {
            let message = format!("There cannot be {factor} replicas of a partition on 1 broker.");
            Err(Refused::new(ErrorCode::InvalidReplicationFactor, message))
        }
        ReplicationFactorPolicy::Strict | ReplicationFactorPolicy::Any => Ok(()),
    }
}

/// Checks the replicas that are asked for one partition; `factor` is how many the partitions before have.
pub(super) fn check_replicas(
    context: &Context,
    replicas: &[BrokerId],
    factor: Option<usize>,
) -> Result<Vec<NodeId>, Refused> {
    let refuse = |message: String| Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return refuse("A partition is assigned to no broker.".to_owned());
    }
    let mut nodes: Vec<NodeId> = replicas.iter().map(|id| NodeId::new(id.0)).collect();
    nodes.sort_unstable();
    let strict = context.broker.settings().topics.replication_factor == ReplicationFactorPolicy::Strict;
    for (index, node) in nodes.iter().enumerate() {
        if node.get() < 0 || (strict && *node != context.node_id()) {
            return refuse(format!("A partition is assigned to broker {node}, which does not exist."));
        }
        if index > 0 && nodes.get(index - 1) == Some(node) {
            return refuse(format!("A partition is assigned to broker {node} more than once."));
        }
    }
    if let Some(factor) = factor.filter(|factor| *factor != nodes.len()) {
        return refuse(format!(
            "A partition is assigned to {} broker(s), the others to {factor}.",
            nodes.len()
        ));
    }
    Ok(replicas.iter().map(|id| NodeId::new(id.0)).collect())
}
