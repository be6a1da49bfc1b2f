//! Fetch without sessions: what is read, limits, long polls, refusals.

use std::time::Duration;

use bytes::Bytes;
use chronik_types::Offset;
use chronik_wire::batch::RecordBatch;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse};

use crate::producing;
use crate::support::{Client, Gateway, batch, name, wire_id};

/// Wants of one partition of `t`.
pub(crate) fn partition(index: i32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(index)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(1024 * 1024)
}

/// A fetch of `t` that answers at once and wants no session.
pub(crate) fn request(partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic::default().with_topic(name("t")).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 * 1024 * 1024)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

pub(crate) fn data(response: &FetchResponse) -> Vec<&PartitionData> {
    response.responses.iter().flat_map(|topic| &topic.partitions).collect()
}

/// The base offsets of the batches in an answer, whose checksums have to be right.
pub(crate) fn base_offsets(data: &PartitionData) -> Vec<i64> {
    let mut rest: Bytes = data.records.clone().unwrap_or_default();
    let mut offsets = Vec::new();
    while !rest.is_empty() {
        let batch = RecordBatch::split_first(&mut rest).unwrap();
        batch.verify_crc().unwrap();
        offsets.push(batch.header().base_offset.get());
    }
    offsets
}

pub(crate) async fn append(client: &mut Client, index: i32, values: &[&[u8]]) {
    let answer = client.call(9, &producing::request("t", index, batch(values))).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

#[tokio::test]
async fn every_version_reads_from_every_offset() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    append(&mut client, 0, &[b"a", b"b"]).await;
    append(&mut client, 0, &[&[7; 5_000]]).await;
    for version in 4..=18 {
        for (offset, expected) in [(0, vec![0, 2]), (1, vec![0, 2]), (2, vec![2]), (3, vec![])] {
            let mut asked = request(vec![partition(0, offset)]);
            if version >= 13 {
                asked.topics[0].topic = name("");
                asked.topics[0].topic_id = wire_id(&topic);
            }
            let response = client.call(version, &asked).await;
            let data = data(&response)[0].clone();
            assert_eq!((data.error_code, data.high_watermark, data.last_stable_offset), (0, 3, 3));
            assert_eq!(base_offsets(&data), expected, "version {version}, offset {offset}");
            assert_eq!(data.preferred_read_replica, BrokerId(-1));
        }
    }
}

#[tokio::test]
async fn offsets_out_of_range_and_unknown_partitions_have_their_codes() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    for offset in [5, -1] {
        let response = client.call(12, &request(vec![partition(0, offset), partition(1, 0)])).await;
        let codes: Vec<_> = data(&response).iter().map(|d| (d.error_code, d.high_watermark)).collect();
        assert_eq!(codes, [(1, -1), (3, -1)]);
    }
    let mut by_id = request(vec![partition(0, 0)]);
    by_id.topics[0].topic = name("");
    by_id.topics[0].topic_id = uuid::Uuid::from_u128(9);
    assert_eq!(data(&client.call(13, &by_id).await)[0].error_code, 100);
}

#[tokio::test]
async fn leader_epochs_are_checked() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    for (epoch, code) in [(1, 75), (0, 0)] {
        let asked = request(vec![partition(0, 0).with_current_leader_epoch(epoch)]);
        assert_eq!(data(&client.call(11, &asked).await)[0].error_code, code);
    }
}

#[tokio::test]
async fn a_client_that_read_further_than_its_epoch_went_is_told_where_it_ended() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    append(&mut client, 0, &[b"a"]).await;
    for (offset, end) in [(1, (-1, -1)), (4, (0, 1))] {
        let asked = request(vec![partition(0, offset).with_last_fetched_epoch(0)]);
        let response = client.call(12, &asked).await;
        let data = data(&response)[0];
        assert_eq!(data.error_code, 0);
        assert_eq!((data.diverging_epoch.epoch, data.diverging_epoch.end_offset), end);
    }
}

#[tokio::test]
async fn the_first_batch_comes_even_when_it_is_over_every_limit() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 2).await;
    let mut client = gateway.client().await;
    for index in 0..2 {
        append(&mut client, index, &[&[7; 10_000]]).await;
        append(&mut client, index, &[&[7; 10_000]]).await;
    }
    let small = |index| partition(index, 0).with_partition_max_bytes(1);
    let response = client.call(11, &request(vec![small(0), small(1)])).await;
    let offsets: Vec<_> = data(&response).iter().map(|d| base_offsets(d)).collect();
    assert_eq!(offsets, [vec![0], vec![]]);

    let response =
        client.call(11, &request(vec![partition(0, 0), partition(1, 0)]).with_max_bytes(15_000)).await;
    let offsets: Vec<_> = data(&response).iter().map(|d| base_offsets(d)).collect();
    assert_eq!(offsets, [vec![0], vec![]]);
}

