//! Static members: KIP-345 and KIP-814.

use super::*;

/// A stable group of static members; their ids.
fn stable(instances: &[&str]) -> (Rig, Vec<MemberId>) {
    let mut rig = Rig::new();
    let joins: Vec<_> = instances.iter().map(|instance| rig.join(static_request(instance))).collect();
    rig.all_join();
    let ids: Vec<_> = joins.into_iter().map(|join| joined(join).member_id).collect();
    rig.sync_all(&ids);
    (rig, ids)
}

#[test]
fn ids_of_static_members_begin_with_their_instance() {
    let (_, ids) = stable(&["i"]);
    assert_eq!(ids[0].as_str(), "i-1");
}

#[test]
fn one_that_comes_back_takes_its_place_without_a_rebalance() {
    let (mut rig, ids) = stable(&["i", "j"]);
    let back = joined(rig.join(static_request("j")));
    assert_eq!((rig.state(), back.generation, back.members.len()), (ClassicState::Stable, 1, 0));
    assert_ne!(back.member_id, ids[1]);
    let assigned = synced(rig.sync(&back.member_id, 1, &[])).assignment;
    assert_eq!(&*assigned, ids[1].as_str().as_bytes(), "it keeps what it was assigned");
    let stored = rig.stored.last().unwrap();
    assert!(stored.members.contains_key(&back.member_id) && !stored.members.contains_key(&ids[1]));
}

#[test]
fn whoever_uses_the_old_id_is_fenced() {
    let (mut rig, ids) = stable(&["i", "j"]);
    let back = joined(rig.join(static_request("j")));
    let now = rig.now;
    let old = identity(ids[1].as_str(), Some("j"));
    let fenced = Err(CoordinatorError::from(GroupError::FencedInstance));
    assert_eq!(rig.group.heartbeat(&old, 1, now), fenced);
    assert_eq!(rig.group.heartbeat(&identity(back.member_id.as_str(), Some("j")), 1, now), Ok(()));
    let with_instance = JoinRequest { member_id: ids[1].clone(), ..static_request("j") };
    assert_eq!(join_refused(rig.join(with_instance)), (GroupError::FencedInstance.into(), ids[1].clone()));
    let request = SyncRequest { who: old, ..sync_request(&ids[1], 1) };
    assert_eq!(sync_refused(rig.sync_with(request)), GroupError::FencedInstance.into());
    assert_eq!(
        sync_refused(rig.sync(&ids[1], 1, &[])),
        GroupError::UnknownMember.into(),
        "without an instance"
    );
}

#[test]
fn a_leader_that_comes_back_is_told_to_skip_the_assignment() {
    let (mut rig, ids) = stable(&["i", "j"]);
    let back = joined(rig.join(static_request("i")));
    assert_eq!((back.skip_assignment, back.members.len()), (true, 2));
    assert_eq!(back.leader, Some(back.member_id.clone()));
    // A client that does not know that is told of the old leader, so that it makes no assignment.
    let early = JoinRequest { supports_skipping_assignment: false, ..static_request("i") };
    let again = joined(rig.join(early));
    assert_eq!((again.skip_assignment, again.members.len()), (false, 0));
    assert_eq!(again.leader, Some(back.member_id));
    assert_ne!(again.leader, Some(again.member_id));
    assert_eq!(rig.heartbeat(&ids[1], 1), Ok(()));
}

#[test]
fn one_that_comes_back_with_another_protocol_begins_a_rebalance() {
    let (mut rig, ids) = stable(&["i", "j"]);
    let changed = JoinRequest { protocols: protocols(&["sticky"]), ..static_request("j") };
    let mut back = rig.join(changed);
    assert!(waits(&mut back));
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    let other = JoinRequest { member_id: ids[0].clone(), ..static_request("i") };
    assert_eq!(joined(rig.join(other)).protocol_name.as_deref(), Some("sticky"));
    assert_eq!(joined(back).generation, 2);
}

#[test]
fn one_that_comes_back_while_the_assignment_is_made_begins_another_rebalance() {
    let (mut rig, ids) = stable(&["i", "j"]);
    let again =
        |id: &MemberId, instance: &str| JoinRequest { member_id: id.clone(), ..static_request(instance) };
    let joins = [rig.join(again(&ids[0], "i")), rig.join(again(&ids[1], "j"))];
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    let waiting = rig.sync(&ids[1], 2, &[]);
    let mut back = rig.join(static_request("j"));
    assert_eq!(sync_refused(waiting), GroupError::FencedInstance.into());
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert!(waits(&mut back));
    assert_eq!(joined(rig.join(again(&ids[0], "i"))).generation, 3);
    assert_eq!(joined(back).generation, 3);
}

#[test]
fn one_that_comes_back_while_all_join_fences_the_other_that_waits() {
    let (mut rig, ids) = stable(&["i", "j"]);
    let waiting = rig.join(JoinRequest { member_id: ids[0].clone(), ..static_request("i") });
    let mut back = rig.join(static_request("i"));
    assert_eq!(join_refused(waiting), (GroupError::FencedInstance.into(), ids[0].clone()));
    assert!(waits(&mut back));
    let other = JoinRequest { member_id: ids[1].clone(), ..static_request("j") };
    assert_eq!(joined(rig.join(other)).generation, 2);
    let back = joined(back);
    assert_eq!((back.generation, back.leader), (2, Some(back.member_id.clone())));
}

#[test]
fn one_that_does_not_join_in_time_stays_until_it_falls_silent() {
    let (mut rig, ids) = stable(&["i", "j"]);
    // A session that outlasts the rebalance.
    let long = JoinRequest { session_timeout_ms: 200_000, ..static_request("j") };
    joined(rig.join(long));
    let joining = rig.join(JoinRequest { member_id: ids[0].clone(), ..static_request("i") });
    rig.advance(REBALANCE);
    assert_eq!(joined(joining).members.len(), 2, "it is among the members all the same");
}

#[test]
fn a_failed_store_gives_the_old_id_back() {
    let (mut rig, ids) = stable(&["i", "j"]);
    rig.stores_at_once = false;
    let mut back = rig.join(static_request("j"));
    assert!(waits(&mut back), "until it is stored");
    rig.store(Err(CoordinatorError::Unavailable));
    assert_eq!(join_refused(back), (CoordinatorError::Unavailable, MemberId::new("")));
    assert_eq!((rig.state(), rig.heartbeat(&ids[1], 1)), (ClassicState::Stable, Ok(())));
}

#[test]
fn when_a_rebalance_begins_before_it_is_stored_it_joins_that() {
    let (mut rig, ids) = stable(&["i", "j"]);
    rig.stores_at_once = false;
    let mut back = rig.join(static_request("j"));
    let led = rig.join(JoinRequest { member_id: ids[0].clone(), ..static_request("i") });
    rig.store(Ok(()));
    assert_eq!(joined(led).generation, 2, "all have joined");
    assert!(!waits(&mut back));
}

#[test]
fn the_operator_can_remove_one_and_its_instance_is_free() {
    let (mut rig, _) = stable(&["i"]);
    let leaving = Leaving { who: identity("", Some("i")), reason: None };
    assert_eq!(rig.step(|group, step| group.leave(&[leaving], step)), [Ok(())]);
    assert_eq!(rig.state(), ClassicState::Empty);
    let joining = rig.join(static_request("i"));
    rig.advance(DELAY);
    assert_eq!(joined(joining).generation, 3);
}
