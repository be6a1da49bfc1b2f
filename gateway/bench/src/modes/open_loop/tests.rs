use std::ops::Range;
use std::sync::Arc;

use chronik_types::{Clock, ManualClock, TimestampMs};

use super::*;
use crate::args::parsed;
use crate::error::BenchError;
use crate::meter::{Measured, nanos};
use crate::modes::{Load, drive, poller};
use crate::report::RateFigures;
use crate::stop::Stop;

const MS: Duration = Duration::from_millis(1);

/// A broker with room for two requests of one record, which answers at once except while it stalls. Each look at it takes
/// a step of time.
#[derive(Debug)]
struct Broker {
    clock: Arc<ManualClock>,
    meter: Meter,
    open_loop: OpenLoop,
    step: Duration,
    /// From when to when, in milliseconds.
    stalls: Range<u64>,
    in_flight: Vec<u64>,
}

impl Load for Broker {
    fn connections(&self) -> usize {
        0
    }

    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }

    fn serve(&mut self, _connection: usize) -> Result<(), BenchError> {
        Ok(())
    }

    fn send_due(&mut self, now_ns: u64) -> Result<(), BenchError> {
        loop {
            self.open_loop.room(&self.meter, self.in_flight.len() < 2);
            if self.in_flight.len() == 2 {
                break;
            }
            let Some((first, _)) = self.open_loop.take(&mut self.meter, now_ns, 1) else { break };
            self.in_flight.push(first);
        }
        self.clock.advance(self.step);
        let now_ns = nanos(self.clock.monotonic());
        if !self.stalls.contains(&(now_ns / nanos(MS))) {
            for number in self.in_flight.drain(..) {
                self.meter.answered(1);
                self.meter.records(1, 1);
                self.meter.latency(self.open_loop.due_ns(number), now_ns);
            }
        }
        Ok(())
    }

    fn idle(&self) -> Duration {
        Duration::ZERO
    }

    fn outstanding(&self) -> u64 {
        self.in_flight.len() as u64
    }

    fn unsent(&self) -> u64 {
        self.open_loop.unsent(&self.meter)
    }

    fn give_up(&mut self, now_ns: u64) {
        self.open_loop.give_up(&mut self.meter, now_ns);
    }
}

/// A second at 1,000 records a second.
fn run(arguments: &str, step: Duration, stalls: Range<u64>) -> Result<Measured, BenchError> {
    let clock = Arc::new(ManualClock::new(TimestampMs::new(0)));
    let args = parsed(&format!("-d 1s --rate-limit 1000 {arguments}"));
    let mut meter = Meter::with_clock(&args, &Stop::default(), Arc::<ManualClock>::clone(&clock))?;
    let schedule = Schedule::new(meter.begin_ns(), 1_000, args.linger_ms * 1_000_000);
    let open_loop = OpenLoop::new(schedule, 1);
    let mut broker = Broker { clock, meter, open_loop, step, stalls, in_flight: Vec::new() };
    drive(&mut broker, &mut poller()?)?;
    broker.meter.finish()
}

#[test]
fn without_a_stall_everything_is_sent_in_time() {
    let measured = run("-w 100ms", MS, 0..0).unwrap();
    assert_eq!(measured.rate, Some(RateFigures { due: 1_000, sent_in_time: 1_000, never_sent: 0 }));
    assert_eq!((measured.counts.records, measured.latency.count), (1_000, 1_000));
}

#[test]
fn what_was_due_during_a_stall_at_the_end_is_sent_after_it() {
    // Two requests are in flight from 600 ms on; all that was due after them waits until 2 s.
    let measured = run("-w 100ms", MS, 600..2_000).unwrap();
    let Some(RateFigures { due, sent_in_time, never_sent }) = measured.rate else { panic!("no rate") };
    assert_eq!((due, never_sent, measured.latency.count), (1_000, 0, 1_000));
    assert!((500..=502).contains(&sent_in_time), "{sent_in_time}");
    assert!(measured.counts.records <= 501, "{measured:?}");
    // Half of them waited: the first for 1,400 ms, the last, after all others, for 1,150 ms.
    assert!(measured.latency.p50 > 1_100_000.0 && measured.latency.max >= 1_390_000.0, "{measured:?}");
}

#[test]
fn a_number_of_records_is_kept_to_after_the_window_too() {
    let measured = run("-w 100ms -n 700", MS, 600..2_000).unwrap();
    assert_eq!(measured.rate.map(|rate| rate.due), Some(700));
    assert_eq!(measured.latency.count, 700);
}

#[test]
fn a_broker_that_never_answers_again_ends_the_run() {
    let refused = run("-w 100ms", 10 * MS, 600..u64::MAX);
    assert!(matches!(refused, Err(BenchError::Late(_))), "{refused:?}");
}

#[test]
fn what_is_sent_late_is_waited_for_as_long_as_anything() {
    // Four answers a second, and a stall from just before the end of the first 30 s: for one of these numbers nothing is
    // left to be sent by then, and two requests that are a moment old have no answer.
    for records in 118..126 {
        let measured = run(&format!("-w 0s -n {records}"), 500 * MS, 30_500..40_000).unwrap();
        assert_eq!(measured.latency.count, records);
    }
}

#[test]
fn what_a_slow_broker_leaves_is_given_up_and_counted() {
    // Two answers every 500 ms: 60 requests or so are answered in the 30 s after the window.
    let measured = run("-w 100ms", 500 * MS, 0..0).unwrap();
    let Some(RateFigures { due, sent_in_time, never_sent }) = measured.rate else { panic!("no rate") };
    assert!(sent_in_time <= 4 && never_sent > 800, "{sent_in_time} {never_sent}");
    assert_eq!(measured.latency.count, due);
    assert!(measured.latency.p50 > 29_000_000.0, "{measured:?}");
}
