//! Consumer groups: the states of members, epochs, fencing, static members, regular expressions, and who may commit.

use std::collections::BTreeSet;

use chronik_state::{
    Assignor, Change, CommitOffsets, CommittedOffset, Committer, ConsumerGroup, ConsumerGroupHeartbeat,
    ConsumerGroupSettings, ConsumerGroupState, ConsumerMember, CreatePartitions, CreateTopic, GroupError,
    HeartbeatAnswer, LeavingMember, MemberState, Outcome, RebalanceTimer, RegexMatches,
    RemoveConsumerMembers, TopicLimits,
};
use chronik_types::{
    ErrorCode, GroupId, GroupInstanceId, LeaderEpoch, MemberEpoch, MemberId, Offset, TimestampMs,
    TopicPartition,
};

use crate::support::{Life, at, create, topic_id};

pub(crate) const SETTINGS: ConsumerGroupSettings = ConsumerGroupSettings {
    max_size: 10,
    assignment_interval_ms: 0,
    default_assignor: Assignor::Uniform,
    upgrade: true,
    downgrade: true,
    classic_max_size: 10,
};

/// A heartbeat that says nothing.
pub(crate) fn beat(member: &str, epoch: i32) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        group_id: GroupId::new("g"),
        member_id: MemberId::new(member),
        epoch: MemberEpoch::new(epoch),
        instance_id: None,
        rack_id: None,
        rebalance_timeout_ms: None,
        subscribed_topics: None,
        subscribed_regex: None,
        assignor: None,
        owned: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        resolved: Vec::new(),
        settings: SETTINGS,
    }
}

/// A heartbeat that joins with topics.
pub(crate) fn join(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        rebalance_timeout_ms: Some(60_000),
        subscribed_topics: Some(topics.iter().map(|topic| (*topic).into()).collect()),
        owned: Some(Vec::new()),
        ..beat(member, 0)
    }
}

/// A heartbeat that says what the member has.
fn owning(member: &str, epoch: i32, partitions: &[i32]) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        owned: Some(partitions.iter().map(|index| at(*index)).collect()),
        ..beat(member, epoch)
    }
}

fn instance(name: &str, heartbeat: ConsumerGroupHeartbeat) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat { instance_id: Some(GroupInstanceId::new(name)), ..heartbeat }
}

impl Life {
    /// Has a heartbeat act, and checks that the preview has said so.
    pub(crate) fn beat(&mut self, heartbeat: ConsumerGroupHeartbeat) -> Result<HeartbeatAnswer, GroupError> {
        let now = TimestampMs::new(1_000);
        let preview = self.state.preview_consumer_heartbeat(now, &heartbeat, true);
        let before = self.state.clone();
        let Outcome::ConsumerGroupHeartbeat(answer) =
            self.apply(Change::ConsumerGroupHeartbeat(Box::new(heartbeat)))
        else {
            panic!("another outcome");
        };
        match (preview, &answer) {
            (Ok(None), Ok(_)) => {}
            (Ok(Some(foreseen)), Ok(answer)) => {
                assert_eq!(&foreseen, answer);
                assert_eq!(
                    self.members_of(&before),
                    self.members_of(&self.state),
                    "the preview missed a change"
                );
            }
            (Err(foreseen), Err(error)) => assert_eq!(&foreseen, error),
            (foreseen, answer) => panic!("{foreseen:?} was foreseen, {answer:?} came"),
        }
        answer
    }

    fn members_of(&self, state: &chronik_state::State) -> Option<ConsumerGroup> {
        state.group("g").and_then(|group| group.consumer()).cloned()
    }

    fn group(&self) -> &ConsumerGroup {
        self.state.group("g").and_then(|group| group.consumer()).unwrap()
    }

    fn member(&self, id: &str) -> &ConsumerMember {
        &self.group().members()[id]
    }

    /// State, epoch, what is assigned and what has still to be given up.
    fn standing(&self, id: &str) -> (MemberState, i32, Vec<i32>, Vec<i32>) {
        let member = self.member(id);
        let indexes =
            |owned: &chronik_state::OwnedPartitions| owned.keys().map(|at| at.partition.get()).collect();
        (member.state, member.epoch.get(), indexes(&member.assigned), indexes(&member.pending_revocation))
    }
}

