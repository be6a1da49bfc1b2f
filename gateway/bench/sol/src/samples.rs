//! Latencies of single operations, all of them kept.

use crate::Latency;

/// Seconds that each operation took.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, seconds: f64) {
        self.0.push(seconds);
    }

    /// Sorted and summed up; zeros when there are none.
    pub(crate) fn latency(mut self) -> Latency {
        self.0.sort_by(f64::total_cmp);
        Latency { p50_us: self.rank(50), p99_us: self.rank(99), count: self.0.len() as u64 }
    }

    /// The nearest rank, in microseconds.
    fn rank(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).map_or(0.0, |seconds| seconds * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut samples = Samples::default();
        for micros in (1..=200).rev() {
            samples.add(f64::from(micros) / 1e6);
        }
        let latency = samples.latency();
        assert_eq!((latency.p50_us.round(), latency.p99_us.round(), latency.count), (100.0, 198.0, 200));
    }

    #[test]
    fn nothing_measured_is_zero() {
        assert_eq!(Samples::default().latency().count, 0);
    }
}
