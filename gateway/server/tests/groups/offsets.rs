//! OffsetCommit, OffsetFetch and OffsetDelete.

use kafka_protocol::messages::*;
use offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics};

use crate::support::{Client, Target, heartbeat, join, leave, leaving, subscription, text, unique};

fn partition(index: i32, offset: i64, metadata: &str) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default()
        .with_partition_index(index)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text(metadata)))
}

fn commit_topics(group: &str, topics: Vec<(&str, Vec<OffsetCommitRequestPartition>)>) -> OffsetCommitRequest {
    let topics = topics.into_iter().map(|(name, partitions)| {
        OffsetCommitRequestTopic::default().with_name(TopicName(text(name))).with_partitions(partitions)
    });
    OffsetCommitRequest::default().with_group_id(GroupId(text(group))).with_topics(topics.collect())
}

/// A client that is no member commits.
fn commit(group: &str, topic: &str, index: i32, offset: i64) -> OffsetCommitRequest {
    commit_topics(group, vec![(topic, vec![partition(index, offset, "")])])
}

/// Partitions and their codes. Kafka answers unknown partitions first.
fn codes(response: &OffsetCommitResponse) -> Vec<(i32, i16)> {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut codes: Vec<_> = partitions.map(|one| (one.partition_index, one.error_code)).collect();
    codes.sort_unstable();
    codes
}

fn asked(group: &str, topics: Option<Vec<(&str, Vec<i32>)>>) -> OffsetFetchRequestGroup {
    let topic = |(name, indexes): (&str, Vec<i32>)| {
        OffsetFetchRequestTopics::default().with_name(TopicName(text(name))).with_partition_indexes(indexes)
    };
    OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(group)))
        .with_topics(topics.map(|topics| topics.into_iter().map(topic).collect()))
}

/// Partition, offset, epoch, metadata and code of each partition.
type Fetched = Vec<(i32, i64, i32, String, i16)>;

async fn fetch(client: &mut Client, group: &str, topic: &str, indexes: Vec<i32>) -> Fetched {
    let request = OffsetFetchRequest::default().with_groups(vec![asked(group, Some(vec![(topic, indexes)]))]);
    let response = client.call(9, request).await;
    assert_eq!((response.groups[0].error_code, response.groups[0].group_id.as_str()), (0, group));
    fetched(&response.groups[0])
}

fn fetched(group: &offset_fetch_response::OffsetFetchResponseGroup) -> Fetched {
    let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    let described = |one: &offset_fetch_response::OffsetFetchResponsePartitions| {
        let metadata = one.metadata.as_deref().unwrap_or("null").to_owned();
        (one.partition_index, one.committed_offset, one.committed_leader_epoch, metadata, one.error_code)
    };
    let mut partitions: Vec<_> = partitions.map(described).collect();
    partitions.sort();
    partitions
}

#[tokio::test]
async fn offsets_are_committed_and_fetched_in_every_version() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let topic = client.create_topic(2).await;
    for version in 2..=9 {
        let group = unique("commits");
        let epoch = if version >= 6 { 5 } else { -1 };
        let committed = partition(0, 100 + i64::from(version), "note").with_committed_leader_epoch(epoch);
        let response = client.call(version, commit_topics(&group, vec![(&topic, vec![committed])])).await;
        assert_eq!(codes(&response), [(0, 0)], "v{version}");
        let expected =
            vec![(0, 100 + i64::from(version), epoch, "note".to_owned(), 0), (1, -1, -1, String::new(), 0)];
        assert_eq!(fetch(&mut client, &group, &topic, vec![0, 1]).await, expected, "v{version}");
    }
    let group = unique("fetches");
    let committed = partition(1, 7, "note").with_committed_leader_epoch(3);
    client.call(9, commit_topics(&group, vec![(&topic, vec![committed])])).await;
    for version in 1..=7 {
        let topics = OffsetFetchRequestTopic::default()
            .with_name(TopicName(text(&topic)))
            .with_partition_indexes(vec![1, 0]);
        let request = OffsetFetchRequest::default().with_group_id(GroupId(text(&group)));
        let some = client.call(version, request.clone().with_topics(Some(vec![topics]))).await;
        assert_eq!((some.error_code, some.topics.len()), (0, 1));
        let described = |one: &offset_fetch_response::OffsetFetchResponsePartition| {
            (one.partition_index, one.committed_offset, one.committed_leader_epoch, one.error_code)
        };
        let partitions: Vec<_> = some.topics[0].partitions.iter().map(described).collect();
        let epoch = if version >= 5 { 3 } else { -1 };
        assert_eq!(partitions, [(1, 7, epoch, 0), (0, -1, -1, 0)], "v{version}");
        if version >= 2 {
            let all = client.call(version, request.with_topics(None)).await;
            let partitions: Vec<_> = all.topics[0].partitions.iter().map(described).collect();
            assert_eq!(partitions, [(1, 7, epoch, 0)], "v{version}");
        }
    }
}

