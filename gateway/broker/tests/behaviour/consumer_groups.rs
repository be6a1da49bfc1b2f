//! Sessions of consumer groups: who is taken out when, and what a restart changes.

use std::sync::Arc;
use std::time::Duration;

use chronik_broker::{ConsumerHeartbeatAnswer, JoinRequest};
use chronik_config::{ByteSize, Settings};
use chronik_state::{ConsumerGroupHeartbeat, MemberProtocol};
use chronik_types::{ErrorCode, GroupId, MemberEpoch, MemberId, TopicPartition};

use crate::support::{Rig, eventually};

const SESSION: Duration = Duration::from_secs(45);
const REBALANCE: Duration = Duration::from_secs(10);

async fn rig() -> Rig {
    let mut settings = Settings::default();
    settings.groups.consumer_assignment_interval = Duration::ZERO;
    let rig = Rig::with(settings, 1 << 20).await;
    rig.topic("t", 4).await;
    rig
}

impl Rig {
    async fn beat(
        &self,
        member: &str,
        epoch: i32,
        owned: Option<Vec<TopicPartition>>,
    ) -> ConsumerHeartbeatAnswer {
        self.beat_in("g", member, epoch, owned).await
    }

    /// A member joins a consumer group.
    pub(crate) async fn join_consumers(&self, group: &str, member: &str) -> ConsumerHeartbeatAnswer {
        self.beat_in(group, member, 0, None).await
    }

    async fn beat_in(
        &self,
        group: &str,
        member: &str,
        epoch: i32,
        owned: Option<Vec<TopicPartition>>,
    ) -> ConsumerHeartbeatAnswer {
        let heartbeat = self.heartbeat(group, member, epoch, owned);
        self.broker.consumer_heartbeat(Box::new(heartbeat)).await.unwrap()
    }

    fn heartbeat(
        &self,
        group: &str,
        member: &str,
        epoch: i32,
        owned: Option<Vec<TopicPartition>>,
    ) -> ConsumerGroupHeartbeat {
        let joins = epoch == 0;
        let group_id = GroupId::new(group);
        ConsumerGroupHeartbeat {
            settings: self.broker.consumer_group_settings(&group_id),
            group_id,
            member_id: MemberId::new(member),
            epoch: MemberEpoch::new(epoch),
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: joins.then_some(i32::try_from(REBALANCE.as_millis()).unwrap()),
            subscribed_topics: joins.then(|| vec!["t".into()]),
            subscribed_regex: None,
            assignor: None,
            owned: if joins { Some(Vec::new()) } else { owned },
            client_id: "c".into(),
            client_host: "/h".into(),
            resolved: Vec::new(),
        }
    }

    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
        self.broker.run_consumer_timers().await.unwrap();
    }

    fn members(&self) -> Vec<String> {
        self.broker.state(|state| {
            let group = state.group("g").and_then(|group| group.consumer());
            group.into_iter().flat_map(|group| group.members().keys().map(ToString::to_string)).collect()
        })
    }
}

#[tokio::test]
async fn a_silent_member_is_taken_out_when_its_session_ends() {
    let rig = rig().await;
    rig.beat("a", 0, None).await;
    rig.beat("b", 0, None).await;
    rig.wait(SESSION - Duration::from_millis(1)).await;
    assert_eq!(rig.members(), ["a", "b"]);
    // A heartbeat that changes nothing keeps a member, too.
    rig.beat("b", 2, None).await;
    rig.wait(Duration::from_millis(1)).await;
    assert_eq!(rig.members(), ["b"]);
    rig.wait(SESSION).await;
    assert!(rig.members().is_empty());
}

#[tokio::test]
async fn a_member_that_keeps_partitions_for_too_long_is_taken_out() {
    let rig = rig().await;
    let all = rig.beat("a", 0, None).await.assignment.unwrap();
    rig.beat("b", 0, None).await;
    assert_eq!(rig.beat("a", 1, Some(all.clone())).await.assignment.unwrap().len(), 2);
    rig.wait(REBALANCE - Duration::from_millis(1)).await;
    // Its heartbeats do not give it more time.
    rig.beat("a", 1, Some(all)).await;
    assert_eq!(rig.members(), ["a", "b"]);
    rig.wait(Duration::from_millis(1)).await;
    assert_eq!(rig.members(), ["b"]);
    assert_eq!(rig.beat("b", 2, None).await.assignment.map(|all| all.len()), Some(4));
}

#[tokio::test]
async fn a_member_that_has_given_up_in_time_stays() {
    let rig = rig().await;
    let all = rig.beat("a", 0, None).await.assignment.unwrap();
    rig.beat("b", 0, None).await;
    let kept = rig.beat("a", 1, Some(all)).await.assignment.unwrap();
    rig.beat("a", 1, Some(kept)).await;
    rig.wait(REBALANCE * 2).await;
    assert_eq!(rig.members(), ["a", "b"]);
}

