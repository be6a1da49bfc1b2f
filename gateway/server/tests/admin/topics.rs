//! CreateTopics and DeleteTopics.

use chronik_config::ReplicationFactorPolicy;
use chronik_types::ErrorCode;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, MetadataRequest};
use uuid::Uuid;

use crate::gateway::{Gateway, new_topic, text, topic_name};

async fn create(gateway: &mut Gateway, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    gateway.ask(7, CreateTopicsRequest::default().with_topics(topics)).await.topics
}

async fn create_one(gateway: &mut Gateway, topic: CreatableTopic) -> CreatableTopicResult {
    create(gateway, vec![topic]).await.remove(0)
}

fn code(result: &CreatableTopicResult) -> ErrorCode {
    ErrorCode::from_code(result.error_code).unwrap()
}

fn config(name: &str, value: Option<&str>) -> CreatableTopicConfig {
    CreatableTopicConfig::default().with_name(text(name)).with_value(value.map(text))
}

fn assignment(partition: i32, replicas: &[i32]) -> CreatableReplicaAssignment {
    CreatableReplicaAssignment::default()
        .with_partition_index(partition)
        .with_broker_ids(replicas.iter().map(|id| (*id).into()).collect())
}

fn assigned(name: &str, assignments: Vec<CreatableReplicaAssignment>) -> CreatableTopic {
    new_topic(name, -1, -1).with_assignments(assignments)
}

#[tokio::test]
async fn a_created_topic_is_answered_with_what_it_has() {
    let mut gateway = Gateway::start().await;
    let topic = new_topic("orders", 3, 2).with_configs(vec![config("retention.ms", Some("60000"))]);
    let created = create_one(&mut gateway, topic).await;
    assert_eq!((created.error_code, created.error_message), (0, None));
    assert_eq!((created.num_partitions, created.replication_factor), (3, 2));
    let configs = created.configs.unwrap();
    let retention = configs.iter().find(|config| config.name == text("retention.ms")).unwrap();
    assert_eq!((retention.value.clone(), retention.config_source), (Some(text("60000")), 1));
    let segment = configs.iter().find(|config| config.name == text("segment.bytes")).unwrap();
    assert_eq!((segment.value.clone(), segment.config_source), (Some(text("1073741824")), 5));

    let metadata = gateway.ask(12, MetadataRequest::default().with_topics(None)).await;
    assert_eq!(metadata.topics[0].topic_id, created.topic_id);
    assert_eq!(metadata.topics[0].partitions.len(), 3);
    assert_eq!(metadata.topics[0].partitions[0].replica_nodes.len(), 2);
}

#[tokio::test]
async fn minus_one_takes_the_defaults() {
    let mut gateway = Gateway::with(|settings| {
        settings.topics.partitions = 4;
        settings.topics.replication_factor_default = 3;
    })
    .await;
    let created = create_one(&mut gateway, new_topic("t", -1, -1)).await;
    assert_eq!((created.num_partitions, created.replication_factor), (4, 3));
}

#[tokio::test]
async fn validate_only_creates_nothing() {
    let mut gateway = Gateway::start().await;
    let request = |topics| CreateTopicsRequest::default().with_topics(topics).with_validate_only(true);
    let valid = gateway.ask(7, request(vec![new_topic("a.b", 3, 1)])).await.topics.remove(0);
    assert_eq!((valid.error_code, valid.num_partitions), (0, 3));
    assert_eq!(gateway.broker.topic_count(), 0);

    gateway.create("a_b", 1).await;
    let collides = gateway.ask(7, request(vec![new_topic("a.b", 3, 1)])).await.topics.remove(0);
    assert_eq!(code(&collides), ErrorCode::InvalidTopicException);
}

#[tokio::test]
async fn names_are_checked_as_kafka_checks_them() {
    let mut gateway = Gateway::start().await;
    gateway.create("a.b", 1).await;
    let topics = ["a.b", "a_b", "", "..", "a b", &"x".repeat(250), "__cluster_metadata", "fine"];
    let results = create(&mut gateway, topics.iter().map(|name| new_topic(name, 1, 1)).collect()).await;
    let codes: Vec<_> = results.iter().map(code).collect();
    use ErrorCode::{InvalidRequest, InvalidTopicException, TopicAlreadyExists};
    let invalid = InvalidTopicException;
    assert_eq!(
        codes,
        [TopicAlreadyExists, invalid, invalid, invalid, invalid, invalid, InvalidRequest, ErrorCode::None]
    );
    assert_eq!(results[0].error_message, Some(text("Topic 'a.b' already exists.")));
}

