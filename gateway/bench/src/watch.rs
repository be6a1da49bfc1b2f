//! Who hears of a run while it lasts.

use std::io::Write;
use std::time::Duration;

use crate::error::BenchError;
use crate::meter::{Counts, Phase};
use crate::report::Latency;

/// What happened since the last interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) phase: Phase,
    /// Since the start.
    pub(crate) at: Duration,
    pub(crate) seconds: f64,
    pub(crate) counts: Counts,
    pub(crate) totals: Counts,
    pub(crate) latency: Latency,
}

/// All that watch.
#[derive(Debug, Default)]
pub(crate) struct Watchers {}

impl Watchers {
    /// Tells all.
    pub(crate) fn interval(&mut self, interval: &Interval) {
        let Interval { phase, at, seconds, counts, latency, .. } = interval;
        let (records, payload) =
            (counts.records as f64 / seconds, counts.payload_bytes as f64 / seconds / 1e6);
        let _ = writeln!(
            std::io::stderr(),
            "{:>7.1} s {phase:?} {records:>12.0} records/s {payload:>9.1} MB/s  p50 {:.0} us  p99 {:.0} us  errors {}",
            at.as_secs_f64(),
            latency.p50,
            latency.p99,
            counts.errors,
        );
    }

    /// Ends what was started.
    pub(crate) fn finish(self) -> Result<(), BenchError> {
        Ok(())
    }
}
