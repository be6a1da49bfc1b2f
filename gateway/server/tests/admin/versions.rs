//! Every version of every admin API answers, in success and in failure: a field that a version does not have would
//! close the connection instead.

use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopicConfig;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request as incremental;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Message;

use crate::gateway::{Gateway, new_topic, text, topic_name};

fn versions<M: Message>(first: i16) -> std::ops::RangeInclusive<i16> {
    assert_eq!(M::VERSIONS.min, first);
    M::VERSIONS.min..=M::VERSIONS.max
}

#[tokio::test]
async fn topics_are_created_and_deleted_in_every_version() {
    let mut gateway = Gateway::start().await;
    for version in versions::<CreateTopicsRequest>(2) {
        let config =
            CreatableTopicConfig::default().with_name(text("retention.ms")).with_value(Some(text("1")));
        let name = format!("t{version}");
        let topics = vec![new_topic(&name, 1, 1).with_configs(vec![config]), new_topic("?", 1, 1)];
        let response = gateway.ask(version, CreateTopicsRequest::default().with_topics(topics)).await;
        let codes: Vec<_> = response.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [0, 17], "version {version}");
    }
    for version in versions::<DeleteTopicsRequest>(1) {
        let names = [topic_name(&format!("t{}", version + 1)), topic_name("gone")];
        let request = if version < 6 {
            DeleteTopicsRequest::default().with_topic_names(names.to_vec())
        } else {
            let topic = |name: &TopicName| DeleteTopicState::default().with_name(Some(name.clone()));
            DeleteTopicsRequest::default().with_topics(names.iter().map(topic).collect())
        };
        let response = gateway.ask(version, request).await;
        let codes: Vec<_> = response.responses.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [0, 3], "version {version}");
    }
}

#[tokio::test]
async fn partitions_and_records_are_changed_in_every_version() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    gateway.append("t", 0, 5).await;
    for version in versions::<CreatePartitionsRequest>(0) {
        let grow = |name: &str| {
            CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(i32::from(version) + 2)
                .with_assignments(None)
        };
        let request = CreatePartitionsRequest::default().with_topics(vec![grow("t"), grow("gone")]);
        let codes: Vec<_> =
            gateway.ask(version, request).await.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 3], "version {version}");
    }
    for version in versions::<DeleteRecordsRequest>(0) {
        let partition = |index| DeleteRecordsPartition::default().with_partition_index(index).with_offset(1);
        let topic = DeleteRecordsTopic::default()
            .with_name(topic_name("t"))
            .with_partitions(vec![partition(0), partition(99)]);
        let response = gateway.ask(version, DeleteRecordsRequest::default().with_topics(vec![topic])).await;
        let codes: Vec<_> = response.topics[0].partitions.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 3], "version {version}");
    }
    for version in versions::<ElectLeadersRequest>(0) {
        let topic = TopicPartitions::default().with_topic(topic_name("t")).with_partitions(vec![0]);
        let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![topic]));
        let response = gateway.ask(version, request).await;
        assert_eq!(
            response.replica_election_results[0].partition_result[0].error_code, 84,
            "version {version}"
        );
    }
}

#[tokio::test]
async fn configs_are_described_and_altered_in_every_version() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    for version in versions::<DescribeConfigsRequest>(1) {
        let resource = |kind, name: &str| {
            DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(name))
                .with_configuration_keys(None)
        };
        let resources = vec![resource(2, "t"), resource(4, "1"), resource(8, "1"), resource(2, "gone")];
        let mut request =
            DescribeConfigsRequest::default().with_resources(resources).with_include_synonyms(true);
        request.include_documentation = version >= 3;
        let codes: Vec<_> =
            gateway.ask(version, request).await.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 0, 0, 3], "version {version}");
    }
    for version in versions::<AlterConfigsRequest>(0) {
        let resource = |name: &str| {
            let config = AlterableConfig::default().with_name(text("segment.ms")).with_value(Some(text("9")));
            AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text(name))
                .with_configs(vec![config])
        };
        let request = AlterConfigsRequest::default().with_resources(vec![resource("t"), resource("gone")]);
        let codes: Vec<_> =
            gateway.ask(version, request).await.responses.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 3], "version {version}");
    }
    for version in versions::<IncrementalAlterConfigsRequest>(0) {
        let resource = |name: &str| {
            let config = incremental::AlterableConfig::default()
                .with_name(text("segment.ms"))
                .with_config_operation(1);
            incremental::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text(name))
                .with_configs(vec![config])
        };
        let resources = vec![resource("t"), resource("gone")];
        let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
        let codes: Vec<_> =
            gateway.ask(version, request).await.responses.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 3], "version {version}");
    }
}

#[tokio::test]
async fn the_cluster_is_described_in_every_version() {
    let mut gateway = Gateway::start().await;
    for version in versions::<DescribeClusterRequest>(0) {
        let mut request = DescribeClusterRequest::default();
        request.endpoint_type = 1;
        assert_eq!(gateway.ask(version, request.clone()).await.error_code, 0, "version {version}");
        if version > 0 {
            request.endpoint_type = 2;
            assert_eq!(gateway.ask(version, request).await.error_code, 114, "version {version}");
        }
    }
    for version in versions::<DescribeLogDirsRequest>(1) {
        let response = gateway.ask(version, DescribeLogDirsRequest::default().with_topics(None)).await;
        assert_eq!(response.results.len(), 1, "version {version}");
    }
    for version in versions::<ListConfigResourcesRequest>(0) {
        let response = gateway.ask(version, ListConfigResourcesRequest::default()).await;
        assert_eq!(response.error_code, 0, "version {version}");
    }
}
