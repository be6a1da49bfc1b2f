//! A group skips nothing: what lies below a committed offset was shown to one of its members.
//!
//! Sound when members start from what was committed and commit only after they have read.

use std::collections::BTreeSet;

use crate::checker::Key;

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "group-skip: group {group} key {key}: offset {offset} is below the committed {committed} and no member read it"
)]
pub(crate) struct CoverageAnomaly {
    group: String,
    key: Key,
    offset: i64,
    committed: i64,
}

/// The first record of each partition that was skipped.
pub(crate) fn coverage(
    group: &str,
    records: &BTreeSet<(Key, i64)>,
    polled: &BTreeSet<(Key, i64)>,
    committed: &[(Key, i64)],
) -> Vec<CoverageAnomaly> {
    let skipped = |(key, committed): &(Key, i64)| {
        let below = records.range((*key, 0)..(*key, (*committed).max(0)));
        let offset = below.copied().find(|record| !polled.contains(record))?.1;
        Some(CoverageAnomaly { group: group.to_owned(), key: *key, offset, committed: *committed })
    };
    committed.iter().filter_map(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_no_member_read() {
        let records = BTreeSet::from([(0, 0), (0, 2), (0, 3), (1, 0)]);
        let polled = BTreeSet::from([(0, 0), (0, 3), (2, 2)]);
        assert_eq!(coverage("g", &records, &polled, &[(0, 2), (1, -1)]), []);
        let found = coverage("g", &records, &polled, &[(0, 4), (1, 1)]);
        let places: Vec<(Key, i64)> = found.iter().map(|one| (one.key, one.offset)).collect();
        assert_eq!(places, [(0, 2), (1, 0)]);
    }
}
