//! K4: no two members that are both alive own one partition.
//!
//! A claim begins when its member is told the assignment and is *confirmed* up to the moment at which the member sent
//! the last request that the coordinator accepted from it in that membership. A second claim that begins between the two
//! was given away while the coordinator still took the first for good.

use std::collections::BTreeMap;

use crate::checker::Key;

/// One member held one partition.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) key: Key,
    pub(crate) member: String,
    /// Generation, or member epoch, in which it was given.
    pub(crate) generation: i32,
    pub(crate) since: u64,
    pub(crate) confirmed: u64,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "K4: group {group} key {key}: {one} owns it since generation {generation}, {other} since {other_generation}"
)]
pub(crate) struct OwnershipAnomaly {
    group: String,
    key: Key,
    one: String,
    generation: i32,
    other: String,
    other_generation: i32,
}

/// Everything that is wrong with the claims of one group.
pub(crate) fn ownership(group: &str, claims: &[Claim]) -> Vec<OwnershipAnomaly> {
    let mut by_key: BTreeMap<Key, Vec<&Claim>> = BTreeMap::new();
    for claim in claims {
        by_key.entry(claim.key).or_default().push(claim);
    }
    let mut anomalies = Vec::new();
    for (key, mut claims) in by_key {
        claims.sort_by_key(|claim| claim.since);
        let mut generations: BTreeMap<i32, &Claim> = BTreeMap::new();
        let mut last: Option<&Claim> = None;
        for claim in claims {
            let overlaps = |one: &&Claim| one.member != claim.member && claim.since < one.confirmed;
            let same = generations.get(&claim.generation).copied().filter(|one| one.member != claim.member);
            if let Some(one) = last.filter(overlaps).or(same) {
                anomalies.push(OwnershipAnomaly {
                    group: group.to_owned(),
                    key,
                    one: one.member.clone(),
                    generation: one.generation,
                    other: claim.member.clone(),
                    other_generation: claim.generation,
                });
            }
            generations.insert(claim.generation, claim);
            if last.is_none_or(|last| last.confirmed < claim.confirmed) {
                last = Some(claim);
            }
        }
    }
    anomalies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(member: &str, generation: i32, since: u64, confirmed: u64) -> Claim {
        Claim { key: 0, member: member.to_owned(), generation, since, confirmed }
    }

    #[test]
    fn finds_nothing_when_each_begins_after_the_other_has_ended() {
        let mut claims = vec![claim("a", 1, 10, 20), claim("b", 2, 21, 30), claim("a", 3, 31, 40)];
        // The same member, made anew, may be given what it had.
        claims.push(claim("a", 3, 35, 50));
        claims.push(Claim { key: 1, ..claim("c", 3, 12, 100) });
        assert_eq!(ownership("g", &claims), []);
    }

    #[test]
    fn finds_two_owners_at_a_time() {
        let claims = [claim("b", 2, 15, 30), claim("a", 1, 10, 20)];
        let found = ownership("g", &claims);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].one.as_str(), found[0].other.as_str()), ("a", "b"));
    }

    #[test]
    fn finds_two_owners_in_one_generation() {
        let claims = [claim("a", 1, 10, 20), claim("b", 1, 25, 30)];
        assert_eq!(ownership("g", &claims).len(), 1);
    }
}
