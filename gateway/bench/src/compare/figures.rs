//! Figures of a row: the medians of both sides, and the ratio with its interval.

use serde::Serialize;

use super::pairs::{Pair, Unit};
use super::stats::{interval, least_and_greatest, median};
use crate::Report;

/// Something that a report tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Report) -> Option<f64>,
    pub(crate) better: Better,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// A metric over all pairs of a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) ours: Option<f64>,
    pub(crate) peer: Option<f64>,
    /// How many times better ours is: the median of the pairs.
    pub(crate) ratio: Option<f64>,
    /// The 95 % interval of the ratio; none where there are too few pairs for one.
    pub(crate) interval: Option<(f64, f64)>,
    /// The pairs' least and greatest ratio, where there is no interval.
    pub(crate) least_and_greatest: Option<(f64, f64)>,
}

impl Metric {
    /// The figure of some pairs.
    pub(crate) fn over(self, pairs: &[&Pair]) -> Figure {
        let values = |side: fn(&Pair) -> Option<&Report>| -> Vec<f64> {
            pairs.iter().filter_map(|pair| side(pair).and_then(self.of)).collect()
        };
        let ratios: Vec<f64> = pairs
            .iter()
            .filter_map(|pair| {
                let (ours, peer) = ((self.of)(&pair.ours)?, (self.of)(pair.peer.as_ref()?)?);
                let ratio = if self.better == Better::Higher { ours / peer } else { peer / ours };
                ratio.is_finite().then_some(ratio)
            })
            .collect();
        let interval = interval(&ratios);
        Figure {
            ours: median(&values(|pair| Some(&pair.ours))),
            peer: median(&values(|pair| pair.peer.as_ref())),
            ratio: median(&ratios),
            interval,
            least_and_greatest: if interval.is_none() { least_and_greatest(&ratios) } else { None },
        }
    }

    /// The median share of what the machine allowed, in percent; above 100 for what is better when lower. `None` where the
    /// limit is of something else.
    pub(crate) fn share_of_limit(self, pairs: &[&Pair]) -> Option<f64> {
        let share = |pair: &&Pair| {
            let value = (self.of)(&pair.ours)? * self.in_unit(pair.limit_unit)?;
            Some(value / pair.limit? * 100.0)
        };
        median(&pairs.iter().filter_map(share).collect::<Vec<f64>>())
    }

    /// How many of a unit one of this metric is. Its name ends with its own unit.
    fn in_unit(self, unit: Unit) -> Option<f64> {
        match unit {
            Unit::MegabytesPerSecond => self.name.ends_with("megabytes_per_second").then_some(1.0),
            Unit::RequestsPerSecond => self.name.ends_with("requests_per_second").then_some(1.0),
            Unit::Microseconds => self.name.ends_with("_ms").then_some(1e3),
        }
    }
}

impl Figure {
    /// `3.41x [3.1, 3.8]` with an interval, `3.41x (3.1 to 3.8)` without.
    pub(crate) fn ratio_text(&self) -> String {
        match (self.ratio, self.interval, self.least_and_greatest) {
            (Some(ratio), Some((low, high)), _) => {
                format!("{}x [{}, {}]", number(ratio), number(low), number(high))
            }
            (Some(ratio), None, Some((least, greatest))) => {
                format!("{}x ({} to {})", number(ratio), number(least), number(greatest))
            }
            _ => NONE.to_owned(),
        }
    }

    /// `ours / peer`, or ours alone.
    pub(crate) fn both(&self) -> String {
        match self.peer {
            Some(peer) => format!("{} / {}", text(self.ours), number(peer)),
            None => text(self.ours),
        }
    }
}

/// Three digits that matter, more only before the point.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The same, or a dash.
pub(crate) fn text(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), number)
}

/// Stands where there is no figure.
pub(crate) const NONE: &str = "-";

/// 10^6 payload bytes in a second.
pub(crate) const MEGABYTES: Metric =
    Metric { name: "megabytes_per_second", of: |run| Some(run.megabytes_per_second), better: Better::Higher };

/// Records in a second.
pub(crate) const RECORDS: Metric =
    Metric { name: "records_per_second", of: |run| Some(run.records_per_second), better: Better::Higher };

/// Requests in a second.
pub(crate) const REQUESTS: Metric =
    Metric { name: "requests_per_second", of: |run| Some(run.requests_per_second), better: Better::Higher };

/// CPU seconds of the server's process for each GiB of payload.
pub(crate) const SERVER_CPU: Metric = Metric {
    name: "server_cpu_seconds_per_gib",
    of: |run| per_gib(run, run.server_cpu_seconds?),
    better: Better::Lower,
};

/// CPU seconds of the server's process and of the kernel's threads, which write back for it, for each GiB of payload.
pub(crate) const SYSTEM_CPU: Metric = Metric {
    name: "system_cpu_seconds_per_gib",
    of: |run| per_gib(run, run.server_cpu_seconds? + run.kernel_cpu_seconds?),
    better: Better::Lower,
};

