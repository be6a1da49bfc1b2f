//! Metadata, every version.

use chronik_config::ByteSize;
use chronik_state::CreatePartitions;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{BrokerId, MetadataRequest};
use uuid::Uuid;

use crate::support::{Gateway, name, wire_id};

fn named(names: &[&str]) -> MetadataRequest {
    let topic = |text: &&str| MetadataRequestTopic::default().with_name(Some(name(text)));
    MetadataRequest::default()
        .with_topics(Some(names.iter().map(topic).collect()))
        .with_allow_auto_topic_creation(true)
}

fn by_id(id: Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_topic_id(id).with_name(None);
    MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true)
}

fn names(topics: &[MetadataResponseTopic]) -> Vec<(String, i16)> {
    let text =
        |topic: &MetadataResponseTopic| topic.name.as_ref().map_or(String::new(), |name| name.to_string());
    topics.iter().map(|topic| (text(topic), topic.error_code)).collect()
}

#[tokio::test]
async fn every_version_tells_the_broker_and_the_topics() {
    let gateway = Gateway::start_with(|settings| settings.kafka.rack = Some("zone-1".to_owned())).await;
    let topic = gateway.topic("t", 2).await;
    let mut client = gateway.client().await;
    for version in 0..=13 {
        let response = client.call(version, &named(&["t"])).await;
        let broker = &response.brokers[0];
        assert_eq!((response.brokers.len(), broker.node_id, &*broker.host), (1, BrokerId(1), "127.0.0.1"));
        assert_eq!(
            broker.port,
            i32::from(gateway.address().port()),
            "the port that the system chose is told"
        );
        assert_eq!(broker.rack.as_deref(), (version >= 1).then_some("zone-1"));
        assert_eq!(response.cluster_id.is_some(), version >= 2);
        let told = &response.topics[0];
        assert_eq!((told.error_code, told.partitions.len()), (0, 2));
        assert_eq!(told.topic_id == wire_id(&topic), version >= 10);
        for partition in &told.partitions {
            assert_eq!((partition.leader_id, &partition.isr_nodes[..]), (BrokerId(1), &[BrokerId(1)][..]));
        }
        assert_eq!(told.topic_authorized_operations, i32::MIN);
    }
}

#[tokio::test]
async fn all_or_no_topics_depend_on_the_version() {
    let gateway = Gateway::start().await;
    for topic in ["b", "a"] {
        gateway.topic(topic, 1).await;
    }
    let mut client = gateway.client().await;
    let all = [("a".to_owned(), 0), ("b".to_owned(), 0)];
    let none = MetadataRequest::default().with_topics(Some(vec![]));
    assert_eq!(names(&client.call(0, &none).await.topics), all);
    for version in 1..=13 {
        assert_eq!(names(&client.call(version, &none).await.topics), []);
        let null = MetadataRequest::default().with_topics(None);
        assert_eq!(names(&client.call(version, &null).await.topics), all);
    }
}

#[tokio::test]
async fn topics_are_created_when_client_and_settings_allow_it() {
    let gateway = Gateway::start_with(|settings| settings.topics.partitions = 3).await;
    let mut client = gateway.client().await;
    let refused = client.call(9, &named(&["new"]).with_allow_auto_topic_creation(false)).await;
    assert_eq!(names(&refused.topics), [("new".to_owned(), 3)]);
    let created = client.call(9, &named(&["new", "bad name"])).await;
    assert_eq!(names(&created.topics), [("new".to_owned(), 0), ("bad name".to_owned(), 17)]);
    assert_eq!(created.topics[0].partitions.len(), 3);

    let gateway = Gateway::start_with(|settings| settings.topics.auto_create = false).await;
    let refused = gateway.client().await.call(9, &named(&["new"])).await;
    assert_eq!(names(&refused.topics), [("new".to_owned(), 3)]);
    assert_eq!(gateway.broker.topic_count(), 0);
}

