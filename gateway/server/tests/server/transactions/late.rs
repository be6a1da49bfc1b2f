//! Takeovers, and requests that are delayed, repeated or reordered on their way (KIP-890): over other connections, in every
//! order that a network can bring about.

use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::{DescribeTransactionsRequest, WriteTxnMarkersRequest};

use super::{Producer, wire_id};
use crate::support::{Client, Gateway, name};

async fn state(client: &mut Client, id: &'static str) -> String {
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![wire_id(id)]);
    client.call(0, &request).await.transaction_states[0].transaction_state.to_string()
}

fn stable(gateway: &Gateway, partition: usize) -> (i64, i64) {
    let topic = gateway.broker.topic("t").unwrap();
    let partition = &topic.partitions()[partition];
    (partition.last_stable_offset().get(), partition.high_watermark().get())
}

#[tokio::test]
async fn a_takeover_is_one_request_and_fences_everything_of_the_old_producer() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 2).await;
    let mut client = gateway.client().await;
    let old = Producer::init(&mut client, "tx").await;
    assert_eq!(old.send(&mut client, 12, 0, 0).await, (0, 0));
    let new = Producer::init(&mut client, "tx").await;
    assert_eq!((new.producer_id, new.epoch), (old.producer_id, old.epoch + 1));
    assert_eq!((state(&mut client, "tx").await.as_str(), stable(&gateway, 0)), ("Empty", (2, 2)));
    // Each version is told what it knows.
    for (version, code) in [(0, 47), (1, 47), (2, 90), (3, 90)] {
        assert_eq!(old.add(&mut client, version, &[0]).await, [code]);
    }
    for (version, code) in [(0, 47), (1, 47), (2, 90), (4, 90), (5, 90)] {
        for committed in [true, false] {
            assert_eq!(old.end(&mut client, version, committed).await, code, "EndTxn {version}");
        }
    }
    for (version, code) in [(3, 47), (4, 90), (5, 90)] {
        assert_eq!(old.init_again(&mut client, version).await.0, code);
    }
    for version in [9, 11, 12] {
        assert_eq!(old.send(&mut client, version, 0, 1).await, (47, -1));
    }
    assert_eq!(old.add_offsets(&mut client, "g").await, 90);
    assert_eq!(old.commit_offset(&mut client, 5, "").await, 47);
    assert_eq!((state(&mut client, "tx").await.as_str(), stable(&gateway, 0)), ("Empty", (2, 2)));
    assert_eq!(new.send(&mut client, 12, 1, 0).await, (0, 0));
}

#[tokio::test]
async fn requests_after_the_end_open_nothing_in_either_flow() {
    for (produce, end) in [(11, 4), (12, 5)] {
        let gateway = Gateway::start().await;
        gateway.topic("t", 2).await;
        let (mut client, mut delayed) = (gateway.client().await, gateway.client().await);
        let producer = Producer::init(&mut client, "tx").await;
        if produce < 12 {
            assert_eq!(producer.add(&mut client, 3, &[0]).await, [0]);
        }
        assert_eq!(producer.send(&mut client, produce, 0, 0).await.0, 0);
        assert_eq!(producer.end(&mut client, end, true).await, 0);
        // The same batch again, the next one, and one for a partition that was never added.
        let refused = if produce < 12 { 120 } else { 47 };
        for (partition, sequence) in [(0, 0), (0, 1), (1, 0)] {
            assert_eq!(producer.send(&mut delayed, produce, partition, sequence).await, (refused, -1));
        }
        assert_eq!(producer.commit_offset(&mut delayed, 4, "").await, if produce < 12 { 120 } else { 47 });
        // The end again is the same end.
        assert_eq!(producer.end(&mut delayed, end, true).await, 0);
        assert_eq!(producer.end(&mut delayed, end, false).await, 48);
        assert_eq!(state(&mut client, "tx").await, "CompleteCommit");
        assert_eq!((stable(&gateway, 0), stable(&gateway, 1)), ((2, 2), (0, 0)));
    }
}

#[tokio::test]
async fn requests_of_one_transaction_do_not_touch_the_next() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 2).await;
    let (mut client, mut delayed) = (gateway.client().await, gateway.client().await);
    let first = Producer::init(&mut client, "tx").await;
    assert_eq!(first.send(&mut client, 12, 0, 0).await.0, 0);
    let second = first.bump(&mut client, true).await;
    assert_eq!(second.send(&mut client, 12, 0, 0).await.0, 0);
    // What is left of the first: its end, a batch, an addition.
    for committed in [true, false] {
        assert_eq!(first.end(&mut delayed, 5, committed).await, 90);
    }
    assert_eq!(first.send(&mut delayed, 12, 0, 1).await, (47, -1));
    assert_eq!(first.add(&mut delayed, 3, &[1]).await, [90]);
    assert_eq!((state(&mut client, "tx").await.as_str(), stable(&gateway, 0)), ("Ongoing", (2, 3)));
    let third = second.bump(&mut client, false).await;
    assert_eq!(third.epoch, 2);
    assert_eq!(stable(&gateway, 0), (4, 4));
}