fn told(answer: &HeartbeatAnswer) -> Option<Vec<i32>> {
    answer.assignment.as_ref().map(|all| all.iter().map(|at: &TopicPartition| at.partition.get()).collect())
}

/// `a` has all four partitions of `t` in epoch 1.
fn alone() -> Life {
    let mut life = Life::with_topic(4);
    let answer = life.beat(join("a", &["t"])).unwrap();
    assert_eq!((answer.epoch.get(), told(&answer)), (1, Some(vec![0, 1, 2, 3])));
    life
}

/// `b` has joined too; `a` does not know yet.
fn joined() -> Life {
    let mut life = alone();
    let answer = life.beat(join("b", &["t"])).unwrap();
    assert_eq!((answer.epoch.get(), told(&answer)), (2, Some(vec![])));
    life
}

const STABLE: MemberState = MemberState::Stable;
const UNREVOKED: MemberState = MemberState::UnrevokedPartitions;
const UNRELEASED: MemberState = MemberState::UnreleasedPartitions;

#[test]
fn the_first_member_gets_everything() {
    let life = alone();
    assert_eq!(life.standing("a"), (STABLE, 1, vec![0, 1, 2, 3], vec![]));
    assert_eq!(life.group().state(), ConsumerGroupState::Stable);
}

#[test]
fn a_heartbeat_that_says_nothing_new_changes_nothing() {
    let mut life = alone();
    let preview = life.state.preview_consumer_heartbeat(TimestampMs::new(1), &beat("a", 1), true);
    assert_eq!(preview.unwrap().map(|answer| (answer.epoch.get(), answer.assignment)), Some((1, None)));
    assert_eq!(life.beat(beat("a", 1)).unwrap().rebalance, RebalanceTimer::Keep);
}

#[test]
fn a_new_member_waits_until_the_other_has_given_up() {
    let mut life = joined();
    assert_eq!(life.standing("b"), (UNRELEASED, 2, vec![], vec![]));
    assert_eq!(life.group().state(), ConsumerGroupState::Reconciling);

    // Stable to unrevoked: it keeps its epoch.
    let answer = life.beat(owning("a", 1, &[0, 1, 2, 3])).unwrap();
    assert_eq!(
        (answer.epoch.get(), told(&answer), answer.rebalance),
        (1, Some(vec![0, 1]), RebalanceTimer::Start)
    );
    assert_eq!(life.standing("a"), (UNREVOKED, 1, vec![0, 1], vec![2, 3]));

    // It stays there as long as it does not say, or says that it has still one of them.
    life.beat(beat("a", 1)).unwrap();
    life.beat(owning("a", 1, &[0, 1, 3])).unwrap();
    assert_eq!(life.standing("a"), (UNREVOKED, 1, vec![0, 1], vec![2, 3]));
    life.beat(beat("b", 2)).unwrap();
    assert_eq!(life.standing("b"), (UNRELEASED, 2, vec![], vec![]));

    // Unrevoked to stable.
    let answer = life.beat(owning("a", 1, &[0, 1])).unwrap();
    assert_eq!((answer.epoch.get(), answer.rebalance), (2, RebalanceTimer::Stop));
    assert_eq!(life.standing("a"), (STABLE, 2, vec![0, 1], vec![]));

    // Unreleased to stable.
    let answer = life.beat(beat("b", 2)).unwrap();
    assert_eq!((answer.epoch.get(), told(&answer)), (2, Some(vec![2, 3])));
    assert_eq!(life.standing("b"), (STABLE, 2, vec![2, 3], vec![]));
    assert_eq!(life.group().state(), ConsumerGroupState::Stable);
}

#[test]
fn a_member_that_has_nothing_of_what_it_must_give_up_goes_on_at_once() {
    let mut life = joined();
    life.beat(owning("a", 1, &[0, 1])).unwrap();
    assert_eq!(life.standing("a"), (STABLE, 2, vec![0, 1], vec![]));
}

