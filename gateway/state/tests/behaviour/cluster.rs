//! The name of the cluster, and the check that gateways agree.

use chronik_state::{Change, CheckHash, Diverged, HashAt, Outcome};
use chronik_types::ClusterId;

use crate::support::{Life, batch};

#[test]
fn the_first_name_stays() {
    let mut life = Life::default();
    let name = |id: &str| Change::NameCluster { cluster_id: ClusterId::new(id) };
    assert_eq!(life.state.cluster_id(), None);
    assert_eq!(life.apply(name("one")), Outcome::ClusterNamed(ClusterId::new("one")));
    assert_eq!(life.apply(name("two")), Outcome::ClusterNamed(ClusterId::new("one")));
    assert_eq!(life.state.cluster_id(), Some(&ClusterId::new("one")));
}

#[test]
fn gateways_that_agree_find_nothing() {
    let mut life = Life::with_topic(1);
    for _ in 0..3 {
        let known = life.state.last_hash();
        life.append(batch(0, 1)).unwrap();
        assert_eq!(life.apply(Change::CheckHash(CheckHash { known })), Outcome::HashChecked(Ok(())));
    }
    assert!(life.state.last_hash().is_some());
}

#[test]
fn a_diverged_gateway_notices() {
    let mut life = Life::with_topic(1);
    life.apply(Change::CheckHash(CheckHash { known: None }));
    let ours = life.state.last_hash().unwrap();
    let theirs = HashAt { hash: !ours.hash, ..ours };
    let noticed = life.apply(Change::CheckHash(CheckHash { known: Some(theirs) }));
    let expected = Diverged { position: ours.position, ours: ours.hash, theirs: theirs.hash };
    assert_eq!(noticed, Outcome::HashChecked(Err(expected)));
}

#[test]
fn a_hash_of_another_place_is_not_compared() {
    let mut life = Life::with_topic(1);
    life.apply(Change::CheckHash(CheckHash { known: None }));
    let ours = life.state.last_hash().unwrap();
    let known = Some(HashAt { position: ours.position + 1, hash: !ours.hash });
    assert_eq!(life.apply(Change::CheckHash(CheckHash { known })), Outcome::HashChecked(Ok(())));
}

#[test]
fn the_hash_tells_states_apart() {
    let mut life = Life::with_topic(1);
    let mut seen = vec![life.state.hash()];
    for records in 1..5 {
        life.append(batch(0, records)).unwrap();
        assert!(!seen.contains(&life.state.hash()));
        seen.push(life.state.hash());
    }
    assert_eq!(life.state.clone().hash(), life.state.hash());
}
