//! The transactions of one partition: which are open, and which were aborted and can still be read past.

use std::collections::BTreeMap;

use chronik_types::{LeaderEpoch, Offset, ProducerId, TopicPartition};

use crate::codec::{DecodeError, Reader, Writer};

/// Records of a partition that no reader of committed records may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose records.
    pub producer_id: ProducerId,
    /// Offset of the first one.
    pub first_offset: Offset,
    /// Offset of the marker that ends them.
    pub last_offset: Offset,
    /// The last stable offset once the marker was there. What was aborted later begins at or after it.
    pub last_stable_offset: Offset,
}

/// The marker that ended a transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedMarker {
    /// The partition.
    pub at: TopicPartition,
    /// Offset of the marker.
    pub offset: Offset,
    /// The epoch that belongs into the header of its batch.
    pub leader_epoch: LeaderEpoch,
    /// Set when the transaction had records in the partition and was aborted.
    pub aborted: Option<AbortedTransaction>,
    /// The first offset of a transaction that is still open.
    pub first_unstable: Option<Offset>,
}

/// The transactions of a partition that has some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionTransactions {
    /// By the offset of its first record. Not encoded: the producers know it too.
    open: BTreeMap<Offset, ProducerId>,
    /// In the order of their last offsets.
    aborted: Vec<AbortedTransaction>,
}

impl PartitionTransactions {
    /// The first offset of an open transaction.
    #[must_use]
    pub fn first_unstable(&self) -> Option<Offset> {
        self.open.keys().next().copied()
    }

    /// The open transactions: where each begins, and whose it is, in the order of their offsets.
    pub fn open(&self) -> impl Iterator<Item = (Offset, ProducerId)> {
        self.open.iter().map(|(offset, producer)| (*offset, *producer))
    }

    /// What was aborted and reaches into the log, in the order of the last offsets.
    #[must_use]
    pub fn aborted(&self) -> &[AbortedTransaction] {
        &self.aborted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.aborted.is_empty()
    }

    pub(super) fn begin(&mut self, first_offset: Offset, producer_id: ProducerId) {
        self.open.insert(first_offset, producer_id);
    }

    /// Ends a transaction with a marker at `last_offset`; gives what was aborted.
    pub(super) fn end(
        &mut self,
        producer_id: ProducerId,
        first_offset: Offset,
        last_offset: Offset,
        committed: bool,
    ) -> Option<AbortedTransaction> {
        self.open.remove(&first_offset);
        if committed {
            return None;
        }
        let last_stable_offset = self.first_unstable().unwrap_or(last_offset.next());
        let aborted = AbortedTransaction { producer_id, first_offset, last_offset, last_stable_offset };
        self.aborted.push(aborted);
        Some(aborted)
    }

    /// Forgets what was aborted and lies wholly before the log start.
    pub(super) fn advance(&mut self, log_start: Offset) {
        let gone = self.aborted.partition_point(|aborted| aborted.last_offset < log_start);
        self.aborted.drain(..gone);
    }

    /// Bytes of an encoded aborted transaction.
    pub(super) const ABORTED_BYTES: usize = 32;

    /// Layout: count u32 of aborted transactions, each producer id i64, first offset i64, last offset i64, last stable
    /// offset i64.
    pub(super) fn write(&self, w: &mut Writer) {
        w.count(self.aborted.len());
        for aborted in &self.aborted {
            w.i64(aborted.producer_id.get());
            w.i64(aborted.first_offset.get());
            w.i64(aborted.last_offset.get());
            w.i64(aborted.last_stable_offset.get());
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let aborted = r.list("aborted transactions", Self::ABORTED_BYTES, |r| {
            Ok(AbortedTransaction {
                producer_id: ProducerId::new(r.i64("aborted producer id")?),
                first_offset: r.offset("first aborted offset")?,
                last_offset: r.offset("last aborted offset")?,
                last_stable_offset: r.offset("last stable offset")?,
            })
        })?;
        Ok(Self { open: BTreeMap::new(), aborted })
    }
}