#[test]
fn unreleased_partitions_come_as_they_become_free() {
    let mut life = joined();
    life.beat(join("c", &["t"])).unwrap();
    life.beat(owning("a", 1, &[0, 1, 2, 3])).unwrap();
    assert_eq!(life.standing("a"), (UNREVOKED, 1, vec![0, 1], vec![2, 3]));
    life.beat(beat("b", 2)).unwrap();
    assert_eq!(life.standing("b"), (UNRELEASED, 3, vec![], vec![]));
    life.beat(owning("a", 1, &[0, 1])).unwrap();
    life.beat(beat("b", 3)).unwrap();
    life.beat(beat("c", 3)).unwrap();
    let standing: Vec<_> = ["a", "b", "c"].map(|id| (life.standing(id).0, life.standing(id).2.len())).into();
    assert_eq!(standing, [(STABLE, 2), (STABLE, 1), (STABLE, 1)]);
}

#[test]
fn an_unreleased_member_goes_on_in_a_later_epoch() {
    let mut life = joined();
    life.beat(owning("a", 1, &[0, 1])).unwrap();
    life.beat(beat("b", 2)).unwrap();
    life.beat(join("c", &["t"])).unwrap();
    // `b` has to give one to `c`, which waits for it; then `b` leaves, and there is another target.
    assert_eq!(life.standing("c"), (UNRELEASED, 3, vec![], vec![]));
    life.beat(beat("b", -1)).unwrap();
    life.beat(beat("c", 3)).unwrap();
    assert_eq!(life.standing("c"), (STABLE, 4, vec![2, 3], vec![]));
}

#[test]
fn a_member_that_unsubscribes_gives_up_at_once_and_not_with_the_next_target() {
    let mut life = alone();
    let settings = ConsumerGroupSettings { assignment_interval_ms: 60_000, ..SETTINGS };
    let heartbeat =
        ConsumerGroupHeartbeat { settings, subscribed_topics: Some(vec![]), ..owning("a", 1, &[0, 1, 2, 3]) };
    life.beat(heartbeat).unwrap();
    // The target is still that of epoch 1.
    assert_eq!((life.group().epoch().get(), life.group().assignment_epoch().get()), (2, 1));
    assert_eq!(life.group().state(), ConsumerGroupState::Assigning);
    assert_eq!(life.standing("a"), (UNREVOKED, 1, vec![], vec![0, 1, 2, 3]));
}

#[test]
fn a_target_is_made_no_more_often_than_the_interval_allows() {
    let mut life = alone();
    let settings = ConsumerGroupSettings { assignment_interval_ms: 500, ..SETTINGS };
    life.beat(ConsumerGroupHeartbeat { settings, ..join("b", &["t"]) }).unwrap();
    assert_eq!(life.standing("b"), (STABLE, 1, vec![], vec![]));
    let later = Change::ConsumerGroupHeartbeat(Box::new(ConsumerGroupHeartbeat { settings, ..beat("b", 1) }));
    life.apply_at(TimestampMs::new(1_499), later.clone());
    assert_eq!(life.group().assignment_epoch().get(), 1);
    life.apply_at(TimestampMs::new(1_500), later);
    assert_eq!((life.group().assignment_epoch().get(), life.standing("b").0), (2, UNRELEASED));
}

#[test]
fn epochs_that_are_not_the_members_own_are_fenced() {
    let mut life = joined();
    life.beat(owning("a", 1, &[0, 1])).unwrap();
    let code = |result: Result<HeartbeatAnswer, GroupError>| result.unwrap_err().error_code();
    assert_eq!(code(life.beat(beat("a", 3))), ErrorCode::FencedMemberEpoch);
    assert_eq!(code(life.beat(beat("b", 1))), ErrorCode::FencedMemberEpoch);
    assert_eq!(code(life.beat(beat("nobody", 1))), ErrorCode::UnknownMemberId);
    assert_eq!(code(life.beat(beat("nobody", -1))), ErrorCode::UnknownMemberId);
    // The answer that told epoch 2 was lost: fine, if it has nothing that it should not have.
    assert_eq!(life.beat(owning("a", 1, &[0])).unwrap().epoch.get(), 2);
    assert_eq!(code(life.beat(owning("a", 1, &[0, 2]))), ErrorCode::FencedMemberEpoch);
    assert_eq!(code(life.beat(beat("a", 1))), ErrorCode::FencedMemberEpoch);
    // One that was fenced joins again with epoch 0, and gets what it has.
    let answer = life.beat(join("a", &["t"])).unwrap();
    assert_eq!((answer.epoch.get(), told(&answer)), (2, Some(vec![0, 1])));
}

