//! What is stored, what happens when that fails, and groups that come from an earlier run.

use chronik_state::Committer;

use super::*;

/// The same group after a restart.
fn restarted(rig: &Rig) -> Rig {
    let stored = rig.stored.last().expect("something is stored");
    let mut next = Rig::new();
    next.group = ClassicGroup::restored(stored, 5, next.now);
    next
}

#[test]
fn after_a_restart_members_that_heartbeat_keep_their_assignment() {
    let (rig, ids) = Rig::stable(3);
    let mut next = restarted(&rig);
    assert_eq!((next.state(), next.group.size()), (ClassicState::Stable, 3));
    for _ in 0..20 {
        ids.iter().for_each(|id| assert_eq!(next.heartbeat(id, 1), Ok(())));
        next.advance(SESSION - Duration::from_secs(1));
    }
    assert_eq!(&*synced(next.sync(&ids[1], 1, &[])).assignment, ids[1].as_str().as_bytes());
    assert_eq!(
        joined(next.join(rejoin(&ids[1]))).generation,
        1,
        "nor do they rebalance when they join again"
    );
    assert_eq!(next.state(), ClassicState::Stable);
}

#[test]
fn after_a_restart_members_that_do_not_come_back_fall_silent() {
    let (rig, ids) = Rig::stable(2);
    let mut next = restarted(&rig);
    next.advance(SESSION - Duration::from_millis(1));
    assert_eq!(next.heartbeat(&ids[0], 1), Ok(()));
    next.advance(Duration::from_millis(1));
    assert_eq!(next.heartbeat(&ids[0], 1), Err(CoordinatorError::RebalanceInProgress));
    assert_eq!(next.heartbeat(&ids[1], 1), Err(GroupError::UnknownMember.into()));
}

#[test]
fn a_rebalance_that_a_restart_ended_begins_anew() {
    let (mut rig, ids) = Rig::stable(2);
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    let mut next = restarted(&rig);
    assert_eq!(sync_refused(next.sync(&ids[0], 2, &ids)), GroupError::IllegalGeneration.into());
    assert_eq!(next.heartbeat(&ids[0], 2), Err(GroupError::IllegalGeneration.into()));
    assert_eq!(next.heartbeat(&ids[0], 1), Ok(()));
}

#[test]
fn static_members_are_known_after_a_restart() {
    let mut rig = Rig::new();
    let joining = rig.join(static_request("i"));
    rig.advance(DELAY);
    let id = joined(joining).member_id;
    rig.sync_all(std::slice::from_ref(&id));
    let mut next = restarted(&rig);
    next.stores_at_once = false;
    let mut back = next.join(static_request("i"));
    assert!(waits(&mut back));
    assert_eq!(next.storing[0].expected_revision, 5);
    next.stored = vec![chronik_state::ClassicGroup::default(); 5];
    next.store(Ok(()));
    assert_eq!(joined(back).generation, 1);
}

#[test]
fn an_assignment_that_cannot_be_stored_is_not_handed_out() {
    let (mut rig, ids) = Rig::stable(2);
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    rig.stores_at_once = false;
    let syncs = [rig.sync(&ids[1], 2, &[]), rig.sync(&ids[0], 2, &ids)];
    rig.store(Err(CoordinatorError::Unavailable));
    syncs.into_iter().for_each(|sync| assert_eq!(sync_refused(sync), CoordinatorError::Unavailable));
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert!(rig.group.has_lost_track());
    assert!(rig.group.resume(1), "one store has arrived");
    rig.stores_at_once = true;
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 3));
    rig.sync_all(&ids);
    assert_eq!(rig.stored.last().unwrap().generation.get(), 3);
}

#[test]
fn another_coordinator_is_noticed() {
    let (mut rig, ids) = Rig::stable(1);
    rig.stores_at_once = false;
    let _back = rig.leave(&[&ids[0]]);
    rig.store(Err(GroupError::RevisionMoved.into()));
    assert!(rig.group.has_lost_track() && !rig.group.resume(7));
}

#[test]
fn an_assignment_of_a_generation_that_has_passed_is_not_handed_out() {
    let (mut rig, ids) = Rig::stable(2);
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    rig.stores_at_once = false;
    let led = rig.sync(&ids[0], 2, &ids);
    let joins: Vec<_> = [rig.join(request()), rig.join(rejoin(&ids[0])), rig.join(rejoin(&ids[1]))].into();
    assert_eq!(sync_refused(led), CoordinatorError::RebalanceInProgress);
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 3));
    let mut follower = rig.sync(&ids[1], 3, &[]);
    rig.store(Ok(()));
    assert!(waits(&mut follower));
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
}

/// A group of which the assignments of generations 2 and 3 are on their way; the ids of its members, the leader first.
fn storing_two_generations() -> (Rig, Vec<MemberId>) {
    let (mut rig, mut ids) = Rig::stable(2);
    rig.stores_at_once = false;
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    let _led = rig.sync(&ids[0], 2, &ids);
    let third = rig.join(request());
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 3));
    ids.push(joined(third).member_id);
    let _led = rig.sync(&ids[0], 3, &ids);
    assert_eq!(rig.storing.len(), 2);
    (rig, ids)
}

#[test]
fn what_was_stored_first_may_arrive_last() {
    let (mut rig, ids) = storing_two_generations();
    let mut follower = rig.sync(&ids[1], 3, &[]);
    let [second, third] = [rig.storing.pop_front(), rig.storing.pop_front()].map(Option::unwrap);
    rig.step(|group, step| group.stored(third.expected_revision, third.kind, Ok(()), step));
    assert!(!waits(&mut follower));
    rig.step(|group, step| group.stored(second.expected_revision, second.kind, Ok(()), step));
    assert_eq!(rig.state(), ClassicState::Stable);
    assert_commits_in(&mut rig, &ids[1], 3);
}

/// A member of this generation may commit, and the state is told the same generation.
fn assert_commits_in(rig: &mut Rig, id: &MemberId, generation: i32) {
    let who = identity(id.as_str(), None);
    let committing = Committing { who: who.clone(), generation, in_transaction: false };
    let MemberIdentity { member_id, instance_id } = who;
    let committer = Committer::Member { member_id, instance_id, generation };
    assert_eq!(rig.group.committer(&committing, rig.now), Ok(committer));
}

#[test]
fn what_was_stored_for_a_group_that_was_forgotten_meanwhile_says_nothing_of_its_successor() {
    let (rig, ids) = Rig::stable(1);
    let mut next = restarted(&rig);
    next.step(|group, step| group.stored(4, StoreKind::Emptied { generation: 0 }, Ok(()), step));
    assert_commits_in(&mut next, &ids[0], 1);
}

#[test]
fn an_assignment_is_stored_once_though_an_earlier_one_arrives_meanwhile() {
    let (mut rig, ids) = storing_two_generations();
    rig.store(Ok(()));
    let _again = rig.sync(&ids[0], 3, &ids);
    assert_eq!(rig.storing.len(), 1);
}

#[test]
fn generations_begin_again_at_1_after_the_greatest() {
    let (rig, ids) = Rig::stable(1);
    let mut stored = rig.stored.last().unwrap().clone();
    stored.generation = chronik_types::GenerationId::new(i32::MAX);
    let mut next = Rig::new();
    next.group = ClassicGroup::restored(&stored, 0, next.now);
    assert_eq!(joined(next.join(rejoin(&ids[0]))).generation, 1);
}
