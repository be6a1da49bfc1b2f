//! Waiting for a condition instead of for a time.

use std::time::Duration;

use chronik_types::{Clock, SystemClock};

const POLL: Duration = Duration::from_millis(2);

/// Lets `duration` pass; for plans that kill at a moment of their choosing, not for waiting until something is done.
pub fn pause(duration: Duration) {
    let clock = SystemClock::new();
    while let Some(left) = duration.checked_sub(clock.monotonic()) {
        if left.is_zero() {
            return;
        }
        // A park may end early; the loop takes care of it.
        std::thread::park_timeout(left);
    }
}

/// Polls `condition` until it gives a value; `None` when `limit` has passed before that.
pub fn wait_until<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let clock = SystemClock::new();
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if clock.monotonic() >= limit {
            return None;
        }
        pause(POLL);
    }
}
