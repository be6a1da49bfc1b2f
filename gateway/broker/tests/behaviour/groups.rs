//! Classic groups through the broker: timers, storage that fails, other coordinators, restarts and the expiry of offsets.

use std::sync::Arc;
use std::time::Duration;

use chronik_backend::AppendError;
use chronik_broker::{
    Broker, ClassicState, Committing, CoordinatorError, JoinRequest, Joined, Leaving, MemberIdentity,
    SyncRequest, Synced,
};
use chronik_config::Settings;
use chronik_state::{
    Change, CommittedOffset, GroupBody, GroupError, MemberProtocol, OffsetsExpired, Outcome,
    StoreClassicGroup,
};
use chronik_types::{GroupId, LeaderEpoch, MemberId, Offset, TimestampMs, TopicPartition};

use crate::support::{Rig, eventually};

const SESSION: Duration = Duration::from_secs(10);

fn id() -> GroupId {
    GroupId::new("g")
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.groups.initial_rebalance_delay = Duration::ZERO;
    settings
}

async fn rig() -> Rig {
    Rig::with(settings(), 1 << 20).await
}

fn request(member: &MemberId) -> JoinRequest {
    JoinRequest {
        group_id: id(),
        member_id: member.clone(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        // Subscribes to topic `t`.
        protocols: Arc::new([MemberProtocol {
            name: "range".into(),
            metadata: Box::new([0, 0, 0, 0, 0, 1, 0, 1, b't']),
        }]),
        reason: None,
        requires_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

fn identity(member: &MemberId) -> MemberIdentity {
    MemberIdentity { member_id: member.clone(), instance_id: None }
}

async fn join(broker: &Arc<Broker>, member: &MemberId) -> Joined {
    broker.run_group_timers();
    broker.join_group(request(member)).await.unwrap()
}

async fn sync(broker: &Arc<Broker>, joined: &Joined) -> Result<Synced, CoordinatorError> {
    let request = SyncRequest {
        group_id: id(),
        who: identity(&joined.member_id),
        generation: joined.generation,
        protocol_type: None,
        protocol_name: None,
        assignments: vec![(joined.member_id.clone(), Arc::new(*b"mine"))],
    };
    broker.sync_group(request).await
}

/// The only member of the group, with its assignment.
async fn member(broker: &Arc<Broker>) -> MemberId {
    let joined = join(broker, &MemberId::new("")).await;
    assert_eq!(&*sync(broker, &joined).await.unwrap().assignment, b"mine");
    joined.member_id
}

fn beat(broker: &Arc<Broker>, member: &MemberId, generation: i32) -> Result<(), CoordinatorError> {
    broker.heartbeat_group(&id(), &identity(member), generation)
}

fn state(broker: &Arc<Broker>) -> ClassicState {
    broker.describe_group(&id()).map_or(ClassicState::Dead, |described| described.state)
}

async fn commit(
    broker: &Arc<Broker>,
    member: &str,
    generation: i32,
    at: TopicPartition,
) -> Result<(), CoordinatorError> {
    let offset = CommittedOffset {
        offset: Offset::new(7),
        leader_epoch: LeaderEpoch::NONE,
        metadata: "m".into(),
        committed_at: TimestampMs::NONE,
        expires_at: None,
    };
    let committing = Committing { who: identity(&MemberId::new(member)), generation, in_transaction: false };
    broker.commit_offsets(id(), &committing, vec![(at, offset)]).await
}

#[tokio::test]
async fn a_silent_member_goes_when_its_time_has_come() {
    let rig = rig().await;
    let member = member(&rig.broker).await;
    for _ in 0..3 {
        rig.clock.advance(SESSION - Duration::from_millis(1));
        rig.broker.run_group_timers();
        assert_eq!(beat(&rig.broker, &member, 1), Ok(()));
    }
    rig.clock.advance(SESSION);
    rig.broker.run_group_timers();
    assert_eq!(beat(&rig.broker, &member, 1), Err(GroupError::UnknownMember.into()));
    assert_eq!(state(&rig.broker), ClassicState::Empty);
    eventually(|| rig.broker.state(|state| state.group("g").unwrap().is_empty())).await;
}

#[tokio::test]
async fn who_never_comes_back_with_its_id_leaves_nothing_behind() {
    let rig = rig().await;
    let asks = JoinRequest { requires_known_member_id: true, ..request(&MemberId::new("")) };
    let refusal = rig.broker.join_group(asks).await.unwrap_err();
    assert_eq!(refusal.error, CoordinatorError::MemberIdRequired);
    assert_eq!(state(&rig.broker), ClassicState::Empty);
    rig.clock.advance(SESSION);
    rig.broker.run_group_timers();
    assert_eq!(state(&rig.broker), ClassicState::Dead);
    assert!(rig.broker.list_groups().is_empty());
}

#[tokio::test]
async fn members_and_offsets_survive_a_restart_from_a_checkpoint_and_from_the_journal() {
    let mut rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    let member = member(&rig.broker).await;
    commit(&rig.broker, member.as_str(), 1, at).await.unwrap();
    for checkpoint in [false, true] {
        if checkpoint {
            rig.checkpoint().await;
        }
        rig.restart().await;
        assert_eq!((state(&rig.broker), beat(&rig.broker, &member, 1)), (ClassicState::Stable, Ok(())));
        let committed = rig.broker.state(|state| state.group("g").unwrap().offsets().get(at).cloned());
        assert_eq!(committed.map(|offset| (offset.offset.get(), offset.metadata)), Some((7, "m".into())));
        commit(&rig.broker, member.as_str(), 1, at).await.unwrap();
    }
    assert_eq!(&*rig.broker.describe_group(&id()).unwrap().members[0].assignment, b"mine");
    let leaving = [Leaving { who: identity(&member), reason: None }];
    assert_eq!(rig.broker.leave_group(&id(), &leaving).await, Ok(vec![Ok(())]));
    rig.restart().await;
    assert_eq!((state(&rig.broker), rig.broker.list_groups().len()), (ClassicState::Empty, 1));
    assert_eq!(join(&rig.broker, &MemberId::new("")).await.generation, 3);
}

#[tokio::test]
async fn an_assignment_that_storage_does_not_take_is_tried_again() {
    let rig = rig().await;
    let joined = join(&rig.broker, &MemberId::new("")).await;
    rig.faults.fail_append(1, AppendError::Full { detail: "no space".into() });
    assert_eq!(sync(&rig.broker, &joined).await, Err(CoordinatorError::Unavailable));
    assert_eq!(beat(&rig.broker, &joined.member_id, 1), Err(CoordinatorError::RebalanceInProgress));
    let again = join(&rig.broker, &joined.member_id).await;
    assert_eq!(again.generation, 2);
    assert_eq!(&*sync(&rig.broker, &again).await.unwrap().assignment, b"mine");
    assert_eq!(state(&rig.broker), ClassicState::Stable);
}

#[tokio::test]
async fn a_commit_that_storage_does_not_take_is_refused() {
    let rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    rig.faults.fail_append(1, AppendError::Full { detail: "no space".into() });
    assert_eq!(commit(&rig.broker, "", -1, at).await, Err(CoordinatorError::Unavailable));
    assert_eq!(rig.broker.state(|state| state.group("g").cloned()), None);
    assert_eq!(commit(&rig.broker, "", -1, at).await, Ok(()));
}

#[tokio::test]
async fn the_last_to_leave_is_told_when_that_cannot_be_stored() {
    let rig = rig().await;
    let member = member(&rig.broker).await;
    rig.faults.fail_append(1, AppendError::Full { detail: "no space".into() });
    let leaving = [Leaving { who: identity(&member), reason: None }];
    assert_eq!(rig.broker.leave_group(&id(), &leaving).await, Err(CoordinatorError::Unavailable));
    // It is still in the state, and comes back from there until it has left or fallen silent.
    assert_eq!(beat(&rig.broker, &member, 1), Ok(()));
    assert_eq!(rig.broker.leave_group(&id(), &leaving).await, Ok(vec![Ok(())]));
    assert_eq!(beat(&rig.broker, &member, 1), Err(GroupError::UnknownMember.into()));
}

#[tokio::test]
async fn when_another_coordinator_was_faster_its_members_count() {
    let rig = rig().await;
    let ours = member(&rig.broker).await;
    let (revision, mut group) = rig.broker.state(|state| {
        let group = state.group("g").unwrap();
        let GroupBody::Classic(members) = group.body() else { panic!("{group:?}") };
        (group.revision(), members.clone())
    });
    let theirs = MemberId::new("theirs");
    let member = group.members.remove(&ours).unwrap();
    group.members.insert(theirs.clone(), member);
    group.leader = Some(theirs.clone());
    let store = StoreClassicGroup { group_id: id(), expected_revision: revision, group };
    let stored = rig.broker.propose(Change::StoreClassicGroup(store)).await.unwrap();
    assert_eq!(stored, Outcome::ClassicGroupStored(Ok(())));
    // Ours learns of it when it wants to go on to the next generation.
    let joined = join(&rig.broker, &ours).await;
    assert_eq!(sync(&rig.broker, &joined).await, Err(GroupError::RevisionMoved.into()));
    assert_eq!(beat(&rig.broker, &ours, joined.generation), Err(GroupError::UnknownMember.into()));
    assert_eq!(beat(&rig.broker, &theirs, 1), Ok(()));
}

#[tokio::test]
async fn offsets_expire_when_the_group_has_been_empty_for_long_enough() {
    let rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    let retention = rig.settings.groups.offsets_retention;
    let nothing = OffsetsExpired::default();
    commit(&rig.broker, "", -1, at).await.unwrap();
    rig.clock.advance(retention - Duration::from_secs(1));
    assert_eq!(rig.broker.run_offset_expiry().await.unwrap(), nothing);
    let member = member(&rig.broker).await;
    rig.clock.advance(retention);
    assert_eq!(rig.broker.run_offset_expiry().await.unwrap(), nothing, "a member subscribes to the topic");
    rig.broker.leave_group(&id(), &[Leaving { who: identity(&member), reason: None }]).await.unwrap();
    rig.clock.advance(retention - Duration::from_secs(1));
    assert_eq!(rig.broker.run_offset_expiry().await.unwrap(), nothing);
    rig.clock.advance(Duration::from_secs(1));
    let gone = OffsetsExpired { offsets: 1, groups: 1 };
    assert_eq!(rig.broker.run_offset_expiry().await.unwrap(), gone);
    assert!(rig.broker.list_groups().is_empty());
}

#[tokio::test]
async fn offsets_stay_while_members_join() {
    let rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    commit(&rig.broker, "", -1, at).await.unwrap();
    rig.clock.advance(rig.settings.groups.offsets_retention);
    let joined = join(&rig.broker, &MemberId::new("")).await;
    assert_eq!(rig.broker.run_offset_expiry().await.unwrap(), OffsetsExpired::default());
    sync(&rig.broker, &joined).await.unwrap();
    assert_eq!(rig.broker.run_offset_expiry().await.unwrap(), OffsetsExpired::default());
}

#[tokio::test]
async fn a_group_with_members_that_are_not_stored_yet_is_not_deleted() {
    let rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    commit(&rig.broker, "", -1, at).await.unwrap();
    let joined = join(&rig.broker, &MemberId::new("")).await;
    assert_eq!(rig.broker.delete_group(id()).await, Err(GroupError::NotEmpty.into()));
    let refused = rig.broker.delete_offsets(id(), vec![at]).await;
    assert_eq!(refused, Ok(vec![Err(GroupError::SubscribedToTopic)]));
    rig.broker
        .leave_group(&id(), &[Leaving { who: identity(&joined.member_id), reason: None }])
        .await
        .unwrap();
    assert_eq!(rig.broker.delete_group(id()).await, Ok(()));
    assert_eq!(rig.broker.delete_group(id()).await, Err(GroupError::UnknownGroup.into()));
}

#[tokio::test]
async fn every_one_of_many_groups_is_listed_once_and_in_order() {
    let rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    // More than one page of the state, of both protocols, between them groups that are only in memory yet.
    let mut expected = Vec::new();
    for number in 0..700 {
        let name = format!("g{number:04}");
        let group_id = GroupId::new(&name);
        let state = match number % 7 {
            0 => {
                rig.join_consumers(&name, "member").await;
                "Stable"
            }
            1 => {
                let asks = JoinRequest { group_id, ..request(&MemberId::new("")) };
                rig.broker.join_group(asks).await.unwrap();
                "CompletingRebalance"
            }
            _ => {
                let offset = CommittedOffset {
                    offset: Offset::new(1),
                    leader_epoch: LeaderEpoch::NONE,
                    metadata: "".into(),
                    committed_at: TimestampMs::NONE,
                    expires_at: None,
                };
                let who = identity(&MemberId::new(""));
                let committing = Committing { who, generation: -1, in_transaction: false };
                rig.broker.commit_offsets(group_id, &committing, vec![(at, offset)]).await.unwrap();
                "Empty"
            }
        };
        expected.push((name, state));
    }
    let listed = rig.broker.list_groups();
    let listed: Vec<_> = listed.iter().map(|group| (group.group_id.to_string(), group.state)).collect();
    assert_eq!(listed, expected);
    let metrics = rig.metrics();
    for counted in [
        "groups{protocol=\"classic\",state=\"Empty\"} 500",
        "groups{protocol=\"classic\",state=\"CompletingRebalance\"} 100",
        "groups{protocol=\"classic\",state=\"Stable\"} 0",
        "groups{protocol=\"consumer\",state=\"Stable\"} 100",
        "group_members{protocol=\"classic\"} 100",
        "group_members{protocol=\"consumer\"} 100",
    ] {
        assert!(metrics.lines().any(|line| line == counted), "{counted} is missing in {metrics}");
    }
}

#[tokio::test]
async fn members_and_offsets_whose_time_is_over_are_counted() {
    let rig = rig().await;
    let at = TopicPartition::new(rig.topic("t", 1).await.id(), 0.into());
    let member = member(&rig.broker).await;
    commit(&rig.broker, member.as_str(), 1, at).await.unwrap();
    rig.join_consumers("consumers", "silent").await;
    rig.clock.advance(rig.settings.groups.consumer_session_timeout);
    rig.broker.run_group_timers();
    rig.broker.run_consumer_timers().await.unwrap();
    eventually(|| rig.broker.state(|state| state.group("g").unwrap().is_empty())).await;
    rig.clock.advance(rig.settings.groups.offsets_retention);
    // Not before the coordinator has heard that its last member was stored to be gone.
    for _ in 0..1_000 {
        rig.broker.run_offset_expiry().await.unwrap();
        tokio::task::yield_now().await;
    }
    let metrics = rig.metrics();
    for counted in [
        "expired_group_members_total{protocol=\"classic\"} 1",
        "expired_group_members_total{protocol=\"consumer\"} 1",
        "expired_offsets_total 1",
        "expired_groups_total 2",
        "group_members{protocol=\"classic\"} 0",
        "group_members{protocol=\"consumer\"} 0",
    ] {
        assert!(metrics.lines().any(|line| line == counted), "{counted} is missing in {metrics}");
    }
}
