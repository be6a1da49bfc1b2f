//! The consumer protocol over a socket: joining, what is refused, describing, configs, and groups of both protocols.

use chronik_config::RebalanceProtocol;
use kafka_protocol::messages::consumer_group_describe_response::DescribedGroup;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId,
    HeartbeatRequest, IncrementalAlterConfigsRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    ListConfigResourcesRequest, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
    TopicName,
};
use kafka_protocol::messages::{
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::OffsetFetchRequestGroup,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::support::{Client, Gateway};

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn group() -> GroupId {
    GroupId(text("g"))
}

fn beat(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
        .with_topic_partitions(None)
        .with_subscribed_topic_names(None)
}

fn join(member: &str) -> ConsumerGroupHeartbeatRequest {
    beat(member, 0)
        .with_rebalance_timeout_ms(60_000)
        .with_subscribed_topic_names(Some(vec![TopicName(text("t"))]))
        .with_topic_partitions(Some(Vec::new()))
}

fn owning(member: &str, epoch: i32, topic: Uuid, partitions: &[i32]) -> ConsumerGroupHeartbeatRequest {
    let owned = TopicPartitions::default().with_topic_id(topic).with_partitions(partitions.to_vec());
    beat(member, epoch).with_topic_partitions(Some(vec![owned]))
}

fn assigned(response: &ConsumerGroupHeartbeatResponse) -> Vec<i32> {
    let assignment = response.assignment.iter().flat_map(|assignment| &assignment.topic_partitions);
    assignment.flat_map(|topic| topic.partitions.clone()).collect()
}

/// A gateway that makes a new assignment whenever something changes, with a topic of four partitions.
async fn gateway() -> (Gateway, Client, Uuid) {
    let gateway = Gateway::start_with(|settings| {
        settings.groups.consumer_assignment_interval = std::time::Duration::ZERO
    })
    .await;
    let topic = gateway.topic("t", 4).await;
    let client = gateway.client().await;
    (gateway, client, Uuid::from_bytes(*topic.id().as_bytes()))
}

async fn describe(client: &mut Client) -> DescribedGroup {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group()]);
    client.call(1, &request).await.groups.remove(0)
}

#[tokio::test]
async fn two_members_share_a_topic() {
    let (_gateway, mut client, topic) = gateway().await;
    let a = client.call(1, &join("a")).await;
    assert_eq!((a.error_code, a.member_epoch, a.heartbeat_interval_ms), (0, 1, 5_000));
    assert_eq!(assigned(&a), [0, 1, 2, 3]);
    assert_eq!(assigned(&client.call(1, &join("b")).await), [0; 0]);
    assert_eq!(assigned(&client.call(1, &owning("a", 1, topic, &[0, 1, 2, 3])).await), [0, 1]);
    assert_eq!(client.call(1, &owning("a", 1, topic, &[0, 1])).await.member_epoch, 2);
    assert_eq!(assigned(&client.call(1, &beat("b", 2)).await), [2, 3]);

    let described = describe(&mut client).await;
    assert_eq!(
        (described.group_state.as_str(), described.group_epoch, described.assignment_epoch),
        ("Stable", 2, 2)
    );
    assert_eq!((described.assignor_name.as_str(), described.members.len()), ("uniform", 2));
    let member = &described.members[1];
    assert_eq!((member.member_id.as_str(), member.member_epoch, member.member_type), ("b", 2, 1));
    assert_eq!(member.assignment, member.target_assignment);
    assert_eq!(member.assignment.topic_partitions[0].partitions, [2, 3]);
    let listed =
        client.call(5, &ListGroupsRequest::default().with_types_filter(vec![text("Consumer")])).await;
    assert_eq!(
        (listed.groups[0].group_state.as_str(), listed.groups[0].group_type.as_str()),
        ("Stable", "consumer")
    );

    assert_eq!(client.call(1, &beat("b", -1)).await.member_epoch, -1);
    assert_eq!(assigned(&client.call(1, &beat("a", 2)).await), [0, 1, 2, 3]);
}

