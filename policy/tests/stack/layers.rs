//! What the layers do with a call, beyond passing it on.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chronik_policy::{
    Answer, Call, CloseReason, DeadlineLayer, MetricsLayer, Reply, RequestMetrics, TraceLayer,
};
use chronik_types::{ErrorCode, ManualClock, TimestampMs};
use chronik_wire::response::encode_response;
use kafka_protocol::messages::ApiVersionsResponse;
use prometheus_client::registry::Registry;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::call;

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;

fn answer(error: ErrorCode) -> Reply {
    let segments = encode_response(0, 0, 7, &ApiVersionsResponse::default()).unwrap();
    Reply::Answer(Answer::new(segments, error))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_closes_the_connection() {
    let never = service_fn(|_call: Call| pending::<Result<Reply, Infallible>>());
    let limit = Duration::from_secs(30);
    let reply = DeadlineLayer::new(limit).layer(never).oneshot(call(METADATA, 1, "c")).await;
    assert!(matches!(reply, Ok(Reply::Close(CloseReason::Deadline(after))) if after == limit));
}

#[tokio::test(start_paused = true)]
async fn a_produce_may_wait_for_storage() {
    let slow = service_fn(|_call: Call| async {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        Ok::<_, Infallible>(Reply::Nothing)
    });
    let reply = DeadlineLayer::new(Duration::from_secs(30)).layer(slow).oneshot(call(PRODUCE, 7, "c")).await;
    assert!(matches!(reply, Ok(Reply::Nothing)));
}

#[tokio::test]
async fn requests_are_counted_by_api_and_error() {
    let mut registry = Registry::default();
    let clock = Arc::new(ManualClock::new(TimestampMs::new(0)));
    let metrics = MetricsLayer::new(RequestMetrics::register(&mut registry), clock.clone());
    for error in [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::None] {
        let service = service_fn(move |_call: Call| async move { Ok::<_, Infallible>(answer(error)) });
        clock.advance(Duration::from_millis(1));
        metrics.layer(service).oneshot(call(METADATA, 1, "c")).await.unwrap();
    }
    let given_up: Pin<Box<dyn Future<Output = _>>> = Box::pin(
        metrics
            .layer(service_fn(|_call: Call| pending::<Result<Reply, Infallible>>()))
            .oneshot(call(PRODUCE, 7, "c")),
    );
    drop(given_up);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        r#"chronik_kafka_requests_total{api="Metadata",error="NONE"} 2"#,
        r#"chronik_kafka_requests_total{api="Metadata",error="UNKNOWN_TOPIC_OR_PARTITION"} 1"#,
        r#"chronik_kafka_request_bytes_total{api="Metadata"} 300"#,
        r#"chronik_kafka_request_duration_seconds_sum{api="Metadata"} 0.006"#,
        "chronik_kafka_requests_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
}

#[tokio::test]
async fn tracing_passes_the_answer_on() {
    let clock = Arc::new(ManualClock::new(TimestampMs::new(0)));
    let service = service_fn(|_call: Call| async { Ok::<_, Infallible>(answer(ErrorCode::None)) });
    let reply = TraceLayer::new(clock).layer(service).oneshot(call(METADATA, 1, "c")).await;
    assert!(matches!(reply, Ok(Reply::Answer(_))));
}
