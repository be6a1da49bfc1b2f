//! JoinGroup in every state, KIP-394, the choice of protocols, and the limit of members.

use super::*;

#[test]
fn a_new_member_is_given_an_id_and_joins_with_it() {
    let mut rig = Rig::new();
    let asks = JoinRequest { requires_known_member_id: true, ..request() };
    let (error, id) = join_refused(rig.join(asks.clone()));
    assert_eq!((error, id.as_str()), (CoordinatorError::MemberIdRequired, "client-1"));
    assert_eq!((rig.state(), rig.group.size(), rig.group.is_idle()), (ClassicState::Empty, 1, false));
    let joining = rig.join(JoinRequest { member_id: id.clone(), ..asks });
    assert_eq!((rig.state(), rig.group.size()), (ClassicState::PreparingRebalance, 1));
    rig.advance(DELAY);
    let joined = joined(joining);
    assert_eq!((joined.member_id, joined.generation), (id, 1));
}

#[test]
fn an_early_version_joins_at_once() {
    let mut rig = Rig::new();
    let mut joining = rig.join(request());
    assert!(waits(&mut joining));
    rig.advance(DELAY);
    assert_eq!(joined(joining).member_id.as_str(), "client-1");
}

#[test]
fn an_id_that_nobody_was_given_is_unknown() {
    let (mut rig, _) = Rig::stable(1);
    let stranger = MemberId::new("stranger");
    let unknown = (GroupError::UnknownMember.into(), stranger.clone());
    assert_eq!(join_refused(rig.join(rejoin(&stranger))), unknown);
    let mut empty = Rig::new();
    assert_eq!(join_refused(empty.join(rejoin(&stranger))), unknown);
    assert!(empty.group.is_idle());
}

#[test]
fn the_first_assignment_waits_for_more_members_up_to_the_rebalance_timeout() {
    let mut rig = Rig::new();
    let mut first = rig.join(request());
    rig.advance(DELAY - Duration::from_millis(1));
    let mut joins = vec![rig.join(request())];
    rig.advance(Duration::from_millis(1));
    assert!(waits(&mut first), "another has come, so it waits once more");
    rig.advance(DELAY);
    let first_joined = joined(first);
    assert_eq!((first_joined.generation, first_joined.members.len()), (1, 2));
    assert_eq!(joined(joins.remove(0)).generation, 1);

    let mut rig = Rig::new();
    let mut first = rig.join(request());
    for _ in 0..REBALANCE.as_secs() - 1 {
        rig.advance(Duration::from_secs(1));
        joins.push(rig.join(request()));
        assert!(waits(&mut first));
    }
    rig.advance(Duration::from_secs(1));
    assert_eq!(joined(first).members.len(), 60);
}