#[tokio::test]
async fn heartbeats_that_change_nothing_are_not_in_the_journal() {
    let (gateway, mut client, _) = gateway().await;
    client.call(1, &join("a")).await;
    let applied = || gateway.broker.state(|state| state.applied());
    let before = applied();
    for _ in 0..3 {
        assert_eq!(client.call(1, &beat("a", 1)).await.error_code, 0);
        assert_eq!(client.call(1, &beat("a", 7)).await.error_code, 110);
    }
    assert_eq!(applied(), before);
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_kafkas_code() {
    let (_gateway, mut client, _) = gateway().await;
    let named = |name: &str| Some(text(name));
    let table = [
        (join("").with_group_id(group()), 42),
        (join("a").with_group_id(GroupId::default()), 42),
        (join("a").with_instance_id(named("")), 42),
        (join("a").with_rack_id(named(" ")), 42),
        (join("a").with_rebalance_timeout_ms(-1), 42),
        (join("a").with_topic_partitions(None), 42),
        (join("a").with_subscribed_topic_names(None), 42),
        (beat("a", -2), 42),
        (beat("a", -3), 42),
        (join("a").with_server_assignor(named("sticky")), 112),
        (join("a").with_subscribed_topic_regex(named("(")), 128),
        (join("a").with_subscribed_topic_regex(named("(a{1000}){1000}")), 128),
        (beat("a", 1), 69),
        (beat("a", -1), 69),
    ];
    for (request, code) in table {
        let answer = client.call(1, &request).await;
        assert_eq!(answer.error_code, code, "{request:?}");
        assert!(answer.error_message.is_some());
    }
    client.call(1, &join("a").with_instance_id(named("i"))).await;
    let table = [
        (beat("nobody", 1), 25),
        (beat("a", 9), 110),
        (join("b").with_instance_id(named("i")), 111),
        (beat("b", 1).with_instance_id(named("i")), 82),
    ];
    for (request, code) in table {
        assert_eq!(client.call(1, &request).await.error_code, code, "{request:?}");
    }
    // Version 0 makes an id for a member that has none.
    let answer = client.call(0, &join("")).await;
    assert_eq!((answer.error_code, answer.member_id.is_some_and(|id| !id.is_empty())), (0, true));
}

#[tokio::test]
async fn groups_are_no_larger_than_the_settings_say_and_speak_what_they_say() {
    let gateway = Gateway::start_with(|settings| settings.groups.consumer_max_size = 1).await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(1, &join("a")).await.error_code, 0);
    assert_eq!(client.call(1, &join("b")).await.error_code, 81);
    let gateway = Gateway::start_with(|settings| {
        settings.groups.rebalance_protocols = vec![RebalanceProtocol::Classic]
    })
    .await;
    assert_eq!(gateway.client().await.call(1, &join("a")).await.error_code, 35);
}

#[tokio::test]
async fn all_groups_together_are_bounded() {
    let gateway = Gateway::start_with(|settings| settings.groups.max_members = 1).await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(1, &join("a")).await.error_code, 0);
    assert_eq!(client.call(1, &join("b")).await.error_code, 81);
    assert_eq!(client.call(1, &join("a")).await.error_code, 0, "it is there already");
    let gateway = Gateway::start_with(|settings| settings.groups.max_groups = 1).await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(1, &join("a")).await.error_code, 0);
    assert_eq!(client.call(1, &join("a").with_group_id(GroupId(text("h")))).await.error_code, 81);
}

