//! Histograms of latencies: every value from 1 ns to an hour to three digits (HDR), none sampled away.
//!
//! What a run has recorded can leave it as [`Buckets`], of which [`merged`] makes one histogram again: quantiles of many runs
//! are those of all their values, which no mean or median of the runs' quantiles is.

use hdrhistogram::Histogram;

use crate::error::BenchError;
use crate::report::{Buckets, Latency};

/// Latencies are told apart to three digits, from 1 ns to an hour. A greater least value would be the width of the finest
/// steps, and with that of all values below a thousand of them: 2 % at 27 us if it were 1 us.
const LEAST_NS: u64 = 1;
const GREATEST_NS: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// An empty one.
pub(crate) fn histogram() -> Result<Histogram<u64>, BenchError> {
    Histogram::new_with_bounds(LEAST_NS, GREATEST_NS, DIGITS)
        .map_err(|error| BenchError::Unsupported(format!("no histogram can be made: {error}")))
}

/// Its quantiles.
pub(crate) fn summary(histogram: &Histogram<u64>) -> Latency {
    let us = |ns: u64| ns as f64 / 1e3;
    let at = |quantile| us(histogram.value_at_quantile(quantile));
    Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p99_9: at(0.999),
        p99_99: at(0.9999),
        max: us(histogram.max()),
        mean: histogram.mean() / 1e3,
        count: histogram.len(),
    }
}

/// Quantiles of some durations in nanoseconds.
pub(crate) fn summary_of(durations_ns: impl Iterator<Item = u64>) -> Result<Latency, BenchError> {
    let mut all = histogram()?;
    durations_ns.for_each(|ns| all.saturating_record(ns));
    Ok(summary(&all))
}

/// All that it holds.
pub(crate) fn buckets(histogram: &Histogram<u64>) -> Buckets {
    histogram
        .iter_recorded()
        .map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration()))
        .collect()
}

/// Quantiles of all that several runs have recorded.
pub(crate) fn merged<'a>(runs: impl Iterator<Item = &'a Buckets>) -> Result<Latency, BenchError> {
    let mut all = histogram()?;
    for (ns, count) in runs.flatten() {
        all.saturating_record_n(*ns, *count);
    }
    Ok(summary(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(values: impl Iterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = histogram().unwrap();
        values.for_each(|ns| histogram.saturating_record(ns));
        histogram
    }

    /// Values over seven powers of ten, so that they are in buckets of many widths.
    fn values(from: u64, count: u64) -> impl Iterator<Item = u64> {
        (from..from + count).map(|number| (number * number * 7919) % 9_999_999_967)
    }

    #[test]
    fn merged_runs_have_the_quantiles_of_all_their_values() {
        let runs =
            [recorded(values(1, 4_000)), recorded(values(90_001, 1_000)), recorded(values(7_000_001, 20))];
        let parts = runs.each_ref().map(buckets);
        let whole = recorded(values(1, 4_000).chain(values(90_001, 1_000)).chain(values(7_000_001, 20)));
        assert_eq!(merged(parts.iter()).unwrap(), summary(&whole));
    }

    #[test]
    fn a_tail_of_one_run_is_a_tail_of_all() {
        let quick = buckets(&recorded(std::iter::repeat_n(1_000, 1_000)));
        let stalled =
            buckets(&recorded(std::iter::repeat_n(1_000, 990).chain(std::iter::repeat_n(50_000_000, 10))));
        let all = merged([&quick, &quick, &stalled].into_iter()).unwrap();
        // Ten of 3,000 are 0.33 %: the median of the runs' p99.9 would not show them.
        assert!(all.p99 < 1.1 && all.p99_9 > 49_000.0 && all.max > 49_000.0, "{all:?}");
        assert_eq!(all.count, 3_000);
    }

    #[test]
    fn nothing_merged_is_nothing() {
        assert_eq!(merged([].into_iter()).unwrap(), Latency::default());
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
}
