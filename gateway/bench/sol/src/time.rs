//! Real time and real CPU time: the programs exist to measure both, so neither is injected.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Seconds since some fixed moment; never runs backwards.
#[must_use]
pub fn monotonic_seconds() -> f64 {
    seconds(clock_gettime(ClockId::Monotonic))
}

/// CPU seconds that the calling thread has used.
#[must_use]
pub fn thread_cpu_seconds() -> f64 {
    seconds(clock_gettime(ClockId::ThreadCPUTime))
}

#[expect(clippy::cast_precision_loss, reason = "an f64 holds the nanoseconds of a hundred days")]
fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
