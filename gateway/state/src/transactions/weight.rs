//! How much memory transactional ids take with what their open transactions include, about: so that a flood of them can be
//! refused in time. The sum is kept as the state changes. Aborted ranges are not in it: they go with their records.

use std::mem::size_of;

use chronik_types::{GroupId, Offset, ProducerId, TopicPartition, TransactionalId};

use super::{TransactionalProducer, Transactions};
use crate::memory::{ARC_HEADER, tree_entry};

/// A partition of an open transaction. Both the transaction and the partition know of it.
const PARTITION: usize = 2 * tree_entry(size_of::<(TopicPartition, Offset)>());

/// A transactional id without a transaction. Both maps share its text.
fn id_bytes(id: &TransactionalId) -> usize {
    tree_entry(size_of::<(TransactionalId, TransactionalProducer)>())
        + tree_entry(size_of::<(ProducerId, TransactionalId)>())
        + (ARC_HEADER + id.as_str().len())
}

/// A group for which an open transaction commits offsets.
pub(super) fn group_bytes(id: &GroupId) -> usize {
    tree_entry(size_of::<GroupId>()) + ARC_HEADER + id.as_str().len()
}

impl TransactionalProducer {
    /// Bytes of what the open transaction includes.
    pub(super) fn included_bytes(&self) -> usize {
        self.partitions.len() * PARTITION + self.group_bytes
    }

    /// Has the open transaction include a group.
    pub(super) fn include_group(&mut self, id: &GroupId) {
        if self.groups.insert(id.clone()) {
            self.group_bytes += group_bytes(id);
        }
    }
}

impl Transactions {
    /// What all transactional ids weigh.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// [`Transactions::bytes`], counted anew.
    pub(crate) fn weigh(&self) -> usize {
        self.by_id.iter().map(|(id, producer)| id_bytes(id) + producer.included_bytes()).sum()
    }

    /// Adds a transactional id that is not there.
    pub(super) fn insert(&mut self, id: &TransactionalId, producer: TransactionalProducer) {
        self.bytes += id_bytes(id) + producer.included_bytes();
        self.by_producer.insert(producer.producer_id, id.clone());
        self.by_id.insert(id.clone(), producer);
    }
}
