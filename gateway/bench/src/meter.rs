//! What is counted, and when: warm-up, window, drain.
//!
//! A value belongs to the window by the moment at which its request was due (latency) or answered (counts). Requests
//! of the window that are answered after it still give their latency, and what was due in it at a rate is sent after it if
//! need be: a broker that stalls at the end is not let off.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chronik_types::{Clock, SystemClock};
use hdrhistogram::Histogram;

use crate::args::BenchArgs;
use crate::cpu::{CpuTimes, CpuUsed};
use crate::error::BenchError;
use crate::histogram::{buckets, histogram, summary};
use crate::report::{Buckets, Latency, RateFigures};
use crate::stop::Stop;
use crate::watch::{Interval, Watchers};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Load that is not measured.
    Warmup,
    /// What the report is about.
    Window,
    /// Only what was due in the window is still sent; answers are waited for.
    Drain,
}

/// Sums since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

impl Counts {
    pub(crate) const fn since(self, earlier: Self) -> Self {
        Self {
            records: self.records - earlier.records,
            payload_bytes: self.payload_bytes - earlier.payload_bytes,
            wire_bytes: self.wire_bytes - earlier.wire_bytes,
            requests: self.requests - earlier.requests,
            errors: self.errors - earlier.errors,
        }
    }
}

/// The counts and CPU times at a moment.
#[derive(Clone, Debug, Default)]
struct Mark {
    ns: u64,
    counts: Counts,
    cpu: CpuTimes,
}

/// Counts a run.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Arc<dyn Clock>,
    stop: Stop,
    /// Whether it was stopped before the window began.
    stopped: bool,
    phase: Phase,
    warmup_ns: u64,
    duration_ns: u64,
    /// Records of the window that may still be sent; `None` when only time ends it.
    budget: Option<u64>,
    server_pid: Option<u32>,
    counts: Counts,
    errors: BTreeMap<i16, u64>,
    rate: Option<RateFigures>,
    latency: Histogram<u64>,
    interval_latency: Histogram<u64>,
    window: (Mark, Mark),
    interval_ns: u64,
    interval_start: (u64, Counts),
    next_interval_ns: u64,
    next_move_ns: u64,
    watchers: Watchers,
}

/// What was counted in the window.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) counts: Counts,
    pub(crate) cpu: CpuUsed,
    pub(crate) latency: Latency,
    pub(crate) latency_buckets: Buckets,
    pub(crate) errors: BTreeMap<i16, u64>,
    /// With a rate.
    pub(crate) rate: Option<RateFigures>,
}

/// How often the bar moves.
const MOVE_NS: u64 = 200_000_000;

impl Meter {
    /// A meter whose warm-up starts now.
    pub(crate) fn new(args: &BenchArgs, stop: &Stop) -> Result<Self, BenchError> {
        Self::with_clock(args, stop, Arc::new(SystemClock::new()))
    }

    /// The same, by another clock.
    pub(crate) fn with_clock(
        args: &BenchArgs,
        stop: &Stop,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BenchError> {
        let watchers = Watchers::new(args)?;
        let interval_ns = args.report_interval_secs.saturating_mul(1_000_000_000);
        Ok(Self {
            clock,
            stop: stop.clone(),
            stopped: false,
            phase: Phase::Warmup,
            warmup_ns: nanos(args.warmup()),
            duration_ns: nanos(args.duration),
            budget: args.records,
            server_pid: args.server_pid,
            counts: Counts::default(),
            errors: BTreeMap::new(),
            rate: args.rate_limit.map(|_| RateFigures::default()),
            latency: histogram()?,
            interval_latency: histogram()?,
            window: (Mark::default(), Mark::default()),
            interval_ns,
            interval_start: (0, Counts::default()),
            next_interval_ns: interval_ns,
            next_move_ns: 0,
            watchers,
        })
    }

    /// Begins the warm-up anew: what came before was preparation.
    pub(crate) fn start(&mut self) {
        self.warmup_ns = self.now_ns().saturating_add(self.warmup_ns);
    }

    /// Nanoseconds since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        nanos(self.clock.monotonic())
    }

    /// The moment from which records are due: not before the window if there is no warm-up.
    pub(crate) fn begin_ns(&mut self) -> u64 {
        let now_ns = self.now_ns();
        self.tick(now_ns);
        self.now_ns()
    }

    /// Moves on to the phase of this moment.
    pub(crate) fn tick(&mut self, now_ns: u64) -> Phase {
        if self.phase == Phase::Warmup && now_ns >= self.warmup_ns {
            self.window.0 = self.mark();
            self.phase = Phase::Window;
        }
        if self.stop.is_asked() {
            self.stopped |= self.phase == Phase::Warmup;
            self.end_window();
        }
        if self.phase == Phase::Window && now_ns >= self.window.0.ns.saturating_add(self.duration_ns) {
            self.end_window();
        }
        if now_ns >= self.next_interval_ns {
            self.end_interval(now_ns);
        }
        if now_ns >= self.next_move_ns {
            self.watchers.moved(self.phase, Duration::from_nanos(now_ns));
            self.next_move_ns = now_ns.saturating_add(MOVE_NS);
        }
        self.phase
    }