#[tokio::test]
async fn a_topic_named_twice_is_refused_once_and_the_others_are_made() {
    let mut gateway = Gateway::start().await;
    let topics = vec![new_topic("twice", 1, 1), new_topic("once", 1, 1), new_topic("twice", 1, 1)];
    let results = create(&mut gateway, topics).await;
    let answered: Vec<_> =
        results.iter().map(|result| (result.name.as_str().to_owned(), code(result))).collect();
    let expected = [("twice".to_owned(), ErrorCode::InvalidRequest), ("once".to_owned(), ErrorCode::None)];
    assert_eq!(answered, expected);
    assert_eq!(gateway.broker.topic_count(), 1);
}

#[tokio::test]
async fn counts_are_checked_as_kafka_checks_them() {
    let mut gateway = Gateway::with(|settings| {
        settings.topics.max_partitions_per_topic = 10;
        settings.topics.max_partitions = 15;
    })
    .await;
    let topics = [(0, 1), (-2, 1), (1, 0), (1, -2), (11, 1), (10, 1), (6, 1)];
    let topics =
        (0..).zip(topics).map(|(at, (partitions, factor))| new_topic(&format!("t{at}"), partitions, factor));
    let codes: Vec<_> = create(&mut gateway, topics.collect()).await.iter().map(code).collect();
    use ErrorCode::{InvalidPartitions, InvalidReplicationFactor, PolicyViolation};
    assert_eq!(
        codes,
        [
            InvalidPartitions,
            InvalidPartitions,
            InvalidReplicationFactor,
            InvalidReplicationFactor,
            PolicyViolation,
            ErrorCode::None,
            PolicyViolation
        ]
    );
}

#[tokio::test]
async fn configs_are_checked_as_kafka_checks_them() {
    let mut gateway = Gateway::start().await;
    let mut refused = async |configs: Vec<CreatableTopicConfig>| {
        let result = create_one(&mut gateway, new_topic("t", 1, 1).with_configs(configs)).await;
        assert_eq!(code(&result), ErrorCode::InvalidConfig);
        result.error_message.unwrap().to_string()
    };
    assert_eq!(refused(vec![config("nonsense", Some("1"))]).await, "Unknown topic config name: nonsense");
    assert_eq!(
        refused(vec![config("retention.ms", None), config("segment.ms", None)]).await,
        "Null value not supported for topic configs: retention.ms,segment.ms"
    );
    assert!(refused(vec![config("retention.ms", Some("soon"))]).await.contains("retention.ms"));
    assert!(refused(vec![config("cleanup.policy", Some("shred"))]).await.contains("cleanup.policy"));
}

#[tokio::test]
async fn explicit_assignments_give_the_counts() {
    let mut gateway = Gateway::start().await;
    let assignments = vec![assignment(1, &[2, 3]), assignment(0, &[1, 2])];
    let created = create_one(&mut gateway, assigned("t", assignments)).await;
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 2, 2));
}

#[tokio::test]
async fn explicit_assignments_are_checked_as_kafka_checks_them() {
    let mut gateway = Gateway::start().await;
    let both = assigned("t", vec![assignment(0, &[1])]);
    let topics = vec![
        both.clone().with_name(topic_name("a")).with_num_partitions(1),
        both.with_name(topic_name("b")).with_replication_factor(1),
        assigned("c", vec![assignment(0, &[])]),
        assigned("d", vec![assignment(0, &[1, 1])]),
        assigned("e", vec![assignment(0, &[-1])]),
        assigned("f", vec![assignment(0, &[1]), assignment(1, &[1, 2])]),
        assigned("g", vec![assignment(0, &[1]), assignment(0, &[2])]),
        assigned("h", vec![assignment(0, &[1]), assignment(2, &[2])]),
    ];
    let codes: Vec<_> = create(&mut gateway, topics).await.iter().map(code).collect();
    assert_eq!(codes[..2], [ErrorCode::InvalidRequest; 2]);
    assert_eq!(codes[2..], [ErrorCode::InvalidReplicaAssignment; 6]);
}

#[tokio::test]
async fn strict_replication_answers_as_a_cluster_of_one_broker() {
    let mut gateway = Gateway::with(|settings| {
        settings.topics.replication_factor = ReplicationFactorPolicy::Strict;
    })
    .await;
    let topics = vec![
        new_topic("a", 1, 2),
        new_topic("b", 1, 1),
        assigned("c", vec![assignment(0, &[2])]),
        assigned("d", vec![assignment(0, &[1])]),
    ];
    let codes: Vec<_> = create(&mut gateway, topics).await.iter().map(code).collect();
    use ErrorCode::{InvalidReplicaAssignment, InvalidReplicationFactor};
    assert_eq!(codes, [InvalidReplicationFactor, ErrorCode::None, InvalidReplicaAssignment, ErrorCode::None]);
}

