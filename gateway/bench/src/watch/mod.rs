//! Who hears of a run while it lasts: a person, a file, a scraper.

mod csv;
mod progress;
mod prometheus;

use std::time::Duration;

use self::csv::Csv;
use self::progress::Progress;
use self::prometheus::Exporter;
use crate::args::BenchArgs;
use crate::error::BenchError;
use crate::meter::{Counts, Phase};
use crate::report::Latency;

/// What happened since the last interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) phase: Phase,
    /// The end of the interval, since the start.
    pub(crate) at: Duration,
    /// Its length in seconds.
    pub(crate) seconds: f64,
    pub(crate) counts: Counts,
    /// Since the start.
    pub(crate) totals: Counts,
    pub(crate) latency: Latency,
}

impl Interval {
    fn per_second(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }

    fn records_per_second(&self) -> f64 {
        self.per_second(self.counts.records)
    }

    fn megabytes_per_second(&self) -> f64 {
        self.per_second(self.counts.payload_bytes) / 1e6
    }

    fn requests_per_second(&self) -> f64 {
        self.per_second(self.counts.requests)
    }
}

/// All that watch.
#[derive(Debug)]
pub(crate) struct Watchers {
    progress: Progress,
    csv: Option<Csv>,
    exporter: Option<Exporter>,
}

impl Watchers {
    /// Those that the arguments ask for.
    pub(crate) fn new(args: &BenchArgs) -> Result<Self, BenchError> {
        Ok(Self {
            progress: Progress::new(args.warmup() + args.duration),
            csv: args.csv_output.as_deref().map(Csv::create).transpose()?,
            exporter: args.prometheus_port.map(Exporter::start).transpose()?,
        })
    }

    /// Tells all.
    pub(crate) fn interval(&mut self, interval: &Interval) {
        self.progress.interval(interval);
        if let Some(csv) = &mut self.csv {
            csv.interval(interval);
        }
        if let Some(exporter) = &self.exporter {
            exporter.interval(interval);
        }
    }

    /// Moves the bar on.
    pub(crate) fn moved(&self, phase: Phase, at: Duration) {
        self.progress.moved(phase, at);
    }

    /// Ends what was started.
    pub(crate) fn finish(self) -> Result<(), BenchError> {
        self.progress.finish();
        if let Some(exporter) = self.exporter {
            exporter.stop();
        }
        self.csv.map_or(Ok(()), Csv::finish)
    }
}
