//! Incremental fetch sessions (KIP-227).

use kafka_protocol::messages::fetch_request::{FetchPartition, ForgottenTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::fetching::{append, base_offsets, data, partition, request, wait_until};
use crate::support::{Client, Gateway, name};

const VERSION: i16 = 12;

/// Begins a session that reads these partitions.
fn begin(partitions: Vec<FetchPartition>) -> FetchRequest {
    request(partitions).with_session_epoch(0)
}

/// Goes on with a session; `changes` are partitions to add or change.
fn resume(id: i32, epoch: i32, changes: Vec<FetchPartition>) -> FetchRequest {
    let request = request(changes).with_session_id(id).with_session_epoch(epoch);
    if request.topics[0].partitions.is_empty() { request.with_topics(vec![]) } else { request }
}

fn forget(partitions: Vec<i32>) -> Vec<ForgottenTopic> {
    vec![ForgottenTopic::default().with_topic(name("t")).with_partitions(partitions)]
}

/// Which partitions an answer tells of, with the offsets of their batches.
fn told(response: &FetchResponse) -> Vec<(i32, Vec<i64>)> {
    data(response).into_iter().map(|data| (data.partition_index, base_offsets(data))).collect()
}

async fn open(client: &mut Client, partitions: Vec<FetchPartition>) -> i32 {
    let response = client.call(VERSION, &begin(partitions)).await;
    assert!(response.session_id > 0, "no session: {}", response.error_code);
    response.session_id
}

#[tokio::test]
async fn a_session_tells_only_news() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 3).await;
    let mut client = gateway.client().await;
    let first = client.call(VERSION, &begin((0..3).map(|index| partition(index, 0)).collect())).await;
    assert_eq!(told(&first).len(), 3, "the first answer names all");
    let id = first.session_id;

    let nothing = client.call(VERSION, &resume(id, 1, vec![])).await;
    assert_eq!((nothing.session_id, told(&nothing)), (id, vec![]));

    append(&mut client, 1, &[b"a"]).await;
    let news = client.call(VERSION, &resume(id, 2, vec![])).await;
    assert_eq!(told(&news), [(1, vec![0])]);

    // The client has not moved on, so it gets the records again; then it does.
    let again = client.call(VERSION, &resume(id, 3, vec![])).await;
    assert_eq!(told(&again), [(1, vec![0])]);
    let moved = client.call(VERSION, &resume(id, 4, vec![partition(1, 1)])).await;
    assert_eq!(told(&moved), []);
}

#[tokio::test]
async fn a_waiting_session_is_woken_by_any_of_its_partitions() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 50).await;
    let (mut reader, mut writer) = (gateway.client().await, gateway.client().await);
    let id = open(&mut reader, (0..50).map(|index| partition(index, 0)).collect()).await;
    reader.send(VERSION, &resume(id, 1, vec![]).with_max_wait_ms(600_000)).await;
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 1).await;
    append(&mut writer, 33, &[b"a"]).await;
    let (_, response) = reader.receive::<FetchRequest>(VERSION).await;
    assert_eq!(told(&response), [(33, vec![0])]);
}

#[tokio::test]
async fn partitions_can_be_added_and_forgotten() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 3).await;
    let mut client = gateway.client().await;
    for index in 0..3 {
        append(&mut client, index, &[b"a"]).await;
    }
    let id = open(&mut client, vec![partition(0, 0)]).await;
    let more = client.call(VERSION, &resume(id, 1, vec![partition(2, 0)])).await;
    assert_eq!(told(&more), [(2, vec![0]), (0, vec![0])], "the one served last comes last");
    let fewer =
        client.call(VERSION, &resume(id, 2, vec![]).with_forgotten_topics_data(forget(vec![0]))).await;
    assert_eq!(told(&fewer), [(2, vec![0])]);
    let none = client.call(VERSION, &resume(id, 3, vec![]).with_forgotten_topics_data(forget(vec![2]))).await;
    assert_eq!((none.error_code, none.session_id), (0, 0), "nothing is left of the session");
    assert_eq!(client.call(VERSION, &resume(id, 4, vec![])).await.error_code, 70);
}

