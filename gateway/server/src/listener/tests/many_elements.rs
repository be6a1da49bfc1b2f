//! Requests that name very many things: what these take is counted before they are decoded.

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, DeleteRecordsRequest, FetchRequest, ListOffsetsRequest, OffsetCommitRequest,
    OffsetForLeaderEpochRequest, TxnOffsetCommitRequest,
};

use super::*;

fn encoded(message: &impl Encodable, version: i16) -> BytesMut {
    let mut body = BytesMut::new();
    message.encode(&mut body, version).unwrap();
    body
}

/// One request of each API, with so many partitions of one topic that is not there.
fn requests(count: usize) -> Vec<(i16, i16, BytesMut)> {
    let produce =
        TopicProduceData::default().with_partition_data(vec![PartitionProduceData::default(); count]);
    let fetch = (0..).take(count).map(|index| FetchPartition::default().with_partition(index)).collect();
    let fetch = FetchTopic::default().with_partitions(fetch);
    let list = ListOffsetsTopic::default().with_partitions(vec![ListOffsetsPartition::default(); count]);
    let epochs =
        OffsetForLeaderTopic::default().with_partitions(vec![OffsetForLeaderPartition::default(); count]);
    let delete =
        DeleteRecordsTopic::default().with_partitions(vec![DeleteRecordsPartition::default(); count]);
    let add = AddPartitionsToTxnTopic::default().with_partitions(vec![0; count]);
    let commit = vec![OffsetCommitRequestPartition::default(); count];
    let commit = OffsetCommitRequestTopic::default().with_partitions(commit);
    let txn_commit = vec![TxnOffsetCommitRequestPartition::default(); count];
    let txn_commit = TxnOffsetCommitRequestTopic::default().with_partitions(txn_commit);
    vec![
        (0, 9, encoded(&ProduceRequest::default().with_acks(1).with_topic_data(vec![produce]), 9)),
        (1, 12, encoded(&FetchRequest::default().with_topics(vec![fetch]), 12)),
        (2, 6, encoded(&ListOffsetsRequest::default().with_topics(vec![list]), 6)),
        (8, 8, encoded(&OffsetCommitRequest::default().with_topics(vec![commit]), 8)),
        (21, 2, encoded(&DeleteRecordsRequest::default().with_topics(vec![delete]), 2)),
        (23, 4, encoded(&OffsetForLeaderEpochRequest::default().with_topics(vec![epochs]), 4)),
        (24, 3, encoded(&AddPartitionsToTxnRequest::default().with_v3_and_below_topics(vec![add]), 3)),
        (28, 3, encoded(&TxnOffsetCommitRequest::default().with_topics(vec![txn_commit]), 3)),
    ]
}

#[tokio::test]
async fn what_many_elements_take_is_waited_for_before_they_are_decoded() {
    let context = context(&clock()).await;
    for (key, version, body) in requests(1_000) {
        let all = context.element_memory.try_reserve(context.element_memory.available()).unwrap();
        let mut answering = handler_of(key).unwrap()(Arc::clone(&context), call(key, version, &body, None));
        let waiting = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx))).await;
        assert!(waiting.is_pending(), "{key}: {waiting:?}");
        drop(all);
        let reply = answering.await;
        assert!(matches!(reply, Reply::Answer(_)), "{key}: {reply:?}");
        drop(reply);
        assert_eq!(context.element_memory.available(), 1 << 20, "{key}");
    }
}

#[tokio::test]
async fn few_elements_need_no_memory_that_is_counted() {
    let context = context(&clock()).await;
    let _all = context.element_memory.try_reserve(1 << 20).unwrap();
    for (key, version, body) in requests(8) {
        let reply = handler_of(key).unwrap()(Arc::clone(&context), call(key, version, &body, None)).await;
        assert!(matches!(reply, Reply::Answer(_)), "{key}: {reply:?}");
    }
}

#[tokio::test]
async fn a_large_frame_is_not_counted_twice() {
    let context = context(&clock()).await;
    let (key, version, body) = requests(1_000).remove(2);
    let memory = Admission::new(1 << 30);
    let frame = memory.try_reserve(body.len() + chronik_wire::wellformed::allowed_memory(body.len()));
    let _all = context.element_memory.try_reserve(1 << 20).unwrap();
    let reply = handler_of(key).unwrap()(Arc::clone(&context), call(key, version, &body, frame)).await;
    assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
}
