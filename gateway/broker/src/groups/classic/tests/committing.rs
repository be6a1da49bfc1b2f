//! Who may commit offsets, and in whose name.

use chronik_state::Committer;

use super::*;

fn commit(
    rig: &mut Rig,
    id: &str,
    instance: Option<&str>,
    generation: i32,
) -> Result<Committer, CoordinatorError> {
    commit_as(rig, id, instance, generation, false)
}

fn commit_as(
    rig: &mut Rig,
    id: &str,
    instance: Option<&str>,
    generation: i32,
    in_transaction: bool,
) -> Result<Committer, CoordinatorError> {
    let now = rig.now;
    rig.group.committer(&Committing { who: identity(id, instance), generation, in_transaction }, now)
}

fn by(id: &str, instance: Option<&str>, generation: i32) -> Result<Committer, CoordinatorError> {
    let who = identity(id, instance);
    Ok(Committer::Member { member_id: who.member_id, instance_id: who.instance_id, generation })
}

#[test]
fn commits_are_checked_as_kafka_checks_them() {
    let mut rig = Rig::new();
    let join = rig.join(static_request("i"));
    rig.advance(DELAY);
    let id = joined(join).member_id;
    let id = id.as_str();
    let unknown: Result<Committer, CoordinatorError> = Err(GroupError::UnknownMember.into());
    let illegal: Result<Committer, CoordinatorError> = Err(GroupError::IllegalGeneration.into());
    assert_eq!(commit(&mut rig, id, None, 1), Err(CoordinatorError::RebalanceInProgress));
    rig.sync_all(&[MemberId::new(id)]);
    let table = [
        (id, None, 1, by(id, None, 1)),
        (id, Some("i"), 1, by(id, Some("i"), 1)),
        (id, None, 2, illegal.clone()),
        (id, None, -1, illegal),
        ("x", None, 1, unknown.clone()),
        ("x", None, -1, unknown.clone()),
        ("x", Some("i"), 1, Err(GroupError::FencedInstance.into())),
        (id, Some("j"), 1, unknown.clone()),
        ("", None, -1, unknown.clone()),
        ("", None, 1, unknown.clone()),
        ("", Some("i"), -1, Err(GroupError::FencedInstance.into())),
    ];
    for (member, instance, generation, outcome) in table {
        assert_eq!(
            commit(&mut rig, member, instance, generation),
            outcome,
            "{member} {instance:?} {generation}"
        );
    }
    assert_eq!(
        commit_as(&mut rig, "", None, -1, true),
        Ok(Committer::Anyone),
        "early producers cannot say more"
    );
    rig.leave(&[&MemberId::new(id)]);
    assert_eq!(commit(&mut rig, "", None, -1), Ok(Committer::Anyone));
    assert_eq!(commit(&mut rig, id, None, -1), Ok(Committer::Anyone));
    assert_eq!(commit(&mut rig, id, None, 1), unknown);
}

#[test]
fn members_commit_while_others_join() {
    let (mut rig, ids) = Rig::stable(2);
    let _led = rig.join(rejoin(&ids[0]));
    assert_eq!(commit(&mut rig, ids[1].as_str(), None, 1), by(ids[1].as_str(), None, 1));
}

#[test]
fn a_commit_keeps_the_session_alive() {
    let (mut rig, ids) = Rig::stable(1);
    for _ in 0..5 {
        rig.advance(SESSION - Duration::from_secs(1));
        commit(&mut rig, ids[0].as_str(), None, 1).unwrap();
    }
    assert_eq!(rig.heartbeat(&ids[0], 1), Ok(()));
}

/// What a cooperative member keeps over a generation that ended before its assignment, it can commit.
#[test]
fn members_commit_in_the_name_of_the_last_generation_that_had_an_assignment() {
    let (mut rig, ids) = Rig::stable(2);
    let new = {
        let new = rig.join(request());
        let joins: Vec<_> = ids.iter().map(|id| rig.join(rejoin(id))).collect();
        joins.into_iter().for_each(|join| assert_eq!(joined(join).generation, 2));
        joined(new).member_id
    };
    let _another = rig.join(request());
    assert_eq!(rig.state(), ClassicState::PreparingRebalance);
    assert_eq!(commit(&mut rig, ids[1].as_str(), None, 2), by(ids[1].as_str(), None, 1));
    assert_eq!(commit(&mut rig, new.as_str(), None, 2), Err(CoordinatorError::RebalanceInProgress));
    let in_transaction = commit_as(&mut rig, new.as_str(), None, 2, true);
    assert_eq!(in_transaction, Err(GroupError::IllegalGeneration.into()));
    assert_eq!(commit(&mut rig, ids[1].as_str(), None, 1), Err(GroupError::IllegalGeneration.into()));
}
