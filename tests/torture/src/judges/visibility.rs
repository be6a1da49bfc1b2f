//! What a read_committed reader must see, derived from the markers in the log instead of the broker's list of aborted
//! transactions: two independent roads to the same records.

use std::collections::BTreeMap;

use crate::history::ValueId;

/// One batch of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Records outside of transactions.
    Plain(Vec<(i64, ValueId)>),
    /// Records of the transaction that is open for this producer.
    Transactional { producer_id: i64, records: Vec<(i64, ValueId)> },
    /// The end of that transaction.
    Marker { producer_id: i64, commit: bool },
}

/// The records that are to be seen, in order, and the producers whose transaction is still open.
pub(crate) fn visible(parts: &[Part]) -> (Vec<(i64, ValueId)>, Vec<i64>) {
    let mut open: BTreeMap<i64, Vec<(i64, ValueId)>> = BTreeMap::new();
    let mut seen = Vec::new();
    for part in parts {
        match part {
            Part::Plain(records) => seen.extend_from_slice(records),
            Part::Transactional { producer_id, records } => {
                open.entry(*producer_id).or_default().extend_from_slice(records);
            }
            Part::Marker { producer_id, commit } => {
                let ended = open.remove(producer_id).unwrap_or_default();
                seen.extend(ended.into_iter().filter(|_| *commit));
            }
        }
    }
    seen.sort_unstable();
    (seen, open.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_was_committed_in_the_order_of_the_log() {
        let part = |producer_id, offset| Part::Transactional { producer_id, records: vec![(offset, 100)] };
        let marker = |producer_id, commit| Part::Marker { producer_id, commit };
        let parts = [
            part(1, 0),
            part(2, 1),
            Part::Plain(vec![(2, 100)]),
            part(1, 3),
            marker(2, false),
            part(2, 5),
            // A marker without records, as an empty transaction leaves it.
            marker(3, true),
            marker(1, true),
            part(4, 8),
            marker(2, true),
        ];
        let (seen, open) = visible(&parts);
        let offsets: Vec<i64> = seen.iter().map(|record| record.0).collect();
        assert_eq!(offsets, [0, 2, 3, 5]);
        assert_eq!(open, [4]);
    }
}
