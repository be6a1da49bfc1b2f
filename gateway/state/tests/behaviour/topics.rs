//! Creating, growing and deleting topics.

use chronik_state::{
    Change, Configs, CreatePartitions, CreateTopic, DeletedTopic, MAX_PARTITIONS_PER_TOPIC, Outcome,
    Rejection, TopicLimits,
};
use chronik_types::{ErrorCode, NodeId, Offset, PartitionIndex, TopicId};

use crate::support::{Life, at, batch, create, name, topic_id};

fn created(life: &mut Life, create: CreateTopic) -> Result<(), Rejection> {
    let checked = life.state.check_create_topic(&create);
    match life.apply(Change::CreateTopic(create)) {
        Outcome::TopicCreated(result) => {
            assert_eq!(result, checked, "validate_only must answer as the real thing");
            result
        }
        other => panic!("{other:?} of a topic"),
    }
}

fn grown(life: &mut Life, total: i32, assignments: Vec<Vec<NodeId>>) -> Result<i32, Rejection> {
    let create = CreatePartitions { topic_id: topic_id(1), total, assignments, limits: TopicLimits::NONE };
    let checked = life.state.check_create_partitions(&create);
    match life.apply(Change::CreatePartitions(create)) {
        Outcome::PartitionsCreated(result) => {
            assert_eq!(result.as_ref().map(|_| ()), checked.as_ref().copied());
            result
        }
        other => panic!("{other:?} of partitions"),
    }
}

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId::new).collect()
}

#[test]
fn a_topic_is_found_by_name_and_by_id() {
    let mut life = Life::default();
    let configs = Configs::from_iter([("retention.ms", "5")]);
    let topic = CreateTopic { partitions: 3, replication_factor: 2, configs, ..create("orders", 4) };
    created(&mut life, topic).unwrap();
    let topic = life.state.topic("orders").unwrap();
    assert_eq!(life.state.topic_by_id(topic_id(4)), Some(topic));
    assert_eq!((topic.partition_count(), topic.replication_factor()), (3, 2));
    assert_eq!(topic.configs().get("retention.ms"), Some("5"));
    assert_eq!(topic.assignment(PartitionIndex::new(0)), []);
    assert_eq!((life.state.topic_count(), life.state.partition_count()), (1, 3));
    assert!(life.state.topic("order").is_none());
}

#[test]
fn a_name_is_taken_once() {
    let mut life = Life::with_topic(1);
    let refused = created(&mut life, create("t", 2)).unwrap_err();
    assert_eq!(refused, Rejection::TopicExists { name: name("t") });
    assert_eq!(refused.error_code(), ErrorCode::TopicAlreadyExists);
}

#[test]
fn dots_and_underscores_collide_until_the_topic_is_gone() {
    let mut life = Life::default();
    created(&mut life, create("a.b_c", 1)).unwrap();
    let refused = created(&mut life, create("a_b.c", 2)).unwrap_err();
    assert_eq!(refused, Rejection::TopicNameCollision { name: name("a_b.c"), existing: name("a.b_c") });
    assert_eq!(refused.error_code(), ErrorCode::InvalidTopicException);
    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    created(&mut life, create("a_b.c", 2)).unwrap();
}

#[test]
fn an_id_is_used_once_and_is_not_zero() {
    let mut life = Life::with_topic(1);
    assert_eq!(created(&mut life, create("u", 1)), Err(Rejection::TopicIdTaken { topic_id: topic_id(1) }));
    assert_eq!(created(&mut life, create("u", 0)), Err(Rejection::TopicIdTaken { topic_id: TopicId::NONE }));
}

#[test]
fn refuses_impossible_counts() {
    let mut life = Life::default();
    for partitions in [0, -1, i32::MIN, MAX_PARTITIONS_PER_TOPIC + 1, i32::MAX] {
        let refused = created(&mut life, CreateTopic { partitions, ..create("t", 1) }).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::InvalidPartitions, "{partitions}");
    }
    let refused = created(&mut life, CreateTopic { replication_factor: 0, ..create("t", 1) }).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::InvalidReplicationFactor);
    assert_eq!(life.state.topic_count(), 0);
}

