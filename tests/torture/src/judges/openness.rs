//! K2: no last stable offset lies above the first offset of a transaction that is open.
//!
//! A transaction is surely open from the acknowledgement of a record to the first request that may end it, whatever happens
//! to the broker in between.

use std::collections::BTreeMap;

use crate::checker::Key;

/// A transaction was open in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) key: Key,
    /// Of its first record that was acknowledged.
    pub(crate) first_offset: i64,
    pub(crate) since: u64,
    pub(crate) until: u64,
}

/// Somebody was told a last stable offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) key: Key,
    pub(crate) last_stable_offset: i64,
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "K2: key {key}: last stable offset {last_stable_offset}, while the transaction with offset {first_offset} is open"
)]
pub(crate) struct OpennessAnomaly {
    key: Key,
    last_stable_offset: i64,
    first_offset: i64,
}

/// The first violation of each transaction.
pub(crate) fn openness(open: &[Open], sightings: &[Sighting]) -> Vec<OpennessAnomaly> {
    let mut by_key: BTreeMap<Key, (Vec<Open>, Vec<Sighting>)> = BTreeMap::new();
    for one in open {
        by_key.entry(one.key).or_default().0.push(*one);
    }
    for one in sightings {
        by_key.entry(one.key).or_default().1.push(*one);
    }
    let mut anomalies = Vec::new();
    for (key, (mut open, mut sightings)) in by_key {
        open.sort_by_key(|one| one.since);
        sightings.sort_by_key(|one| one.began);
        let mut later = open.into_iter().peekable();
        let mut present: Vec<Open> = Vec::new();
        for Sighting { last_stable_offset, began, ended, .. } in sightings {
            while let Some(one) = later.next_if(|one| one.since < began) {
                present.push(one);
            }
            present.retain(|one| {
                let is_passed = ended < one.until && last_stable_offset > one.first_offset;
                if is_passed {
                    let first_offset = one.first_offset;
                    anomalies.push(OpennessAnomaly { key, last_stable_offset, first_offset });
                }
                !is_passed && began < one.until
            });
        }
    }
    anomalies
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Open = Open { key: 0, first_offset: 5, since: 10, until: 30 };

    fn sighting(last_stable_offset: i64, began: u64) -> Sighting {
        Sighting { key: 0, last_stable_offset, began, ended: began + 5 }
    }

    #[test]
    fn finds_nothing_when_it_may_have_ended_or_not_begun() {
        let mut sightings = vec![sighting(6, 9), sighting(5, 11), sighting(5, 20), sighting(7, 28)];
        sightings.push(Sighting { key: 1, ..sighting(6, 12) });
        assert_eq!(openness(&[OPEN, Open { key: 1, until: 14, ..OPEN }], &sightings), []);
    }

    #[test]
    fn finds_what_passes_an_open_transaction() {
        let short = Open { first_offset: 1, since: 1, until: 12, ..OPEN };
        let expected = OpennessAnomaly { key: 0, last_stable_offset: 6, first_offset: 5 };
        let sightings = [sighting(7, 22), sighting(5, 11), sighting(6, 20)];
        assert_eq!(openness(&[OPEN, short], &sightings), [expected]);
    }
}
