//! FindCoordinator, and the topics that appear with it.

use kafka_protocol::messages::*;

use crate::support::{Target, text};

#[tokio::test]
async fn every_version_finds_this_broker() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let metadata = client.call(9, MetadataRequest::default().with_topics(Some(Vec::new()))).await;
    let this = &metadata.brokers[0];
    for version in 0..=6 {
        let request = FindCoordinatorRequest::default();
        if version < 4 {
            let response = client.call(version, request.with_key(text("any"))).await;
            assert_eq!((response.error_code, response.node_id), (0, this.node_id), "version {version}");
            assert_eq!((response.host, response.port), (this.host.clone(), this.port));
            let message = response.error_message.as_deref().unwrap_or_default();
            assert_eq!(message, if version >= 1 { "NONE" } else { "" });
        } else {
            let keys = vec![text("one"), text(""), text("two")];
            let response = client.call(version, request.with_coordinator_keys(keys.clone())).await;
            let found: Vec<_> = response.coordinators.iter().map(|one| one.key.clone()).collect();
            assert_eq!(found, keys);
            for one in response.coordinators {
                assert_eq!((one.error_code, one.node_id), (0, this.node_id), "version {version}");
                assert_eq!((one.host, one.port), (this.host.clone(), this.port));
                assert_eq!(one.error_message.as_deref().unwrap_or_default(), "");
            }
        }
    }
}

#[tokio::test]
async fn coordinators_of_other_kinds_are_refused() {
    let target = Target::start().await;
    let mut client = target.client().await;
    for key_type in [2, 3, -1] {
        let request =
            FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(vec![text("k")]);
        // Kafka has share groups from version 6 on, and knows no others at all.
        if key_type != 2 && target.gateway.is_none() {
            continue;
        }
        let response = client.call(4, request).await;
        let one = &response.coordinators[0];
        assert_eq!((one.error_code, one.node_id.0, one.port), (42, -1, -1), "kind {key_type}");
        assert_eq!(one.host.as_str(), "");
        let request = FindCoordinatorRequest::default().with_key_type(key_type).with_key(text("k"));
        assert_eq!(client.call(3, request).await.error_code, 42);
    }
}

#[tokio::test]
async fn the_internal_topics_appear_and_stay_closed() {
    let target = Target::start().await;
    let mut client = target.client().await;
    let request = FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![text("t")]);
    while client.call(4, request.clone()).await.coordinators[0].error_code == 15 {}
    for name in ["__consumer_offsets", "__transaction_state"] {
        let topic = metadata_request::MetadataRequestTopic::default().with_name(Some(TopicName(text(name))));
        let request =
            MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(false);
        let mut described = client.call(9, request.clone()).await.topics.remove(0);
        while target.gateway.is_none() && described.error_code == 3 {
            described = client.call(9, request.clone()).await.topics.remove(0);
        }
        assert_eq!(
            (described.error_code, described.is_internal, described.partitions.len()),
            (0, true, 4),
            "{name}"
        );
        let resource = describe_configs_request::DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(name))
            .with_configuration_keys(Some(vec![
                text("cleanup.policy"),
                text("segment.bytes"),
                text("compression.type"),
                text("unclean.leader.election.enable"),
            ]));
        let configs = client.call(1, DescribeConfigsRequest::default().with_resources(vec![resource])).await;
        // 1 is what the topic itself says.
        let own = configs.results[0].configs.iter().filter(|config| config.config_source == 1);
        let mut values: Vec<_> = own.map(|config| config.value.as_deref().unwrap().to_owned()).collect();
        values.sort();
        let compression = if name == "__consumer_offsets" { "producer" } else { "uncompressed" };
        let unclean = (name == "__transaction_state").then_some("false");
        let expected: Vec<_> =
            ["104857600", "compact"].into_iter().chain(unclean).chain([compression]).collect();
        assert_eq!(values, expected);
        let data =
            produce_request::PartitionProduceData::default().with_index(0).with_records(Some(record()));
        let data = produce_request::TopicProduceData::default()
            .with_name(TopicName(text(name)))
            .with_partition_data(vec![data]);
        let produce =
            ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000).with_topic_data(vec![data]);
        let produced = client.call(9, produce).await;
        assert_eq!(produced.responses[0].partition_responses[0].error_code, 17, "{name}");
    }
}

fn record() -> bytes::Bytes {
    let mut builder = chronik_wire::batch::BatchBuilder::new();
    builder.push(&chronik_wire::batch::NewRecord {
        key: Some(b"k"),
        value: Some(b"v"),
        ..Default::default()
    });
    builder.build().unwrap()
}
