//! Latencies of a row: those of all runs that count in one histogram for each side.

use serde::Serialize;

use super::figures::Figure;
use super::pairs::Pair;
use crate::histogram::merged;
use crate::{BenchError, Latency};

/// Quantiles of all values of all runs, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Merged {
    pub(crate) ours: Latency,
    /// `None` where no run of the peer counts.
    pub(crate) peer: Option<Latency>,
}

impl Merged {
    /// What these pairs have recorded.
    pub(crate) fn of(pairs: &[&Pair]) -> Result<Self, BenchError> {
        let ours = merged(pairs.iter().map(|pair| &pair.latencies.0))?;
        let peer = merged(pairs.iter().map(|pair| &pair.latencies.1))?;
        Ok(Self { ours, peer: Some(peer).filter(|peer| peer.count > 0) })
    }

    /// One of the quantiles in milliseconds, as `ours / peer`.
    pub(crate) fn ms(&self, us: fn(&Latency) -> f64) -> String {
        let of = |latency: &Latency| us(latency) / 1e3;
        let ours = Some(&self.ours).filter(|ours| ours.count > 0).map(of);
        Figure { ours, peer: self.peer.as_ref().map(of), ..Figure::default() }.both()
    }

    /// How many values each side has, as `ours / peer`.
    pub(crate) fn counts(&self) -> String {
        let peer = self.peer.map(|peer| format!(" / {}", peer.count));
        format!("{}{}", self.ours.count, peer.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::pairs::Unit;
    use crate::{Buckets, Report};

    fn pair(ours: Buckets, peer: Option<Buckets>) -> Pair {
        let run = |buckets| Report { latency_buckets_ns: Some(buckets), ..Report::default() };
        Pair::new(run(ours), peer.map(run), (1.0, Unit::Microseconds), true)
    }

    #[test]
    fn each_side_has_the_values_of_all_its_runs() {
        let pairs = [
            pair(vec![(1_000, 989)], Some(vec![(2_000, 500)])),
            pair(vec![(1_000, 1), (7_000_000, 10)], Some(vec![(2_000, 500)])),
        ];
        let all = Merged::of(&pairs.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (all.ms(|us| us.p50), all.ms(|us| us.p99)),
            ("0.001 / 0.002".to_owned(), "0.001 / 0.002".to_owned())
        );
        // Ten of 1,000 are above p99, though most of one run are far below it.
        assert_eq!(
            (all.ms(|us| us.p99_9), all.ms(|us| us.max)),
            ("7.00 / 0.002".to_owned(), "7.00 / 0.002".to_owned())
        );
        assert_eq!(all.counts(), "1000 / 1000");
    }

    #[test]
    fn ours_stands_alone_without_a_peer_and_nothing_is_a_dash() {
        let alone = pair(vec![(1_000, 3)], None);
        let merged = Merged::of(&[&alone]).unwrap();
        assert_eq!((merged.counts(), merged.peer), ("3".to_owned(), None));
        assert_eq!(Merged::of(&[]).unwrap().ms(|us| us.max), "-");
    }
}