#[test]
fn groups_that_are_not_there_or_full_take_nobody() {
    let mut life = Life::with_topic(4);
    let code = |result: Result<HeartbeatAnswer, GroupError>| result.unwrap_err().error_code();
    assert_eq!(code(life.beat(beat("a", 1))), ErrorCode::GroupIdNotFound);
    assert_eq!(code(life.beat(beat("a", -1))), ErrorCode::GroupIdNotFound);
    let settings = ConsumerGroupSettings { max_size: 1, ..SETTINGS };
    life.beat(ConsumerGroupHeartbeat { settings, ..join("a", &["t"]) }).unwrap();
    assert_eq!(
        code(life.beat(ConsumerGroupHeartbeat { settings, ..join("b", &["t"]) })),
        ErrorCode::GroupMaxSizeReached
    );
    life.beat(ConsumerGroupHeartbeat { settings, ..beat("a", 1) }).unwrap();
}

#[test]
fn a_static_member_comes_back_to_its_partitions() {
    let mut life = Life::with_topic(4);
    life.beat(instance("i", join("a", &["t"]))).unwrap();
    life.beat(join("b", &["t"])).unwrap();
    life.beat(instance("i", owning("a", 1, &[0, 1]))).unwrap();
    life.beat(beat("b", 2)).unwrap();
    let epoch = life.group().epoch();

    let code = |result: Result<HeartbeatAnswer, GroupError>| result.unwrap_err().error_code();
    assert_eq!(code(life.beat(instance("i", join("x", &["t"])))), ErrorCode::UnreleasedInstanceId);
    assert_eq!(code(life.beat(instance("i", beat("x", 2)))), ErrorCode::FencedInstanceId);
    assert_eq!(code(life.beat(instance("j", beat("a", 2)))), ErrorCode::UnknownMemberId);
    assert_eq!(code(life.beat(instance("i", beat("x", -2)))), ErrorCode::FencedInstanceId);

    let answer = life.beat(instance("i", beat("a", -2))).unwrap();
    assert_eq!((answer.epoch.get(), answer.assignment), (-2, None));
    assert_eq!(life.standing("a"), (STABLE, -2, vec![0, 1], vec![]));

    // The same instance under another member id: no rebalance.
    let answer = life.beat(instance("i", join("x", &["t"]))).unwrap();
    assert_eq!((answer.epoch.get(), told(&answer)), (2, Some(vec![0, 1])));
    assert_eq!(answer.replaced, Some(MemberId::new("a")));
    assert_eq!(life.group().epoch(), epoch);
    assert_eq!(life.group().members().keys().map(MemberId::as_str).collect::<Vec<_>>(), ["b", "x"]);
    assert_eq!(code(life.beat(instance("i", beat("a", 2)))), ErrorCode::FencedInstanceId);

    // For good.
    life.beat(instance("i", beat("x", -1))).unwrap();
    assert_eq!(life.group().members().len(), 1);
    assert!(life.group().epoch() > epoch);
}

#[test]
fn changes_of_subscribed_topics_are_noticed_by_the_next_heartbeat() {
    let mut life = alone();
    let grow = CreatePartitions {
        topic_id: topic_id(1),
        total: 6,
        assignments: Vec::new(),
        limits: TopicLimits::NONE,
    };
    life.apply(Change::CreatePartitions(grow));
    assert_eq!(told(&life.beat(beat("a", 1)).unwrap()), Some(vec![0, 1, 2, 3, 4, 5]));

    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    let answer = life.beat(owning("a", 2, &[0, 1, 2, 3, 4, 5])).unwrap();
    assert_eq!((told(&answer), life.group().epoch().get()), (Some(vec![]), 3));
    life.beat(owning("a", 2, &[])).unwrap();
    assert_eq!(life.standing("a"), (STABLE, 3, vec![], vec![]));

    // A topic of that name comes back, under another id.
    life.apply(Change::CreateTopic(create("t", 2)));
    let answer = life.beat(beat("a", 3)).unwrap();
    assert_eq!(answer.assignment.unwrap()[0].topic_id, topic_id(2));
}

