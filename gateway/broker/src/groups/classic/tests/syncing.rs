//! SyncGroup and Heartbeat in every state.

use super::*;

/// A group whose members have joined, the first of which leads.
fn completing(members: usize) -> (Rig, Vec<MemberId>) {
    let (mut rig, ids) = Rig::stable(members);
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
    (rig, ids)
}

#[test]
fn followers_wait_for_the_leader_and_the_leader_for_storage() {
    let (mut rig, ids) = completing(3);
    rig.stores_at_once = false;
    let mut early = rig.sync(&ids[1], 2, &[]);
    assert!(waits(&mut early));
    let mut led = rig.sync(&ids[0], 2, &ids);
    assert!(waits(&mut led) && waits(&mut early));
    let mut late = rig.sync(&ids[2], 2, &[]);
    assert!(waits(&mut late));
    rig.store(Ok(()));
    assert_eq!(rig.state(), ClassicState::Stable);
    for (id, sync) in ids.iter().zip([led, early, late]) {
        let synced = synced(sync);
        assert_eq!(&*synced.assignment, id.as_str().as_bytes());
        assert_eq!(synced.protocol_name.as_deref(), Some("range"));
        assert_eq!(synced.protocol_type.as_deref(), Some("consumer"));
    }
    assert_eq!(synced(rig.sync(&ids[1], 2, &[])).assignment, ids[1].as_str().as_bytes().into());
}

#[test]
fn what_is_stored_is_the_generation_with_its_assignment() {
    let (rig, ids) = Rig::stable(2);
    let [stored] = &rig.stored[..] else { panic!("{:?}", rig.stored) };
    assert_eq!((stored.generation.get(), stored.leader.as_ref()), (1, Some(&ids[0])));
    for id in &ids {
        assert_eq!(&*stored.members[id].assignment, id.as_str().as_bytes());
    }
}

#[test]
fn a_member_that_the_leader_left_out_gets_an_empty_assignment() {
    let (mut rig, ids) = completing(2);
    let led = rig.sync(&ids[0], 2, &ids[..1]);
    assert_eq!(synced(led).assignment.len(), ids[0].as_str().len());
    assert!(synced(rig.sync(&ids[1], 2, &[])).assignment.is_empty());
}

#[test]
fn a_stranger_among_the_assignments_does_not_matter() {
    let (mut rig, ids) = completing(1);
    let stranger = MemberId::new("stranger");
    synced(rig.sync(&ids[0], 2, &[ids[0].clone(), stranger.clone()]));
    assert!(!rig.stored.last().unwrap().members.contains_key(&stranger));
}

#[test]
fn the_leader_that_asks_again_gets_what_it_brought_first() {
    let (mut rig, ids) = completing(2);
    rig.stores_at_once = false;
    let mut first = rig.sync(&ids[0], 2, &ids);
    let again = rig.sync(&ids[0], 2, &ids[..1]);
    assert!(first.try_recv().is_err(), "its client has gone");
    assert_eq!(rig.storing.len(), 1);
    rig.store(Ok(()));
    assert_eq!(&*synced(again).assignment, ids[0].as_str().as_bytes());
    assert_eq!(&*synced(rig.sync(&ids[1], 2, &[])).assignment, ids[1].as_str().as_bytes());
}

#[test]
fn wrong_syncs_are_refused_in_every_state() {
    let words = |group_type: Option<&str>, name: Option<&str>, id: &MemberId| SyncRequest {
        protocol_type: group_type.map(Into::into),
        protocol_name: name.map(Into::into),
        ..sync_request(id, 1)
    };
    let (mut rig, ids) = Rig::stable(2);
    let stranger = MemberId::new("stranger");
    assert_eq!(sync_refused(rig.sync(&stranger, 1, &[])), GroupError::UnknownMember.into());
    assert_eq!(sync_refused(rig.sync(&ids[0], 0, &[])), GroupError::IllegalGeneration.into());
    for (group_type, name) in
        [(Some("connect"), None), (None, Some("sticky")), (Some("connect"), Some("range"))]
    {
        let refused = sync_refused(rig.sync_with(words(group_type, name, &ids[0])));
        assert_eq!(refused, CoordinatorError::InconsistentProtocol);
    }
    for (group_type, name) in [(None, None), (Some("consumer"), None), (Some("consumer"), Some("range"))] {
        synced(rig.sync_with(words(group_type, name, &ids[0])));
    }
    let _leader = rig.join(rejoin(&ids[0]));
    assert_eq!(sync_refused(rig.sync(&ids[1], 1, &[])), CoordinatorError::RebalanceInProgress);
    assert_eq!(sync_refused(rig.sync(&ids[1], 2, &[])), GroupError::IllegalGeneration.into());
    rig.leave(&[&ids[0], &ids[1]]);
    assert_eq!(rig.state(), ClassicState::Empty);
    assert_eq!(sync_refused(rig.sync(&ids[1], 1, &[])), GroupError::UnknownMember.into());
}

#[test]
fn who_waits_for_an_assignment_learns_that_another_rebalance_has_begun() {
    let (mut rig, ids) = completing(2);
    let follower = rig.sync(&ids[1], 2, &[]);
    let _new = rig.join(request());
    assert_eq!(sync_refused(follower), CoordinatorError::RebalanceInProgress);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
}

#[test]
fn heartbeats_tell_of_a_rebalance_and_not_of_its_end() {
    let (mut rig, ids) = Rig::stable(2);
    assert_eq!(rig.heartbeat(&ids[1], 1), Ok(()));
    assert_eq!(rig.heartbeat(&ids[1], 2), Err(GroupError::IllegalGeneration.into()));
    assert_eq!(rig.heartbeat(&MemberId::new("stranger"), 1), Err(GroupError::UnknownMember.into()));
    let _led = rig.join(rejoin(&ids[0]));
    assert_eq!(rig.heartbeat(&ids[1], 1), Err(CoordinatorError::RebalanceInProgress));
    joined(rig.join(rejoin(&ids[1])));
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
    assert_eq!(rig.heartbeat(&ids[1], 1), Err(GroupError::IllegalGeneration.into()));
    assert_eq!(rig.heartbeat(&ids[1], 2), Ok(()));
    rig.leave(&[&ids[0], &ids[1]]);
    assert_eq!(rig.heartbeat(&ids[1], 3), Err(GroupError::UnknownMember.into()));
}
