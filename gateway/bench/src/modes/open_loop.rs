//! An open loop: records that are due by the clock, whatever became of those before.
//!
//! What is due while all requests are in flight waits, and its latency counts from when it was due. That holds at the end of
//! the window too: what was due in it is sent in the drain. What cannot be sent even then is given up, with the time that it
//! has waited as its latency, which is the least that it would have been.

use std::time::Duration;

use crate::meter::{Meter, Phase};
use crate::schedule::Schedule;

/// What is due, and what of it has been sent.
#[derive(Debug)]
pub(crate) struct OpenLoop {
    schedule: Schedule,
    /// Records of a request at most.
    most: u64,
    /// No connection has room for what is due.
    full: bool,
    /// The window ended while there was no room for what was due in it.
    behind: bool,
}

impl OpenLoop {
    /// Requests of up to `most` records.
    pub(crate) const fn new(schedule: Schedule, most: u64) -> Self {
        Self { schedule, most, full: false, behind: false }
    }

    /// When a record is due.
    pub(crate) fn due_ns(&self, number: u64) -> u64 {
        self.schedule.due_ns(number)
    }

    /// The time between requests.
    pub(crate) fn period(&self) -> Duration {
        self.schedule.period(self.most)
    }

    /// Says whether a connection has room.
    pub(crate) fn room(&mut self, meter: &Meter, free: bool) {
        self.full = !free;
        self.behind |= self.full && meter.phase() == Phase::Drain;
    }

    /// The next request of up to `most` records, if it is time to send it: their first number and count.
    pub(crate) fn take(&mut self, meter: &mut Meter, now_ns: u64, most: u64) -> Option<(u64, u64)> {
        let (first, due) = match meter.phase() {
            Phase::Drain => self.schedule.take_before(meter.window_ns().end, most)?,
            Phase::Warmup | Phase::Window => self.schedule.take(now_ns, most)?,
        };
        let records = meter.allow_due(due);
        if records == 0 {
            return None;
        }
        let measured = (first + records).saturating_sub(first.max(self.before_window(meter)));
        meter.was_due(measured, if self.behind { 0 } else { measured });
        Some((first, records))
    }

    /// How long nothing becomes due, or nothing can be done about it.
    pub(crate) fn idle(&self, meter: &Meter) -> Duration {
        if self.full || meter.phase() == Phase::Drain || meter.is_spent() {
            return Duration::MAX;
        }
        Duration::from_nanos(self.schedule.next_ns(self.most).saturating_sub(meter.now_ns()))
    }

    /// After the window: how many records were due before its end and have not been sent.
    pub(crate) fn unsent(&self, meter: &Meter) -> u64 {
        match meter.phase() {
            Phase::Drain => meter.within_budget(self.schedule.waiting_before(meter.window_ns().end)),
            Phase::Warmup | Phase::Window => 0,
        }
    }

    /// Sends no more of what was due in the window, and counts how long it has waited.
    pub(crate) fn give_up(&mut self, meter: &mut Meter, now_ns: u64) {
        let end_ns = meter.window_ns().end;
        // What is left of the warm-up was never to be measured.
        self.schedule.skip_to(self.before_window(meter));
        let left = meter.within_budget(self.schedule.waiting_before(end_ns));
        meter.was_due(left, 0);
        meter.never_sent(left);
        let mut remaining = left;
        // Those of a millisecond at a time, with the latency of the last of them.
        while let Some((first, count)) = self.schedule.take_before(end_ns, self.schedule.in_a_millisecond()) {
            let count = count.min(remaining);
            remaining -= count;
            meter.latencies(self.schedule.due_ns(first + count.saturating_sub(1)), now_ns, count);
        }
    }

    /// How many records were due before the window.
    fn before_window(&self, meter: &Meter) -> u64 {
        match meter.phase() {
            Phase::Warmup => u64::MAX,
            Phase::Window | Phase::Drain => self.schedule.due_before(meter.window_ns().start),
        }
    }
}

#[cfg(test)]
mod tests;
