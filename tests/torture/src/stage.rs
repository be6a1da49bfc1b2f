//! What all threads of the operation workloads share: the clock of histories, the ends of the broker, and what is wrong.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chronik_harness::{pause, wait_until};
use chronik_types::{Clock, SystemClock};
use parking_lot::Mutex;

use crate::client::Stamp;

/// More than these are counted and not kept: one fault shows in thousands of records.
const KEPT_PROBLEMS: usize = 100;
/// How long a broker may answer "later" before that is a finding.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The run ends: whoever is told must return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over;

/// What was done so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) records: AtomicU64,
    pub(crate) committed: AtomicU64,
    pub(crate) aborted: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) rebalances: AtomicU64,
    pub(crate) fenced: AtomicU64,
    pub(crate) gusts: AtomicU64,
}

/// The state of an era.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) seed: u64,
    pub(crate) stamp: Stamp,
    pub(crate) counts: Counts,
    clock: SystemClock,
    ticks: AtomicU64,
    values: AtomicU64,
    ends: AtomicU64,
    calm: AtomicBool,
    over: AtomicBool,
    problems: Mutex<Vec<String>>,
    /// When the broker was started, and when it first acknowledged something after that.
    started: Mutex<(Duration, Option<Duration>)>,
}

impl Stage {
    pub(crate) fn new(address: SocketAddr, seed: u64) -> Self {
        let clock = SystemClock::new();
        Self {
            address,
            seed,
            stamp: Stamp { seed, timestamp: clock.now() },
            counts: Counts::default(),
            clock,
            ticks: AtomicU64::new(1),
            values: AtomicU64::new(1),
            ends: AtomicU64::new(0),
            calm: AtomicBool::new(false),
            over: AtomicBool::new(false),
            problems: Mutex::new(Vec::new()),
            started: Mutex::new((Duration::ZERO, None)),
        }
    }

    /// The next instant of the clock of histories.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// The first of `count` values that nobody has sent.
    pub(crate) fn values(&self, count: u64) -> u64 {
        self.values.fetch_add(count, Ordering::SeqCst)
    }

    /// Time since the run began.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The broker is about to be ended, or has ended: connections opened before may fail. Called at both moments,
    /// because a connection may be opened between them.
    pub(crate) fn broker_ends(&self) {
        self.ends.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn ends(&self) -> u64 {
        self.ends.load(Ordering::SeqCst)
    }

    /// The broker was started.
    pub(crate) fn broker_starts(&self) {
        *self.started.lock() = (self.now(), None);
    }

    /// Something was acknowledged.
    pub(crate) fn acknowledged(&self, records: u64) {
        self.counts.records.fetch_add(records, Ordering::Relaxed);
        let mut started = self.started.lock();
        if started.1.is_none() {
            started.1 = Some(self.now().saturating_sub(started.0));
        }
    }

    /// Time from the last start to the first acknowledgement.
    pub(crate) fn first_ack(&self) -> Option<Duration> {
        self.started.lock().1
    }

    /// The broker stays up from here on: clients come to rest, and everything is checked.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst) || self.is_over()
    }

    /// Ends the run for all threads.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// A connection that was opened after `ends` failed: fine when the broker was ended since, or soon is.
    pub(crate) fn connection_failed(&self, who: &str, ends: u64, error: &dyn std::fmt::Display) {
        let ended = || (self.ends() != ends || self.is_over()).then_some(());
        if wait_until(Duration::from_secs(2), ended).is_none() {
            self.problem(format!("{who}: connection failed while the broker was up: {error}"));
        }
    }

    /// Something that is wrong and not an anomaly of a history.
    pub(crate) fn problem(&self, text: String) {
        let mut problems = self.problems.lock();
        if problems.len() < KEPT_PROBLEMS {
            problems.push(text);
        }
    }

    /// The problems since the last call.
    pub(crate) fn take_problems(&self) -> Vec<String> {
        std::mem::take(&mut self.problems.lock())
    }

    /// Asks again and again until there is something to return. A broker that says "later" for a minute is a problem,
    /// and ends the run. With each end of the broker the minute begins anew: so do the sessions of members that have
    /// crashed, for which others wait.
    pub(crate) fn patiently<T>(
        &self,
        what: &str,
        mut ask: impl FnMut() -> Result<Option<T>, Over>,
    ) -> Result<T, Over> {
        let (mut begun, mut ends) = (self.now(), self.ends());
        loop {
            if let Some(answer) = ask()? {
                return Ok(answer);
            }
            if self.is_over() {
                return Err(Over);
            }
            if self.ends() != ends {
                (begun, ends) = (self.now(), self.ends());
            }
            if self.now().saturating_sub(begun) > PATIENCE {
                self.problem(format!("{what}: refused as too early for {} s", PATIENCE.as_secs()));
                self.end();
                return Err(Over);
            }
            pause(Duration::from_millis(20));
        }
    }
}
