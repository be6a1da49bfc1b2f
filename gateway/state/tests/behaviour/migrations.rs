//! Groups that change their protocol while their members go on, and classic members of consumer groups.

use std::collections::BTreeMap;

use chronik_state::{
    Change, ClassicGroup, ClassicMember, ClassicMembership, ConsumerGroup, ConsumerGroupHeartbeat,
    ConsumerGroupSettings, GroupBody, GroupError, JoinConsumerGroup, JoinedConsumerGroup, LeavingMember,
    MemberProtocol, MemberState, Outcome, RemoveConsumerMembers, StoreClassicGroup,
};
use chronik_types::{GenerationId, GroupId, GroupInstanceId, MemberEpoch, MemberId, TimestampMs};

use crate::consumer_groups::{SETTINGS, beat, join};
use crate::support::Life;

fn text(text: &str) -> Vec<u8> {
    [&i16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn partitions(topic: &str, indexes: &[i32]) -> Vec<u8> {
    let mut bytes = 1_i32.to_be_bytes().to_vec();
    bytes.extend(text(topic));
    bytes.extend(i32::try_from(indexes.len()).unwrap().to_be_bytes());
    indexes.iter().for_each(|index| bytes.extend(index.to_be_bytes()));
    bytes
}

/// Version 1 of what a consumer of `t` tells its group.
fn subscription(owned: &[i32]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0, 0, 1];
    bytes.extend(text("t"));
    bytes.extend([0xff; 4]);
    bytes.extend(partitions("t", owned));
    bytes
}

/// Version 1 of an assignment.
fn assignment(indexes: &[i32]) -> Vec<u8> {
    [&[0, 1][..], &partitions("t", indexes), &[0xff; 4]].concat()
}

fn protocols(names: &[&str], owned: &[i32]) -> Vec<MemberProtocol> {
    let protocol =
        |name: &&str| MemberProtocol { name: (*name).into(), metadata: subscription(owned).into() };
    names.iter().map(protocol).collect()
}

fn classic_member(assigned: &[u8]) -> ClassicMember {
    ClassicMember {
        instance_id: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        rebalance_timeout_ms: 60_000,
        session_timeout_ms: 10_000,
        protocols: protocols(&["range", "sticky"], &[]).into(),
        assignment: assigned.into(),
    }
}

/// A topic `t` of four partitions, and a classic group in generation 7 with `a`, which has 0 and 1, and `b` with 2 and 3.
fn classic() -> Life {
    classic_with(BTreeMap::from([
        (MemberId::new("a"), classic_member(&assignment(&[0, 1]))),
        (MemberId::new("b"), classic_member(&assignment(&[2, 3]))),
    ]))
}

fn classic_with(members: BTreeMap<MemberId, ClassicMember>) -> Life {
    let mut life = Life::with_topic(4);
    let group = ClassicGroup {
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        generation: GenerationId::new(7),
        leader: Some(MemberId::new("a")),
        since: TimestampMs::new(1),
        members,
    };
    let store = StoreClassicGroup { group_id: GroupId::new("g"), expected_revision: 0, group };
    assert_eq!(life.apply(Change::StoreClassicGroup(store)), Outcome::ClassicGroupStored(Ok(())));
    life
}

/// `c` has joined the group as a consumer.
fn upgraded() -> Life {
    let mut life = classic();
    let answer = life.beat(join("c", &["t"])).unwrap();
    assert_eq!((answer.epoch.get(), answer.assignment), (8, Some(vec![])));
    life
}

fn group(life: &Life) -> &ConsumerGroup {
    life.state.group("g").unwrap().consumer().unwrap()
}

fn has(life: &Life, id: &str) -> (MemberState, i32, Vec<i32>) {
    let member = &group(life).members()[id];
    (member.state, member.epoch.get(), member.assigned.keys().map(|at| at.partition.get()).collect())
}

fn rejoin(member: &str, owned: &[i32]) -> JoinConsumerGroup {
    JoinConsumerGroup {
        group_id: GroupId::new("g"),
        member_id: MemberId::new(member),
        is_new: false,
        instance_id: None,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        classic: ClassicMembership {
            session_timeout_ms: 10_000,
            protocols: protocols(&["range", "sticky"], owned).into(),
        },
        client_id: "c".into(),
        client_host: "/h".into(),
        settings: SETTINGS,
    }
}

fn joins(life: &mut Life, join: JoinConsumerGroup) -> Result<JoinedConsumerGroup, GroupError> {
    match life.apply(Change::JoinConsumerGroup(Box::new(join))) {
        Outcome::ConsumerGroupJoined(result) => result,
        other => panic!("{other:?}"),
    }
}

fn heartbeat(life: &Life, id: &str, generation: i32) -> Result<(), GroupError> {
    group(life).check_classic_heartbeat(&MemberId::new(id), None, generation)
}

fn sync(life: &Life, id: &str, generation: i32) -> Result<Vec<u8>, GroupError> {
    let member = MemberId::new(id);
    life.state.sync_consumer_group("g", (&member, None, generation), (Some("consumer"), Some("range")))
}

#[test]
fn a_classic_group_becomes_a_consumer_group_with_its_members() {
    let life = upgraded();
    assert_eq!(has(&life, "a"), (MemberState::Stable, 7, vec![0, 1]));
    assert_eq!(has(&life, "b"), (MemberState::Stable, 7, vec![2, 3]));
    assert_eq!(has(&life, "c"), (MemberState::UnreleasedPartitions, 8, vec![]));
    let classic = group(&life).members()["a"].classic.as_ref().unwrap();
    assert_eq!((classic.session_timeout_ms, classic.protocols.len()), (10_000, 2));
}

#[test]
fn classic_members_give_up_what_others_should_have() {
    let mut life = upgraded();
    // There is another target: `a` and `b` have to join again, and keep what they should have.
    assert_eq!(heartbeat(&life, "a", 7), Err(GroupError::RebalanceInProgress));
    assert_eq!(sync(&life, "a", 7), Err(GroupError::RebalanceInProgress));
    let joined = joins(&mut life, rejoin("a", &[0, 1])).unwrap();
    assert_eq!((joined.epoch.get(), &*joined.protocol_name), (8, "range"));
    assert_eq!(sync(&life, "a", 8), Ok(assignment(&[0, 1])));

    // `b` gives up 3: it stays in its generation, is told what it keeps, gives up the other, and joins again.
    let joined = joins(&mut life, rejoin("b", &[2, 3])).unwrap();
    assert_eq!(joined.epoch.get(), 7);
    assert_eq!(has(&life, "b"), (MemberState::UnrevokedPartitions, 7, vec![2]));
    assert_eq!(sync(&life, "b", 7), Ok(assignment(&[2])));
    assert_eq!(heartbeat(&life, "b", 7), Err(GroupError::RebalanceInProgress));
    assert_eq!(joins(&mut life, rejoin("b", &[2])).unwrap().epoch.get(), 8);
    assert_eq!(heartbeat(&life, "b", 8), Ok(()));

    assert_eq!(life.beat(beat("c", 8)).unwrap().assignment.unwrap().len(), 1);
    assert_eq!(group(&life).state().name(), "Stable");
}

#[test]
fn a_classic_member_is_told_to_join_again_when_what_it_waits_for_is_free() {
    let mut life = upgraded();
    let joined = joins(&mut life, rejoin("d", &[])).unwrap();
    assert_eq!(has(&life, "d").0, MemberState::UnreleasedPartitions);
    let generation = joined.epoch.get();
    assert_eq!(heartbeat(&life, "d", generation), Ok(()), "it waits");
    joins(&mut life, rejoin("b", &[2, 3])).unwrap();
    joins(&mut life, rejoin("a", &[0, 1])).unwrap();
    joins(&mut life, rejoin("b", &[])).unwrap();
    joins(&mut life, rejoin("a", &[])).unwrap();
    assert_eq!(heartbeat(&life, "d", generation), Err(GroupError::RebalanceInProgress));
    joins(&mut life, rejoin("d", &[])).unwrap();
    assert_eq!((has(&life, "d").0, has(&life, "d").2.len()), (MemberState::Stable, 1));
}

#[test]
fn classic_members_are_fenced_by_generation_and_protocol() {
    let mut life = upgraded();
    assert_eq!(heartbeat(&life, "nobody", 7), Err(GroupError::UnknownMember));
    assert_eq!(heartbeat(&life, "c", 8), Err(GroupError::UnknownMember), "a consumer");
    assert_eq!(heartbeat(&life, "a", 6), Err(GroupError::IllegalGeneration));
    let other = |names: &[&str]| {
        let classic = ClassicMembership { session_timeout_ms: 1, protocols: protocols(names, &[]).into() };
        JoinConsumerGroup { classic, ..rejoin("d", &[]) }
    };
    assert_eq!(joins(&mut life, other(&["roundrobin"])), Err(GroupError::InconsistentProtocol));
    assert_eq!(joins(&mut life, other(&[])), Err(GroupError::InconsistentProtocol));
    joins(&mut life, other(&["sticky"])).unwrap();
    let connect = JoinConsumerGroup { protocol_type: "connect".into(), ..rejoin("d", &[]) };
    assert_eq!(joins(&mut life, connect), Err(GroupError::InconsistentProtocol));
    let settings = ConsumerGroupSettings { upgrade: false, downgrade: false, ..SETTINGS };
    assert_eq!(
        joins(&mut life, JoinConsumerGroup { settings, ..rejoin("a", &[]) }),
        Err(GroupError::InconsistentProtocol)
    );
    let settings = ConsumerGroupSettings { max_size: 1, ..SETTINGS };
    assert_eq!(
        joins(&mut life, JoinConsumerGroup { settings, ..rejoin("e", &[]) }),
        Err(GroupError::Full { limit: 1 })
    );
    let name = MemberId::new("a");
    let sync = life.state.sync_consumer_group("g", (&name, None, 7), (None, Some("sticky")));
    assert_eq!(sync, Err(GroupError::InconsistentProtocol));
}

#[test]
fn groups_that_cannot_become_consumer_groups_stay_as_they_are() {
    let disabled = ConsumerGroupSettings { upgrade: false, ..SETTINGS };
    let small = ConsumerGroupSettings { max_size: 1, ..SETTINGS };
    for settings in [disabled, small] {
        let mut life = classic();
        let refused = life.beat(ConsumerGroupHeartbeat { settings, ..join("c", &["t"]) });
        assert_eq!(refused, Err(GroupError::UnknownGroup));
        assert!(life.state.group("g").unwrap().consumer().is_none());
    }
    let mut own_data = assignment(&[0]);
    own_data.splice(own_data.len() - 4.., [0, 0, 0, 1, 9]);
    for bad in [&own_data[..], &[0], &[0, 1, 0, 0]] {
        let members = BTreeMap::from([(MemberId::new("a"), classic_member(bad))]);
        assert_eq!(classic_with(members).beat(join("c", &["t"])), Err(GroupError::UnknownGroup));
    }
    // One that was never assigned anything, and a partition that was assigned twice, are fine.
    let members = BTreeMap::from([
        (MemberId::new("a"), classic_member(&assignment(&[0, 1]))),
        (MemberId::new("b"), classic_member(&assignment(&[1, 9]))),
        (MemberId::new("c"), classic_member(&[])),
    ]);
    let mut life = classic_with(members);
    life.beat(join("d", &["t"])).unwrap();
    assert_eq!([has(&life, "a").2, has(&life, "b").2, has(&life, "c").2], [vec![0, 1], vec![], vec![]]);
}

fn downgraded(life: &Life) -> &ClassicGroup {
    match life.state.group("g").unwrap().body() {
        GroupBody::Classic(group) => group,
        GroupBody::Consumer(group) => panic!("{group:?}"),
    }
}

#[test]
fn a_consumer_group_becomes_classic_when_its_last_consumer_leaves() {
    let mut life = upgraded();
    life.beat(beat("c", -1)).unwrap();
    let group = downgraded(&life);
    assert_eq!((group.generation.get(), group.members.len()), (9, 2));
    assert_eq!(
        (group.protocol_type.as_deref(), group.protocol_name.as_deref()),
        (Some("consumer"), Some("range"))
    );
    // What they should have had with the consumer.
    assert_eq!(&*group.members["a"].assignment, assignment(&[0, 1]));
    assert_eq!(&*group.members["b"].assignment, assignment(&[2]));
    assert_eq!(group.members["a"].session_timeout_ms, 10_000);
}

#[test]
fn a_consumer_that_is_taken_out_counts_as_one_that_leaves() {
    let remove = |settings| RemoveConsumerMembers {
        group_id: GroupId::new("g"),
        members: vec![LeavingMember { member_id: MemberId::new("c"), instance_id: None, if_epoch: None }],
        settings,
    };
    let mut life = upgraded();
    life.apply(Change::RemoveConsumerMembers(remove(SETTINGS)));
    assert_eq!(downgraded(&life).members.len(), 2);
    let disabled = ConsumerGroupSettings { downgrade: false, ..SETTINGS };
    let small = ConsumerGroupSettings { classic_max_size: 1, ..SETTINGS };
    for settings in [disabled, small] {
        let mut life = upgraded();
        life.apply(Change::RemoveConsumerMembers(remove(settings)));
        assert_eq!(group(&life).members().len(), 2);
    }
}

#[test]
fn a_group_becomes_classic_when_its_last_consumer_comes_back_as_a_classic_member() {
    let mut life = classic();
    let static_member =
        ConsumerGroupHeartbeat { instance_id: Some(GroupInstanceId::new("i")), ..join("c", &["t"]) };
    life.beat(static_member).unwrap();
    let back = JoinConsumerGroup {
        is_new: true,
        instance_id: Some(GroupInstanceId::new("i")),
        ..rejoin("new", &[])
    };
    let joined = joins(&mut life, back).unwrap();
    assert_eq!(joined.replaced, Some(MemberId::new("c")));
    let group = downgraded(&life);
    assert_eq!(joined.epoch.get(), group.generation.get());
    assert_eq!(group.members.keys().map(MemberId::as_str).collect::<Vec<_>>(), ["a", "b", "new"]);
    assert_eq!(&*group.members["new"].assignment, assignment(&[3]));
}

#[test]
fn a_consumer_takes_the_place_of_a_classic_static_member_at_once() {
    let instance = Some(GroupInstanceId::new("i"));
    let member =
        ClassicMember { instance_id: instance.clone(), ..classic_member(&assignment(&[0, 1, 2, 3])) };
    let mut life = classic_with(BTreeMap::from([(MemberId::new("a"), member)]));
    let answer = life.beat(ConsumerGroupHeartbeat { instance_id: instance, ..join("c", &["t"]) }).unwrap();
    assert_eq!((answer.epoch, answer.assignment.unwrap().len()), (MemberEpoch::new(7), 4));
    assert_eq!(group(&life).members().len(), 1);
}
