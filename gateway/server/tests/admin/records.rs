//! DeleteRecords, DescribeProducers and DescribeLogDirs.

use chronik_types::{ErrorCode, ProducerEpoch, ProducerId, Sequence};
use chronik_wire::batch::BatchBuilder;
use kafka_protocol::messages::create_topics_request::CreatableTopicConfig;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DescribeLogDirsRequest, DescribeProducersRequest,
};

use crate::gateway::{Gateway, NOW, new_topic, text, topic_name};

fn delete(topic: &str, partitions: &[(i32, i64)]) -> DeleteRecordsTopic {
    let partition = |(index, offset): &(i32, i64)| {
        DeleteRecordsPartition::default().with_partition_index(*index).with_offset(*offset)
    };
    DeleteRecordsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(partitions.iter().map(partition).collect())
}

async fn deleted(gateway: &mut Gateway, topics: Vec<DeleteRecordsTopic>) -> Vec<(i32, i64, i16)> {
    let response = gateway.ask(2, DeleteRecordsRequest::default().with_topics(topics)).await;
    let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
    partitions.map(|result| (result.partition_index, result.low_watermark, result.error_code)).collect()
}

#[tokio::test]
async fn records_are_deleted_up_to_an_offset_or_all_of_them() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 2).await;
    gateway.append("t", 0, 10).await;
    gateway.append("t", 1, 5).await;
    let results = deleted(&mut gateway, vec![delete("t", &[(0, 4), (1, -1)])]).await;
    assert_eq!(results, [(0, 4, 0), (1, 5, 0)]);
    // A log start that has been passed is answered as it is.
    assert_eq!(deleted(&mut gateway, vec![delete("t", &[(0, 2)])]).await, [(0, 4, 0)]);
    assert_eq!(gateway.append("t", 1, 1).await, 5);
}

#[tokio::test]
async fn what_cannot_be_deleted_is_refused_and_the_rest_is_done() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 1).await;
    gateway.append("t", 0, 10).await;
    let topics = vec![delete("gone", &[(0, 1)]), delete("t", &[(7, 1), (0, 11), (0, -2), (0, 3)])];
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    let expected = [(0, -1, unknown), (7, -1, unknown), (0, -1, 1), (0, -1, 1), (0, 3, 0)];
    assert_eq!(deleted(&mut gateway, topics).await, expected);
}

#[tokio::test]
async fn a_topic_that_is_only_compacted_keeps_its_records() {
    let mut gateway = Gateway::start().await;
    let compact =
        CreatableTopicConfig::default().with_name(text("cleanup.policy")).with_value(Some(text("compact")));
    let topic = new_topic("t", 1, 1).with_configs(vec![compact]);
    let created = gateway.ask(7, CreateTopicsRequest::default().with_topics(vec![topic])).await;
    assert_eq!(created.topics[0].error_code, 0);
    let refused = ErrorCode::PolicyViolation.code();
    assert_eq!(deleted(&mut gateway, vec![delete("t", &[(0, -1)])]).await, [(0, -1, refused)]);
}

#[tokio::test]
async fn producers_are_described_by_what_they_sent_last() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 2).await;
    let batch = BatchBuilder::new().producer(ProducerId::new(9), ProducerEpoch::new(2), Sequence::ZERO);
    gateway.append_batch("t", 0, 3, batch).await;
    let ask = |name: &str, partitions: Vec<i32>| {
        TopicRequest::default().with_name(topic_name(name)).with_partition_indexes(partitions)
    };
    let topics = vec![ask("t", vec![0, 1, 2]), ask("gone", vec![0]), ask("?", vec![0])];
    let response = gateway.ask(0, DescribeProducersRequest::default().with_topics(topics)).await;
    let partitions: Vec<_> = response.topics.iter().flat_map(|topic| &topic.partitions).collect();
    let codes: Vec<_> = partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, 0, 3, 3, 17]);
    assert!(partitions[1].active_producers.is_empty());
    let producer = &partitions[0].active_producers[0];
    assert_eq!((producer.producer_id.0, producer.producer_epoch, producer.last_sequence), (9, 2, 2));
    assert_eq!((producer.last_timestamp, producer.coordinator_epoch), (NOW.get(), -1));
    assert_eq!(producer.current_txn_start_offset, -1);
}

#[tokio::test]
async fn the_storage_is_one_directory_with_the_bytes_of_each_partition() {
    let mut gateway = Gateway::start().await;
    gateway.create("t", 2).await;
    gateway.create("u", 1).await;
    gateway.append("t", 1, 10).await;
    let all = gateway.ask(4, DescribeLogDirsRequest::default().with_topics(None)).await;
    assert_eq!((all.error_code, all.results.len()), (0, 1));
    let directory = &all.results[0];
    assert!(!directory.log_dir.is_empty());
    let sizes: Vec<_> = directory
        .topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|partition| (topic.name.as_str(), partition.partition_size > 0))
        })
        .collect();
    assert_eq!(sizes, [("t", false), ("t", true), ("u", false)]);

    let asked = |name: &str, partitions| {
        DescribableLogDirTopic::default().with_topic(topic_name(name)).with_partitions(partitions)
    };
    let topics = Some(vec![asked("t", vec![1, 9]), asked("gone", vec![0]), asked("u", vec![5])]);
    let some = gateway.ask(4, DescribeLogDirsRequest::default().with_topics(topics)).await;
    assert_eq!(some.results[0].topics.len(), 1);
    assert_eq!(some.results[0].topics[0].partitions.len(), 1);
}
