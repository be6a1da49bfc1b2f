//! What a run prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the report of a command is its output")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::cycle::{CycleError, Outcome};
use crate::stage::Stage;

/// Each progress line stands for this many cycles.
const PROGRESS_CYCLES: u64 = 10;
/// One fault shows in many records; the first lines say which it is.
const SHOWN: usize = 20;

/// Figures and findings of a run.
#[derive(Debug)]
pub(crate) struct Report {
    seed: u64,
    cycles: u64,
    acknowledged: u64,
    operations: Operations,
    findings: Vec<String>,
    first_acks: Vec<Duration>,
}

/// What the workloads of operations did.
#[derive(Debug, Default)]
struct Operations {
    records: u64,
    committed: u64,
    aborted: u64,
    commits: u64,
    rebalances: u64,
    fenced: u64,
    gusts: u64,
}

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            cycles: 0,
            acknowledged: 0,
            operations: Operations::default(),
            findings: Vec::new(),
            first_acks: Vec::new(),
        }
    }

    /// Takes in a cycle.
    pub(crate) fn cycle(&mut self, number: u64, outcome: &Outcome) {
        self.cycles += 1;
        self.acknowledged = outcome.checker.acknowledged_records();
        self.first_acks.extend(outcome.first_ack);
        for problem in &outcome.problems {
            self.findings.push(format!("cycle {number}: {problem}"));
        }
        if let Some(first) = outcome.checker.anomalies().first() {
            self.findings.push(format!("cycle {number}: {first}"));
        }
        if self.cycles.is_multiple_of(PROGRESS_CYCLES) {
            let records = self.acknowledged + self.operations.records;
            println!("{} cycles, {records} records acknowledged", self.cycles);
        }
    }

    /// Takes in what went wrong in the operation workloads up to this cycle.
    pub(crate) fn problems(&mut self, number: u64, stage: &Stage) {
        self.findings.extend(stage.take_problems().into_iter().map(|text| format!("cycle {number}: {text}")));
    }

    /// Takes in an era of the operation workloads.
    pub(crate) fn era(&mut self, number: u64, stage: &Stage, findings: Vec<String>) {
        let texts = findings.into_iter().chain(stage.take_problems());
        self.findings.extend(texts.map(|text| format!("era {number}: {text}")));
        let (counts, operations) = (&stage.counts, &mut self.operations);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        operations.records += read(&counts.records);
        operations.committed += read(&counts.committed);
        operations.aborted += read(&counts.aborted);
        operations.commits += read(&counts.commits);
        operations.rebalances += read(&counts.rebalances);
        operations.fenced += read(&counts.fenced);
        operations.gusts += read(&counts.gusts);
    }

    /// Takes in the reads after the last cycle.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.findings.extend(outcome.problems.iter().map(|problem| format!("final reads: {problem}")));
        let anomalies = outcome.checker.finish();
        self.findings.extend(anomalies.iter().map(|anomaly| format!("final reads: {anomaly}")));
    }

    /// Whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Leaves the data for whoever looks into it.
    pub(crate) fn keep(&self, scratch: TempDir, root: &Path) {
        // Keeps the directory from being removed; its path is that of the data unless --data was given.
        let _ = scratch.keep();
        println!("data and log kept in {}", root.display());
    }

    /// Prints the figures, and what was found.
    pub(crate) fn print(&self) {
        for finding in self.findings.iter().take(SHOWN) {
            println!("{finding}");
        }
        let mut first_acks = self.first_acks.clone();
        first_acks.sort_unstable();
        let quantile = |percent: usize| {
            let index = (first_acks.len() * percent / 100).min(first_acks.len().saturating_sub(1));
            first_acks.get(index).map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
        };
        println!(
            "seed {}: {} cycles, {} records acknowledged, {} transactions committed, {} aborted, {} zombies fenced, \
             {} offset commits, {} assignments, {} gusts, {} violations; start to first ack p50 {}, p99 {}",
            self.seed,
            self.cycles,
            self.acknowledged + self.operations.records,
            self.operations.committed,
            self.operations.aborted,
            self.operations.fenced,
            self.operations.commits,
            self.operations.rebalances,
            self.operations.gusts,
            self.findings.len(),
            quantile(50),
            quantile(99),
        );
    }
}

/// Says why a run could not go on, and what to do.
pub(crate) fn print_error(binary: &Path, error: &CycleError) {
    eprintln!("chronik-torture: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
    if !binary.exists() {
        eprintln!("  {} does not exist: build it with `cargo build --release`", binary.display());
    }
}
