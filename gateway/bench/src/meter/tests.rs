use super::*;

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