#[tokio::test]
async fn replicas_are_refused() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let old = request(vec![partition(0, 0)]).with_replica_id(BrokerId(2));
    assert_eq!(data(&client.call(11, &old).await)[0].error_code, 29);
    let state = ReplicaState::default().with_replica_id(BrokerId(2));
    let new = request(vec![partition(0, 0)]).with_replica_state(state);
    assert_eq!(data(&client.call(17, &new).await)[0].error_code, 29);
}

#[tokio::test]
async fn an_unknown_isolation_level_is_refused() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    assert_eq!(client.call(11, &request(vec![partition(0, 0)]).with_isolation_level(2)).await.error_code, 42);
    assert_eq!(client.call(11, &request(vec![partition(0, 0)]).with_isolation_level(1)).await.error_code, 0);
}

#[tokio::test]
async fn a_waiting_fetch_is_woken_by_an_append() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 2).await;
    let (mut reader, mut writer) = (gateway.client().await, gateway.client().await);
    reader.send(11, &request(vec![partition(0, 0), partition(1, 0)]).with_max_wait_ms(600_000)).await;
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 1).await;
    append(&mut writer, 1, &[b"news"]).await;
    let (_, response) = reader.receive::<FetchRequest>(11).await;
    let offsets: Vec<_> = data(&response).iter().map(|d| base_offsets(d)).collect();
    assert_eq!(offsets, [vec![], vec![0]]);
}

#[tokio::test]
async fn a_waiting_fetch_wants_as_much_as_it_said() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let (mut reader, mut writer) = (gateway.client().await, gateway.client().await);
    reader.send(11, &request(vec![partition(0, 0)]).with_max_wait_ms(600_000).with_min_bytes(15_000)).await;
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 1).await;
    append(&mut writer, 0, &[&[7; 10_000]]).await;
    assert_eq!(gateway.broker.metrics().waiting_fetches.get(), 1, "10 kB are not enough");
    append(&mut writer, 0, &[&[7; 10_000]]).await;
    let (_, response) = reader.receive::<FetchRequest>(11).await;
    assert_eq!(base_offsets(data(&response)[0]), [0, 1]);
}

#[tokio::test]
async fn a_waiting_fetch_comes_back_when_its_time_is_up() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let response = client.call(11, &request(vec![partition(0, 0)]).with_max_wait_ms(20)).await;
    assert_eq!((data(&response)[0].error_code, base_offsets(data(&response)[0]).len()), (0, 0));
}

#[tokio::test]
async fn a_waiting_fetch_hears_of_a_deleted_topic() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    client.send(11, &request(vec![partition(0, 0)]).with_max_wait_ms(600_000)).await;
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 1).await;
    gateway.broker.delete_topic(topic.id()).await.unwrap();
    let (_, response) = client.receive::<FetchRequest>(11).await;
    assert_eq!(data(&response)[0].error_code, 3);
}

#[tokio::test]
async fn a_waiting_fetch_ends_with_its_connection() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    client.send(11, &request(vec![partition(0, 0)]).with_max_wait_ms(600_000)).await;
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 1).await;
    drop(client);
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 0).await;
}

#[tokio::test]
async fn what_was_deleted_is_out_of_range() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    append(&mut client, 0, &[b"a"]).await;
    append(&mut client, 0, &[b"b"]).await;
    let at = topic.partitions()[0].topic_partition();
    gateway.broker.delete_records(vec![(at, Offset::new(1))]).await.unwrap();
    for (offset, answer) in [(0, (1, -1)), (1, (0, 1))] {
        let response = client.call(11, &request(vec![partition(0, offset)])).await;
        let data = data(&response)[0];
        assert_eq!((data.error_code, data.log_start_offset), answer);
    }
}

#[tokio::test]
async fn a_partition_that_is_named_again_is_read_once_as_it_was_named_last() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 2).await;
    let mut client = gateway.client().await;
    for index in 0..2 {
        append(&mut client, index, &[b"a"]).await;
        append(&mut client, index, &[b"b"]).await;
    }
    let mut named = vec![partition(1, 0), partition(0, 0)];
    named.extend(std::iter::repeat_n(partition(1, 1), 50_000));
    let response = client.call(11, &request(named).with_max_wait_ms(600_000)).await;
    let told: Vec<_> = data(&response).iter().map(|d| (d.partition_index, base_offsets(d))).collect();
    assert_eq!(told, [(1, vec![1]), (0, vec![0, 1])]);
}

/// Waits for a condition.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it never happened");
}
