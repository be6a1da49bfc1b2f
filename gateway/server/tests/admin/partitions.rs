//! CreatePartitions, ElectLeaders, ListPartitionReassignments and DescribeTopicPartitions.

use chronik_types::ErrorCode;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::{
    CreatePartitionsRequest, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    ElectLeadersRequest, ListPartitionReassignmentsRequest,
};

use crate::gateway::{Gateway, topic_name};

fn grow(topic: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default().with_name(topic_name(topic)).with_count(count).with_assignments(None)
}

fn assign(topic: CreatePartitionsTopic, replicas: &[&[i32]]) -> CreatePartitionsTopic {
    let assignment = |ids: &&[i32]| {
        CreatePartitionsAssignment::default().with_broker_ids(ids.iter().map(|id| (*id).into()).collect())
    };
    topic.with_assignments(Some(replicas.iter().map(assignment).collect()))
}

async fn codes(
    gateway: &mut Gateway,
    topics: Vec<CreatePartitionsTopic>,
    validate_only: bool,
) -> Vec<ErrorCode> {
    let request = CreatePartitionsRequest::default().with_topics(topics).with_validate_only(validate_only);
    let results = gateway.ask(3, request).await.results;
    results.iter().map(|result| ErrorCode::from_code(result.error_code).unwrap()).collect()
}

#[tokio::test]
async fn partitions_only_grow() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 2).await;
    use ErrorCode::{InvalidPartitions, UnknownTopicOrPartition};
    for (count, code) in
        [(2, InvalidPartitions), (1, InvalidPartitions), (-1, InvalidPartitions), (5, ErrorCode::None)]
    {
        assert_eq!(codes(&mut gateway, vec![grow("t", count)], false).await, [code], "{count}");
    }
    assert_eq!(gateway.broker.partition_count(), 5);
    assert_eq!(codes(&mut gateway, vec![grow("gone", 9)], false).await, [UnknownTopicOrPartition]);
}

#[tokio::test]
async fn more_partitions_can_be_asked_for_without_being_made() {
    let mut gateway = Gateway::with(|settings| settings.topics.max_partitions = 5).await;
    gateway.create("t", 2).await;
    assert_eq!(codes(&mut gateway, vec![grow("t", 5)], true).await, [ErrorCode::None]);
    assert_eq!(codes(&mut gateway, vec![grow("t", 6)], true).await, [ErrorCode::PolicyViolation]);
    assert_eq!(codes(&mut gateway, vec![grow("t", 1_000_000)], true).await, [ErrorCode::PolicyViolation]);
    assert_eq!(gateway.broker.partition_count(), 2);
}

#[tokio::test]
async fn a_topic_named_twice_is_refused_once() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    gateway.create("u", 1).await;
    let topics = vec![grow("t", 3), grow("u", 2), grow("t", 4)];
    assert_eq!(codes(&mut gateway, topics, false).await, [ErrorCode::InvalidRequest, ErrorCode::None]);
    assert_eq!(gateway.broker.partition_count(), 3);
}

#[tokio::test]
async fn assignments_fit_the_new_partitions_and_the_replication_factor() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let cases: [&[&[i32]]; 5] =
        [&[&[1]], &[&[1], &[]], &[&[1], &[2, 3]], &[&[1], &[-4]], &[&[1, 1], &[2, 2]]];
    for replicas in cases {
        let topic = assign(grow("t", 3), replicas);
        assert_eq!(
            codes(&mut gateway, vec![topic], false).await,
            [ErrorCode::InvalidReplicaAssignment],
            "{replicas:?}"
        );
    }
    let topic = assign(grow("t", 3), &[&[1], &[2]]);
    assert_eq!(codes(&mut gateway, vec![topic], false).await, [ErrorCode::None]);
}

