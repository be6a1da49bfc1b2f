//! Interleaved pairs of runs: A B, B A, A B, … each with the program that shows what the machine allowed meanwhile.

use std::collections::BTreeMap;

use serde::Serialize;

use super::contest::Contest;
use super::gate::{Fault, judge};
use super::side::Side;
use crate::{BenchError, Buckets, Report};

/// Runs of both sides right after each other.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pair {
    pub(crate) ours: Report,
    pub(crate) peer: Option<Report>,
    /// What the machine allowed.
    pub(crate) limit: Option<f64>,
    /// What the limit counts.
    pub(crate) limit_unit: Unit,
    /// Nothing disturbed it.
    pub(crate) valid: bool,
    /// All latencies of both, where the runs were asked for them: too many numbers to be written for each run.
    #[serde(skip)]
    pub(crate) latencies: (Buckets, Buckets),
}

impl Pair {
    /// Of two runs and what the machine allowed meanwhile.
    pub(crate) fn new(mut ours: Report, mut peer: Option<Report>, limit: (f64, Unit), valid: bool) -> Self {
        let of_peer = peer.as_mut().and_then(|report| report.latency_buckets_ns.take());
        let of_ours = ours.latency_buckets_ns.take();
        let latencies = (of_ours.unwrap_or_default(), of_peer.unwrap_or_default());
        Self { ours, peer, limit: Some(limit.0), limit_unit: limit.1, valid, latencies }
    }
}

/// All pairs of a row.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) pairs: Vec<Pair>,
    /// Runs that did not count, and why.
    pub(crate) faults: BTreeMap<Fault, usize>,
    /// Why there is no figure at all.
    pub(crate) failure: Option<String>,
    /// Disturbed pairs count like others.
    pub(crate) as_they_are: bool,
}

impl Pairs {
    /// The pairs that figures are taken from: the valid ones, or all when none is or all are wanted.
    pub(crate) fn counted(&self) -> Vec<&Pair> {
        let counts = |pair: &&Pair| pair.valid || self.as_they_are;
        let valid: Vec<&Pair> = self.pairs.iter().filter(counts).collect();
        if valid.is_empty() { self.pairs.iter().collect() } else { valid }
    }

    /// What the last column says: what failed, or how many pairs are valid.
    pub(crate) fn remark(&self) -> String {
        self.failure.clone().unwrap_or_else(|| self.validity())
    }

    /// Valid pairs, and what disturbed the others: `7`, or `0 of 7: client busy`.
    pub(crate) fn validity(&self) -> String {
        let valid = self.pairs.iter().filter(|pair| pair.valid).count();
        let faults: Vec<String> =
            self.faults.iter().map(|(fault, times)| format!("{fault} {times}x")).collect();
        match (valid == self.pairs.len(), faults.is_empty()) {
            (true, true) => valid.to_string(),
            (true, false) => format!("{valid} (repeated: {})", faults.join(", ")),
            (false, _) => format!("{valid} of {}: {}", self.pairs.len(), faults.join(", ")),
        }
    }
}

/// Which program stands beside a row, and in which unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Null broker with frames of 64 KiB, in MB/s.
    Receive,
    /// Null broker with a small request on each of 64 connections, in requests/s.
    SmallRequests,
    /// Durable broker with frames of 64 KiB, in MB/s.
    Durable,
    /// Null broker that sends, in MB/s.
    Send,
    /// Ping-pong on the cores of the run, in microseconds.
    Ping,
    /// Durable round trip of 4 KiB, in microseconds.
    DurableRoundTrip,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// 10^6 bytes in a second.
    MegabytesPerSecond,
    RequestsPerSecond,
    Microseconds,
}

impl Limit {
    const fn unit(self) -> Unit {
        match self {
            Self::Receive | Self::Durable | Self::Send => Unit::MegabytesPerSecond,
            Self::SmallRequests => Unit::RequestsPerSecond,
            Self::Ping | Self::DurableRoundTrip => Unit::Microseconds,
        }
    }