#[tokio::test]
async fn what_members_subscribe_to_and_are_assigned_is_limited() {
    let gateway =
        Gateway::start_with(|settings| settings.groups.max_member_bytes = chronik_config::ByteSize::mib(1))
            .await;
    let mut client = gateway.client().await;
    // Members of one group, or of many: names, expressions that nobody has had before, or what they match.
    let names = |member: &str, count: usize| {
        let names = (0..count).map(|index| TopicName(text(&format!("{member}-{index:0100}"))));
        join(member).with_subscribed_topic_names(Some(names.collect()))
    };
    let regex = |member: &str, regex: &str| {
        join(member).with_subscribed_topic_names(None).with_subscribed_topic_regex(Some(text(regex)))
    };
    for index in 0..50 {
        gateway.topic(&format!("matched-{index:0100}"), 4).await;
    }
    let floods: [&dyn Fn(usize) -> ConsumerGroupHeartbeatRequest; 4] = [
        &|number| names(&number.to_string(), 300),
        &|number| names(&number.to_string(), 300).with_group_id(GroupId(text(&number.to_string()))),
        &|number| regex(&number.to_string(), &format!("{number}{}", "x".repeat(5_000))),
        &|number| regex("a", "matched.*").with_group_id(GroupId(text(&number.to_string()))),
    ];
    for flood in floods {
        let mut members = Vec::new();
        let refused = loop {
            let request = flood(members.len());
            match client.call(1, &request).await.error_code {
                0 => members.push(request),
                refused => break refused,
            }
        };
        assert_eq!(refused, 81);
        let bytes = gateway.broker.state(|state| {
            state
                .groups()
                .map(|(_, group)| {
                    let group = group.consumer().unwrap();
                    group.regex_bytes()
                        + group.members().keys().map(|id| group.member_bytes(id)).sum::<usize>()
                })
                .sum::<usize>()
        });
        assert!((800_000..1_200_000).contains(&bytes), "{bytes} of {} members", members.len());
        // Members go on and may say what they said before, but not more.
        let one = members[0].clone();
        assert_eq!(client.call(1, &one).await.error_code, 0);
        let more = names(&one.member_id, 3_000).with_group_id(one.group_id.clone());
        assert_eq!(client.call(1, &more).await.error_code, 81);
        // Classic members share the room.
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(vec![0; 300_000].into());
        let classic = JoinGroupRequest::default()
            .with_group_id(GroupId(text("classic")))
            .with_session_timeout_ms(30_000)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol]);
        assert_eq!(client.call(3, &classic).await.error_code, 81);
        for member in members {
            let leave = member.with_member_epoch(-1).with_topic_partitions(None);
            assert_eq!(client.call(1, &leave).await.error_code, 0, "and gives its room back");
        }
    }
}

#[tokio::test]
async fn what_a_member_says_it_has_is_not_kept() {
    let (gateway, mut client, topic) = gateway().await;
    client.call(1, &join("a")).await;
    let bytes = || {
        gateway.broker.state(|state| {
            state.group("g").unwrap().consumer().unwrap().member_bytes(&chronik_types::MemberId::new("a"))
        })
    };
    let before = bytes();
    let all: Vec<i32> = (0..100_000).collect();
    assert_eq!(client.call(1, &owning("a", 1, topic, &all)).await.error_code, 0);
    assert_eq!(bytes(), before);
}

#[tokio::test]
async fn regular_expressions_follow_the_topics() {
    let (gateway, mut client, _) = gateway().await;
    let regex = join("a").with_subscribed_topic_names(None).with_subscribed_topic_regex(Some(text("t.*")));
    assert_eq!(assigned(&client.call(1, &regex).await), [0, 1, 2, 3]);
    // What a group has just resolved rests for a while, so that many new topics are one assignment.
    gateway.topic("t2", 2).await;
    assert_eq!(client.call(1, &beat("a", 1)).await.member_epoch, 1);
    let described = describe(&mut client).await;
    assert_eq!(described.members[0].subscribed_topic_regex.as_deref(), Some("t.*"));
}