#[tokio::test]
async fn a_request_has_a_limit_of_topics() {
    let mut gateway = Gateway::start().await;
    let topics = |count: usize| (0..count).map(|number| new_topic(&format!("t{number}"), 1, 1)).collect();
    let request = |count| CreateTopicsRequest::default().with_topics(topics(count)).with_validate_only(true);
    let many = gateway.ask(4, request(10_000)).await.topics;
    assert!(many.len() == 10_000 && many.iter().all(|topic| topic.error_code == 0));
    let too_many = gateway.ask(4, request(10_001)).await.topics;
    assert!(too_many.iter().all(|topic| code(topic) == ErrorCode::PolicyViolation));
}

#[tokio::test]
async fn an_answer_has_room_for_the_settings_of_so_many_topics() {
    let mut gateway = Gateway::start().await;
    let topics = (0..2_000).map(|number| new_topic(&format!("t{number}"), 1, 1)).collect();
    let request = CreateTopicsRequest::default().with_topics(topics).with_validate_only(true);
    let topics = gateway.ask(7, request).await.topics;
    assert!(topics.len() == 2_000 && topics.iter().all(|topic| topic.error_code == 0));
    let configs = |topic: &CreatableTopicResult| topic.configs.as_ref().map_or(0, Vec::len);
    let each = configs(&topics[0]);
    let with = topics.partition_point(|topic| configs(topic) > 0);
    assert!(each > 20 && (1_000..2_000).contains(&with), "{each} settings in {with} answers");
    for (at, topic) in topics.iter().enumerate() {
        let expected = if at < with { (each, 0) } else { (0, ErrorCode::PolicyViolation.code()) };
        assert_eq!((configs(topic), topic.topic_config_error_code), expected);
    }
}

fn named(name: &str) -> DeleteTopicState {
    DeleteTopicState::default().with_name(Some(topic_name(name)))
}

fn identified(id: Uuid) -> DeleteTopicState {
    DeleteTopicState::default().with_topic_id(id)
}

#[tokio::test]
async fn topics_are_deleted_by_name_and_by_id() {
    let mut gateway = Gateway::start().await;
    let (one, two) = (gateway.create("one", 1).await.topic_id, gateway.create("two", 1).await.topic_id);
    let request = DeleteTopicsRequest::default().with_topics(vec![named("one"), identified(two)]);
    let responses = gateway.ask(6, request).await.responses;
    let answered: Vec<_> = responses
        .into_iter()
        .map(|response| (response.error_code, response.name, response.topic_id))
        .collect();
    assert_eq!(answered, [(0, Some(topic_name("one")), one), (0, Some(topic_name("two")), two)]);
    assert_eq!(gateway.broker.topic_count(), 0);

    gateway.create("one", 1).await;
    let old = DeleteTopicsRequest::default().with_topic_names(vec![topic_name("one"), topic_name("gone")]);
    let codes: Vec<_> =
        gateway.ask(5, old).await.responses.iter().map(|response| response.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::UnknownTopicOrPartition.code()]);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_refused() {
    let mut gateway = Gateway::start().await;
    let id = gateway.create("t", 1).await.topic_id;
    gateway.create("u", 1).await;
    let ask = vec![
        named("gone"),
        identified(Uuid::from_u128(7)),
        identified(Uuid::nil()),
        named("u").with_topic_id(id),
        named("u"),
        named("u"),
        named("t"),
        identified(id),
    ];
    let responses = gateway.ask(6, DeleteTopicsRequest::default().with_topics(ask)).await.responses;
    let codes: Vec<_> =
        responses.iter().map(|response| ErrorCode::from_code(response.error_code).unwrap()).collect();
    use ErrorCode::{InvalidRequest, UnknownTopicId, UnknownTopicOrPartition};
    let expected = [
        UnknownTopicOrPartition,
        UnknownTopicId,
        InvalidRequest,
        InvalidRequest,
        InvalidRequest,
        InvalidRequest,
    ];
    assert_eq!(codes[..6], expected);
    assert_eq!(gateway.broker.topic("u").map(|topic| topic.name().to_string()), Some("u".to_owned()));
}

#[tokio::test]
async fn deletion_can_be_switched_off() {
    let mut gateway = Gateway::with(|settings| settings.topics.delete_enable = false).await;
    gateway.create("t", 1).await;
    for (version, code) in [(2, ErrorCode::InvalidRequest), (3, ErrorCode::TopicDeletionDisabled)] {
        let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name("t")]);
        assert_eq!(gateway.ask(version, request).await.responses[0].error_code, code.code());
    }
    assert_eq!(gateway.broker.topic_count(), 1);
}
