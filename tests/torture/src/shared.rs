//! What the threads of a cycle share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronik_harness::wait_until;
use chronik_types::{Clock, SystemClock};
use parking_lot::Mutex;

use crate::checker::Checker;

/// More than these are counted and not kept: one fault shows in thousands of records.
const KEPT_PROBLEMS: usize = 100;

/// The history and the state of the current cycle.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) checker: Mutex<Checker>,
    problems: Mutex<Vec<String>>,
    ending: AtomicBool,
    clock: SystemClock,
    first_ack: OnceLock<Duration>,
}

impl Shared {
    /// A cycle that starts now and continues this history.
    pub(crate) fn new(checker: Checker) -> Self {
        Self {
            checker: Mutex::new(checker),
            problems: Mutex::new(Vec::new()),
            ending: AtomicBool::new(false),
            clock: SystemClock::new(),
            first_ack: OnceLock::new(),
        }
    }

    /// From here on connections may fail.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// A connection failed: fine when the cycle is ending, else the gateway dropped a client that it should serve.
    pub(crate) fn connection_failed(&self, who: &str, error: &dyn std::fmt::Display) {
        let grace = Duration::from_secs(2);
        if wait_until(grace, || self.is_ending().then_some(())).is_none() {
            self.problem(format!("{who}: connection failed while the gateway was up: {error}"));
        }
    }

    /// Something that is wrong and not an anomaly of the history.
    pub(crate) fn problem(&self, text: String) {
        let mut problems = self.problems.lock();
        if problems.len() < KEPT_PROBLEMS {
            problems.push(text);
        }
    }

    /// An acknowledgement arrived; the first one of the cycle is timed.
    pub(crate) fn acknowledged(&self) {
        self.first_ack.get_or_init(|| self.clock.monotonic());
    }

    /// Time from the start of the process to the first acknowledgement.
    pub(crate) fn first_ack(&self) -> Option<Duration> {
        self.first_ack.get().copied()
    }

    /// Ends the cycle: the history and the problems.
    pub(crate) fn into_parts(self) -> (Checker, Vec<String>) {
        (self.checker.into_inner(), self.problems.into_inner())
    }
}
