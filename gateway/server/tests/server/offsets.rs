//! ListOffsets, OffsetForLeaderEpoch and InitProducerId.

use chronik_types::TimestampMs;
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    BrokerId, InitProducerIdRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest, ProducerId,
    TransactionalId,
};
use kafka_protocol::protocol::StrBytes;

use crate::producing;
use crate::support::{Client, Gateway, name};

const HOUR_AGO: i64 = 1_700_000_000_000;

/// Three records with times 0, 20 and 10 after [`HOUR_AGO`].
async fn filled(gateway: &Gateway) -> Client {
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    for after in [0, 20, 10] {
        let timestamp = TimestampMs::new(HOUR_AGO + after);
        let record = NewRecord { timestamp, value: Some(b"x"), ..NewRecord::default() };
        let records = BatchBuilder::new().record(&record).build().unwrap();
        let answer = client.call(9, &producing::request("t", 0, records)).await;
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }
    client
}

fn request(timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
    let topic = ListOffsetsTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
}

async fn list(client: &mut Client, version: i16, timestamp: i64) -> (i16, i64, i64) {
    let response = client.call(version, &request(timestamp)).await;
    let found = &response.topics[0].partitions[0];
    assert_eq!(found.leader_epoch, if version >= 4 && found.offset >= 0 { 0 } else { -1 });
    (found.error_code, found.offset, found.timestamp)
}

#[tokio::test]
async fn every_version_finds_the_ends_and_times() {
    let gateway = Gateway::start().await;
    let mut client = filled(&gateway).await;
    for version in 1..=10 {
        assert_eq!(list(&mut client, version, -1).await, (0, 3, -1));
        assert_eq!(list(&mut client, version, -2).await, (0, 0, -1));
        assert_eq!(list(&mut client, version, HOUR_AGO + 5).await, (0, 1, HOUR_AGO + 20));
        assert_eq!(list(&mut client, version, HOUR_AGO + 21).await, (0, -1, -1));
    }
}

#[tokio::test]
async fn special_timestamps_belong_to_versions() {
    let gateway = Gateway::start().await;
    let mut client = filled(&gateway).await;
    let unsupported = (35, -1, -1);
    assert_eq!(list(&mut client, 6, -3).await, unsupported);
    assert_eq!(list(&mut client, 7, -3).await, (0, 1, HOUR_AGO + 20));
    assert_eq!(list(&mut client, 7, -4).await, unsupported);
    assert_eq!(list(&mut client, 8, -4).await, (0, 0, -1));
    assert_eq!(list(&mut client, 8, -5).await, unsupported);
    assert_eq!(list(&mut client, 9, -5).await, (0, -1, -1));
    assert_eq!(list(&mut client, 10, -6).await, unsupported);
    assert_eq!(list(&mut client, 10, -7).await, unsupported);
}

#[tokio::test]
async fn unknown_partitions_and_epochs_have_their_codes() {
    let gateway = Gateway::start().await;
    let mut client = filled(&gateway).await;
    let mut asked = request(-1);
    asked.topics[0].partitions[0].current_leader_epoch = 3;
    assert_eq!(client.call(4, &asked).await.topics[0].partitions[0].error_code, 75);
    asked.topics[0].partitions[0].partition_index = 9;
    assert_eq!(client.call(4, &asked).await.topics[0].partitions[0].error_code, 3);
    assert_eq!(
        client.call(4, &request(-1).with_isolation_level(9)).await.topics[0].partitions[0].error_code,
        42
    );
}

#[tokio::test]
async fn a_partition_that_is_asked_for_twice_is_refused_the_second_time() {
    let gateway = Gateway::start().await;
    let mut client = filled(&gateway).await;
    let mut asked = request(-1);
    let again = asked.topics[0].clone();
    asked.topics.push(again);
    let response = client.call(7, &asked).await;
    let codes: Vec<_> = response.topics.iter().map(|topic| topic.partitions[0].error_code).collect();
    assert_eq!(codes, [0, 42]);
}

#[tokio::test]
async fn epochs_end_where_the_partition_does() {
    let gateway = Gateway::start().await;
    let mut client = filled(&gateway).await;
    for version in 2..=4 {
        let end = async |client: &mut Client, current: i32, epoch: i32| {
            let partition = OffsetForLeaderPartition::default()
                .with_current_leader_epoch(current)
                .with_leader_epoch(epoch);
            let topic =
                OffsetForLeaderTopic::default().with_topic(name("t")).with_partitions(vec![partition]);
            let asked =
                OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
            let asked = if version < 3 { asked.with_replica_id(BrokerId(-2)) } else { asked };
            let found = client.call(version, &asked).await.topics[0].partitions[0].clone();
            (found.error_code, found.leader_epoch, found.end_offset)
        };
        assert_eq!(end(&mut client, -1, 0).await, (0, 0, 3));
        assert_eq!(end(&mut client, 0, 5).await, (0, -1, -1));
        assert_eq!(end(&mut client, 5, 0).await, (75, -1, -1));
    }
}

#[tokio::test]
async fn producers_get_ids_that_nobody_has_had() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let mut ids = Vec::new();
    for version in 0..=5 {
        let asked =
            InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
        let response = client.call(version, &asked).await;
        assert_eq!((response.error_code, response.producer_epoch), (0, 0));
        ids.push(response.producer_id.0);
    }
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
}

#[tokio::test]
async fn producers_that_ask_for_nonsense_are_refused() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let transactional = |id, timeout_ms| {
        InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(StrBytes::from_static_str(id))))
            .with_transaction_timeout_ms(timeout_ms)
    };
    assert_eq!(client.call(4, &transactional("", 60_000)).await.error_code, 42);
    for timeout_ms in [i32::MIN, -1, 0, 900_001, i32::MAX] {
        assert_eq!(client.call(4, &transactional("tx", timeout_ms)).await.error_code, 50);
    }
    assert_eq!(client.call(4, &transactional("tx", 900_000)).await.error_code, 0);
    let half = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id(ProducerId(5))
        .with_producer_epoch(-1);
    assert_eq!(client.call(4, &half).await.error_code, 42);
}