#[tokio::test]
async fn topics_are_found_by_id() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    for version in 12..=13 {
        let found = client.call(version, &by_id(wire_id(&topic))).await;
        assert_eq!(names(&found.topics), [("t".to_owned(), 0)]);
        let unknown = client.call(version, &by_id(Uuid::from_u128(5))).await;
        assert_eq!((unknown.topics[0].error_code, &unknown.topics[0].name), (100, &None));
        assert_eq!(unknown.topics[0].topic_id, Uuid::from_u128(5));
        let neither = client.call(version, &by_id(Uuid::nil())).await;
        assert_eq!(neither.topics[0].error_code, 42);
    }
    let early = client.call(11, &by_id(wire_id(&topic))).await;
    assert_eq!(early.topics[0].error_code, 42, "by id from version 12 on");
}

#[tokio::test]
async fn operations_are_told_when_asked_for() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    for version in 8..=10 {
        let asked = named(&["t"])
            .with_include_cluster_authorized_operations(true)
            .with_include_topic_authorized_operations(true);
        let response = client.call(version, &asked).await;
        assert_eq!(response.cluster_authorized_operations, 0b1_1111_1010_0000);
        assert_eq!(response.topics[0].topic_authorized_operations, 0b1101_1111_1000);
    }
}

#[tokio::test]
async fn a_topic_that_is_named_many_times_is_told_once() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 100).await;
    let response = gateway.client().await.call(9, &named(&["t"; 1_000])).await;
    assert_eq!(names(&response.topics), [("t".to_owned(), 0)]);
}

#[tokio::test]
async fn the_answer_about_all_topics_follows_every_change() {
    let gateway = Gateway::start().await;
    let mut clients = [gateway.client().await, gateway.client().await];
    let all = MetadataRequest::default().with_topics(None);
    let mut expect = async |expected: &[(&str, usize)]| {
        for (client, version) in clients.iter_mut().zip([13, 4]) {
            // The second time it is the answer that was kept.
            for _ in 0..2 {
                let response = client.call(version, &all).await;
                let told: Vec<_> = response
                    .topics
                    .iter()
                    .map(|topic| (topic.name.as_ref().unwrap().to_string(), topic.partitions.len()))
                    .collect();
                let expected: Vec<_> =
                    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
                assert_eq!(told, expected);
                assert_eq!(response.brokers[0].port, i32::from(gateway.address().port()));
            }
        }
    };
    expect(&[]).await;
    let b = gateway.topic("b", 3).await;
    expect(&[("b", 3)]).await;
    // Beyond what is described at once.
    gateway.topic("a", 1_500).await;
    expect(&[("a", 1_500), ("b", 3)]).await;
    let grow = CreatePartitions {
        topic_id: b.id(),
        total: 5,
        assignments: Vec::new(),
        limits: gateway.broker.topic_limits(),
    };
    gateway.broker.create_partitions(grow).await.unwrap();
    expect(&[("a", 1_500), ("b", 5)]).await;
    gateway.broker.delete_topic(b.id()).await.unwrap();
    expect(&[("a", 1_500)]).await;
}

/// A consumer that subscribes to very many topics; three letters are five bytes on the wire, and 72 decoded.
#[tokio::test]
async fn very_many_topics_may_be_named_however_short() {
    let gateway = Gateway::start().await;
    gateway.topic("aaa", 1).await;
    let mut client = gateway.client().await;
    let letters = |number: usize| {
        let digit = |at: u32| char::from(b'a' + u8::try_from(number / 26_usize.pow(at) % 26).unwrap());
        [digit(2), digit(1), digit(0)].iter().collect::<String>()
    };
    for length in [3, 10, 30] {
        let padding = "x".repeat(length - 3);
        let asked: Vec<String> = (0..17_000).map(|number| letters(number) + &padding).collect();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let request = named(&asked).with_allow_auto_topic_creation(false);
        for version in [4, 9, 12] {
            let told = client.call(version, &request).await.topics;
            let known = told.iter().filter(|topic| topic.error_code == 0).count();
            assert_eq!((told.len(), known), (17_000, usize::from(length == 3)), "{length} letters");
        }
    }
}

#[tokio::test]
async fn more_than_memory_can_ever_hold_is_refused() {
    let gateway = Gateway::start_with(|settings| {
        settings.limits.queued_max_request_bytes = ByteSize::mib(1);
        settings.limits.socket_request_max_bytes = ByteSize::mib(1);
    })
    .await;
    let mut client = gateway.client().await;
    client.send(1, &named(&vec!["a"; 50_000])).await;
    client.expect_close().await;
}