#[tokio::test]
async fn there_is_nothing_to_elect() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let topics = |names: &[&str]| {
        let topic =
            |name: &&str| TopicPartitions::default().with_topic(topic_name(name)).with_partitions(vec![0, 1]);
        Some(names.iter().map(topic).collect())
    };
    let request = ElectLeadersRequest::default().with_topic_partitions(topics(&["t", "gone"]));
    let response = gateway.ask(2, request.clone()).await;
    let codes: Vec<_> = response
        .replica_election_results
        .iter()
        .flat_map(|topic| topic.partition_result.iter().map(|result| result.error_code))
        .collect();
    let (unneeded, unknown) =
        (ErrorCode::ElectionNotNeeded.code(), ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!((response.error_code, codes), (0, vec![unneeded, unknown, unknown, unknown]));

    let all = gateway.ask(2, request.clone().with_topic_partitions(None)).await;
    assert!(all.replica_election_results.is_empty());
    let odd = gateway.ask(2, request.with_election_type(7)).await;
    assert_eq!(odd.error_code, ErrorCode::InvalidRequest.code());
}

#[tokio::test]
async fn nothing_is_ever_being_moved() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    let topic = ListPartitionReassignmentsTopics::default()
        .with_name(topic_name("t"))
        .with_partition_indexes(vec![0]);
    let request = ListPartitionReassignmentsRequest::default().with_topics(Some(vec![topic]));
    let response = gateway.ask(0, request).await;
    assert_eq!((response.error_code, response.topics.len()), (0, 0));
}

fn describe(topics: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
    let topic = |name: &&str| TopicRequest::default().with_name(topic_name(name));
    DescribeTopicPartitionsRequest::default()
        .with_topics(topics.iter().map(topic).collect())
        .with_response_partition_limit(limit)
        .with_cursor(cursor.map(|(name, partition)| {
            Cursor::default().with_topic_name(topic_name(name)).with_partition_index(partition)
        }))
}

fn shown(response: &DescribeTopicPartitionsResponse) -> Vec<String> {
    let partitions = response.topics.iter().map(|topic| {
        let indexes: Vec<_> = topic.partitions.iter().map(|partition| partition.partition_index).collect();
        format!("{} {:?} {}", topic.name.as_ref().unwrap().as_str(), indexes, topic.error_code)
    });
    partitions.collect()
}

#[tokio::test]
async fn partitions_are_described_page_by_page() {
    let mut gateway = Gateway::start().await;
    gateway.create("b", 3).await;
    gateway.create("a", 2).await;
    let first = gateway.ask(0, describe(&[], 4, None)).await;
    assert_eq!(shown(&first), ["a [0, 1] 0", "b [0, 1] 0"]);
    let cursor = first.next_cursor.unwrap();
    assert_eq!((cursor.topic_name.as_str(), cursor.partition_index), ("b", 2));
    let last = gateway.ask(0, describe(&[], 4, Some(("b", 2)))).await;
    assert_eq!((shown(&last), last.next_cursor), (vec!["b [2] 0".to_owned()], None));

    let full = gateway.ask(0, describe(&[], 2, None)).await;
    let cursor = full.next_cursor.unwrap();
    assert_eq!((cursor.topic_name.as_str(), cursor.partition_index), ("b", 0));
}

#[tokio::test]
async fn topics_that_were_asked_for_are_described_or_refused() {
    let mut gateway = Gateway::start().await;
    gateway.create("b", 1).await;
    let response = gateway.ask(0, describe(&["b", "a", "b", "?"], 100, None)).await;
    assert_eq!(shown(&response), ["? [] 17", "a [] 3", "b [0] 0"]);
    let partition = &response.topics[2].partitions[0];
    assert_eq!((partition.leader_id.0, partition.leader_epoch, partition.isr_nodes.len()), (1, 0, 1));
    assert_eq!(response.topics[2].topic_authorized_operations, 0b1101_1111_1000);

    let foreign = gateway.ask(0, describe(&["b"], 100, Some(("c", 0)))).await;
    assert_eq!(shown(&foreign), ["b [] 42"]);
    let negative = gateway.ask(0, describe(&["b"], 100, Some(("b", -1)))).await;
    assert_eq!(shown(&negative), ["b [] 42"]);
}
