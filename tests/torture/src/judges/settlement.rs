//! K4, the other half: once everything has come to rest, every partition is owned by one member, and nobody is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::Key;

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettlementAnomaly {
    #[error("K4: group {group} key {key}: owned by {owners:?} in the end")]
    NotOnce { group: String, key: Key, owners: Vec<u64> },
    #[error("K4: group {group}: the member on seat {seat} owns nothing in the end")]
    LeftOut { group: String, seat: u64 },
}

/// Everything that is wrong with how these partitions are owned, by seat. There are as many partitions as seats at least.
pub(crate) fn settlement(
    group: &str,
    owned: &BTreeMap<u64, BTreeSet<Key>>,
    keys: &BTreeSet<Key>,
) -> Vec<SettlementAnomaly> {
    let owners = |key: &Key| -> Vec<u64> {
        owned.iter().filter(|(_, own)| own.contains(key)).map(|(seat, _)| *seat).collect()
    };
    let group = || group.to_owned();
    let idle = owned.iter().filter(|(_, own)| own.is_empty());
    keys.iter()
        .map(|key| SettlementAnomaly::NotOnce { group: group(), key: *key, owners: owners(key) })
        .filter(|one| !matches!(one, SettlementAnomaly::NotOnce { owners, .. } if owners.len() == 1))
        .chain(idle.map(|(seat, _)| SettlementAnomaly::LeftOut { group: group(), seat: *seat }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(owned: &[(u64, &[Key])]) -> Vec<SettlementAnomaly> {
        let owned = owned.iter().map(|(seat, keys)| (*seat, keys.iter().copied().collect())).collect();
        settlement("g", &owned, &(0..3).collect())
    }

    #[test]
    fn finds_nothing_when_all_are_owned_once() {
        assert_eq!(settled(&[(7, &[0, 2]), (8, &[1])]), []);
    }

    #[test]
    fn finds_partitions_with_no_owner_and_with_two() {
        let not_once = |key, owners: &[u64]| SettlementAnomaly::NotOnce {
            group: "g".to_owned(),
            key,
            owners: owners.to_vec(),
        };
        assert_eq!(settled(&[(7, &[0, 2]), (8, &[0])]), [not_once(0, &[7, 8]), not_once(1, &[])]);
    }

    #[test]
    fn finds_a_member_that_owns_nothing() {
        let left_out = SettlementAnomaly::LeftOut { group: "g".to_owned(), seat: 9 };
        assert_eq!(settled(&[(7, &[0, 2]), (8, &[1]), (9, &[])]), [left_out]);
    }
}
