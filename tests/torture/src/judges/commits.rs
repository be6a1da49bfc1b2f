//! K3: a committed offset never goes back, and is found again with its metadata.
//!
//! Sound for partitions with one reader at a time that starts from what was committed: only then do offsets of a
//! partition rise in the order in which the coordinator takes them. Every commit carries its own number as metadata.

use std::collections::HashMap;

use crate::checker::Key;
use crate::history::Completion;

/// A commit of one partition.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) key: Key,
    pub(crate) offset: i64,
    /// Its metadata.
    pub(crate) number: u64,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) completion: Completion,
}

/// What OffsetFetch told of one partition.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) key: Key,
    /// -1 when nothing is committed.
    pub(crate) offset: i64,
    pub(crate) metadata: String,
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommitAnomaly {
    /// Below what was acknowledged, or seen, before the question.
    #[error("K3: group {group} key {key}: committed offset {found}, after {known}")]
    WentBack { group: String, key: Key, known: i64, found: i64 },
    /// Not what any commit carried.
    #[error(
        "K3: group {group} key {key}: offset {offset} with metadata {metadata:?} is no commit that can have happened"
    )]
    Unknown { group: String, key: Key, offset: i64, metadata: String },
}

/// Commits of one group, and what was found of them.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    pub(crate) commits: Vec<Commit>,
    pub(crate) fetched: Vec<Fetched>,
}

impl Commits {
    /// Everything that is wrong with them.
    pub(crate) fn judge(&self, group: &str) -> Vec<CommitAnomaly> {
        let by_number: HashMap<(u64, Key), &Commit> =
            self.commits.iter().map(|commit| ((commit.number, commit.key), commit)).collect();
        let mut fetched: Vec<&Fetched> = self.fetched.iter().collect();
        fetched.sort_by_key(|fetched| fetched.began);
        let mut known = self.knowledge().into_iter().peekable();
        let mut bounds: HashMap<Key, i64> = HashMap::new();
        let mut anomalies = Vec::new();
        for one in fetched {
            // All that had ended before the question.
            while let Some((_, key, offset)) = known.next_if(|known| known.0 < one.began) {
                let bound = bounds.entry(key).or_insert(offset);
                *bound = offset.max(*bound);
            }
            let (group, key, offset) = (group.to_owned(), one.key, one.offset);
            if let Some(known) = bounds.get(&key).copied().filter(|known| offset < *known) {
                anomalies.push(CommitAnomaly::WentBack { group, key, known, found: offset });
                continue;
            }
            let source = one.metadata.parse().ok().and_then(|number: u64| by_number.get(&(number, key)));
            let possible = source.is_some_and(|commit| {
                commit.offset == offset && commit.began < one.ended && commit.completion != Completion::Fail
            });
            if offset >= 0 && !possible {
                let metadata = one.metadata.clone();
                anomalies.push(CommitAnomaly::Unknown { group, key, offset, metadata });
            }
        }
        anomalies
    }

    /// From when on which offset is known to be committed, by acknowledgement or because it was found.
    fn knowledge(&self) -> Vec<(u64, Key, i64)> {
        let acknowledged = self.commits.iter().filter(|commit| commit.completion == Completion::Ok);
        let mut known: Vec<(u64, Key, i64)> = acknowledged
            .map(|commit| (commit.ended, commit.key, commit.offset))
            .chain(self.fetched.iter().map(|fetched| (fetched.ended, fetched.key, fetched.offset)))
            .collect();
        known.sort_unstable();
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(number: u64, offset: i64, completion: Completion) -> Commit {
        Commit { key: 0, offset, number, began: number, ended: number + 1, completion }
    }

    fn fetched(at: u64, offset: i64, metadata: &str) -> Fetched {
        Fetched { key: 0, offset, metadata: metadata.to_owned(), began: at, ended: at + 1 }
    }

    #[test]
    fn finds_nothing_in_commits_that_rise() {
        let commits = vec![
            commit(10, 5, Completion::Ok),
            commit(20, 7, Completion::Info),
            commit(30, 7, Completion::Fail),
            commit(40, 9, Completion::Ok),
        ];
        // What got no answer may be there or not; what is under way may be found.
        let fetched = vec![
            fetched(1, -1, ""),
            fetched(15, 5, "10"),
            fetched(25, 5, "10"),
            fetched(26, 7, "20"),
            fetched(40, 9, "40"),
            fetched(50, 9, "40"),
        ];
        assert_eq!(Commits { commits, fetched }.judge("g"), []);
    }

    #[test]
    fn finds_a_commit_that_is_gone() {
        let commits =
            Commits { commits: vec![commit(10, 5, Completion::Ok)], fetched: vec![fetched(15, -1, "")] };
        let expected = CommitAnomaly::WentBack { group: "g".to_owned(), key: 0, known: 5, found: -1 };
        assert_eq!(commits.judge("g"), [expected]);
    }

    #[test]
    fn finds_an_offset_that_was_seen_and_is_gone() {
        let commits = vec![commit(5, 3, Completion::Ok), commit(10, 5, Completion::Info)];
        let fetched = vec![fetched(15, 5, "10"), fetched(20, 3, "5")];
        let expected = CommitAnomaly::WentBack { group: "g".to_owned(), key: 0, known: 5, found: 3 };
        assert_eq!(Commits { commits, fetched }.judge("g"), [expected]);
    }

    #[test]
    fn finds_commits_that_cannot_have_happened() {
        let commits = vec![commit(10, 5, Completion::Ok), commit(20, 6, Completion::Fail)];
        for (offset, metadata) in [(6, "20"), (8, "10"), (5, ""), (5, "11")] {
            let commits = Commits { commits: commits.clone(), fetched: vec![fetched(30, offset, metadata)] };
            let metadata = metadata.to_owned();
            let expected = CommitAnomaly::Unknown { group: "g".to_owned(), key: 0, offset, metadata };
            assert_eq!(commits.judge("g"), [expected]);
        }
    }
}