#[test]
fn limits_are_those_of_the_entry() {
    let mut life = Life::with_topic(2);
    let limited = |max_topics, max_partitions| CreateTopic {
        limits: TopicLimits { max_topics, max_partitions },
        partitions: 3,
        ..create("u", 2)
    };
    assert_eq!(created(&mut life, limited(1, 100)), Err(Rejection::TooManyTopics { limit: 1 }));
    let refused = created(&mut life, limited(2, 4)).unwrap_err();
    assert_eq!(refused, Rejection::TooManyPartitions { limit: 4, wanted: 5 });
    assert_eq!(refused.error_code(), ErrorCode::PolicyViolation);
    created(&mut life, limited(2, 5)).unwrap();
}

#[test]
fn explicit_assignments_are_reported_back() {
    let mut life = Life::default();
    let mut topic = CreateTopic { partitions: 2, assignments: vec![nodes(&[3, 1])], ..create("t", 1) };
    let refused = created(&mut life, topic.clone()).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::InvalidReplicaAssignment);
    topic.assignments.push(nodes(&[2]));
    created(&mut life, topic).unwrap();
    grown(&mut life, 3, Vec::new()).unwrap();
    grown(&mut life, 4, vec![nodes(&[9])]).unwrap();
    let topic = life.state.topic("t").unwrap();
    let assigned = |partition| topic.assignment(PartitionIndex::new(partition)).to_vec();
    assert_eq!(
        [assigned(0), assigned(1), assigned(2), assigned(3)],
        [nodes(&[3, 1]), nodes(&[2]), vec![], nodes(&[9])]
    );
    assert_eq!((assigned(4), assigned(-1)), (vec![], vec![]));
}

#[test]
fn partitions_only_grow_and_keep_what_they_hold() {
    let mut life = Life::with_topic(2);
    life.append(batch(1, 5)).unwrap();
    for total in [2, 1, 0, -1, i32::MIN] {
        let refused = grown(&mut life, total, Vec::new()).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::InvalidPartitions, "{total}");
    }
    assert_eq!(
        grown(&mut life, 4, vec![nodes(&[1])]).unwrap_err().error_code(),
        ErrorCode::InvalidReplicaAssignment
    );
    assert_eq!(grown(&mut life, 4, Vec::new()), Ok(2));
    assert_eq!(life.state.partition_count(), 4);
    assert_eq!((life.end_offset(1), life.end_offset(3)), (Offset::new(5), Offset::ZERO));
    let refused = grown(&mut life, MAX_PARTITIONS_PER_TOPIC + 1, Vec::new()).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::InvalidPartitions);
}

#[test]
fn a_deleted_topic_is_gone_with_its_partitions() {
    let mut life = Life::with_topic(3);
    let deleted = life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    let expected = DeletedTopic { name: name("t"), topic_id: topic_id(1), partitions: 3 };
    assert_eq!(deleted, Outcome::TopicDeleted(Ok(expected)));
    assert!(life.state.topic("t").is_none() && life.state.partition(at(0)).is_none());
    assert_eq!((life.state.topic_count(), life.state.partition_count()), (0, 0));
    let again = life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    assert_eq!(again, Outcome::TopicDeleted(Err(Rejection::UnknownTopic { topic_id: topic_id(1) })));
}

#[test]
fn topics_are_listed_in_the_order_of_their_names() {
    let mut life = Life::default();
    for (id, topic) in (1..).zip(["m", "z", "A", "a"]) {
        created(&mut life, create(topic, 10 - id)).unwrap();
    }
    let names: Vec<_> = life.state.topics().map(|topic| topic.name().as_str()).collect();
    assert_eq!(names, ["A", "a", "m", "z"]);
}
