//! What happens by itself: sessions, members that never finish joining, rebalances that take too long.

use super::*;

#[test]
fn a_silent_member_goes_and_the_others_rebalance() {
    let (mut rig, ids) = Rig::stable(2);
    rig.advance(SESSION - Duration::from_millis(1));
    assert_eq!(rig.heartbeat(&ids[0], 1), Ok(()));
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.heartbeat(&ids[1], 1), Err(GroupError::UnknownMember.into()));
    assert_eq!(rig.heartbeat(&ids[0], 1), Err(CoordinatorError::RebalanceInProgress));
    assert_eq!(joined(rig.join(rejoin(&ids[0]))).members.len(), 1);
}

#[test]
fn heartbeats_keep_members_for_ever() {
    let (mut rig, ids) = Rig::stable(3);
    for _ in 0..100 {
        rig.advance(SESSION - Duration::from_secs(1));
        ids.iter().for_each(|id| assert_eq!(rig.heartbeat(id, 1), Ok(())));
    }
    assert_eq!(rig.state(), ClassicState::Stable);
}

#[test]
fn the_last_silent_member_leaves_an_empty_group() {
    let (mut rig, _) = Rig::stable(3);
    rig.advance(SESSION + REBALANCE);
    assert_eq!(
        (rig.state(), rig.group.is_idle(), rig.group.alarm()),
        (ClassicState::Empty, true, Duration::MAX)
    );
    assert!(rig.stored.last().unwrap().members.is_empty());
}

#[test]
fn who_never_joins_with_its_id_is_forgotten() {
    let mut rig = Rig::new();
    let asks = JoinRequest { requires_known_member_id: true, ..request() };
    let (_, id) = join_refused(rig.join(asks));
    rig.advance(SESSION);
    assert!(rig.group.is_idle());
    assert_eq!(join_refused(rig.join(rejoin(&id))).0, GroupError::UnknownMember.into());
}

#[test]
fn a_rebalance_does_not_wait_for_ever_for_one_that_was_given_an_id() {
    let (mut rig, ids) = Rig::stable(1);
    let asks = JoinRequest { requires_known_member_id: true, ..request() };
    join_refused(rig.join(asks));
    let mut joining = rig.join(rejoin(&ids[0]));
    rig.advance(SESSION - Duration::from_millis(1));
    assert!(waits(&mut joining));
    rig.advance(Duration::from_millis(1));
    assert_eq!(joined(joining).members.len(), 1);
}

#[test]
fn members_that_do_not_join_in_time_are_out() {
    let (mut rig, ids) = Rig::stable(2);
    let mut led = rig.join(rejoin(&ids[0]));
    // The other is alive, but does not join.
    for _ in 0..8 {
        assert!(waits(&mut led));
        rig.advance(REBALANCE / 8);
        let _ = rig.heartbeat(&ids[1], 1);
    }
    let led = joined(led);
    assert_eq!((led.generation, led.members.len()), (2, 1));
    assert_eq!(rig.heartbeat(&ids[1], 1), Err(GroupError::UnknownMember.into()));
}

#[test]
fn a_member_that_waits_need_not_send_heartbeats() {
    let (mut rig, ids) = Rig::stable(2);
    let mut waiting = rig.join(rejoin(&ids[0]));
    for _ in 0..5 {
        rig.advance(SESSION - Duration::from_secs(1));
        let _ = rig.heartbeat(&ids[1], 1);
    }
    assert!(waits(&mut waiting));
    let other = joined(rig.join(rejoin(&ids[1])));
    assert_eq!((joined(waiting).members.len(), other.generation), (2, 2));
    // From the answer on its session counts.
    rig.advance(SESSION);
    assert_eq!(rig.heartbeat(&ids[0], 2), Err(GroupError::UnknownMember.into()));
}