#[tokio::test]
async fn a_batch_that_overtakes_its_predecessor_is_refused_and_comes_again() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let producer = Producer::init(&mut client, "tx").await;
    assert_eq!(producer.send(&mut client, 12, 0, 1).await, (45, -1));
    assert_eq!(state(&mut client, "tx").await, "Empty", "it has not begun a transaction");
    assert_eq!(producer.send(&mut client, 12, 0, 0).await, (0, 0));
    assert_eq!(producer.send(&mut client, 12, 0, 1).await, (0, 1));
    assert_eq!(producer.send(&mut client, 12, 0, 0).await, (0, 0), "sent again, it is where it was");
    producer.bump(&mut client, true).await;
    assert_eq!(stable(&gateway, 0), (3, 3));
}

#[tokio::test]
async fn requests_in_one_pipeline_keep_their_order() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let producer = Producer::init(&mut client, "tx").await;
    // All sent before the first is answered: the end must not overtake the records.
    for sequence in 0..20 {
        client.send(12, &producer.record(0, sequence)).await;
    }
    client.send(5, &producer.ending(true)).await;
    for offset in 0..20 {
        let (_, response) = client.receive::<kafka_protocol::messages::ProduceRequest>(12).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, offset));
    }
    let (_, ended) = client.receive::<kafka_protocol::messages::EndTxnRequest>(5).await;
    assert_eq!((ended.error_code, ended.producer_epoch, stable(&gateway, 0)), (0, 1, (21, 21)));
}

#[tokio::test]
async fn limits_and_metadata_are_checked() {
    let gateway = Gateway::start_with(|settings| {
        settings.transactions.max_partitions = 2;
        settings.transactions.max_transactional_ids = 1;
        settings.groups.offset_metadata_max_bytes = chronik_config::ByteSize::new(3);
    })
    .await;
    gateway.topic("t", 3).await;
    let mut client = gateway.client().await;
    let producer = Producer::init(&mut client, "tx").await;
    let other = Producer { id: "other", producer_id: -1, epoch: -1 };
    assert_eq!(other.init_again(&mut client, 5).await.0, 44);
    assert_eq!(producer.add(&mut client, 3, &[0, 1, 2]).await, [44; 3]);
    assert_eq!(producer.add(&mut client, 3, &[0, 1]).await, [0; 2]);
    assert_eq!(producer.send(&mut client, 12, 2, 0).await, (44, -1));
    assert_eq!(producer.add_offsets(&mut client, "g").await, 44);
    assert_eq!(producer.add_offsets(&mut client, "").await, 24);
    let bumped = producer.bump(&mut client, false).await;
    assert_eq!(bumped.commit_offset(&mut client, 5, "long").await, 12);
    assert_eq!(bumped.commit_offset(&mut client, 5, "日本語").await, 0, "nine bytes, but three characters");
    let nobody = Producer { id: "", ..producer };
    assert_eq!(nobody.add(&mut client, 3, &[0]).await, [42]);
    assert_eq!(nobody.add_offsets(&mut client, "g").await, 42);
    assert_eq!(nobody.commit_offset(&mut client, 5, "").await, 42);
    assert_eq!(nobody.end(&mut client, 5, true).await, 42);
}

#[tokio::test]
async fn an_operator_aborts_a_whole_transaction_and_fences_its_producer() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 3).await;
    let mut client = gateway.client().await;
    let producer = Producer::init(&mut client, "tx").await;
    for partition in 0..2 {
        assert_eq!(producer.send(&mut client, 12, partition, 0).await.0, 0);
    }
    let write = |committed, epoch, coordinator_epoch, partition| {
        let topic =
            WritableTxnMarkerTopic::default().with_name(name("t")).with_partition_indexes(vec![partition]);
        let marker = WritableTxnMarker::default()
            .with_producer_id(producer.producer_id.into())
            .with_producer_epoch(epoch)
            .with_transaction_result(committed)
            .with_coordinator_epoch(coordinator_epoch)
            .with_topics(vec![topic]);
        WriteTxnMarkersRequest::default().with_markers(vec![marker])
    };
    let cases = [
        (write(true, 0, 0, 0), 42, "commits come with EndTxn"),
        (write(false, -1, 0, 0), 47, "an epoch before"),
        (write(false, 0, -1, 0), 52, "a coordinator before"),
        (write(false, 0, 0, 9), 3, "no such partition"),
        (write(false, 0, 0, 2), 0, "nothing is open there, which is what was wanted"),
    ];
    for (request, code, why) in cases {
        let response = client.call(1, &request).await;
        assert_eq!(response.markers[0].topics[0].partitions[0].error_code, code, "{why}");
        assert_eq!(state(&mut client, "tx").await, "Ongoing", "{why}");
    }
    let response = client.call(1, &write(false, 0, 0, 0)).await;
    assert_eq!(response.markers[0].topics[0].partitions[0].error_code, 0);
    assert_eq!(state(&mut client, "tx").await, "CompleteAbort");
    assert_eq!((stable(&gateway, 0), stable(&gateway, 1)), ((2, 2), (2, 2)));
    assert_eq!(producer.end(&mut client, 5, true).await, 90);
}
