//! A bar on a terminal, a line for each interval elsewhere; both on standard error.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Interval;
use crate::meter::Phase;
use crate::render::{grouped, time};

/// What a person sees while it runs.
#[derive(Debug)]
pub(crate) enum Progress {
    /// For eyes.
    Bar(ProgressBar),
    /// For files.
    Lines,
}

const TEMPLATE: &str = "{prefix:>7} [{wide_bar}] {msg}";
const DRAWN_PER_SECOND: u8 = 5;

impl Progress {
    /// Progress of a run of this length.
    pub(crate) fn new(length: Duration) -> Self {
        if !stderr().is_terminal() {
            return Self::Lines;
        }
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let target = ProgressDrawTarget::stderr_with_hz(DRAWN_PER_SECOND);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    pub(super) fn interval(&self, interval: &Interval) {
        let latency = &interval.latency;
        let text = format!(
            "{} records/s  {:.1} MB/s  {} req/s  p50 {}  p99 {}  max {}  errors {}",
            grouped(interval.records_per_second()),
            interval.megabytes_per_second(),
            grouped(interval.requests_per_second()),
            time(latency.p50),
            time(latency.p99),
            time(latency.max),
            interval.totals.errors,
        );
        match self {
            Self::Bar(bar) => bar.set_message(text),
            // Nobody to tell when standard error is closed.
            Self::Lines => drop(writeln!(
                stderr(),
                "{:>8.1} s {:>7}  {text}",
                interval.at.as_secs_f64(),
                name(interval.phase)
            )),
        }
    }

    pub(super) fn moved(&self, phase: Phase, at: Duration) {
        if let Self::Bar(bar) = self {
            bar.set_prefix(name(phase));
            bar.set_position(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        }
    }

    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// What people call a phase.
pub(super) const fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Warmup => "warm-up",
        Phase::Window => "measure",
        Phase::Drain => "drain",
    }
}