#[test]
fn a_new_member_whose_client_has_gone_is_given_up_at_last() {
    let mut rig = Rig::new();
    let long = JoinRequest { rebalance_timeout_ms: 1_000_000, session_timeout_ms: 2_000_000, ..request() };
    let ids = {
        let joining = rig.join(JoinRequest { instance_id: Some(GroupInstanceId::new("i")), ..long.clone() });
        rig.advance(DELAY);
        joined(joining).member_id
    };
    synced(rig.sync(&ids, 1, std::slice::from_ref(&ids)));
    let mut new = rig.join(long);
    rig.advance(NEW_MEMBER_JOIN_TIMEOUT - Duration::from_millis(1));
    assert!(waits(&mut new));
    rig.advance(Duration::from_millis(1));
    assert_eq!(join_refused(new), (GroupError::UnknownMember.into(), MemberId::new("")));
}

#[test]
fn members_that_do_not_ask_for_their_assignment_are_out() {
    let (mut rig, ids) = Rig::stable(3);
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    synced(rig.sync(&ids[0], 2, &ids));
    synced(rig.sync(&ids[1], 2, &[]));
    let beats = |rig: &mut Rig| {
        ids.iter().for_each(|id| {
            let _ = rig.heartbeat(id, 2);
        })
    };
    for _ in 0..12 {
        assert_eq!(rig.state(), ClassicState::Stable);
        beats(&mut rig);
        rig.advance(REBALANCE / 12);
    }
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.heartbeat(&ids[2], 2), Err(GroupError::UnknownMember.into()));
    assert_eq!(rig.heartbeat(&ids[1], 2), Err(CoordinatorError::RebalanceInProgress));
}

#[test]
fn without_an_assignment_from_the_leader_the_others_begin_anew() {
    let (mut rig, ids) = Rig::stable(2);
    let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
    joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
    let follower = rig.sync(&ids[1], 2, &[]);
    // The leader has gone without a word.
    rig.advance(SESSION);
    assert_eq!(sync_refused(follower), CoordinatorError::RebalanceInProgress);
    let again = joined(rig.join(rejoin(&ids[1])));
    assert_eq!((again.generation, again.leader), (3, Some(ids[1].clone())));
}

#[test]
fn only_static_members_that_have_not_joined_keep_a_rebalance_waiting() {
    let mut rig = Rig::new();
    let long = JoinRequest { session_timeout_ms: 150_000, ..static_request("i") };
    let joins = [rig.join(long), rig.join(request())];
    rig.all_join();
    let ids = joins.map(|join| joined(join).member_id).to_vec();
    rig.sync_all(&ids);
    // The dynamic one falls silent, nobody joins.
    rig.advance(SESSION + REBALANCE);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    rig.advance(REBALANCE * 2);
    assert_eq!(rig.state(), ClassicState::Empty, "its session has ended at last");
}

#[test]
fn a_rebalance_timeout_of_nothing_does_not_make_the_timers_spin() {
    let mut rig = Rig::new();
    let joins = [rig.join(static_request("i")), rig.join(request())];
    rig.all_join();
    let ids = joins.map(|join| joined(join).member_id).to_vec();
    rig.sync_all(&ids);
    let hasty = JoinRequest { rebalance_timeout_ms: 0, session_timeout_ms: 20_000, ..static_request("i") };
    joined(rig.join(hasty));
    // With the other it would have to join within no time.
    rig.leave(&[&ids[1]]);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    let (start, mut wakes) = (rig.now, 0);
    while rig.group.alarm() <= start + Duration::from_secs(15) {
        rig.now = rig.group.alarm().max(rig.now);
        rig.step(|group, step| group.expire(step));
        wakes += 1;
    }
    assert!(wakes < 40, "{wakes} wakes in 15 seconds");
}

#[test]
fn heartbeats_do_not_move_the_alarm() {
    let (mut rig, ids) = Rig::stable(2);
    let alarm = rig.group.alarm();
    rig.advance(Duration::from_secs(1));
    ids.iter().for_each(|id| assert_eq!(rig.heartbeat(id, 1), Ok(())));
    assert_eq!(rig.group.alarm(), alarm, "it is found to be later when it fires");
    rig.advance(alarm - rig.now);
    assert!(rig.group.alarm() > alarm);
    assert_eq!(rig.state(), ClassicState::Stable);
}
