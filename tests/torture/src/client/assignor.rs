//! What the leader of a classic group does: it divides the partitions of one topic among the members.

use std::collections::{BTreeMap, BTreeSet};

use crate::checker::Key;

/// How the leader divides, which decides what members do in a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Ranges of partitions. Everything is given up before each generation.
    Range,
    /// Members keep what they have, and a partition moves in two generations: one in which its owner gives it up, one in
    /// which it is given to another (KIP-429).
    Cooperative,
}

/// A member, as the leader is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) member_id: String,
    /// What it says it has.
    pub(crate) owned: BTreeSet<Key>,
    /// The generation that gave it that.
    pub(crate) generation: i32,
}

/// What each member is to have, by its id.
pub(crate) fn divide(
    strategy: Strategy,
    candidates: &[Candidate],
    keys: &BTreeSet<Key>,
) -> BTreeMap<String, BTreeSet<Key>> {
    match strategy {
        Strategy::Range => range(candidates, keys),
        Strategy::Cooperative => cooperative(candidates, keys),
    }
}

/// Ranges, members in the order of their ids.
fn range(candidates: &[Candidate], keys: &BTreeSet<Key>) -> BTreeMap<String, BTreeSet<Key>> {
    let ids: BTreeSet<&String> = candidates.iter().map(|candidate| &candidate.member_id).collect();
    let shares = shares(keys.len(), ids.len());
    let mut rest = keys.iter().copied();
    ids.into_iter().zip(shares).map(|(id, share)| (id.clone(), rest.by_ref().take(share).collect())).collect()
}

/// Everybody keeps what he has up to his share; what is free fills the others up, and what has to move is free next time.
fn cooperative(candidates: &[Candidate], keys: &BTreeSet<Key>) -> BTreeMap<String, BTreeSet<Key>> {
    // A member that was away may believe to have what others were given since.
    let mut owners: BTreeMap<Key, &Candidate> = BTreeMap::new();
    for candidate in candidates {
        for key in candidate.owned.intersection(keys) {
            let owner = owners.entry(*key).or_insert(candidate);
            if owner.generation < candidate.generation {
                *owner = candidate;
            }
        }
    }
    let mut kept: Vec<(String, BTreeSet<Key>)> = candidates
        .iter()
        .map(|candidate| {
            let own = owners.iter().filter(|(_, owner)| owner.member_id == candidate.member_id);
            (candidate.member_id.clone(), own.map(|(key, _)| *key).collect())
        })
        .collect();
    // The larger shares to those who have most.
    kept.sort_by(|(id, one), (other_id, other)| other.len().cmp(&one.len()).then(id.cmp(other_id)));
    let mut free = keys.iter().copied().filter(|key| !owners.contains_key(key));
    for ((_, own), share) in kept.iter_mut().zip(shares(keys.len(), candidates.len())) {
        *own = std::mem::take(own).into_iter().take(share).collect();
        own.extend(free.by_ref().take(share - own.len()));
    }
    kept.into_iter().collect()
}

/// How many of `keys` each of `members` gets, the larger shares first.
fn shares(keys: usize, members: usize) -> impl Iterator<Item = usize> {
    let (each, more) = (keys / members.max(1), keys % members.max(1));
    (0..members).map(move |number| each + usize::from(number < more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, owned: &[Key], generation: i32) -> Candidate {
        Candidate { member_id: id.to_owned(), owned: owned.iter().copied().collect(), generation }
    }

    fn divided(strategy: Strategy, candidates: &[Candidate], keys: Key) -> Vec<(String, Vec<Key>)> {
        let divided = divide(strategy, candidates, &(0..keys).collect());
        divided.into_iter().map(|(id, keys)| (id, keys.into_iter().collect())).collect()
    }

    #[test]
    fn ranges_follow_the_order_of_ids() {
        let members = [candidate("b", &[0], 3), candidate("a", &[], -1), candidate("c", &[], -1)];
        let found = divided(Strategy::Range, &members, 5);
        assert_eq!(
            found,
            [("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![2, 3]), ("c".to_owned(), vec![4])]
        );
    }

    #[test]
    fn what_has_to_move_is_first_given_up() {
        let members = [candidate("a", &[0, 1, 2, 3], 1), candidate("b", &[], -1)];
        let found = divided(Strategy::Cooperative, &members, 5);
        // 3 is on its way: a has more than its share, and b may not have it yet.
        assert_eq!(found, [("a".to_owned(), vec![0, 1, 2]), ("b".to_owned(), vec![4])]);
        let members = [candidate("a", &[0, 1, 2], 2), candidate("b", &[4], 2)];
        let found = divided(Strategy::Cooperative, &members, 5);
        assert_eq!(found, [("a".to_owned(), vec![0, 1, 2]), ("b".to_owned(), vec![3, 4])]);
    }

    #[test]
    fn the_newest_owner_keeps_a_partition() {
        let members = [candidate("a", &[0, 1], 4), candidate("b", &[1], 5), candidate("c", &[], -1)];
        let found = divided(Strategy::Cooperative, &members, 3);
        assert_eq!(found, [("a".to_owned(), vec![0]), ("b".to_owned(), vec![1]), ("c".to_owned(), vec![2])]);
    }
}