fn matches(regex: &str, topics: &[&str]) -> Vec<RegexMatches> {
    vec![RegexMatches { regex: regex.into(), topics: topics.iter().map(|topic| (*topic).into()).collect() }]
}

fn join_by_regex(member: &str, regex: &str) -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        subscribed_topics: None,
        subscribed_regex: Some(regex.into()),
        ..join(member, &[])
    }
}

#[test]
fn a_regex_counts_once_it_is_resolved() {
    let mut life = Life::with_topic(2);
    let answer = life.beat(join_by_regex("a", "t.*")).unwrap();
    assert_eq!(told(&answer), Some(vec![]));
    let resolved = matches("t.*", &["t"]);
    let answer = life.beat(ConsumerGroupHeartbeat { resolved, ..beat("a", answer.epoch.get()) }).unwrap();
    assert_eq!(told(&answer), Some(vec![0, 1]));
    let epoch = life.group().epoch();

    // A member with an expression that is known moves the epoch; one nobody has is not kept.
    let resolved = matches("other", &["t"]);
    life.beat(ConsumerGroupHeartbeat { resolved, ..join_by_regex("b", "t.*") }).unwrap();
    assert_eq!(life.group().epoch().get(), epoch.get() + 1);
    assert_eq!(life.group().regexes().keys().map(|regex| &**regex).collect::<Vec<_>>(), ["t.*"]);

    // More topics match.
    life.apply(Change::CreateTopic(create("t2", 2)));
    let resolved = matches("t.*", &["t", "t2"]);
    life.beat(ConsumerGroupHeartbeat { resolved, ..owning("a", life.member("a").epoch.get(), &[0]) })
        .unwrap();
    assert_eq!(life.group().epoch().get(), epoch.get() + 2);

    // The last one takes the expression along.
    life.beat(beat("a", -1)).unwrap();
    let heartbeat = beat("b", life.member("b").epoch.get());
    life.beat(ConsumerGroupHeartbeat { subscribed_regex: Some("".into()), ..heartbeat }).unwrap();
    assert!(life.group().regexes().is_empty());
}

#[test]
fn most_members_choose_the_assignor() {
    let mut life = Life::with_topic(4);
    let with = |assignor, heartbeat| ConsumerGroupHeartbeat { assignor: Some(assignor), ..heartbeat };
    life.beat(join("a", &["t"])).unwrap();
    assert_eq!(life.group().preferred_assignor(), None);
    life.beat(with(Assignor::Range, join("b", &["t"]))).unwrap();
    assert_eq!(life.group().preferred_assignor(), Some(Assignor::Range));
    life.beat(with(Assignor::Uniform, join("c", &["t"]))).unwrap();
    assert_eq!(life.group().preferred_assignor(), Some(Assignor::Uniform), "of equals the first");
}