/// Median latency in milliseconds.
pub(crate) const P50: Metric =
    Metric { name: "p50_ms", of: |run| Some(run.latency_us.p50 / 1e3), better: Better::Lower };

/// 99th percentile in milliseconds.
pub(crate) const P99: Metric =
    Metric { name: "p99_ms", of: |run| Some(run.latency_us.p99 / 1e3), better: Better::Lower };

/// 99.9th percentile in milliseconds.
pub(crate) const P99_9: Metric =
    Metric { name: "p99_9_ms", of: |run| Some(run.latency_us.p99_9 / 1e3), better: Better::Lower };

/// The worst in milliseconds.
pub(crate) const MAX: Metric =
    Metric { name: "max_ms", of: |run| Some(run.latency_us.max / 1e3), better: Better::Lower };

/// Nothing is done in no time: less than the kernel's clock shows is no figure.
#[expect(clippy::cast_precision_loss, reason = "bytes of some seconds")]
fn per_gib(run: &Report, cpu_seconds: f64) -> Option<f64> {
    (run.payload_bytes > 0 && cpu_seconds > 0.0)
        .then(|| cpu_seconds / (run.payload_bytes as f64 / f64::from(1 << 30)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(ours: f64, peer: f64, limit: f64) -> Pair {
        let report = |megabytes_per_second| Report { megabytes_per_second, ..Report::default() };
        Pair::new(report(ours), Some(report(peer)), (limit, Unit::MegabytesPerSecond), true)
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() {
        let pairs = [pair(100.0, 50.0, 400.0), pair(300.0, 100.0, 400.0), pair(200.0, 200.0, 400.0)];
        let pairs: Vec<&Pair> = pairs.iter().collect();
        let figure = MEGABYTES.over(&pairs);
        assert_eq!((figure.ours, figure.peer, figure.ratio), (Some(200.0), Some(100.0), Some(2.0)));
        assert_eq!(MEGABYTES.share_of_limit(&pairs), Some(50.0));
    }

    #[test]
    fn few_pairs_show_least_and_greatest_instead_of_an_interval() {
        let pairs: Vec<Pair> = [2.0, 1.0, 3.0, 4.0, 5.0, 6.0].map(|ours| pair(ours, 1.0, 1.0)).into();
        let of = |count: usize| MEGABYTES.over(&pairs.iter().take(count).collect::<Vec<_>>());
        assert_eq!(of(5).ratio_text(), "3.00x (1.00 to 5.00)");
        assert_eq!((of(5).interval, of(5).least_and_greatest), (None, Some((1.0, 5.0))));
        assert_eq!(of(6).ratio_text(), "3.50x [1.00, 6.00]");
        assert_eq!((of(6).interval, of(6).least_and_greatest), (Some((1.0, 6.0)), None));
        assert_eq!(of(0).ratio_text(), "-");
    }

    #[test]
    fn less_is_better_where_it_is() {
        let mut slow = pair(1.0, 1.0, 1.0);
        slow.ours.latency_us.p99 = 500.0;
        if let Some(peer) = &mut slow.peer {
            peer.latency_us.p99 = 2000.0;
        }
        let figure = P99.over(&[&slow]);
        assert_eq!((figure.ours, figure.peer, figure.ratio), (Some(0.5), Some(2.0), Some(4.0)));
    }

    #[test]
    fn a_share_is_of_a_limit_in_the_same_unit() {
        let mut late = pair(1.0, 1.0, 200.0);
        late.limit_unit = Unit::Microseconds;
        late.ours.latency_us.p50 = 244.0;
        assert_eq!(P50.share_of_limit(&[&late]), Some(122.0));
        assert_eq!(MEGABYTES.share_of_limit(&[&late]), None);
        late.limit_unit = Unit::RequestsPerSecond;
        late.ours.requests_per_second = 50.0;
        assert_eq!((REQUESTS.share_of_limit(&[&late]), P50.share_of_limit(&[&late])), (Some(25.0), None));
    }

    #[test]
    fn cpu_is_counted_for_each_gib() {
        let run = Report {
            payload_bytes: 2 << 30,
            server_cpu_seconds: Some(1.0),
            kernel_cpu_seconds: Some(1.0),
            // Others were at work too: that is nobody's cost.
            machine_busy_seconds: Some(9.0),
            ..Report::default()
        };
        assert_eq!(((SERVER_CPU.of)(&run), (SYSTEM_CPU.of)(&run)), (Some(0.5), Some(1.0)));
        for unknown in [
            Report { server_cpu_seconds: None, ..run.clone() },
            Report { server_cpu_seconds: Some(0.0), kernel_cpu_seconds: None, ..run },
        ] {
            assert_eq!(((SERVER_CPU.of)(&unknown), (SYSTEM_CPU.of)(&unknown)), (None, None));
        }
    }

    #[test]
    fn numbers_show_three_digits() {
        for (value, shown) in
            [(0.0123, "0.012"), (1.0, "1.00"), (12.34, "12.3"), (99.99, "100"), (123_456.7, "123457")]
        {
            assert_eq!(number(value), shown);
        }
    }
}