    /// Whether somebody does not want the run to go on.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_asked()
    }

    /// Where the run stands.
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Ends the window before its time, because there is nothing left to do.
    ///
    /// # Errors
    /// When there was nothing left for it.
    pub(crate) fn end_early(&mut self) -> Result<(), BenchError> {
        if self.phase == Phase::Warmup {
            let what = "everything was read before the warm-up had ended, so nothing was measured";
            return Err(BenchError::Usage(format!("{what}: use --warmup 0s, or --repeat")));
        }
        self.end_window();
        Ok(())
    }

    /// Ends the window, and the warm-up if that is still on.
    fn end_window(&mut self) {
        if self.phase == Phase::Warmup {
            self.window.0 = self.mark();
        }
        if self.phase != Phase::Drain {
            self.window.1 = self.mark();
            self.phase = Phase::Drain;
        }
    }

    fn mark(&self) -> Mark {
        Mark { ns: self.now_ns(), counts: self.counts, cpu: CpuTimes::now(self.server_pid) }
    }

    /// How long nothing of the meter's is due.
    pub(crate) fn idle(&self, now_ns: u64) -> Duration {
        let end = match self.phase {
            Phase::Warmup => self.warmup_ns,
            Phase::Window => self.window.0.ns.saturating_add(self.duration_ns),
            Phase::Drain => u64::MAX,
        };
        Duration::from_nanos(end.min(self.next_interval_ns).saturating_sub(now_ns))
    }

    /// Takes up to `records` from what may still be sent; gives how many may. After the window that is nothing.
    pub(crate) fn allow(&mut self, records: u64) -> u64 {
        if self.phase == Phase::Drain { 0 } else { self.allow_due(records) }
    }

    /// The same for what was due before the end of the window: it may be sent after it too.
    pub(crate) fn allow_due(&mut self, records: u64) -> u64 {
        let allowed = self.within_budget(records);
        if let (Phase::Window | Phase::Drain, Some(left)) = (self.phase, &mut self.budget) {
            *left -= allowed;
        }
        allowed
    }

    /// How many of `records` may still be sent.
    pub(crate) fn within_budget(&self, records: u64) -> u64 {
        match self.phase {
            Phase::Warmup => records,
            Phase::Window | Phase::Drain => self.budget.map_or(records, |left| records.min(left)),
        }
    }

    /// From when to when the window lasted; an end that is not known yet is later than everything.
    pub(crate) const fn window_ns(&self) -> Range<u64> {
        match self.phase {
            Phase::Warmup => u64::MAX..u64::MAX,
            Phase::Window => self.window.0.ns..u64::MAX,
            Phase::Drain => self.window.0.ns..self.window.1.ns,
        }
    }

    /// Counts records that were due in the window, and how many of them could be sent by its end.
    pub(crate) fn was_due(&mut self, records: u64, in_time: u64) {
        let rate = self.rate.get_or_insert_default();
        rate.due += records;
        rate.sent_in_time += in_time;
    }

    /// Counts records that were due in the window and that nobody sends any more.
    pub(crate) fn never_sent(&mut self, records: u64) {
        self.rate.get_or_insert_default().never_sent += records;
    }

    /// Whether all records of the window have been sent.
    pub(crate) fn is_spent(&self) -> bool {
        self.phase == Phase::Window && self.budget == Some(0)
    }

    /// Counts an answered request.
    pub(crate) const fn answered(&mut self, wire_bytes: usize) {
        self.counts.requests += 1;
        self.counts.wire_bytes += wire_bytes as u64;
    }

    /// Counts records that were acknowledged or read.
    pub(crate) const fn records(&mut self, records: u64, payload_bytes: u64) {
        self.counts.records += records;
        self.counts.payload_bytes += payload_bytes;
    }

    /// Counts an error code.
    pub(crate) fn error(&mut self, code: i16) {
        self.counts.errors += 1;
        *self.errors.entry(code).or_default() += 1;
    }

    /// Counts what took from `due_ns` until `now_ns`.
    pub(crate) fn latency(&mut self, due_ns: u64, now_ns: u64) {
        self.latencies(due_ns, now_ns, 1);
    }

    /// The same for so many values.
    pub(crate) fn latencies(&mut self, due_ns: u64, now_ns: u64, count: u64) {
        let value = now_ns.saturating_sub(due_ns);
        self.interval_latency.saturating_record_n(value, count);
        if self.window_ns().contains(&due_ns) {
            self.latency.saturating_record_n(value, count);
        }
    }

    /// Sums since the start.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    fn end_interval(&mut self, now_ns: u64) {
        let (start_ns, counts) = self.interval_start;
        let interval = Interval {
            phase: self.phase,
            at: Duration::from_nanos(now_ns),
            seconds: Duration::from_nanos(now_ns.saturating_sub(start_ns)).as_secs_f64(),
            counts: self.counts.since(counts),
            totals: self.counts,
            latency: summary(&self.interval_latency),
        };
        self.watchers.interval(&interval);
        self.interval_latency.reset();
        self.interval_start = (now_ns, self.counts);
        self.next_interval_ns = now_ns.saturating_add(self.interval_ns);
    }

    /// Ends the run.
    ///
    /// # Errors
    /// When what watches it could not write, or when it was stopped before there was anything to measure.
    pub(crate) fn finish(mut self) -> Result<Measured, BenchError> {
        if self.stopped {
            return Err(BenchError::Stopped);
        }
        self.end_window();
        self.end_interval(self.now_ns());
        self.watchers.finish()?;
        let (start, end) = self.window;
        Ok(Measured {
            seconds: Duration::from_nanos(end.ns.saturating_sub(start.ns)).as_secs_f64(),
            counts: end.counts.since(start.counts),
            cpu: end.cpu - start.cpu,
            latency: summary(&self.latency),
            latency_buckets: buckets(&self.latency),
            errors: self.errors,
            rate: self.rate,
        })
    }
}

/// A duration as nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
