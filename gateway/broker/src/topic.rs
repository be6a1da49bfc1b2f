//! A topic as the hot paths see it.

use std::sync::Arc;

use chronik_config::kafka::TopicConfigs;
use chronik_state::Configs;
use chronik_types::{NodeId, PartitionIndex, TopicId, TopicName};

use crate::Partition;
use crate::partition::TopicCell;

/// A topic at one moment. Configs are always the present ones; a change of the partition count makes a new value, which
/// the catalog hands out from then on.
#[derive(Debug)]
pub struct Topic {
    cell: Arc<TopicCell>,
    replication_factor: i16,
    assignments: Arc<[Vec<NodeId>]>,
    partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(crate) fn new(
        cell: Arc<TopicCell>,
        replication_factor: i16,
        assignments: Arc<[Vec<NodeId>]>,
        partitions: Vec<Arc<Partition>>,
    ) -> Self {
        Self { cell, replication_factor, assignments, partitions }
    }

    pub(crate) fn cell(&self) -> &Arc<TopicCell> {
        &self.cell
    }

    /// Its name.
    pub fn name(&self) -> &TopicName {
        &self.cell.name
    }

    /// Its id.
    pub fn id(&self) -> TopicId {
        self.cell.id
    }

    /// Its effective configs at this moment.
    pub fn configs(&self) -> Arc<TopicConfigs> {
        self.cell.configs()
    }

    /// The configs that were set on it.
    pub fn overrides(&self) -> Arc<Configs> {
        self.cell.overrides()
    }

    /// The replication factor to answer; the storage keeps the copies.
    pub fn replication_factor(&self) -> i16 {
        self.replication_factor
    }

    /// The replicas that were asked for explicitly for a partition; empty when none were.
    pub fn assignment(&self, partition: PartitionIndex) -> &[NodeId] {
        let at = usize::try_from(partition.get()).ok().and_then(|index| self.assignments.get(index));
        at.map_or(&[], Vec::as_slice)
    }

    /// Its partitions in order.
    pub fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    /// One of its partitions.
    pub fn partition(&self, partition: PartitionIndex) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(partition.get()).ok()?)
    }

    /// Whether it has been deleted.
    pub fn is_deleted(&self) -> bool {
        self.cell.is_deleted()
    }
}
