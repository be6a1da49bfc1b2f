//! The writer that is a task: it writes small groups without a hop to another thread.
//!
//! With [`Durability::Os`] a small block is acknowledged once it is in the page cache, a copy of some microseconds, while to
//! wake a thread and to be woken by it takes several times that. The task runs where the appends come from, once all
//! connections that have something to say have said it, so that groups form as they do for the threads. What is larger,
//! and all that has to reach the disk, is left to the threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Notify;

use super::queue::Queue;
use super::{Log, Phase};
use crate::Durability;

/// What wakes the task.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    /// Whether there is one.
    is_there: AtomicBool,
    wake: Notify,
}

/// The task takes groups of up to so many bytes.
const MOST_TAKEN: u64 = 60 << 10;

impl Nearby {
    /// Whether what waits is for the task.
    pub(super) fn takes(&self, queue: &Queue) -> bool {
        queue.phase == Phase::Running
            && queue.waiting_bytes() <= MOST_TAKEN
            && self.is_there.load(Ordering::Relaxed)
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Says so when the task goes, which it does with its runtime.
struct Presence(Arc<Log>);

impl Drop for Presence {
    fn drop(&mut self) {
        let queue = self.0.queue.lock();
        self.0.nearby.is_there.store(false, Ordering::Relaxed);
        self.0.wake_writer(&queue);
    }
}

impl Log {
    /// Starts the task, where that pays: there is a runtime with several threads, so that a write that takes long does not
    /// stop everything, and writes do not wait for the disk.
    pub(crate) fn start_nearby(self: &Arc<Self>, panicked: impl Fn(&Self) + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.settings.durability == Durability::Fsync
            || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread
        {
            return;
        }
        let presence = Presence(Arc::clone(self));
        self.nearby.is_there.store(true, Ordering::Relaxed);
        runtime.spawn(async move {
            let log = &*presence.0;
            loop {
                log.nearby.wake.notified().await;
                if log.queue.lock().phase == Phase::Ended {
                    return;
                }
                // Everybody else who is ready goes first, and joins the group.
                tokio::task::yield_now().await;
                while let Some(written) = guarded(|| log.write_nearby(), || panicked(log)) {
                    if !written {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        });
    }

    /// Writes what waits, if it is for the task; whether it was.
    fn write_nearby(&self) -> bool {
        {
            let queue = self.queue.lock();
            if !self.is_ready(&queue) {
                return false;
            }
            if !self.nearby.takes(&queue) {
                self.work.notify_one();
                return false;
            }
        }
        let Some(group) = self.take() else { return false };
        let written = self.write(&group);
        self.complete(group, written);
        true
    }
}

/// Runs `work`; after a panic `panicked`, and nothing.
fn guarded<T>(work: impl FnOnce() -> T, panicked: impl FnOnce()) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        panicked();
    }
    done
}
