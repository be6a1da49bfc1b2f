//! LeaveGroup: one, many, static ones by their instance, and the last.

use super::*;

fn leave(rig: &mut Rig, who: MemberIdentity) -> Result<(), GroupError> {
    rig.step(|group, step| group.leave(&[Leaving { who, reason: Some("done".into()) }], step)).remove(0)
}

#[test]
fn the_others_rebalance_when_one_leaves() {
    let (mut rig, ids) = Rig::stable(3);
    assert_eq!(rig.leave(&[&ids[0]]), [Ok(())]);
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(rig.heartbeat(&ids[0], 1), Err(GroupError::UnknownMember.into()));
    let (second, third) = (rig.join(rejoin(&ids[1])), rig.join(rejoin(&ids[2])));
    let (second, third) = (joined(second), joined(third));
    assert_eq!((second.generation, third.generation), (2, 2));
    assert_eq!(second.leader, Some(ids[1].clone()), "somebody else leads");
}

#[test]
fn a_rebalance_ends_when_the_one_it_waits_for_leaves() {
    let (mut rig, ids) = Rig::stable(2);
    let mut first = rig.join(rejoin(&ids[0]));
    assert!(waits(&mut first));
    rig.leave(&[&ids[1]]);
    assert_eq!(joined(first).members.len(), 1);
}

#[test]
fn the_first_rebalance_of_an_empty_group_waits_all_the_same() {
    let mut rig = Rig::new();
    let mut first = rig.join(request());
    let asks = JoinRequest { requires_known_member_id: true, ..request() };
    let (_, pending) = join_refused(rig.join(asks));
    assert_eq!(rig.leave(&[&pending]), [Ok(())], "who was only given an id can leave");
    assert!(waits(&mut first));
    rig.advance(DELAY);
    joined(first);
}

#[test]
fn a_member_that_leaves_while_it_joins_is_told_to_join_anew() {
    let (mut rig, ids) = Rig::stable(2);
    let joining = rig.join(rejoin(&ids[0]));
    rig.leave(&[&ids[0]]);
    assert_eq!(join_refused(joining), (GroupError::UnknownMember.into(), MemberId::new("")));
}

#[test]
fn members_leave_together_in_one_rebalance() {
    let (mut rig, ids) = Rig::stable(4);
    let stranger = MemberId::new("stranger");
    let left = rig.leave(&[&ids[1], &stranger, &ids[2], &ids[2]]);
    assert_eq!(left, [Ok(()), Err(GroupError::UnknownMember), Ok(()), Err(GroupError::UnknownMember)]);
    let (first, last) = (rig.join(rejoin(&ids[0])), rig.join(rejoin(&ids[3])));
    assert_eq!((joined(first).generation, joined(last).generation), (2, 2));
}

#[test]
fn when_nobody_really_leaves_nothing_happens() {
    let (mut rig, _) = Rig::stable(1);
    assert_eq!(rig.leave(&[&MemberId::new("stranger")]), [Err(GroupError::UnknownMember)]);
    assert_eq!(rig.state(), ClassicState::Stable);
}

#[test]
fn static_members_leave_by_id_by_instance_or_by_both() {
    let mut rig = Rig::new();
    let joins = ["i", "j", "k"].map(|instance| rig.join(static_request(instance)));
    rig.all_join();
    let ids = joins.map(|join| joined(join).member_id);
    assert_eq!(leave(&mut rig, identity("", Some("i"))), Ok(()));
    assert_eq!(leave(&mut rig, identity("", Some("i"))), Err(GroupError::UnknownMember));
    assert_eq!(leave(&mut rig, identity("", None)), Err(GroupError::UnknownMember));
    assert_eq!(leave(&mut rig, identity(ids[0].as_str(), Some("j"))), Err(GroupError::FencedInstance));
    assert_eq!(leave(&mut rig, identity(ids[1].as_str(), Some("j"))), Ok(()));
    assert_eq!(leave(&mut rig, identity(ids[2].as_str(), None)), Ok(()));
    assert_eq!(rig.state(), ClassicState::Empty);
}

#[test]
fn with_its_last_member_a_group_is_stored_as_empty() {
    let (mut rig, ids) = Rig::stable(2);
    rig.stores_at_once = false;
    rig.leave(&[&ids[0], &ids[1]]);
    assert_eq!((rig.state(), rig.group.is_idle()), (ClassicState::Empty, false));
    rig.store(Ok(()));
    assert!(rig.group.is_idle());
    let stored = rig.stored.last().unwrap();
    assert_eq!((stored.generation.get(), stored.members.len(), stored.leader.as_ref()), (2, 0, None));
    assert_eq!((stored.protocol_type.as_deref(), stored.protocol_name.as_deref()), (Some("consumer"), None));
}

#[test]
fn an_emptied_group_goes_on_counting_generations() {
    let (mut rig, ids) = Rig::stable(1);
    rig.leave(&[&ids[0]]);
    let joining = rig.join(JoinRequest { protocol_type: "connect".into(), ..request() });
    rig.advance(DELAY);
    let joined = joined(joining);
    assert_eq!((joined.generation, joined.protocol_type.as_deref()), (3, Some("connect")));
}