#[tokio::test]
async fn wrong_ids_and_epochs_have_their_codes() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let id = open(&mut client, vec![partition(0, 0)]).await;
    for (id, epoch, error) in [(id, 2, 71), (id, 7, 71), (id ^ 1, 1, 70), (0, 1, 70)] {
        let response = client.call(VERSION, &resume(id, epoch, vec![])).await;
        assert_eq!((response.error_code, response.session_id), (error, 0));
    }
    assert_eq!(client.call(VERSION, &resume(id, 1, vec![])).await.error_code, 0);
    assert_eq!(client.call(VERSION, &resume(id, 1, vec![])).await.error_code, 71, "each epoch once");
    assert_eq!(client.call(13, &resume(id, 2, vec![])).await.error_code, 106, "names and ids do not mix");
}

#[tokio::test]
async fn the_final_epoch_ends_a_session() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let id = open(&mut client, vec![partition(0, 0)]).await;
    let last = client.call(VERSION, &request(vec![partition(0, 0)]).with_session_id(id)).await;
    assert_eq!((last.error_code, last.session_id, told(&last).len()), (0, 0, 1));
    assert_eq!(client.call(VERSION, &resume(id, 1, vec![])).await.error_code, 70);
}

#[tokio::test]
async fn without_slots_there_are_no_sessions_and_everything_is_told() {
    let gateway = Gateway::start_with(|settings| settings.limits.fetch_session_cache_slots = 0).await;
    gateway.topic("t", 2).await;
    let mut client = gateway.client().await;
    for _ in 0..2 {
        let response = client.call(VERSION, &begin(vec![partition(0, 0), partition(1, 0)])).await;
        assert_eq!((response.session_id, told(&response).len()), (0, 2));
    }
}

#[tokio::test]
async fn young_sessions_are_not_evicted() {
    let gateway = Gateway::start_with(|settings| settings.limits.fetch_session_cache_slots = 1).await;
    gateway.topic("t", 2).await;
    let mut client = gateway.client().await;
    let id = open(&mut client, vec![partition(0, 0)]).await;
    let larger = client.call(VERSION, &begin(vec![partition(0, 0), partition(1, 0)])).await;
    assert_eq!(larger.session_id, 0);
    assert_eq!(client.call(VERSION, &resume(id, 1, vec![])).await.error_code, 0);
    assert!(gateway.metrics().contains("chronik_kafka_fetch_sessions 1"));
}

#[tokio::test]
async fn an_unknown_topic_is_told_until_it_exists() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let id = open(&mut client, vec![partition(0, 0)]).await;
    let unknown = client.call(VERSION, &resume(id, 1, vec![])).await;
    assert_eq!(data(&unknown)[0].error_code, 3);
    gateway.topic("t", 1).await;
    let known = client.call(VERSION, &resume(id, 2, vec![])).await;
    assert_eq!(data(&known).iter().map(|d| (d.error_code, d.high_watermark)).collect::<Vec<_>>(), [(0, 0)]);
}

#[tokio::test]
async fn no_partition_goes_hungry_under_a_small_limit() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 4).await;
    let mut client = gateway.client().await;
    for index in 0..4 {
        append(&mut client, index, &[&[7; 1_000]]).await;
    }
    let first =
        client.call(VERSION, &begin((0..4).map(|i| partition(i, 0)).collect()).with_max_bytes(1)).await;
    let mut served = vec![first];
    for epoch in 1..4 {
        let next = resume(served[0].session_id, epoch, vec![]).with_max_bytes(1);
        served.push(client.call(VERSION, &next).await);
    }
    let with_records = |response: &FetchResponse| -> Vec<i32> {
        told(response)
            .into_iter()
            .filter(|(_, batches)| !batches.is_empty())
            .map(|(index, _)| index)
            .collect()
    };
    assert_eq!(served.iter().flat_map(with_records).collect::<Vec<_>>(), [0, 1, 2, 3]);
}
