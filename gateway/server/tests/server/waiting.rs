//! Requests that wait for others keep no memory from those that could be answered.

use std::time::Duration;

use bytes::Bytes;
use chronik_config::ByteSize;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    FetchRequest, GroupId, JoinGroupRequest, JoinGroupResponse, MetadataRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::fetching::{append, data, partition, request};
use crate::support::{Client, Gateway};

/// What makes a request of a size that is counted as small, and one that is counted as large.
const SIZES: [usize; 2] = [15_000, 25_000];

/// A gateway with room for eight small requests of 15 kB, or three large ones of 25 kB, which may take more when decoded.
async fn gateway() -> Gateway {
    Gateway::start_with(|settings| {
        settings.limits.queued_max_request_bytes = ByteSize::mib(1);
        settings.limits.socket_request_max_bytes = ByteSize::mib(1);
        settings.groups.initial_rebalance_delay = Duration::ZERO;
    })
    .await
}

/// Waits until so many requests have been taken and not answered.
async fn in_flight(gateway: &Gateway, count: usize) {
    let line = format!("chronik_kafka_requests_in_flight {count}\n");
    let taken = async {
        while !gateway.metrics().contains(&line) {
            tokio::task::yield_now().await;
        }
    };
    in_time(taken).await;
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("no memory is left for it")
}

/// Small and large requests of a client that waits for nobody.
async fn is_served(client: &mut Client) {
    let served = async {
        client.call(12, &MetadataRequest::default().with_topics(None)).await;
        append(client, 0, &[b"small"]).await;
        append(client, 0, &[&[7; 50_000]]).await;
    };
    in_time(served).await;
}

/// A fetch from so many partitions that waits for more than ever comes.
fn patient(partitions: i32) -> FetchRequest {
    let named = (0..partitions).map(|index| partition(index, 0)).collect();
    request(named).with_max_wait_ms(i32::MAX).with_min_bytes(i32::MAX)
}

#[tokio::test]
async fn fetches_give_the_memory_of_their_requests_back() {
    let gateway = gateway().await;
    gateway.topic("t", 1).await;
    let mut open = Vec::new();
    for size in SIZES {
        let mut client = gateway.client().await;
        for _ in 0..16 {
            client.send(12, &patient(1).with_rack_id(StrBytes::from_string("r".repeat(size)))).await;
        }
        open.push(client);
    }
    in_flight(&gateway, 32).await;
    is_served(&mut gateway.client().await).await;
}

#[tokio::test]
async fn a_fetch_that_has_no_room_to_wait_answers_at_once() {
    let gateway = gateway().await;
    gateway.topic("t", 1_000).await;
    let (mut first, mut second, mut third) =
        (gateway.client().await, gateway.client().await, gateway.client().await);
    first.send(12, &patient(1_000)).await;
    in_flight(&gateway, 1).await;
    let response = in_time(second.call(12, &patient(1_000))).await;
    assert!(data(&response).iter().all(|one| one.error_code == 0 && one.high_watermark == 0));
    assert_eq!(data(&response).len(), 1_000);
    third.send(12, &patient(1)).await;
    in_flight(&gateway, 2).await;
    is_served(&mut second).await;
}

fn join(member_id: &StrBytes, metadata: usize) -> JoinGroupRequest {
    let range = StrBytes::from_static_str("range");
    let protocol =
        JoinGroupRequestProtocol::default().with_name(range).with_metadata(Bytes::from(vec![0; metadata]));
    JoinGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("g")))
        .with_member_id(member_id.clone())
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol])
}

fn sync(joined: &JoinGroupResponse, assignment: usize) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(Bytes::from(vec![0; assignment]));
    SyncGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("g")))
        .with_member_id(joined.member_id.clone())
        .with_generation_id(joined.generation_id)
        .with_assignments(vec![assignment])
}

/// Version 3 of both needs no id before the first join.
#[tokio::test]
async fn members_of_groups_give_the_memory_of_their_requests_back() {
    let gateway = gateway().await;
    gateway.topic("t", 1).await;
    let (mut leader, mut other) = (gateway.client().await, gateway.client().await);
    let led = leader.call(3, &join(&StrBytes::new(), 10)).await;
    leader.call(3, &sync(&led, 10)).await;
    let mut followers = Vec::new();
    for at in 0..24 {
        let mut client = gateway.client().await;
        client.send(3, &join(&StrBytes::new(), SIZES[at % 2])).await;
        followers.push(client);
    }
    // They wait for the leader to join again.
    in_flight(&gateway, 24).await;
    is_served(&mut other).await;
    let led = leader.call(3, &join(&led.member_id, 10)).await;
    assert_eq!((led.error_code, led.generation_id, led.members.len()), (0, 2, 25));
    for (at, client) in followers.iter_mut().enumerate() {
        let (_, joined) = client.receive::<JoinGroupRequest>(3).await;
        assert_eq!((joined.error_code, joined.generation_id), (0, 2));
        client.send(3, &sync(&joined, SIZES[at % 2])).await;
    }
    // They wait for the leader's assignment.
    in_flight(&gateway, 24).await;
    is_served(&mut other).await;
    assert_eq!(leader.call(3, &sync(&led, 10)).await.error_code, 0);
    for client in &mut followers {
        assert_eq!(client.receive::<SyncGroupRequest>(3).await.1.error_code, 0);
    }
}