fn remove(life: &mut Life, members: &[(&str, Option<i32>)]) -> Vec<Result<MemberId, GroupError>> {
    let members = members
        .iter()
        .map(|(id, epoch)| LeavingMember {
            member_id: MemberId::new(id),
            instance_id: None,
            if_epoch: epoch.map(MemberEpoch::new),
        })
        .collect();
    let change = RemoveConsumerMembers { group_id: GroupId::new("g"), members, settings: SETTINGS };
    match life.apply(Change::RemoveConsumerMembers(change)) {
        Outcome::ConsumerMembersRemoved(result) => result.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_are_taken_out_when_their_time_is_over() {
    let mut life = joined();
    let results = remove(&mut life, &[("a", Some(9)), ("nobody", None)]);
    assert_eq!(
        results,
        [
            Err(GroupError::FencedEpoch { sent: MemberEpoch::new(9), known: MemberEpoch::new(1) }),
            Err(GroupError::UnknownMember)
        ]
    );
    assert_eq!(life.group().epoch().get(), 2, "nobody left");
    assert_eq!(remove(&mut life, &[("a", Some(1))]), [Ok(MemberId::new("a"))]);
    assert_eq!(told(&life.beat(beat("b", 2)).unwrap()), Some(vec![0, 1, 2, 3]));
    remove(&mut life, &[("b", None)]);
    assert_eq!(life.group().state(), ConsumerGroupState::Empty);
}

#[test]
fn a_group_that_was_left_by_all_is_joined_in_a_later_epoch() {
    let mut life = alone();
    life.beat(beat("a", -1)).unwrap();
    let answer = life.beat(join("b", &["t"])).unwrap();
    assert_eq!((answer.epoch.get(), told(&answer)), (3, Some(vec![0, 1, 2, 3])));
}

fn commit(life: &mut Life, committer: Committer, partitions: &[i32]) -> Result<(), ErrorCode> {
    let offset = CommittedOffset {
        offset: Offset::new(5),
        leader_epoch: LeaderEpoch::NONE,
        metadata: "".into(),
        committed_at: TimestampMs::new(0),
        expires_at: None,
    };
    let offsets = partitions.iter().map(|index| (at(*index), offset.clone())).collect();
    match life.apply(Change::CommitOffsets(CommitOffsets { group_id: GroupId::new("g"), committer, offsets }))
    {
        Outcome::OffsetsCommitted(result) => result.map_err(|error| error.error_code()),
        other => panic!("{other:?}"),
    }
}

fn member(id: &str, epoch: i32) -> Committer {
    Committer::Member { member_id: MemberId::new(id), instance_id: None, generation: epoch }
}

#[test]
fn offsets_are_committed_in_the_members_epoch_or_in_one_since_it_has_the_partition() {
    let mut life = joined();
    life.beat(owning("a", 1, &[0, 1])).unwrap();
    life.beat(beat("b", 2)).unwrap();
    assert_eq!(commit(&mut life, member("a", 2), &[0, 1]), Ok(()));
    assert_eq!(commit(&mut life, member("a", 1), &[0, 1]), Ok(()), "it has had them since epoch 1");
    assert_eq!(commit(&mut life, member("a", 1), &[0, 2]), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&mut life, member("b", 1), &[2]), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&mut life, member("a", 3), &[0]), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&mut life, member("nobody", 2), &[0]), Err(ErrorCode::UnknownMemberId));
    assert_eq!(commit(&mut life, Committer::Anyone, &[0]), Err(ErrorCode::UnknownMemberId));

    let group = life.state.group("g").unwrap();
    assert_eq!(group.check_fetch("a", MemberEpoch::new(2)), Ok(()));
    assert_eq!(group.check_fetch("a", MemberEpoch::new(1)), Err(GroupError::StaleEpoch));
    assert_eq!(group.check_fetch("nobody", MemberEpoch::new(1)), Err(GroupError::UnknownMember));

    life.beat(beat("a", -1)).unwrap();
    life.beat(beat("b", -1)).unwrap();
    assert_eq!(commit(&mut life, Committer::Anyone, &[0]), Ok(()));
}

#[test]
fn a_group_that_has_only_offsets_becomes_a_consumer_group_and_keeps_them() {
    let mut life = Life::with_topic(4);
    commit(&mut life, Committer::Anyone, &[0]).unwrap();
    life.beat(join("a", &["t"])).unwrap();
    assert!(life.state.group("g").unwrap().offsets().get(at(0)).is_some());
}

#[test]
fn five_hundred_members_of_one_group_come_to_rest() {
    let mut life = Life::default();
    let topic = CreateTopic { partitions: 1_000, ..create("t", 1) };
    life.apply(Change::CreateTopic(topic));
    let settings = ConsumerGroupSettings { max_size: i32::MAX, ..SETTINGS };
    let id = |index: usize| format!("m{index:03}");
    for index in 0..500 {
        let heartbeat = ConsumerGroupHeartbeat { settings, ..join(&id(index), &["t"]) };
        life.apply(Change::ConsumerGroupHeartbeat(Box::new(heartbeat)));
    }
    for _ in 0..4 {
        for index in 0..500 {
            let member = life.member(&id(index));
            let owned = Some(member.assigned.keys().copied().collect());
            let heartbeat =
                ConsumerGroupHeartbeat { settings, owned, ..beat(&id(index), member.epoch.get()) };
            life.apply(Change::ConsumerGroupHeartbeat(Box::new(heartbeat)));
        }
    }
    assert_eq!(life.group().state(), ConsumerGroupState::Stable);
    let sizes: BTreeSet<usize> =
        life.group().members().values().map(|member| member.assigned.len()).collect();
    assert_eq!(sizes, BTreeSet::from([2]));
}
