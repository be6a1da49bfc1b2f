//! One partition as the hot paths see it: its offsets, where its batches lie, who watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering};

use chronik_backend::Position;
use chronik_config::kafka::TopicConfigs;
use chronik_state::{AbortedTransaction, Configs, PartitionTransactions};
use chronik_types::{
    IsolationLevel, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName, TopicPartition,
};
use parking_lot::{Mutex, MutexGuard};

use crate::index::{BatchEntry, BatchIndex, Unstable};
use crate::watch::Watcher;

/// What all partitions of a topic share.
#[derive(Debug)]
pub(crate) struct TopicCell {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    configs: Mutex<CellConfigs>,
    deleted: AtomicBool,
}

#[derive(Debug)]
struct CellConfigs {
    effective: Arc<TopicConfigs>,
    overrides: Arc<Configs>,
}

impl TopicCell {
    pub(crate) fn new(
        name: TopicName,
        id: TopicId,
        effective: Arc<TopicConfigs>,
        overrides: Arc<Configs>,
    ) -> Self {
        let configs = Mutex::new(CellConfigs { effective, overrides });
        Self { name, id, configs, deleted: AtomicBool::new(false) }
    }

    pub(crate) fn configs(&self) -> Arc<TopicConfigs> {
        Arc::clone(&self.configs.lock().effective)
    }

    pub(crate) fn overrides(&self) -> Arc<Configs> {
        Arc::clone(&self.configs.lock().overrides)
    }

    pub(crate) fn set_configs(&self, effective: Arc<TopicConfigs>, overrides: Arc<Configs>) {
        *self.configs.lock() = CellConfigs { effective, overrides };
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
    }
}

/// One partition. It stays readable through its `Arc` after its topic was deleted; reads and appends then answer so.
#[derive(Debug)]
pub struct Partition {
    topic: Arc<TopicCell>,
    index: PartitionIndex,
    leader_epoch: AtomicI32,
    log_start: AtomicI64,
    high_watermark: AtomicI64,
    /// Where the first open transaction begins; `NOTHING_OPEN` when there is none.
    first_unstable: AtomicI64,
    size_bytes: AtomicU64,
    batches: Mutex<BatchIndex>,
    watchers: Mutex<Vec<Arc<Watcher>>>,
}

/// What no offset of a record is.
const NOTHING_OPEN: i64 = i64::MAX;

/// What an append does to readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Whether it is the first batch of the partition in its segment.
    pub(crate) is_first: bool,
    /// Bytes that readers of committed records can read since.
    pub(crate) stable_bytes: u64,
}

impl Partition {
    /// A partition as the state has it, with what is known of its batches.
    pub(crate) fn restored(
        topic: Arc<TopicCell>,
        index: PartitionIndex,
        state: &chronik_state::Partition,
        batches: BatchIndex,
    ) -> Self {
        Self {
            topic,
            index,
            leader_epoch: AtomicI32::new(state.leader_epoch().get()),
            log_start: AtomicI64::new(state.log_start_offset().get()),
            high_watermark: AtomicI64::new(state.end_offset().get()),
            first_unstable: AtomicI64::new(NOTHING_OPEN),
            size_bytes: AtomicU64::new(batches.bytes()),
            batches: Mutex::new(batches),
            watchers: Mutex::new(Vec::new()),
        }
    }

    /// The topic's name.
    pub fn topic_name(&self) -> &TopicName {
        &self.topic.name
    }

    /// The partition within its topic.
    pub fn index(&self) -> PartitionIndex {
        self.index
    }

    /// Its identity in the cluster.
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition::new(self.topic.id, self.index)
    }

    /// The effective configs of its topic at this moment.
    pub fn configs(&self) -> Arc<TopicConfigs> {
        self.topic.configs()
    }

    /// Whether its topic has been deleted.
    pub fn is_deleted(&self) -> bool {
        self.topic.is_deleted()
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        Offset::new(self.log_start.load(Ordering::Acquire))
    }

    /// The offset of the next record; everything below it is durable.
    pub fn high_watermark(&self) -> Offset {
        Offset::new(self.high_watermark.load(Ordering::Acquire))
    }

    /// The offset up to which every record's transaction has ended. Without open transactions this is the high watermark.
    pub fn last_stable_offset(&self) -> Offset {
        // In this order: a transaction that begins stores where before it raises the watermark.
        let high_watermark = self.high_watermark.load(Ordering::Acquire);
        let first_unstable = self.first_unstable.load(Ordering::Acquire);
        if first_unstable >= high_watermark {
            return Offset::new(high_watermark);
        }
        // The start of the log may have passed the start of a transaction.
        Offset::new(first_unstable).max(self.log_start_offset())
    }

    /// The offset up to which a reader can read.
    pub fn readable_end(&self, isolation: IsolationLevel) -> Offset {
        match isolation {
            IsolationLevel::ReadUncommitted => self.high_watermark(),
            IsolationLevel::ReadCommitted => self.last_stable_offset(),
        }
    }

    /// The present leader epoch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch::new(self.leader_epoch.load(Ordering::Acquire))
    }

    /// Bytes of its batches from the log start on. Until retention has looked at it, some of what lies just below the log
    /// start may be counted too, where it is in the same journal segment.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }
}

