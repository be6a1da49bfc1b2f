use chronik_types::{ManualClock, TimestampMs};

use super::*;
use crate::args::parsed;

/// What a run measured that is asked to stop after so long, of a warm-up of 1 s and a window of 10 s.
fn stopped_after(seconds: u64) -> Result<Measured, BenchError> {
    let (clock, stop) = (Arc::new(ManualClock::new(TimestampMs::new(0))), Stop::default());
    let mut meter = Meter::with_clock(&parsed("-w 1s -d 10s"), &stop, Arc::<ManualClock>::clone(&clock))?;
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        meter.tick(nanos(clock.monotonic()));
        meter.answered(1);
    }
    stop.ask();
    assert_eq!(meter.tick(nanos(clock.monotonic())), Phase::Drain);
    meter.finish()
}

#[test]
fn who_is_stopped_reports_the_window_so_far() {
    let measured = stopped_after(4).unwrap();
    assert!((measured.seconds - 3.0).abs() < 1e-9 && measured.counts.requests == 4, "{measured:?}");
    assert!(matches!(stopped_after(0), Err(BenchError::Stopped)));
}

#[test]
fn values_are_told_apart_to_three_digits_from_a_microsecond_to_an_hour() {
    let mut ns = 1_000;
    while ns < GREATEST_NS {
        let Latency { p50, max, .. } = summary_of([ns, GREATEST_NS].into_iter()).unwrap();
        let exact = ns as f64 / 1e3;
        assert!((p50 - exact).abs() <= exact / 1e3, "{ns} ns read as {p50} us");
        assert!(max >= GREATEST_NS as f64 / 1e3);
        ns = ns * 11 / 10 + 1;
    }
}

#[test]
fn a_histogram_stays_small() {
    let histogram = histogram().unwrap();
    assert!(histogram.distinct_values() * size_of::<u64>() < 300_000, "{}", histogram.distinct_values());
}
