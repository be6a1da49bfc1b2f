//! What the log counts, as Prometheus metrics named `chronik_wal_*`.

use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::log::Log;

/// Handles of all metrics of a log.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) group_bytes: Histogram,
    pub(crate) group_entries: Histogram,
    pub(crate) write_seconds: Histogram,
    pub(crate) written_bytes: Counter,
    pub(crate) refused_entries: Counter,
    pub(crate) cold_reads: Counter,
    pub(crate) cold_read_bytes: Counter,
    pub(crate) segments_created: Counter,
    pub(crate) segments_recycled: Counter,
    pub(crate) segments_removed: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            group_bytes: Histogram::new(exponential_buckets(4096.0, 4.0, 8)),
            group_entries: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            write_seconds: Histogram::new(exponential_buckets(50e-6, 2.0, 16)),
            written_bytes: Counter::default(),
            refused_entries: Counter::default(),
            cold_reads: Counter::default(),
            cold_read_bytes: Counter::default(),
            segments_created: Counter::default(),
            segments_recycled: Counter::default(),
            segments_removed: Counter::default(),
        }
    }
}

impl Metrics {
    /// Adds them to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let bytes = || Unit::Bytes;
        registry.register_with_unit(
            "group",
            "Size of a block, padding included",
            bytes(),
            self.group_bytes.clone(),
        );
        registry.register("group_entries", "Entries in a block", self.group_entries.clone());
        let help = "Time to write a block, its sync included";
        registry.register_with_unit("write", help, Unit::Seconds, self.write_seconds.clone());
        registry.register_with_unit("written", "Written to the log", bytes(), self.written_bytes.clone());
        let help = "Entries refused after they had been queued";
        registry.register("refused_entries", help, self.refused_entries.clone());
        registry.register("cold_reads", "Reads that went to disk", self.cold_reads.clone());
        registry.register_with_unit("cold_read", "Read from disk", bytes(), self.cold_read_bytes.clone());
        registry.register("segments_created", "Segments begun", self.segments_created.clone());
        let help = "Segments begun in the file of a removed one";
        registry.register("segments_recycled", help, self.segments_recycled.clone());
        registry.register("segments_removed", "Segments given up", self.segments_removed.clone());
    }
}

/// What there is at a moment: found out when it is asked for, so that it costs writers nothing.
pub(crate) struct QueueCollector(pub(crate) Weak<Log>);

impl fmt::Debug for QueueCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueCollector")
    }
}

impl Collector for QueueCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(log) = self.0.upgrade() else { return Ok(()) };
        let (writes, bytes) = log.under_way();
        let gauge = MetricType::Gauge;
        let in_flight = encoder.encode_descriptor("writes_in_flight", "Blocks being written", None, gauge)?;
        ConstGauge::new(i64::try_from(writes).unwrap_or(i64::MAX)).encode(in_flight)?;
        let help = "Accepted and not yet written";
        let queued = encoder.encode_descriptor("queued", help, Some(&Unit::Bytes), gauge)?;
        ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX)).encode(queued)
    }
}