#[tokio::test]
async fn offsets_of_many_groups_are_fetched_at_once() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let (one_topic, other_topic) = (client.create_topic(2).await, client.create_topic(1).await);
    let (one, two, none) = (unique("many"), unique("many"), unique("none"));
    client.call(9, commit(&one, &one_topic, 0, 1)).await;
    client.call(9, commit(&one, &other_topic, 0, 2)).await;
    client.call(9, commit(&two, &one_topic, 1, 3)).await;
    for version in [8, 9] {
        let groups = vec![
            asked(&one, None),
            asked(&two, Some(vec![(&one_topic, vec![1]), ("nowhere", vec![0])])),
            asked(&none, None),
            asked(&none, Some(vec![(&one_topic, vec![0])])),
            asked("", Some(vec![(&one_topic, vec![0])])),
        ];
        let response = client.call(version, OffsetFetchRequest::default().with_groups(groups)).await;
        let names: Vec<_> = response.groups.iter().map(|group| group.group_id.to_string()).collect();
        assert_eq!(names, [&*one, &two, &none, &none, ""]);
        assert!(response.groups.iter().all(|group| group.error_code == 0));
        let answers: Vec<_> = response.groups.iter().map(fetched).collect();
        let missing = (0, -1, -1, String::new(), 0);
        assert_eq!(answers[0], [(0, 1, -1, String::new(), 0), (0, 2, -1, String::new(), 0)]);
        assert_eq!(answers[1], [missing.clone(), (1, 3, -1, String::new(), 0)]);
        assert!(answers[2].is_empty());
        assert_eq!((&answers[3], &answers[4]), (&vec![missing.clone()], &vec![missing]));
    }
}

#[tokio::test]
async fn a_partition_that_is_named_again_is_answered_once() {
    let target = Target::gateway(crate::support::settings()).await;
    let mut client = target.client().await;
    let topic = client.create_topic(2).await;
    let group = unique("again");
    let note = "x".repeat(4_096);
    client.call(9, commit_topics(&group, vec![(&topic, vec![partition(0, 7, &note)])])).await;
    let (found, none) = ((0, 7, -1, note, 0), (1, -1, -1, String::new(), 0));
    let topics = || Some(vec![(&*topic, vec![0; 50_000]), (&topic, vec![0, 1]), (&topic, vec![1])]);
    let groups =
        vec![asked(&group, topics()), asked(&group, topics()), asked(&group, None), asked(&group, None)];
    let response = client.call(9, OffsetFetchRequest::default().with_groups(groups)).await;
    let answers: Vec<_> = response.groups.iter().map(fetched).collect();
    assert_eq!(answers, [vec![found.clone(), none], vec![found.clone()]]);

    let again = OffsetFetchRequestTopic::default()
        .with_name(TopicName(text(&topic)))
        .with_partition_indexes(vec![0; 50_000]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text(&group)))
        .with_topics(Some(vec![again.clone(), again]));
    let response = client.call(5, request).await;
    assert_eq!((response.topics.len(), response.topics[0].partitions.len()), (1, 1));
}

