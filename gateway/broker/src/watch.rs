//! Long polls: waiting until enough bytes have been appended to any of a set of partitions.
//!
//! Make the [`Watch`] first, then read, then wait for what is missing: an append after the reading cannot be missed.
//! The applier adds up a whole commit group before it wakes anybody, and wakes only those whose sum suffices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chronik_types::IsolationLevel;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use crate::Partition;

/// The side of a watch that the applier sees.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// Which bytes count.
    isolation: IsolationLevel,
    /// Bytes of the partitions that the reader can see since the watch was made.
    appended: AtomicU64,
    /// The sum at which the watch is woken.
    threshold: AtomicU64,
    /// The last commit group that added something, so that a group meets a watcher once.
    group: AtomicU64,
    wake: Notify,
}

impl Watcher {
    fn new(isolation: IsolationLevel) -> Self {
        Self {
            isolation,
            appended: AtomicU64::new(0),
            threshold: AtomicU64::new(u64::MAX),
            group: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    /// What its reader can see.
    pub(crate) fn isolation(&self) -> IsolationLevel {
        self.isolation
    }

    /// Adds bytes of a commit group; true when the group meets this watcher for the first time.
    pub(crate) fn add(&self, bytes: u64, group: u64) -> bool {
        // Saturates: `u64::MAX` is added when a partition goes away, perhaps more than once.
        let add = |appended: u64| Some(appended.saturating_add(bytes));
        let _ = self.appended.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        self.group.swap(group, Ordering::Relaxed) != group
    }

    /// Wakes the watch if the sum suffices. Called once for each commit group, after all of it was added.
    ///
    /// Both sides write their own counter before they read the other's, in one total order, so that at least one of
    /// them sees both.
    pub(crate) fn wake_if_due(&self) {
        if self.appended.load(Ordering::SeqCst) >= self.threshold.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }
}

/// A set of partitions under watch. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    watcher: Arc<Watcher>,
    partitions: Vec<Arc<Partition>>,
    waiting: Gauge,
}

impl Watch {
    /// Starts to watch. A partition that is named more than once is watched once: each mention would add its bytes, and
    /// be looked for when the watch ends.
    pub(crate) fn new(
        mut partitions: Vec<Arc<Partition>>,
        isolation: IsolationLevel,
        waiting: Gauge,
    ) -> Self {
        partitions.sort_unstable_by_key(Arc::as_ptr);
        partitions.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let watcher = Arc::new(Watcher::new(isolation));
        partitions.iter().for_each(|partition| partition.add_watcher(&watcher));
        Self { watcher, partitions, waiting }
    }

    /// Bytes appended to the partitions since the watch was made.
    pub fn appended_bytes(&self) -> u64 {
        self.watcher.appended.load(Ordering::SeqCst)
    }

    /// Waits until at least `bytes` have been appended since the watch was made (at once when they have been), or a
    /// partition went away. There is no deadline here. Cancel safe: it may be called again with another number.
    pub async fn appended(&self, bytes: u64) {
        self.watcher.threshold.store(bytes, Ordering::SeqCst);
        if self.appended_bytes() >= bytes {
            return;
        }
        let _waiting = Counted::new(&self.waiting);
        while self.appended_bytes() < bytes {
            self.watcher.wake.notified().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.partitions.iter().for_each(|partition| partition.remove_watcher(&self.watcher));
    }
}

/// Counts a waiting task for as long as it lives, also when it is cancelled.
struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
