//! Requests as kafka-protocol encodes them from values set by hand: default ones, and rich ones of the APIs that matter
//! most. Here nothing comes from our shapes.

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, FetchRequest, MetadataRequest, ProduceRequest, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use super::*;
use crate::request::decode_request;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn default_bytes<T: Encodable + Default>(version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    T::default().encode(&mut bytes, version).unwrap();
    bytes.freeze()
}

fn round_trip<T>(version: i16, message: &T)
where
    T: kafka_protocol::protocol::Request + PartialEq + std::fmt::Debug,
{
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).unwrap();
    let mut body = bytes.freeze();
    assert_eq!(decode_request::<T>(version, &mut body).as_ref(), Ok(message), "v{version}");
}

#[test]
fn default_requests_pass() {
    for api in api::all() {
        for version in api.min_decodable..=api.max_version {
            let bytes = for_request_type!(api.key, default_bytes(version));
            let checked = check_request(api, version, &bytes);
            assert!(checked.is_ok(), "{}", checked.unwrap_err());
        }
    }
}

#[test]
fn produce_round_trips() {
    for version in 3..=13 {
        let partition = |index| {
            PartitionProduceData::default().with_index(index).with_records(Some(Bytes::from(vec![7; 300])))
        };
        let mut topic = TopicProduceData::default().with_partition_data(vec![partition(0), partition(5)]);
        if version >= 13 {
            topic.topic_id = uuid(9);
        } else {
            topic.name = TopicName(text("topic"));
        }
        let produce = ProduceRequest::default()
            .with_transactional_id(Some(TransactionalId(text("txn"))))
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic.clone(), topic]);
        round_trip(version, &produce);
    }
}

#[test]
fn fetch_round_trips() {
    for version in 4..=18 {
        let mut partition = FetchPartition::default().with_partition(3).with_fetch_offset(1 << 40);
        let mut topic = FetchTopic::default();
        let mut forgotten = ForgottenTopic::default().with_partitions(vec![1, 2, 3]);
        if version >= 13 {
            topic.topic_id = uuid(1);
            forgotten.topic_id = uuid(2);
        } else {
            topic.topic = TopicName(text("one"));
            forgotten.topic = TopicName(text("two"));
        }
        if version >= 17 {
            partition.replica_directory_id = uuid(3);
        }
        if version >= 18 {
            partition.high_watermark = 4;
        }
        topic.partitions = vec![partition; 3];
        let mut fetch = FetchRequest::default().with_max_wait_ms(500).with_topics(vec![topic.clone(), topic]);
        if version >= 7 {
            fetch =
                fetch.with_session_id(1).with_session_epoch(2).with_forgotten_topics_data(vec![forgotten]);
        }
        if version >= 11 {
            fetch = fetch.with_rack_id(text("rack"));
        }
        if version >= 12 {
            fetch =
                fetch.with_cluster_id(Some(text("cluster"))).with_unknown_tagged_field(9, Bytes::from("x"));
        }
        if version >= 15 {
            fetch.replica_state.replica_epoch = 5;
        }
        round_trip(version, &fetch);
    }
}

#[test]
fn metadata_and_create_topics_round_trip() {
    for version in 0..=13 {
        let mut topic = MetadataRequestTopic::default().with_name(Some(TopicName(text("topic"))));
        if version >= 10 {
            topic.topic_id = uuid(1);
        }
        round_trip(version, &MetadataRequest::default().with_topics(Some(vec![topic; 4])));
        if version >= 1 {
            round_trip(version, &MetadataRequest::default().with_topics(None));
        }
    }
    for version in 2..=7 {
        let assignment =
            CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(1), BrokerId(2)]);
        let config = CreatableTopicConfig::default().with_name(text("k")).with_value(None);
        let topic = CreatableTopic::default()
            .with_name(TopicName(text("topic")))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(vec![assignment; 2])
            .with_configs(vec![config.clone(), config.with_value(Some(text("v")))]);
        round_trip(
            version,
            &CreateTopicsRequest::default().with_topics(vec![topic; 2]).with_validate_only(true),
        );
    }
}

fn uuid(seed: u8) -> uuid::Uuid {
    uuid::Uuid::from_bytes([seed; 16])
}