#[tokio::test]
async fn an_answer_that_would_be_too_large_is_refused() {
    let mut settings = crate::support::settings();
    settings.groups.offset_metadata_max_bytes = chronik_config::ByteSize::kib(32);
    let target = Target::gateway(settings).await;
    let mut client = target.client().await;
    let topic = client.create_topic(2_100).await;
    let (group, note) = (unique("large"), "x".repeat(32_000));
    let indexes: Vec<i32> = (0..2_100).collect();
    for indexes in indexes.chunks(60) {
        let partitions = indexes.iter().map(|index| partition(*index, 1, &note)).collect();
        let response = client.call(9, commit_topics(&group, vec![(&topic, partitions)])).await;
        assert!(codes(&response).iter().all(|(_, code)| *code == 0));
    }
    for topics in [None, Some(vec![(&*topic, indexes.clone())])] {
        let groups = vec![asked(&group, topics), asked("small", Some(vec![(&topic, vec![0])]))];
        let response = client.call(9, OffsetFetchRequest::default().with_groups(groups)).await;
        let answers: Vec<_> = response.groups.iter().map(|one| (one.error_code, one.topics.len())).collect();
        assert_eq!(answers, [(42, 0), (0, 1)]);
    }
    let topics =
        OffsetFetchRequestTopic::default().with_name(TopicName(text(&topic))).with_partition_indexes(indexes);
    let request =
        OffsetFetchRequest::default().with_group_id(GroupId(text(&group))).with_topics(Some(vec![topics]));
    let response = client.call(5, request.clone()).await;
    assert_eq!((response.error_code, response.topics.len()), (42, 0));
    let response = client.call(1, request).await;
    let partitions = &response.topics[0].partitions;
    assert!(partitions.len() == 2_100 && partitions.iter().all(|one| one.error_code == 42));
}

#[tokio::test]
async fn commits_are_refused_with_kafkas_codes() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let topic = client.create_topic(1).await;
    let (group, none) = (unique("refused"), unique("none"));
    let id = client.only_member(&group).await;
    let by = |group: &str, member: &str, generation: i32| {
        commit(group, &topic, 0, 1)
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(generation)
    };
    let table = [
        ("a member", by(&group, &id, 1), 0, 0),
        ("another generation", by(&group, &id, 2), 22, 22),
        ("no generation", by(&group, &id, -1), 22, 22),
        ("another member", by(&group, "x", 1), 25, 25),
        ("nobody", by(&group, "", -1), 25, 25),
        ("no member", by(&group, "", 1), 25, 25),
        ("no group", by(&none, &id, 1), 22, 69),
        ("unknown instance", by(&group, &id, 1).with_group_instance_id(Some(text("i"))), 25, 25),
    ];
    for (case, request, before_9, in_9) in table {
        for version in [7, 8, 9] {
            let expected = if version < 9 { before_9 } else { in_9 };
            assert_eq!(
                codes(&client.call(version, request.clone()).await),
                [(0, expected)],
                "{case} v{version}"
            );
        }
    }
    // Each partition has its own code; what concerns the group goes before.
    let large = "x".repeat(4_097);
    let partitions = || vec![partition(0, 1, &large), partition(0, 2, &large[1..]), partition(1, 3, "")];
    let mixed = commit_topics(&none, vec![("nowhere", vec![partition(0, 1, "")]), (&topic, partitions())]);
    assert_eq!(codes(&client.call(9, mixed.clone()).await), [(0, 0), (0, 3), (0, 12), (1, 3)]);
    let mixed = mixed.with_group_id(GroupId(text(&group)));
    assert_eq!(codes(&client.call(9, mixed).await), [(0, 3), (0, 25), (0, 25), (1, 3)]);
    assert_eq!(
        codes(&client.call(9, commit("", &topic, 0, 4)).await),
        [(0, 0)],
        "the empty group may commit"
    );
    let unknown = commit_topics(&group, vec![("nowhere", vec![partition(0, 1, "")])]);
    assert_eq!(codes(&client.call(9, unknown).await), [(0, 3)]);
}

#[tokio::test]
async fn commits_keep_a_session_and_wait_for_the_assignment() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let (topic, group) = (client.create_topic(1).await, unique("sessions"));
    let joined = client.join(9, join(&group)).await;
    let by_member = commit(&group, &topic, 0, 1)
        .with_member_id(joined.member_id.clone())
        .with_generation_id_or_member_epoch(1);
    assert_eq!(codes(&client.call(9, by_member).await), [(0, 27)], "while the assignment is made");
    assert_eq!(client.call(4, heartbeat(&group, &joined.member_id, 1)).await.error_code, 0);
}

