//! Graceful stop: what was accepted is finished, nothing more is taken.

use kafka_protocol::messages::{FetchRequest, ProduceRequest};
use tokio::net::TcpStream;

use crate::fetching::{partition, request, wait_until};
use crate::producing;
use crate::support::{Gateway, batch};

#[tokio::test]
async fn accepted_produces_are_acknowledged_and_waiting_fetches_answered() {
    let gateway = Gateway::start().await;
    let topic = gateway.topic("t", 1).await;
    let (mut writer, mut reader) = (gateway.client().await, gateway.client().await);
    reader.send(12, &request(vec![partition(0, 0)]).with_max_wait_ms(600_000)).await;
    wait_until(|| gateway.broker.metrics().waiting_fetches.get() == 1).await;
    gateway.faults.hold();
    writer.send(9, &producing::request("t", 0, batch(&[b"accepted"]))).await;
    wait_until(|| gateway.broker.metrics().waiting_appends.get() == 1).await;

    let address = gateway.address();
    let stopping = tokio::spawn(gateway.server.shutdown());
    let (_, fetched) = reader.receive::<FetchRequest>(12).await;
    assert_eq!(fetched.responses[0].partitions[0].error_code, 0);
    reader.expect_close().await;
    assert!(!stopping.is_finished(), "the produce is not finished");
    gateway.faults.release();
    let (_, produced) = writer.receive::<ProduceRequest>(9).await;
    assert_eq!(produced.responses[0].partition_responses[0].error_code, 0);
    assert_eq!(topic.partitions()[0].high_watermark().get(), 1);
    writer.expect_close().await;
    assert!(stopping.await.unwrap(), "all was finished in time");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_stop() {
    let gateway = Gateway::start().await;
    let mut idle = gateway.client().await;
    idle.call(0, &kafka_protocol::messages::ApiVersionsRequest::default()).await;
    let stopping = tokio::spawn(gateway.server.shutdown());
    idle.expect_close().await;
    drop(idle);
    assert!(stopping.await.unwrap());
}