    fn measure(self, contest: &mut Contest<'_>) -> Result<f64, BenchError> {
        contest.nobody()?;
        let cores = contest.cores;
        let programs = contest.programs(PROGRAM_SECONDS)?;
        let value = match self {
            Self::Receive => programs.receive(64 << 10).map(|stream| stream.gigabytes_per_second * 1e3),
            Self::SmallRequests => programs.small_requests().map(|stream| stream.requests_per_second),
            Self::Durable => programs.durable(64 << 10).map(|durable| durable.gigabytes_per_second * 1e3),
            Self::Send => programs.send().map(|stream| stream.gigabytes_per_second * 1e3),
            Self::Ping => programs.ping(cores).map(|latency| latency.p50_us),
            Self::DurableRoundTrip => programs.durable_round_trip().map(|latency| latency.p50_us),
        };
        value.map_err(BenchError::program)
    }
}

/// Runs `run` on both sides until enough pairs are valid, or it is clear that they will not be.
pub(crate) fn measure(
    contest: &mut Contest<'_>,
    name: &str,
    ours: &Side,
    limit: Limit,
    run: &mut dyn FnMut(&mut Contest<'_>, &Side) -> Result<Report, BenchError>,
) -> Result<Pairs, BenchError> {
    let wanted = contest.args.pairs as usize;
    let mut found = Pairs { as_they_are: contest.args.as_they_are, ..Pairs::default() };
    let mut attempts = 0;
    while found.failure.is_none()
        && found.pairs.iter().filter(|pair| pair.valid).count() < wanted
        && attempts < limit_of(&found, wanted)
    {
        let allowed = limit.measure(contest)?;
        let mut sides: Vec<Side> = std::iter::once(ours.clone()).chain(contest.peer()).collect();
        if attempts % 2 == 1 {
            sides.reverse();
        }
        attempts += 1;
        let (mut of_ours, mut of_peer, mut valid) = (None, None, true);
        for side in &sides {
            match one(contest, side, run, &mut found.faults) {
                Ok((report, undisturbed)) => {
                    valid &= undisturbed;
                    let slot = if side.address == ours.address { &mut of_ours } else { &mut of_peer };
                    *slot = Some(report);
                }
                Err(failure) => {
                    contest.failed = true;
                    found.failure = Some(format!("{}: {failure}", side.name));
                    valid = false;
                    break;
                }
            }
        }
        let Some(ours) = of_ours else { continue };
        let pair = Pair::new(ours, of_peer, (allowed, limit.unit()), valid);
        contest.say(&progress(name, attempts, wanted, &pair));
        found.pairs.push(pair);
    }
    contest.everybody()?;
    Ok(found)
}

/// A client that is too slow stays so: more pairs would not help.
fn limit_of(found: &Pairs, wanted: usize) -> usize {
    let hopeless = found.faults.contains_key(&Fault::ClientBusy);
    if hopeless || found.as_they_are { wanted } else { wanted + wanted / 2 + 1 }
}

/// A run that counts, or the last of some tries; an error when there is nothing to count.
fn one(
    contest: &mut Contest<'_>,
    side: &Side,
    run: &mut dyn FnMut(&mut Contest<'_>, &Side) -> Result<Report, BenchError>,
    faults: &mut BTreeMap<Fault, usize>,
) -> Result<(Report, bool), String> {
    let mut last = Err("no run".to_owned());
    for _ in 0..TRIES {
        let alone = contest.nobody().and_then(|()| {
            // What earlier runs left in the page cache is written back now, not at this run's expense.
            rustix::fs::sync();
            contest.alone(side)
        });
        let fault = match alone.and_then(|()| run(contest, side)) {
            Ok(report) => {
                let fault = judge(&report, cores());
                last = match fault {
                    Some(Fault::Errors) => Err(blame(&report)),
                    Some(Fault::Empty) => Err("nothing was done".to_owned()),
                    _ => Ok((report, fault.is_none())),
                };
                fault
            }
            Err(error) => {
                last = Err(describe(&error));
                Some(Fault::Errors)
            }
        };
        let Some(fault) = fault else { return last };
        *faults.entry(fault).or_default() += 1;
        if let Err(failure) = &last {
            let line = format!("  {}: {failure}", side.name);
            contest.say(&line);
        }
        if !fault.passes() || (last.is_ok() && contest.args.as_they_are) {
            break;
        }
    }
    last
}

fn blame(report: &Report) -> String {
    match report.verified {
        Some(verified) if !verified.is_clean() => {
            format!("{} acknowledged records missing, {} damaged", verified.missing, verified.corrupt)
        }
        _ => {
            let counts: Vec<String> =
                report.error_counts.iter().map(|(name, times)| format!("{name} {times}x")).collect();
            format!("{} errors: {}", report.errors, counts.join(", "))
        }
    }
}

/// An error with its causes.
pub(crate) fn describe(error: &BenchError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn progress(name: &str, attempt: usize, wanted: usize, pair: &Pair) -> String {
    let figures = |report: &Report| {
        format!(
            "{:.0} MB/s, {:.0} records/s, p99 {:.0} us",
            report.megabytes_per_second, report.records_per_second, report.latency_us.p99
        )
    };
    let peer = pair.peer.as_ref().map(|report| format!("; peer {}", figures(report))).unwrap_or_default();
    let mark = if pair.valid { "" } else { " (disturbed)" };
    format!("{name} {attempt}/{wanted}: chronik {}{peer}{mark}", figures(&pair.ours))
}

#[expect(clippy::cast_precision_loss, reason = "a number of cores")]
fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1, usize::from) as f64
}

const PROGRAM_SECONDS: f64 = 0.5;
const TRIES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(valid: bool) -> Pair {
        Pair::new(Report::default(), None, (1.0, Unit::MegabytesPerSecond), valid)
    }

    #[test]
    fn latencies_leave_the_reports_that_are_written() {
        let run = |ns| Report { latency_buckets_ns: Some(vec![(ns, 2)]), ..Report::default() };
        let pair = Pair::new(run(1), Some(run(3)), (1.0, Unit::Microseconds), true);
        assert_eq!(pair.latencies, (vec![(1, 2)], vec![(3, 2)]));
        assert!(!serde_json::to_string(&pair).unwrap().contains("buckets"));
    }

    #[test]
    fn disturbed_pairs_count_only_when_there_are_no_others() {
        let mut found = Pairs { pairs: vec![pair(true), pair(false), pair(true)], ..Pairs::default() };
        assert_eq!(found.counted().len(), 2);
        found.pairs = vec![pair(false), pair(false)];
        assert_eq!(found.counted().len(), 2);
    }

    #[test]
    fn pairs_that_are_taken_as_they_are_all_count_and_are_still_marked() {
        let pairs = vec![pair(true), pair(false), pair(true)];
        let mut found = Pairs { pairs, as_they_are: true, ..Pairs::default() };
        found.faults.insert(Fault::Steal, 1);
        assert_eq!(found.counted().len(), 3);
        assert_eq!(found.validity(), "2 of 3: steal 1x");
    }

    #[test]
    fn tables_say_what_disturbed() {
        let mut found = Pairs { pairs: vec![pair(true), pair(true)], ..Pairs::default() };
        assert_eq!(found.validity(), "2");
        found.faults.insert(Fault::Steal, 3);
        assert_eq!(found.validity(), "2 (repeated: steal 3x)");
        found.pairs.push(pair(false));
        assert_eq!(found.validity(), "2 of 3: steal 3x");
    }

    #[test]
    fn a_busy_client_is_not_waited_for() {
        let mut found = Pairs::default();
        assert_eq!(limit_of(&found, 7), 11);
        assert_eq!(limit_of(&Pairs { as_they_are: true, ..Pairs::default() }, 7), 7);
        found.faults.insert(Fault::ClientBusy, 1);
        assert_eq!(limit_of(&found, 7), 7);
    }
}