#[tokio::test]
async fn fenced_members_cannot_commit() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let (topic, group) = (client.create_topic(1).await, unique("fenced"));
    let request = join(&group).with_group_instance_id(Some(text("i")));
    let old = client.only_member_with(request.clone()).await;
    let back = client.call(9, request).await.member_id;
    let by = |id: &str| {
        commit(&group, &topic, 0, 1)
            .with_member_id(text(id))
            .with_group_instance_id(Some(text("i")))
            .with_generation_id_or_member_epoch(1)
    };
    assert_eq!(codes(&client.call(9, by(&old)).await), [(0, 82)]);
    assert_eq!(codes(&client.call(9, by(&back)).await), [(0, 0)]);
}

#[tokio::test]
async fn offsets_go_with_their_topic() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let (topic, group) = (client.create_topic(1).await, unique("topics"));
    client.call(9, commit(&group, &topic, 0, 9)).await;
    assert_eq!(fetch(&mut client, &group, &topic, vec![0]).await[0].1, 9);
    let state = delete_topics_request::DeleteTopicState::default().with_name(Some(TopicName(text(&topic))));
    client.call(6, DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(10_000)).await;
    // Kafka's brokers hear of it a little later.
    while fetch(&mut client, &group, &topic, vec![0]).await[0].1 != -1 {}
}

async fn delete(client: &mut Client, group: &str, topics: Vec<(&str, Vec<i32>)>) -> (i16, Vec<i16>) {
    let topics = topics.into_iter().map(|(name, indexes)| {
        let partitions = indexes.into_iter().map(|index| {
            offset_delete_request::OffsetDeleteRequestPartition::default().with_partition_index(index)
        });
        offset_delete_request::OffsetDeleteRequestTopic::default()
            .with_name(TopicName(text(name)))
            .with_partitions(partitions.collect())
    });
    let request =
        OffsetDeleteRequest::default().with_group_id(GroupId(text(group))).with_topics(topics.collect());
    let response = client.call(0, request).await;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut codes: Vec<_> = partitions.map(|one| one.error_code).collect();
    codes.sort_unstable();
    (response.error_code, codes)
}

#[tokio::test]
async fn offsets_are_deleted_unless_somebody_subscribes_to_them() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let (one, two, group) = (client.create_topic(2).await, client.create_topic(1).await, unique("deletes"));
    let unknown = unique("none");
    assert_eq!(delete(&mut client, &unknown, vec![(&one, vec![0])]).await, (69, vec![]));
    assert_eq!(delete(&mut client, "", vec![(&one, vec![0])]).await, (24, vec![]));
    client.call(9, commit(&group, &one, 0, 1)).await;
    client.call(9, commit(&group, &two, 0, 2)).await;
    assert_eq!(delete(&mut client, &group, vec![(&one, vec![0, 1, 7])]).await, (0, vec![0, 0, 3]));
    assert_eq!(fetch(&mut client, &group, &one, vec![0]).await[0].1, -1);
    client.call(9, commit(&group, &one, 0, 1)).await;
    let consumer =
        join(&group).with_protocols(vec![crate::support::protocol("range", subscription(&[&one]))]);
    let joined = client.join(9, consumer).await;
    assert_eq!(delete(&mut client, &group, vec![(&one, vec![0]), (&two, vec![0])]).await, (0, vec![0, 86]));
    assert_eq!(fetch(&mut client, &group, &one, vec![0]).await[0].1, 1);
    assert_eq!(fetch(&mut client, &group, &two, vec![0]).await[0].1, -1);
    client.call(5, leave(&group, vec![leaving(&joined.member_id, None)])).await;
    assert_eq!(delete(&mut client, &group, vec![(&one, vec![0])]).await, (0, vec![0]));
    let workers = unique("workers");
    client.only_member_with(join(&workers).with_protocol_type(text("connect"))).await;
    assert_eq!(delete(&mut client, &workers, vec![(&one, vec![0])]).await, (68, vec![]));
}
