//! What a group's offsets say about the transaction that carried them, for a group that one transactional id alone
//! commits to: they moved with it, all of them or none, and nothing else ever moves them.

use std::collections::BTreeMap;

use crate::checker::Key;
use crate::client::Committed;

/// The offsets that are known to be committed.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    settled: BTreeMap<Key, Committed>,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LedgerAnomaly {
    /// Neither what was committed nor what may have been.
    #[error("K3: group {group}: found {found:?}, committed was {settled:?}")]
    Unknown { group: String, found: Committed, settled: Option<Committed> },
    /// Some offsets of one transaction were committed, and others were not.
    #[error("K3: group {group}: half of the offsets of a transaction were committed: {found:?}")]
    Torn { group: String, found: Vec<Committed> },
}

impl Ledger {
    /// These were committed.
    pub(crate) fn settle(&mut self, offsets: &[Committed]) {
        self.settled.extend(offsets.iter().map(|committed| (committed.key, committed.clone())));
    }

    /// Judges what was found after the outcome of a transaction with the offsets `pending` was not known. Tells whether
    /// it was committed, when that can be told.
    ///
    /// # Errors
    /// When what was found is not possible.
    pub(crate) fn resolve(
        &mut self,
        group: &str,
        found: &[Committed],
        pending: &[Committed],
    ) -> Result<Option<bool>, LedgerAnomaly> {
        let mut votes = Vec::new();
        for one in found {
            let settled = self.settled.get(&one.key);
            let awaited = pending.iter().find(|pending| pending.key == one.key);
            let unchanged = settled.map_or(one.offset < 0, |settled| settled == one);
            if awaited == Some(one) {
                votes.push(true);
            } else if unchanged {
                votes.extend(awaited.map(|_| false));
            } else {
                let (group, found, settled) = (group.to_owned(), one.clone(), settled.cloned());
                return Err(LedgerAnomaly::Unknown { group, found, settled });
            }
        }
        let committed = votes.first().copied();
        if votes.iter().any(|vote| Some(*vote) != committed) {
            return Err(LedgerAnomaly::Torn { group: group.to_owned(), found: found.to_vec() });
        }
        if committed == Some(true) {
            self.settle(pending);
        }
        Ok(committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(key: Key, offset: i64, metadata: &str) -> Committed {
        Committed { key, offset, metadata: metadata.to_owned() }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.settle(&[committed(0, 5, "1"), committed(1, 7, "1")]);
        ledger
    }

    #[test]
    fn tells_what_became_of_a_transaction() {
        let old = [committed(0, 5, "1"), committed(1, 7, "1"), committed(2, -1, "")];
        let new = [committed(0, 6, "2"), committed(2, 3, "2")];
        let moved = [committed(0, 6, "2"), committed(1, 7, "1"), committed(2, 3, "2")];
        assert_eq!(ledger().resolve("g", &old, &[]), Ok(None));
        assert_eq!(ledger().resolve("g", &old, &new), Ok(Some(false)));
        let mut ledger = ledger();
        assert_eq!(ledger.resolve("g", &moved, &new), Ok(Some(true)));
        assert_eq!(ledger.resolve("g", &moved, &[]), Ok(None));
    }

    #[test]
    fn finds_offsets_that_nobody_committed() {
        for found in [committed(0, 4, "0"), committed(0, -1, ""), committed(0, 5, ""), committed(2, 0, "")] {
            let pending = [committed(0, 6, "2")];
            let anomaly = ledger().resolve("g", std::slice::from_ref(&found), &pending).unwrap_err();
            assert!(matches!(anomaly, LedgerAnomaly::Unknown { found: one, .. } if one == found));
        }
    }

    #[test]
    fn finds_half_of_a_commit() {
        let found = [committed(0, 6, "2"), committed(1, 7, "1")];
        let pending = [committed(0, 6, "2"), committed(1, 8, "2")];
        let anomaly = ledger().resolve("g", &found, &pending).unwrap_err();
        assert_eq!(anomaly, LedgerAnomaly::Torn { group: "g".to_owned(), found: found.to_vec() });
    }
}
