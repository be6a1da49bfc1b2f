//! Produce, every version and every way to fail.

use std::time::Duration;

use bytes::Bytes;
use chronik_types::{ProducerEpoch, ProducerId, Sequence};
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;

use crate::support::{Gateway, batch, builder, name, wire_id};

pub(crate) fn request(topic: &str, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

fn by_id(mut request: ProduceRequest, id: uuid::Uuid) -> ProduceRequest {
    for topic in &mut request.topic_data {
        topic.name = name("");
        topic.topic_id = id;
    }
    request
}

async fn produce(gateway: &Gateway, version: i16, request: &ProduceRequest) -> PartitionProduceResponse {
    let response = gateway.client().await.call(version, request).await;
    assert_eq!(response.responses.len(), 1);
    response.responses[0].partition_responses[0].clone()
}

#[tokio::test]
async fn every_version_appends() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    for (at, version) in (3..=13).enumerate() {
        let mut asked = request("t", 0, batch(&[b"one"]));
        if version >= 13 {
            asked = by_id(asked, wire_id(&topic));
        }
        let answer = produce(&gateway, version, &asked).await;
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (0, i64::try_from(at).unwrap()),
            "version {version}"
        );
        assert_eq!(answer.log_append_time_ms, -1);
    }
}

#[tokio::test]
async fn partitions_fail_each_for_itself() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 2).await;
    let mut damaged = batch(&[b"one"]).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let data = |index, records: Option<Bytes>| {
        PartitionProduceData::default().with_index(index).with_records(records)
    };
    let topics = vec![
        TopicProduceData::default().with_name(name("t")).with_partition_data(vec![
            data(0, Some(batch(&[b"a", b"b"]))),
            data(1, Some(damaged.into())),
            data(2, Some(batch(&[b"c"]))),
            data(0, Some(batch(&[b"d"]))),
            data(1, None),
        ]),
        TopicProduceData::default()
            .with_name(name("unknown"))
            .with_partition_data(vec![data(0, Some(batch(&[b"e"])))]),
    ];
    let asked = ProduceRequest::default().with_acks(1).with_timeout_ms(1_000).with_topic_data(topics);
    let response = gateway.client().await.call(12, &asked).await;
    let outcome = |topic: usize| -> Vec<_> {
        let partitions = &response.responses[topic].partition_responses;
        partitions.iter().map(|p| (p.index, p.error_code, p.base_offset)).collect()
    };
    assert_eq!(outcome(0), [(0, 0, 0), (1, 2, -1), (2, 3, -1), (0, 0, 2), (1, 87, -1)]);
    assert_eq!(outcome(1), [(0, 3, -1)]);
    assert!(response.responses[0].partition_responses[1].error_message.is_some());
    assert!(gateway.broker.topic("unknown").is_none(), "a produce creates no topic");
}

#[tokio::test]
async fn acks_are_checked() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    for acks in [2, -2, i16::MAX] {
        let answer = produce(&gateway, 9, &request("t", 0, batch(&[b"x"])).with_acks(acks)).await;
        assert_eq!((answer.error_code, answer.base_offset), (21, -1));
    }
    assert_eq!(gateway.broker.topic("t").unwrap().partitions()[0].high_watermark().get(), 0);
}

#[tokio::test]
async fn unknown_topic_ids_have_their_own_code() {
    let gateway = Gateway::start().await;
    let asked = by_id(request("", 0, batch(&[b"x"])), uuid::Uuid::from_u128(7));
    assert_eq!(produce(&gateway, 13, &asked).await.error_code, 100);
}

#[tokio::test]
async fn acks_0_is_not_answered_and_an_error_closes_the_connection() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    client.send(7, &request("t", 0, batch(&[b"a"])).with_acks(0)).await;
    let answer = client.call(7, &request("t", 0, batch(&[b"b"]))).await;
    assert_eq!(answer.responses[0].partition_responses[0].base_offset, 1);
    assert_eq!(topic.partitions()[0].high_watermark().get(), 2);

    client.send(7, &request("unknown", 0, batch(&[b"c"])).with_acks(0)).await;
    client.expect_close().await;
    let closed = r#"chronik_kafka_requests_total{api="Produce",error="failed_acks_0"} 1"#;
    assert!(gateway.metrics().contains(closed), "{}", gateway.metrics());
}

#[tokio::test]
async fn pipelined_produces_keep_their_order_while_storage_waits() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 3).await;
    let mut client = gateway.client().await;
    gateway.faults.hold();
    let mut sent = Vec::new();
    for at in 0..20_u32 {
        sent.push(client.send(9, &request("t", 0, batch(&[&at.to_be_bytes()]))).await);
    }
    gateway.faults.release();
    for (at, id) in sent.into_iter().enumerate() {
        let (answered, response) = client.receive::<ProduceRequest>(9).await;
        assert_eq!(answered, id);
        let offset = response.responses[0].partition_responses[0].base_offset;
        assert_eq!(offset, i64::try_from(at).unwrap(), "records of a connection are appended in their order");
    }
}

#[tokio::test]
async fn a_repeated_batch_of_an_idempotent_producer_gets_its_first_offset() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let records = |sequence| {
        let producer =
            builder(&[b"x"]).producer(ProducerId::new(5), ProducerEpoch::ZERO, Sequence::new(sequence));
        producer.build().unwrap()
    };
    let offset = async |sequence| {
        let answer = produce(&gateway, 9, &request("t", 0, records(sequence))).await;
        (answer.error_code, answer.base_offset)
    };
    assert_eq!(offset(0).await, (0, 0));
    assert_eq!(offset(1).await, (0, 1));
    assert_eq!(offset(0).await, (0, 0));
    assert_eq!(offset(7).await, (45, -1));
}

#[tokio::test]
async fn records_of_a_large_request_are_kept_whole() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let value = vec![7; 1_000_000];
    let answer = produce(&gateway, 9, &request("t", 0, batch(&[&value]))).await;
    assert_eq!(answer.error_code, 0);
    let too_large = produce(&gateway, 9, &request("t", 0, batch(&[&vec![7; 1_100_000]]))).await;
    assert_eq!(too_large.error_code, 10);
    tokio::time::timeout(Duration::from_secs(10), gateway.server.shutdown()).await.unwrap();
}