#[tokio::test]
async fn members_commit_and_fetch_offsets_in_their_epochs() {
    let (_gateway, mut client, _) = gateway().await;
    client.call(1, &join("a")).await;
    let mut commit = async |version: i16, member: &str, epoch: i32| {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(5);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text("t")))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group())
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(epoch)
            .with_topics(vec![topic]);
        client.call(version, &request).await.topics[0].partitions[0].error_code
    };
    assert_eq!(commit(9, "a", 1).await, 0);
    assert_eq!(commit(9, "a", 0).await, 113);
    assert_eq!(commit(9, "a", 2).await, 113);
    assert_eq!(commit(9, "b", 1).await, 25);
    assert_eq!(commit(9, "", -1).await, 25);
    assert_eq!(commit(8, "a", 1).await, 35);
    let mut fetch = async |member: Option<&str>, epoch: i32| {
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(group())
            .with_member_id(member.map(text))
            .with_member_epoch(epoch)
            .with_topics(None);
        let answer = client.call(9, &OffsetFetchRequest::default().with_groups(vec![asked])).await;
        (answer.groups[0].error_code, answer.groups[0].topics.len())
    };
    assert_eq!(fetch(Some("a"), 1).await, (0, 1));
    assert_eq!(fetch(None, -1).await, (0, 1));
    assert_eq!(fetch(Some("a"), 2).await, (113, 0));
    assert_eq!(fetch(Some("b"), 1).await, (25, 0));
}

#[tokio::test]
async fn groups_have_configs_of_their_own() {
    let (_gateway, mut client, _) = gateway().await;
    let mut set = async |value: &str| {
        let config = AlterableConfig::default()
            .with_name(text("consumer.heartbeat.interval.ms"))
            .with_value(Some(text(value)));
        let resource = AlterConfigsResource::default()
            .with_resource_type(32)
            .with_resource_name(text("g"))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        client.call(1, &request).await.responses[0].error_code
    };
    assert_eq!(set("6000").await, 0);
    assert_eq!(set("1").await, 40);
    assert_eq!(client.call(1, &join("a")).await.heartbeat_interval_ms, 6_000);
    let listed = client.call(1, &ListConfigResourcesRequest::default().with_resource_types(vec![32])).await;
    assert_eq!(listed.config_resources[0].resource_name.as_str(), "g");
}

/// Version 0 of a subscription to `t`.
fn subscription() -> Vec<u8> {
    [&[0, 0, 0, 0, 0, 1, 0, 1][..], b"t", &[0xff; 4]].concat()
}

async fn classic_join(client: &mut Client, member: &str) -> JoinGroupResponse {
    client.call(9, &classic_join_request(member)).await
}

fn classic_join_request(member: &str) -> JoinGroupRequest {
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(subscription().into());
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

async fn classic_sync(
    client: &mut Client,
    member: &str,
    generation: i32,
    assignment: &[u8],
) -> (i16, Vec<u8>) {
    let answer = client.call(5, &classic_sync_request(member, generation, assignment)).await;
    (answer.error_code, answer.assignment.to_vec())
}

fn classic_sync_request(member: &str, generation: i32, assignment: &[u8]) -> SyncGroupRequest {
    use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
    let own = SyncGroupRequestAssignment::default()
        .with_member_id(text(member))
        .with_assignment(assignment.to_vec().into());
    SyncGroupRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_generation_id(generation)
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(if assignment.is_empty() { Vec::new() } else { vec![own] })
}

async fn classic_beat(client: &mut Client, member: &str, generation: i32) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text(member))
        .with_generation_id(generation);
    client.call(4, &request).await.error_code
}

/// Version 0 of an assignment of partitions of `t`.
fn assignment(partitions: &[i32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 1, b't'];
    bytes.extend(i32::try_from(partitions.len()).unwrap().to_be_bytes());
    partitions.iter().for_each(|index| bytes.extend(index.to_be_bytes()));
    bytes.extend([0xff; 4]);
    bytes
}