#[test]
fn the_leader_learns_of_all_members_and_the_others_of_none() {
    let mut rig = Rig::new();
    let joins = [rig.join(request()), rig.join(static_request("i"))];
    rig.advance(DELAY * 2);
    let [leader, follower] = joins.map(joined);
    assert_eq!(leader.leader, Some(leader.member_id.clone()));
    assert_eq!((follower.leader, follower.members.len()), (leader.leader.clone(), 0));
    let named: Vec<_> = leader.members.iter().map(|member| member.member_id.clone()).collect();
    assert_eq!(named, [leader.member_id.clone(), follower.member_id]);
    let instances: Vec<_> = leader.members.iter().map(|member| member.instance_id.clone()).collect();
    assert_eq!(instances, [None, Some(GroupInstanceId::new("i"))]);
    assert!(leader.members.iter().all(|member| &member.metadata[..] == b"range"));
    assert_eq!(leader.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(leader.protocol_name.as_deref(), Some("range"));
    assert!(!leader.skip_assignment);
}

#[test]
fn a_member_that_does_not_fit_the_group_is_refused() {
    let with = |protocol_type: &str, names: &[&str]| JoinRequest {
        protocol_type: protocol_type.into(),
        protocols: protocols(names),
        ..request()
    };
    let mut empty = Rig::new();
    for wrong in [with("", &["range"]), with("consumer", &[])] {
        assert_eq!(join_refused(empty.join(wrong)).0, CoordinatorError::InconsistentProtocol);
    }
    assert!(empty.group.is_idle());
    let (mut rig, ids) = Rig::stable(1);
    for wrong in [with("connect", &["range"]), with("consumer", &["other"]), with("consumer", &[])] {
        let known = JoinRequest { member_id: ids[0].clone(), ..wrong.clone() };
        assert_eq!(
            join_refused(rig.join(wrong)),
            (CoordinatorError::InconsistentProtocol, MemberId::new(""))
        );
        assert_eq!(join_refused(rig.join(known)), (CoordinatorError::InconsistentProtocol, ids[0].clone()));
    }
    assert_eq!(rig.state(), ClassicState::Stable);
}

#[test]
fn members_vote_among_the_protocols_that_all_support() {
    let mut rig = Rig::new();
    let votes: [&[&str]; 4] = [&["a", "b", "c"], &["x", "b", "c"], &["c", "b"], &["b", "c"]];
    let joins: Vec<_> = votes
        .iter()
        .map(|names| rig.join(JoinRequest { protocols: protocols(names), ..request() }))
        .collect();
    rig.all_join();
    for join in joins {
        assert_eq!(joined(join).protocol_name.as_deref(), Some("b"), "three for b, one for c");
    }
}

#[test]
fn while_the_assignment_is_made_a_member_can_ask_again() {
    let mut rig = Rig::new();
    let joins = [rig.join(request()), rig.join(request())];
    rig.advance(DELAY * 2);
    let [leader, follower] = joins.map(joined);
    assert_eq!(joined(rig.join(rejoin(&follower.member_id))), follower);
    assert_eq!(joined(rig.join(rejoin(&leader.member_id))), leader);
    assert_eq!(rig.state(), ClassicState::CompletingRebalance);
    let changed = JoinRequest { protocols: protocols(&["range"]), ..rejoin(&follower.member_id) };
    let mut joining = rig.join(changed);
    assert!(waits(&mut joining), "with other metadata it begins a rebalance");
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(joined(rig.join(rejoin(&leader.member_id))).generation, 2);
    assert_eq!(joined(joining).generation, 2);
}

#[test]
fn in_a_stable_group_only_a_change_begins_a_rebalance() {
    let (mut rig, ids) = Rig::stable(3);
    let again = joined(rig.join(rejoin(&ids[1])));
    assert_eq!((again.generation, again.members.len(), again.leader), (1, 0, Some(ids[0].clone())));
    assert_eq!(rig.state(), ClassicState::Stable);
    let mut led = rig.join(rejoin(&ids[0]));
    assert!(waits(&mut led), "a leader that joins again wants another assignment");
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    let mut second = rig.join(rejoin(&ids[1]));
    assert!(waits(&mut second));
    let third = rig.join(rejoin(&ids[2]));
    for join in [led, second, third] {
        assert_eq!(joined(join).generation, 2, "the last one ends the wait");
    }
    rig.sync_all(&ids);
    let changed = JoinRequest { protocols: protocols(&["range"]), ..rejoin(&ids[2]) };
    assert!(waits(&mut rig.join(changed)));
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
}

#[test]
fn a_second_request_of_a_member_takes_the_place_of_the_first() {
    let (mut rig, ids) = Rig::stable(2);
    let mut lost = rig.join(rejoin(&ids[0]));
    let again = rig.join(rejoin(&ids[0]));
    assert!(lost.try_recv().is_err(), "its client has gone");
    assert_eq!(joined(rig.join(rejoin(&ids[1]))).generation, 2);
    assert_eq!(joined(again).generation, 2);
}

#[test]
fn a_full_group_takes_nobody_and_lets_its_members_rejoin() {
    let (mut rig, ids) = Rig::stable(2);
    rig.rules.max_size = 2;
    let full = (CoordinatorError::GroupFull, MemberId::new(""));
    assert_eq!(join_refused(rig.join(request())), full);
    assert_eq!(rig.state(), ClassicState::Stable);
    let mut first = rig.join(rejoin(&ids[0]));
    assert!(waits(&mut first));
    let second = rig.join(rejoin(&ids[1]));
    assert_eq!((joined(first).generation, joined(second).generation), (2, 2));
    assert_eq!(join_refused(rig.join(request())), full);
}

#[test]
fn when_the_limit_was_lowered_the_last_to_rejoin_go() {
    let (mut rig, ids) = Rig::stable(3);
    rig.rules.max_size = 2;
    let (first, second) = (rig.join(rejoin(&ids[0])), rig.join(rejoin(&ids[1])));
    let refused = join_refused(rig.join(rejoin(&ids[2])));
    assert_eq!(refused, (CoordinatorError::GroupFull, MemberId::new("")));
    assert_eq!((joined(first).members.len(), joined(second).generation), (2, 2));
}

#[test]
fn members_that_were_only_given_an_id_are_waited_for() {
    let (mut rig, ids) = Rig::stable(1);
    let asks = JoinRequest { requires_known_member_id: true, ..request() };
    let (_, new_id) = join_refused(rig.join(asks.clone()));
    assert_eq!(rig.state(), ClassicState::Stable, "an id alone changes nothing");
    let mut old = rig.join(rejoin(&ids[0]));
    assert!(waits(&mut old), "the new member is about to join");
    let new = rig.join(JoinRequest { member_id: new_id, ..asks });
    assert_eq!((joined(old).members.len(), joined(new).generation), (2, 2));
}