#[tokio::test]
async fn members_have_a_whole_session_after_a_restart_and_keep_what_they_have() {
    let mut rig = rig().await;
    let all = rig.beat("a", 0, None).await.assignment.unwrap();
    rig.wait(SESSION - Duration::from_secs(1)).await;
    rig.restart().await;
    rig.wait(SESSION - Duration::from_secs(1)).await;
    assert_eq!(rig.members(), ["a"]);
    let answer = rig.beat("a", 1, Some(all)).await;
    assert_eq!((answer.member_epoch.get(), answer.assignment), (1, None));
    rig.wait(SESSION).await;
    assert!(rig.members().is_empty());
}

#[tokio::test]
async fn the_rebalance_timeout_begins_anew_after_a_restart() {
    let mut rig = rig().await;
    let all = rig.beat("a", 0, None).await.assignment.unwrap();
    rig.beat("b", 0, None).await;
    rig.beat("a", 1, Some(all)).await;
    rig.restart().await;
    rig.wait(REBALANCE - Duration::from_millis(1)).await;
    assert_eq!(rig.members(), ["a", "b"]);
    rig.wait(Duration::from_millis(1)).await;
    assert_eq!(rig.members(), ["b"]);
}

#[tokio::test]
async fn new_partitions_are_noticed_by_the_next_heartbeat() {
    let rig = rig().await;
    rig.beat("a", 0, None).await;
    assert_eq!(rig.beat("a", 1, None).await.assignment, None);
    let create = chronik_state::CreatePartitions {
        topic_id: rig.broker.topic("t").unwrap().id(),
        total: 5,
        assignments: Vec::new(),
        limits: rig.broker.topic_limits(),
    };
    rig.broker.create_partitions(create).await.unwrap();
    assert_eq!(rig.beat("a", 1, None).await.assignment.map(|all| all.len()), Some(5));
}

#[tokio::test]
async fn a_member_whose_client_goes_while_it_joins_is_taken_out_in_time() {
    let rig = rig().await;
    let joining = rig.broker.consumer_heartbeat(Box::new(rig.heartbeat("g", "a", 0, None)));
    tokio::select! {
        biased;
        answer = joining => panic!("storage was faster than this test: {answer:?}"),
        () = std::future::ready(()) => {}
    }
    eventually(|| rig.members() == ["a"]).await;
    // Until the member has a session there is nothing to be taken out.
    for _ in 0..1_000 {
        rig.wait(SESSION).await;
        tokio::task::yield_now().await;
    }
    assert!(rig.members().is_empty());
}

#[tokio::test]
async fn what_members_take_is_known_after_a_restart() {
    let mut settings = Settings::default();
    settings.groups.max_member_bytes = ByteSize::mib(1);
    let mut rig = Rig::with(settings, 1 << 20).await;
    let large = |rig: &Rig, member: &str| {
        let names = (0..4_000).map(|index| format!("{index:0100}").into()).collect();
        let mut heartbeat = rig.heartbeat("g", member, 0, None);
        heartbeat.subscribed_topics = Some(names);
        Box::new(heartbeat)
    };
    rig.broker.consumer_heartbeat(large(&rig, "a")).await.unwrap();
    for checkpoint in [false, true] {
        if checkpoint {
            rig.checkpoint().await;
        }
        rig.restart().await;
        let refused = rig.broker.consumer_heartbeat(large(&rig, "b")).await.unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::GroupMaxSizeReached);
    }
    rig.beat("a", -1, None).await;
    rig.broker.consumer_heartbeat(large(&rig, "b")).await.unwrap();
}

/// A consumer of the classic protocol, which subscribes to `t`.
fn classic(member: &MemberId) -> JoinRequest {
    JoinRequest {
        group_id: GroupId::new("g"),
        member_id: member.clone(),
        instance_id: None,
        client_id: "classic".into(),
        client_host: "/h".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: Arc::new([MemberProtocol {
            name: "range".into(),
            metadata: Box::new([0, 0, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255]),
        }]),
        reason: None,
        requires_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

#[tokio::test]
async fn a_join_that_meets_the_last_consumer_leaving_is_one_of_the_classic_group() {
    let rig = rig().await;
    rig.beat("z", 0, None).await;
    let first = rig.broker.join_group(classic(&MemberId::new(""))).await.unwrap();
    assert_eq!(first.leader, None, "of a consumer group");
    let leave = rig.broker.consumer_heartbeat(Box::new(rig.heartbeat("g", "z", -1, None)));
    let (left, again) = tokio::join!(leave, rig.broker.join_group(classic(&first.member_id)));
    left.unwrap();
    let again = again.unwrap();
    assert_eq!((again.leader, again.members.len()), (Some(first.member_id), 1));
    assert!(again.generation > first.generation);
}
