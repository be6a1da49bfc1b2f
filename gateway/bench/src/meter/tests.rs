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
