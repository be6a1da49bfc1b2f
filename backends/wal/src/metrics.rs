//! What the log counts, as Prometheus metrics named `chronik_wal_*`.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Handles of all metrics of a log.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) group_bytes: Histogram,
    pub(crate) group_entries: Histogram,
    pub(crate) write_seconds: Histogram,
    pub(crate) writes_in_flight: Gauge,
    pub(crate) queued_bytes: Gauge<f64, AtomicU64>,
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
            writes_in_flight: Gauge::default(),
            queued_bytes: Gauge::default(),
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
    /// Adds them to a registry, as `chronik_wal_*` when its prefix is `chronik` or none.
    pub(crate) fn register(&self, registry: &mut Registry, prefix: &str) {
        let registry = registry.sub_registry_with_prefix(prefix);
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
        registry.register("writes_in_flight", "Blocks being written", self.writes_in_flight.clone());
        let help = "Accepted and not yet written";
        registry.register_with_unit("queued", help, bytes(), self.queued_bytes.clone());
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
