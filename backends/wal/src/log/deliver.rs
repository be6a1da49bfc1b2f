//! Hands finished blocks to the follower, one after the other in log order.
//!
//! Writes finish in any order. The writer that completes the next block in order delivers it, and all that follow it,
//! without a hop to another thread; the others leave theirs and go on.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::atomic::Ordering;

use chronik_backend::{AppendError, Follower};
use parking_lot::MutexGuard;

use super::{Group, Log};
use crate::cache::Cached;

/// What waits for the follower.
#[derive(Default)]
pub(super) struct Delivery {
    /// `None` while somebody calls it.
    follower: Option<Box<dyn Follower>>,
    /// The group to deliver next.
    next: u64,
    done: BTreeMap<u64, Group>,
    refused: VecDeque<(u64, AppendError)>,
    /// After a failure nothing is delivered.
    pub(super) failed: bool,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Log {
    /// Starts delivery of what commits from now on.
    pub(super) fn start_delivery(&self, follower: Box<dyn Follower>) {
        self.delivery.lock().follower = Some(follower);
    }

    /// Takes the outcome of [`Log::write`].
    pub(crate) fn complete(&self, group: Group, written: io::Result<()>) {
        if let Err(source) = written {
            return self.fail(self.fatal(&group.segment, "write", group.offset, source));
        }
        self.metrics.group_bytes.observe(group.block.len() as f64);
        self.metrics.group_entries.observe(group.commits.len() as f64);
        self.metrics.written_bytes.inc_by(group.block.len() as u64);
        let entry_bytes = group.entry_bytes;
        let mut delivery = self.delivery.lock();
        delivery.done.insert(group.sequence, group);
        self.deliver(delivery);
        // Counted as under way until here: while little waits, waking another thread costs more than the delivery, and
        // what comes in the meantime makes the next block larger. The caller writes that one, without a wake-up.
        self.queue.lock().finish(entry_bytes);
    }

    /// Tells the follower of appends that were queued and will not happen.
    pub(super) fn refuse(&self, refused: Vec<(u64, AppendError)>) {
        if refused.is_empty() {
            return;
        }
        self.metrics.refused_entries.inc_by(refused.len() as u64);
        let mut delivery = self.delivery.lock();
        delivery.refused.extend(refused);
        self.deliver(delivery);
    }

    fn deliver(&self, mut delivery: MutexGuard<'_, Delivery>) {
        let Some(mut follower) = delivery.follower.take() else { return };
        while !delivery.failed {
            if let Some((token, error)) = delivery.refused.pop_front() {
                MutexGuard::unlocked(&mut delivery, || follower.refused(token, error));
                continue;
            }
            let next = delivery.next;
            let Some(group) = delivery.done.remove(&next) else { break };
            delivery.next += 1;
            MutexGuard::unlocked(&mut delivery, || self.deliver_group(group, follower.as_mut()));
        }
        delivery.follower = Some(follower);
    }

    fn deliver_group(&self, group: Group, follower: &mut dyn Follower) {
        self.committed.store(group.end, Ordering::Release);
        if !group.data.is_empty() {
            let Group { data_at, data, occupied, .. } = group;
            self.cache.push(Cached { data_at, data, occupied });
        }
        if !group.commits.is_empty() {
            follower.committed(&group.commits);
        }
        if let Some(end) = group.sealed {
            follower.sealed(end);
        }
        if group.closes {
            self.stop();
        }
    }
}
