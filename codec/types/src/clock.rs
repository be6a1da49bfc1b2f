//! Time as an injected value. [`SystemClock`] is the one place in the project that asks the operating system for it.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::TimestampMs;

/// Where a component takes the time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock. It can jump in both directions; use it for timestamps, not for durations.
    fn now(&self) -> TimestampMs;

    /// Time since some fixed moment in the life of this clock. It never runs backwards; use it for deadlines and durations.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::monotonic`] starts at zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn now(&self) -> TimestampMs {
        // A machine set to a date before 1970 is shown as 1970: a negative timestamp means "none" on the wire.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimestampMs::new(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that moves only when told to: for tests and simulation.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    monotonic_ns: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now` on the wall and zero as monotonic time.
    #[must_use]
    pub const fn new(now: TimestampMs) -> Self {
        Self { wall_ms: AtomicI64::new(now.get()), monotonic_ns: AtomicU64::new(0) }
    }

    /// Moves both readings on by `by`. The wall clock counts whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_ns.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Sets the wall clock, also backwards; monotonic time is not touched.
    pub fn set_wall(&self, now: TimestampMs) {
        self.wall_ms.store(now.get(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> TimestampMs {
        TimestampMs::new(self.wall_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic_ns.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(TimestampMs::new(5_000));
        assert_eq!((clock.now(), clock.monotonic()), (TimestampMs::new(5_000), Duration::ZERO));
        clock.advance(Duration::from_millis(250));
        assert_eq!((clock.now(), clock.monotonic()), (TimestampMs::new(5_250), Duration::from_millis(250)));
        clock.set_wall(TimestampMs::new(1));
        assert_eq!((clock.now(), clock.monotonic()), (TimestampMs::new(1), Duration::from_millis(250)));
    }

    #[test]
    fn the_system_clock_is_after_this_was_written() {
        assert!(SystemClock::new().now() > TimestampMs::new(1_700_000_000_000));
    }
}