#[tokio::test]
async fn a_group_goes_over_to_the_consumer_protocol_and_back() {
    let gateway = Gateway::start_with(|settings| {
        settings.groups.consumer_assignment_interval = std::time::Duration::ZERO;
        settings.groups.initial_rebalance_delay = std::time::Duration::ZERO;
    })
    .await;
    gateway.topic("t", 2).await;
    let mut client = gateway.client().await;

    // A classic group of one, with both partitions.
    let told = classic_join(&mut client, "").await;
    assert_eq!(told.error_code, 79);
    let member = told.member_id.to_string();
    let joined = classic_join(&mut client, &member).await;
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(classic_sync(&mut client, &member, 1, &assignment(&[0, 1])).await.0, 0);

    // A consumer joins: the classic member has to give up one.
    let consumer = client.call(1, &join("zz")).await;
    assert_eq!((consumer.error_code, consumer.member_epoch, assigned(&consumer).len()), (0, 2, 0));
    assert_eq!(describe(&mut client).await.members[0].member_type, 0);
    assert_eq!(classic_beat(&mut client, &member, 1).await, 27);
    let joined = classic_join(&mut client, &member).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 2, 0));
    assert_eq!(classic_sync(&mut client, &member, 2, &[]).await, (0, assignment(&[0])));
    assert_eq!(classic_beat(&mut client, &member, 2).await, 0);
    assert_eq!(classic_beat(&mut client, &member, 1).await, 22);
    assert_eq!(assigned(&client.call(1, &beat("zz", 2)).await), [1]);

    // A classic member joins the consumer group, and leaves it.
    let told = classic_join(&mut client, "").await;
    let other = told.member_id.to_string();
    assert_eq!(told.error_code, 79);
    assert_eq!(classic_join(&mut client, &other).await.error_code, 0);
    let leave =
        kafka_protocol::messages::leave_group_request::MemberIdentity::default().with_member_id(text(&other));
    let left =
        client.call(5, &LeaveGroupRequest::default().with_group_id(group()).with_members(vec![leave])).await;
    assert_eq!((left.error_code, left.members[0].error_code), (0, 0));

    // The consumer leaves: a classic group again, that rebalances.
    client.call(1, &beat("zz", -1)).await;
    assert_eq!(describe(&mut client).await.error_code, 69);
    let generation = gateway.broker.state(|state| match state.group("g").map(chronik_state::Group::body) {
        Some(chronik_state::GroupBody::Classic(group)) => group.generation.get(),
        other => panic!("{other:?}"),
    });
    assert_eq!(classic_beat(&mut client, &member, generation).await, 27);
    let joined = classic_join(&mut client, &member).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, generation + 1, 1));
    assert_eq!(classic_sync(&mut client, &member, generation + 1, &assignment(&[0, 1])).await.0, 0);
    assert_eq!(classic_beat(&mut client, &member, generation + 1).await, 0);
}

/// A member of a classic group that has joined, in the generation that it was told.
struct Classic {
    client: Client,
    id: String,
    generation: i32,
}

impl Classic {
    async fn join(gateway: &Gateway) -> Self {
        let mut client = gateway.client().await;
        let id = classic_join(&mut client, "").await.member_id.to_string();
        Self { client, id, generation: 0 }
    }

    async fn send_join(&mut self) {
        let request = classic_join_request(&self.id);
        self.client.send(9, &request).await;
    }

    async fn joined(&mut self) -> i16 {
        let answer = self.client.receive::<JoinGroupRequest>(9).await.1;
        assert_eq!(answer.member_id.as_str(), self.id);
        if answer.error_code == 0 {
            self.generation = answer.generation_id;
        }
        answer.error_code
    }

    async fn beat(&mut self) -> i16 {
        classic_beat(&mut self.client, &self.id, self.generation).await
    }

    async fn sync(&mut self, mine: &[u8]) -> (i16, Vec<u8>) {
        classic_sync(&mut self.client, &self.id, self.generation, mine).await
    }
}

/// Two members of a classic group: the first one leads it with both partitions, the second one waits to join.
async fn while_one_joins() -> (Gateway, Classic, Classic) {
    let gateway = Gateway::start_with(|settings| {
        settings.groups.consumer_assignment_interval = std::time::Duration::ZERO;
        settings.groups.initial_rebalance_delay = std::time::Duration::ZERO;
    })
    .await;
    gateway.topic("t", 2).await;
    let mut leader = Classic::join(&gateway).await;
    leader.send_join().await;
    assert_eq!(leader.joined().await, 0);
    assert_eq!(leader.sync(&assignment(&[0, 1])).await.0, 0);
    let mut other = Classic::join(&gateway).await;
    other.send_join().await;
    while leader.beat().await != 27 {}
    (gateway, leader, other)
}

