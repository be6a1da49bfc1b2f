//! What Fetch and ListOffsets tell readers of committed records, in every version.

use std::time::Duration;

use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::Producer;
use crate::fetching::{base_offsets, data, partition, request};
use crate::support::{Client, Gateway, wire_id};

/// The versions in which topics go by name.
const BY_NAME: i16 = 12;

async fn fetch(
    client: &mut Client,
    gateway: &Gateway,
    version: i16,
    offset: i64,
    isolation: i8,
) -> FetchResponse {
    client.call(version, &asked(gateway, version, offset, isolation)).await
}

fn asked(gateway: &Gateway, version: i16, offset: i64, isolation: i8) -> FetchRequest {
    let mut request = request(vec![partition(0, offset)]).with_isolation_level(isolation);
    if version > BY_NAME {
        request.topics[0].topic = Default::default();
        request.topics[0].topic_id = wire_id(&gateway.broker.topic("t").unwrap());
    }
    if version < 7 {
        request.session_epoch = -1;
    }
    request
}

/// An aborted transaction at 0 and 1, a committed one at 2 and 3, and an open one at 4.
async fn prepared() -> (Gateway, Client, Producer) {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let mut producer = Producer::init(&mut client, "tx").await;
    for committed in [false, true] {
        assert_eq!(producer.send(&mut client, 12, 0, 0).await.0, 0);
        producer = producer.bump(&mut client, committed).await;
    }
    assert_eq!(producer.send(&mut client, 12, 0, 0).await, (0, 4));
    (gateway, client, producer)
}

#[tokio::test]
async fn every_version_is_told_what_is_stable_and_what_was_aborted() {
    let (gateway, mut client, _) = prepared().await;
    for version in 4..=18 {
        for (offset, batches, aborted) in
            [(0, 0..4, 1), (1, 1..4, 1), (2, 2..4, 0), (4, 4..4, 0), (5, 5..5, 0)]
        {
            let response = fetch(&mut client, &gateway, version, offset, 1).await;
            let found = data(&response)[0];
            assert_eq!(base_offsets(found), batches.collect::<Vec<_>>(), "v{version} from {offset}");
            assert_eq!((found.error_code, found.high_watermark, found.last_stable_offset), (0, 5, 4));
            let list = found.aborted_transactions.as_ref().expect("a list");
            assert_eq!(list.len(), aborted, "v{version} from {offset}");
            assert!(list.iter().all(|one| (one.producer_id.0, one.first_offset) == (0, 0)));
            let response = fetch(&mut client, &gateway, version, offset, 0).await;
            let found = data(&response)[0];
            assert_eq!(base_offsets(found), (offset..5).collect::<Vec<_>>());
            assert_eq!((found.last_stable_offset, found.aborted_transactions.is_none()), (4, true));
        }
    }
}

#[tokio::test]
async fn a_long_poll_waits_for_the_end_of_the_transaction() {
    let (gateway, mut client, producer) = prepared().await;
    let mut readers = Vec::new();
    for (offset, min_bytes) in [(4, 1), (5, 1), (4, 150)] {
        let mut reader = gateway.client().await;
        let request = asked(&gateway, 12, offset, 1).with_max_wait_ms(60_000).with_min_bytes(min_bytes);
        reader.send(12, &request).await;
        readers.push(reader);
    }
    let waiting = async {
        while gateway.broker.metrics().waiting_fetches.get() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    // Records without the end are no news.
    assert_eq!(producer.send(&mut client, 12, 0, 1).await, (0, 5));
    assert_eq!(gateway.broker.metrics().waiting_fetches.get(), 3);
    producer.bump(&mut client, true).await;
    for (reader, batches) in readers.iter_mut().zip([vec![4, 5, 6], vec![5, 6], vec![4, 5, 6]]) {
        let answer = reader.receive::<FetchRequest>(12);
        let (_, response) = tokio::time::timeout(Duration::from_secs(10), answer).await.unwrap();
        assert_eq!(base_offsets(data(&response)[0]), batches);
    }
}
