//! Limits on connections, pipelines over TCP, clients that do not read, addresses that are taken.

use chronik_config::{ByteSize, Listener};
use chronik_server::{Parts, Server};
use chronik_types::{Entropy, SystemClock};
use kafka_protocol::messages::{ApiVersionsRequest, FetchRequest, MetadataRequest};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

use crate::fetching::{append, base_offsets, partition, request};
use crate::support::{Client, Gateway, frame};

#[tokio::test]
async fn one_address_gets_as_many_connections_as_it_may() {
    let gateway = Gateway::start_with(|settings| settings.limits.max_connections_per_ip = 2).await;
    let asked = ApiVersionsRequest::default();
    let (mut first, mut second) = (gateway.client().await, gateway.client().await);
    first.call(0, &asked).await;
    second.call(0, &asked).await;
    gateway.client().await.expect_close().await;
    assert!(gateway.metrics().contains(r#"chronik_kafka_connections_refused_total{listener="PLAINTEXT"} 1"#));
    drop(first);
    // The place is free as soon as the gateway has noticed.
    loop {
        let mut again = gateway.client().await;
        again.stream.write_all(&frame(0, 1, &asked)).await.unwrap();
        if again.receive_frame().await.is_some() {
            break;
        }
    }
    second.call(0, &asked).await;
}

#[tokio::test]
async fn beyond_the_total_a_connection_waits_for_a_place() {
    let gateway = Gateway::start_with(|settings| settings.limits.max_connections = 1).await;
    let asked = ApiVersionsRequest::default();
    let mut first = gateway.client().await;
    first.call(0, &asked).await;
    let mut waiting = gateway.client().await;
    waiting.send(0, &asked).await;
    first.call(0, &asked).await;
    drop(first);
    waiting.receive::<ApiVersionsRequest>(0).await;
}

#[tokio::test]
async fn every_listener_can_give_out_the_last_place() {
    let gateway = Gateway::start_with(|settings| {
        let second = Listener { name: "SECOND".to_owned(), ..Listener::plaintext("127.0.0.1", 0) };
        settings.kafka.listeners.push(second);
        settings.limits.max_connections = 1;
    })
    .await;
    let asked = ApiVersionsRequest::default();
    let addresses = gateway.server.local_addresses();
    // One after the other, and each while the one before waits.
    let mut connected = Client::connect(addresses[1]).await;
    connected.call(0, &asked).await;
    for address in [addresses[0], addresses[1], addresses[1], addresses[0]] {
        let mut next = Client::connect(address).await;
        next.send(0, &asked).await;
        connected.call(0, &asked).await;
        drop(std::mem::replace(&mut connected, next));
        connected.receive::<ApiVersionsRequest>(0).await;
    }
}

#[tokio::test]
async fn a_hundred_pipelined_requests_are_answered_in_their_order() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    let mut sent = Vec::new();
    for at in 0..100 {
        let id = if at % 2 == 0 {
            client.send(12, &MetadataRequest::default().with_topics(None)).await
        } else {
            client.send(12, &request(vec![partition(0, 0)])).await
        };
        sent.push(id);
    }
    for (at, id) in sent.into_iter().enumerate() {
        let answered = if at % 2 == 0 {
            client.receive::<MetadataRequest>(12).await.0
        } else {
            client.receive::<FetchRequest>(12).await.0
        };
        assert_eq!(answered, id);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_nobody_up() {
    let gateway = Gateway::start().await;
    gateway.topic("t", 1).await;
    let (mut slow, mut healthy) = (gateway.client().await, gateway.client().await);
    for _ in 0..8 {
        append(&mut healthy, 0, &[&vec![7; 900_000]]).await;
    }
    let fetches = 12;
    for _ in 0..fetches {
        slow.send(12, &request(vec![partition(0, 0).with_partition_max_bytes(i32::MAX)])).await;
    }
    append(&mut healthy, 0, &[b"still served"]).await;
    for _ in 0..fetches {
        let (_, response) = slow.receive::<FetchRequest>(12).await;
        assert!(response.responses[0].partitions[0].records.as_ref().unwrap().len() > 7_000_000);
    }
}

#[tokio::test]
async fn answers_get_smaller_when_memory_is_short() {
    let gateway = Gateway::start_with(|settings| {
        settings.limits.queued_max_request_bytes = ByteSize::mib(1);
        settings.limits.socket_request_max_bytes = ByteSize::mib(1);
    })
    .await;
    gateway.topic("t", 1).await;
    let mut client = gateway.client().await;
    for _ in 0..10 {
        append(&mut client, 0, &[&vec![7; 100_000]]).await;
    }
    // Half a MiB is there for answers, and the first one gets half of that: two batches of ten.
    let mut offset = 0;
    while offset < 10 {
        let response = client.call(12, &request(vec![partition(0, offset)])).await;
        let offsets = base_offsets(&response.responses[0].partitions[0]);
        assert!((1..=2).contains(&offsets.len()), "{offsets:?}");
        assert_eq!(offsets[0], offset);
        offset += i64::try_from(offsets.len()).unwrap();
    }
}

#[tokio::test]
async fn answers_that_a_client_does_not_read_leave_memory_for_others() {
    let gateway = Gateway::start_with(|settings| {
        settings.limits.queued_max_request_bytes = ByteSize::mib(8);
        settings.limits.socket_request_max_bytes = ByteSize::mib(8);
    })
    .await;
    gateway.topic("t", 1).await;
    let (mut slow, mut healthy) = (gateway.client().await, gateway.client().await);
    for _ in 0..20 {
        append(&mut healthy, 0, &[&vec![7; 90_000]]).await;
    }
    for _ in 0..60 {
        slow.send(12, &request(vec![partition(0, 20)]).with_max_wait_ms(i32::MAX).with_min_bytes(1)).await;
    }
    let waiting = "chronik_kafka_requests_in_flight 60\n";
    while !gateway.metrics().contains(waiting) {
        tokio::task::yield_now().await;
    }
    // All of them are answered with it, which is more than the memory of all answers.
    append(&mut healthy, 0, &[&vec![7; 90_000]]).await;
    while !gateway.metrics().contains("chronik_kafka_requests_in_flight 0\n") {
        tokio::task::yield_now().await;
    }
    let response = healthy.call(12, &request(vec![partition(0, 0)])).await;
    let offsets = base_offsets(&response.responses[0].partitions[0]);
    assert!(
        offsets.len() >= 8,
        "a share of the memory, not the one batch that is always granted: {offsets:?}"
    );
    for _ in 0..60 {
        slow.receive::<FetchRequest>(12).await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let gateway = Gateway::start().await;
    let mut settings = chronik_config::Settings::default();
    settings.kafka.listeners = vec![Listener::plaintext("127.0.0.1", gateway.address().port())];
    let parts = Parts {
        settings: &settings,
        broker: Arc::clone(&gateway.broker),
        registry: &mut Registry::default(),
        clock: Arc::new(SystemClock::new()),
        entropy: Entropy::seeded(1),
    };
    let error = Server::bind(parts).await.unwrap_err().to_string();
    let expected = format!("cannot listen on PLAINTEXT://{}", gateway.address());
    assert!(error.starts_with(&expected) && error.contains("uses this port"), "{error}");
}

#[tokio::test]
async fn connections_are_counted() {
    let gateway = Gateway::start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.call(0, &ApiVersionsRequest::default()).await;
    let metrics = gateway.metrics();
    for line in [
        r#"chronik_kafka_connections{listener="PLAINTEXT"} 1"#,
        r#"chronik_kafka_requests_total{api="ApiVersions",error="NONE"} 1"#,
        r#"chronik_kafka_request_duration_seconds_count{api="ApiVersions"} 1"#,
        "chronik_kafka_requests_in_flight 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
}
