//! How fast connections may be made: one after the other, each at its time.

use std::sync::Arc;
use std::time::Duration;

use chronik_types::Clock;
use parking_lot::Mutex;

/// Spaces connections out, with up to one second's worth at once after a pause.
#[derive(Debug)]
pub(super) struct CreationRate {
    clock: Arc<dyn Clock>,
    /// When the next connection would be due if connections came without a pause.
    next_due: Mutex<Duration>,
}

impl CreationRate {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, next_due: Mutex::new(Duration::ZERO) }
    }

    /// Waits until one more connection may be made at this rate.
    pub(super) async fn turn(&self, per_second: u32) {
        let wait = self.reserve(per_second);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes the next turn and says how far away it is.
    pub(super) fn reserve(&self, per_second: u32) -> Duration {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let now = self.clock.monotonic();
        let burst = Duration::from_secs(1).saturating_sub(interval);
        let mut next_due = self.next_due.lock();
        let due = (*next_due).max(now.saturating_sub(burst));
        *next_due = due + interval;
        due.saturating_sub(now)
    }
}