/// What the applier and the upkeep tasks do with it.
impl Partition {
    pub(crate) fn batches(&self) -> MutexGuard<'_, BatchIndex> {
        self.batches.lock()
    }

    /// Takes over the transactions that the state knows of.
    pub(crate) fn restore_transactions(&self, transactions: &PartitionTransactions) {
        let first_unstable = transactions.first_unstable();
        self.first_unstable.store(first_unstable.map_or(NOTHING_OPEN, Offset::get), Ordering::Release);
        // How much of it is not stable is not known; too much does no harm.
        let bytes = if first_unstable.is_some() { self.size_bytes() } else { 0 };
        self.batches.lock().set_unstable(Unstable::restored(transactions.aborted(), bytes));
    }

    /// Takes in a batch, of a transaction that is open when it is `transactional`.
    pub(crate) fn append(
        &self,
        segment: Position,
        entry: BatchEntry,
        leader_epoch: LeaderEpoch,
        transactional: bool,
    ) -> Appended {
        let len = u64::from(entry.len);
        let mut batches = self.batches.lock();
        let is_first = batches.push(segment, entry);
        self.size_bytes.fetch_add(len, Ordering::Relaxed);
        if transactional {
            self.first_unstable.fetch_min(entry.base_offset.get(), Ordering::AcqRel);
        }
        let mut stable_bytes = len;
        if self.first_unstable.load(Ordering::Relaxed) != NOTHING_OPEN {
            batches.unstable_mut().add(len);
            stable_bytes = 0;
        }
        drop(batches);
        self.leader_epoch.store(leader_epoch.get(), Ordering::Release);
        // Last: whoever sees the new watermark finds the batch, and whether it is stable.
        self.high_watermark.store(entry.next_offset().get(), Ordering::Release);
        Appended { is_first, stable_bytes }
    }

    /// Takes in the marker that ends a transaction. Whoever sees the last stable offset behind it finds what was aborted.
    pub(crate) fn end_transaction(
        &self,
        segment: Position,
        entry: BatchEntry,
        leader_epoch: LeaderEpoch,
        aborted: Option<AbortedTransaction>,
        first_unstable: Option<Offset>,
    ) -> Appended {
        let len = u64::from(entry.len);
        let first_unstable = first_unstable.map_or(NOTHING_OPEN, Offset::get);
        let mut batches = self.batches.lock();
        let is_first = batches.push(segment, entry);
        self.size_bytes.fetch_add(len, Ordering::Relaxed);
        let was_unstable = self.first_unstable.load(Ordering::Relaxed);
        let mut stable_bytes = len;
        if aborted.is_some() || was_unstable != NOTHING_OPEN {
            let unstable = batches.unstable_mut();
            aborted.into_iter().for_each(|aborted| unstable.abort(aborted));
            unstable.add(len);
            stable_bytes = if first_unstable == was_unstable {
                0
            } else {
                unstable.settle(first_unstable == NOTHING_OPEN)
            };
            if batches.unstable().is_some_and(Unstable::is_empty) {
                batches.set_unstable(Unstable::default());
            }
        }
        drop(batches);
        self.leader_epoch.store(leader_epoch.get(), Ordering::Release);
        self.high_watermark.store(entry.next_offset().get(), Ordering::Release);
        // After the marker and the aborted range are there.
        self.first_unstable.store(first_unstable, Ordering::Release);
        Appended { is_first, stable_bytes }
    }

    /// The aborted transactions that reach into `from .. upto`, which lies below a last stable offset, by their first
    /// offsets; `None` when the start of the log has passed `from`, and some may have been forgotten.
    pub(crate) fn aborted_within(&self, from: Offset, upto: Offset) -> Option<Vec<AbortedTransaction>> {
        let batches = self.batches.lock();
        let aborted = batches.unstable().map(|unstable| unstable.aborted_within(from, upto));
        drop(batches);
        (self.log_start_offset() <= from).then(|| aborted.unwrap_or_default())
    }

    /// Raises the log start; returns the segments in which nothing of the partition is left.
    pub(crate) fn advance_log_start(&self, log_start: Offset) -> Vec<Position> {
        let mut batches = self.batches.lock();
        // First: whoever finds no batch sees why.
        self.log_start.store(log_start.get(), Ordering::Release);
        let gone = batches.advance(log_start);
        self.size_bytes.store(batches.bytes(), Ordering::Relaxed);
        gone
    }

    /// Takes in how many bytes of its oldest part lie at or above `log_start`, unless that has moved on.
    pub(crate) fn learn_live_bytes(&self, log_start: Offset, live: u64) {
        let mut batches = self.batches.lock();
        if self.log_start_offset() == log_start {
            batches.learn_live_bytes(live);
            self.size_bytes.store(batches.bytes(), Ordering::Relaxed);
        }
    }

    /// Gives up all batches of a deleted topic; returns the segments that held some.
    pub(crate) fn clear(&self) -> Vec<Position> {
        let mut batches = self.batches.lock();
        self.size_bytes.store(0, Ordering::Relaxed);
        batches.clear()
    }

    pub(crate) fn add_watcher(&self, watcher: &Arc<Watcher>) {
        self.watchers.lock().push(Arc::clone(watcher));
    }

    pub(crate) fn remove_watcher(&self, watcher: &Arc<Watcher>) {
        let mut watchers = self.watchers.lock();
        watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        if watchers.is_empty() {
            *watchers = Vec::new();
        }
    }

    /// Tells everybody who watches of `bytes` more in a commit group, of which readers of committed records can read
    /// `stable_bytes`; those that the group meets first are added to `met`.
    pub(crate) fn notify(&self, bytes: u64, stable_bytes: u64, group: u64, met: &mut Vec<Arc<Watcher>>) {
        for watcher in &*self.watchers.lock() {
            let readable = match watcher.isolation() {
                IsolationLevel::ReadUncommitted => bytes,
                IsolationLevel::ReadCommitted => stable_bytes,
            };
            if readable > 0 && watcher.add(readable, group) {
                met.push(Arc::clone(watcher));
            }
        }
    }
}