#[tokio::test]
async fn who_waits_to_join_a_group_that_is_upgraded_is_told_to_join_again() {
    let (gateway, mut leader, mut other) = while_one_joins().await;
    let consumer = gateway.client().await.call(1, &join("zz")).await;
    assert_eq!((consumer.error_code, consumer.member_epoch, assigned(&consumer).len()), (0, 2, 0));
    assert_eq!(other.joined().await, 27);
    assert_eq!(describe(&mut leader.client).await.members.len(), 3, "all three are in it");
    assert_eq!(leader.beat().await, 27);
    leader.send_join().await;
    other.send_join().await;
    assert_eq!((leader.joined().await, other.joined().await), (0, 0));
    assert_eq!((leader.generation, other.generation), (2, 2));
    assert_eq!((leader.sync(&[]).await.0, other.sync(&[]).await.0), (0, 0));
    assert_eq!((leader.beat().await, other.beat().await), (0, 0));
}

#[tokio::test]
async fn who_waits_for_the_first_assignment_of_a_group_that_is_upgraded_is_told_to_join_again() {
    let gateway = Gateway::start_with(|settings| {
        settings.groups.consumer_assignment_interval = std::time::Duration::ZERO;
        settings.groups.initial_rebalance_delay = std::time::Duration::from_secs(600);
    })
    .await;
    gateway.topic("t", 2).await;
    let mut first = Classic::join(&gateway).await;
    first.send_join().await;
    let mut client = gateway.client().await;
    while list_states(&mut client).await != ["PreparingRebalance"] {}
    let consumer = client.call(1, &join("zz")).await;
    assert_eq!((consumer.error_code, assigned(&consumer)), (0, vec![1]), "nobody has anything yet");
    assert_eq!(first.joined().await, 27);
    assert_eq!(describe(&mut client).await.members.len(), 2);
    first.send_join().await;
    assert_eq!(first.joined().await, 0);
    assert_eq!(first.sync(&[]).await, (0, assignment(&[0])));
}

async fn list_states(client: &mut Client) -> Vec<String> {
    let groups = client.call(5, &ListGroupsRequest::default()).await.groups;
    groups.into_iter().map(|group| group.group_state.to_string()).collect()
}

#[tokio::test]
async fn who_waits_for_an_assignment_in_a_group_that_is_upgraded_is_told_to_join_again() {
    let (gateway, mut leader, mut other) = while_one_joins().await;
    leader.send_join().await;
    assert_eq!((leader.joined().await, other.joined().await), (0, 0));
    assert_eq!((leader.generation, other.generation), (2, 2));
    let request = classic_sync_request(&other.id, other.generation, &[]);
    other.client.send(5, &request).await;
    let consumer = gateway.client().await.call(1, &join("zz")).await;
    assert_eq!(
        (consumer.error_code, consumer.member_epoch),
        (0, 3),
        "after the generation that members know"
    );
    assert_eq!(other.client.receive::<SyncGroupRequest>(5).await.1.error_code, 27);
    // The leader has made an assignment, which nobody needs any more.
    assert_eq!(leader.sync(&assignment(&[0, 1])).await, (27, Vec::new()));
    assert_eq!((leader.beat().await, other.beat().await), (27, 27));
    leader.send_join().await;
    other.send_join().await;
    assert_eq!((leader.joined().await, other.joined().await), (0, 0));
    assert_eq!((leader.generation, other.generation), (3, 3));
    // Each partition is with one of them at most.
    let (kept, taken) = (leader.sync(&[]).await, other.sync(&[]).await);
    assert_eq!(kept.0, 0);
    assert_ne!(kept.1, taken.1);
}
