//! Counters and histograms of requests, by API.

use std::time::Duration;

use chronik_types::ErrorCode;
use chronik_wire::api::{self, Api};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::Reply;

/// The metrics of all requests of a server.
#[derive(Debug)]
pub struct RequestMetrics {
    /// By the number of the API.
    by_api: Vec<Option<ApiMetrics>>,
    errors: Family<ErrorLabels, Counter>,
    in_flight: Gauge,
}

#[derive(Debug)]
pub(super) struct ApiMetrics {
    name: &'static str,
    answered: Counter,
    duration: Histogram,
    bytes_in: Counter,
    bytes_out: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    api: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    api: &'static str,
    error: &'static str,
}

impl RequestMetrics {
    /// Registers the metrics of all supported APIs.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::<ErrorLabels, Counter>::default();
        let duration =
            Family::<ApiLabels, Histogram, fn() -> Histogram>::new_with_constructor(duration_histogram);
        let bytes_in = Family::<ApiLabels, Counter>::default();
        let bytes_out = Family::<ApiLabels, Counter>::default();
        let in_flight = Gauge::default();
        registry.register(
            "chronik_kafka_requests",
            "Requests answered, by API and by the first error in the answer",
            requests.clone(),
        );
        registry.register(
            "chronik_kafka_request_duration_seconds",
            "Time from the complete frame to the answer; for fetches with the wait for records",
            duration.clone(),
        );
        registry.register(
            "chronik_kafka_request_bytes",
            "Size of the requests behind their headers",
            bytes_in.clone(),
        );
        registry.register("chronik_kafka_response_bytes", "Size of the responses", bytes_out.clone());
        registry.register("chronik_kafka_requests_in_flight", "Requests not yet answered", in_flight.clone());

        let mut by_api = Vec::new();
        for &Api { key, name, .. } in api::all() {
            let Ok(index) = usize::try_from(key) else { continue };
            if by_api.len() <= index {
                by_api.resize_with(index + 1, || None);
            }
            let labels = ApiLabels { api: name };
            let none = ErrorLabels { api: name, error: ErrorCode::None.name() };
            if let Some(slot) = by_api.get_mut(index) {
                *slot = Some(ApiMetrics {
                    name,
                    answered: requests.get_or_create(&none).clone(),
                    duration: duration.get_or_create(&labels).clone(),
                    bytes_in: bytes_in.get_or_create(&labels).clone(),
                    bytes_out: bytes_out.get_or_create(&labels).clone(),
                });
            }
        }
        Self { by_api, errors: requests, in_flight }
    }

    pub(super) fn started(&self, api: &Api, bytes: usize) {
        self.in_flight.inc();
        if let Some(metrics) = self.of(api) {
            metrics.bytes_in.inc_by(wide(bytes));
        }
    }

    pub(super) fn answered(&self, api: &Api, reply: &Reply, elapsed: Duration) {
        let Some(metrics) = self.of(api) else { return };
        metrics.duration.observe(elapsed.as_secs_f64());
        match reply {
            Reply::Answer(answer) => {
                metrics.bytes_out.inc_by(wide(answer.wire_len()));
                if answer.error.is_none() {
                    metrics.answered.inc();
                } else {
                    self.count_error(metrics, answer.error.name());
                }
            }
            Reply::Nothing => {
                metrics.answered.inc();
            }
            Reply::Close(reason) => self.count_error(metrics, reason.name()),
        }
    }

    /// Also called for a request that was given up with its connection.
    pub(super) fn ended(&self) {
        self.in_flight.dec();
    }

    fn count_error(&self, metrics: &ApiMetrics, error: &'static str) {
        self.errors.get_or_create(&ErrorLabels { api: metrics.name, error }).inc();
    }

    fn of(&self, api: &Api) -> Option<&ApiMetrics> {
        self.by_api.get(usize::try_from(api.key).ok()?)?.as_ref()
    }
}

/// From 50 µs to about 50 s.
fn duration_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 21))
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
