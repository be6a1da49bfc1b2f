//! How much memory transactional ids and their open transactions may take.
//!
//! The applier publishes what the state counts, so that a batch of a transaction needs no look at the state while there is
//! room. What is on its way meanwhile can go a little beyond. Without room, everything goes on that adds nothing:
//! transactions end, and partitions that they include are produced to.

use std::sync::atomic::Ordering;

use chronik_state::TransactionalProducer;
use chronik_types::{GroupId, TopicPartition, TransactionalId};

use crate::Broker;

impl Broker {
    /// Whether a producer of that transactional id may be initialized.
    pub(crate) fn has_room_for_transactional_id(&self, id: &TransactionalId) -> bool {
        self.adds_nothing_or_fits(id, |_| true)
    }

    /// Whether the transaction of that id may include these partitions.
    pub(crate) fn has_room_for_partitions(
        &self,
        id: &TransactionalId,
        mut partitions: impl Iterator<Item = TopicPartition>,
    ) -> bool {
        self.adds_nothing_or_fits(id, |producer| partitions.all(|at| producer.includes(at)))
    }

    /// Whether the transaction of that id may include that group.
    pub(crate) fn has_room_for_group_of(&self, id: &TransactionalId, group: &GroupId) -> bool {
        self.adds_nothing_or_fits(id, |producer| producer.groups().any(|included| included == group))
    }

    fn adds_nothing_or_fits(
        &self,
        id: &TransactionalId,
        adds_nothing: impl FnOnce(&TransactionalProducer) -> bool,
    ) -> bool {
        let limit = self.settings().transactions.max_bytes.as_usize();
        if self.core.transaction_bytes.load(Ordering::Relaxed) < limit {
            return true;
        }
        let adds_nothing =
            self.state(|state| state.transactional_producer(id.as_str()).is_some_and(adds_nothing));
        if !adds_nothing {
            self.refuse_transaction(id);
        }
        adds_nothing
    }
}
