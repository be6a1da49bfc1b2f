//! What the broker core counts. Handles are resolved once; adding costs a few nanoseconds and no lock.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::groups::GroupMetrics;

/// Metrics of the broker core; names start with `chronik_`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Bytes of batches appended.
    pub produced_bytes: Counter,
    /// Batches appended.
    pub produced_batches: Counter,
    /// Records appended.
    pub produced_records: Counter,
    /// Batches of idempotent producers that were there already.
    pub produced_duplicates: Counter,
    /// Batches refused, for whatever reason.
    pub produce_errors: Counter,
    /// Seconds from queueing an entry with records until it was applied.
    pub append_seconds: Histogram,
    /// Entries that became durable together.
    pub commit_group_entries: Histogram,
    /// Bytes of batches read.
    pub fetched_bytes: Counter,
    /// Batches read.
    pub fetched_batches: Counter,
    /// Batches that had to be read from storage.
    pub cold_batches: Counter,
    /// Batches that were found damaged.
    pub corrupt_batches: Counter,
    /// Topics.
    pub topics: Gauge,
    /// Partitions.
    pub partitions: Gauge,
    /// Appends and changes that wait for their commit.
    pub waiting_appends: Gauge,
    /// Fetches that wait for records.
    pub waiting_fetches: Gauge,
    /// Open transactions.
    pub open_transactions: Gauge,
    /// Transactions begun.
    pub begun_transactions: Counter,
    /// Transactions committed.
    pub committed_transactions: Counter,
    /// Transactions aborted, by whomever.
    pub aborted_transactions: Counter,
    /// Transactions aborted because their timeout had passed.
    pub timed_out_transactions: Counter,
    /// Groups, and what their members commit.
    pub groups: GroupMetrics,
    /// Index objects found in memory.
    pub index_cache_hits: Counter,
    /// Index objects that had to be read.
    pub index_cache_misses: Counter,
    /// Bytes of index objects in memory.
    pub index_cache_bytes: Gauge,
    /// Checkpoints written.
    pub checkpoints: Counter,
    /// The end of the last sealed segment of the journal.
    pub sealed_position: Gauge,
    /// What indexes and a checkpoint cover; it follows `sealed_position`.
    pub checkpoint_position: Gauge,
    /// Failed attempts to write a checkpoint or an index.
    pub checkpoint_errors: Counter,
    /// Bytes that retention has given up.
    pub retention_bytes: Counter,
    /// 1 when the journal is damaged, so that it can only be read; else 0.
    pub storage_read_only: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            produced_bytes: Counter::default(),
            produced_batches: Counter::default(),
            produced_records: Counter::default(),
            produced_duplicates: Counter::default(),
            produce_errors: Counter::default(),
            append_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            commit_group_entries: Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            fetched_bytes: Counter::default(),
            fetched_batches: Counter::default(),
            cold_batches: Counter::default(),
            corrupt_batches: Counter::default(),
            topics: Gauge::default(),
            partitions: Gauge::default(),
            waiting_appends: Gauge::default(),
            waiting_fetches: Gauge::default(),
            open_transactions: Gauge::default(),
            begun_transactions: Counter::default(),
            committed_transactions: Counter::default(),
            aborted_transactions: Counter::default(),
            timed_out_transactions: Counter::default(),
            groups: GroupMetrics::default(),
            index_cache_hits: Counter::default(),
            index_cache_misses: Counter::default(),
            index_cache_bytes: Gauge::default(),
            checkpoints: Counter::default(),
            sealed_position: Gauge::default(),
            checkpoint_position: Gauge::default(),
            checkpoint_errors: Counter::default(),
            retention_bytes: Counter::default(),
            storage_read_only: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Makes the metrics visible in a registry whose prefix is `chronik`.
    pub fn register(&self, registry: &mut Registry) {
        self.register_appends(registry);
        self.register_transactions(registry);
        self.groups.register(registry);
        self.register_reads(registry);
        self.register_upkeep(registry);
    }

    fn register_appends(&self, registry: &mut Registry) {
        let bytes = self.produced_bytes.clone();
        registry.register_with_unit("produced", "Bytes of batches appended", Unit::Bytes, bytes);
        registry.register("produced_batches", "Batches appended", self.produced_batches.clone());
        registry.register("produced_records", "Records appended", self.produced_records.clone());
        let duplicates = self.produced_duplicates.clone();
        registry.register("produced_duplicate_batches", "Batches that were there already", duplicates);
        registry.register("produce_errors", "Batches refused", self.produce_errors.clone());
        let help = "Time from queueing records until they were applied";
        registry.register_with_unit("append", help, Unit::Seconds, self.append_seconds.clone());
        let entries = self.commit_group_entries.clone();
        registry.register("commit_group_entries", "Entries that became durable together", entries);
        let waiting = self.waiting_appends.clone();
        registry.register("waiting_appends", "Appends that wait for their commit", waiting);
    }

    fn register_transactions(&self, registry: &mut Registry) {
        registry.register("open_transactions", "Open transactions", self.open_transactions.clone());
        registry.register("begun_transactions", "Transactions begun", self.begun_transactions.clone());
        let committed = self.committed_transactions.clone();
        registry.register("committed_transactions", "Transactions committed", committed);
        registry.register("aborted_transactions", "Transactions aborted", self.aborted_transactions.clone());
        let timed_out = self.timed_out_transactions.clone();
        registry.register("timed_out_transactions", "Transactions aborted for their timeout", timed_out);
    }

    /// There are that many open transactions now.
    pub(crate) fn set_open_transactions(&self, open: usize) {
        self.open_transactions.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// There are that many open transactions after an entry of this gateway, which may have begun one.
    pub(crate) fn count_begun(&self, open: usize) {
        let (open, before) = (i64::try_from(open).unwrap_or(i64::MAX), self.open_transactions.get());
        if open > before {
            self.begun_transactions.inc();
        }
        if open != before {
            self.open_transactions.set(open);
        }
    }

    fn register_reads(&self, registry: &mut Registry) {
        let bytes = self.fetched_bytes.clone();
        registry.register_with_unit("fetched", "Bytes of batches read", Unit::Bytes, bytes);
        registry.register("fetched_batches", "Batches read", self.fetched_batches.clone());
        registry.register("cold_batches", "Batches read from storage", self.cold_batches.clone());
        registry.register("corrupt_batches", "Batches found damaged", self.corrupt_batches.clone());
        let waiting = self.waiting_fetches.clone();
        registry.register("waiting_fetches", "Fetches that wait for records", waiting);
        registry.register("index_cache_hits", "Indexes found in memory", self.index_cache_hits.clone());
        registry.register("index_cache_misses", "Indexes read from storage", self.index_cache_misses.clone());
        let bytes = self.index_cache_bytes.clone();
        registry.register_with_unit("index_cache", "Bytes of indexes in memory", Unit::Bytes, bytes);
    }

    fn register_upkeep(&self, registry: &mut Registry) {
        registry.register("topics", "Topics", self.topics.clone());
        registry.register("partitions", "Partitions", self.partitions.clone());
        registry.register("checkpoints", "Checkpoints written", self.checkpoints.clone());
        let sealed = self.sealed_position.clone();
        registry.register("sealed_position", "End of the last sealed segment of the journal", sealed);
        let covered = self.checkpoint_position.clone();
        registry.register("checkpoint_position", "Position in the journal that a checkpoint covers", covered);
        let errors = self.checkpoint_errors.clone();
        registry.register("checkpoint_errors", "Failed attempts to write a checkpoint or an index", errors);
        let bytes = self.retention_bytes.clone();
        registry.register_with_unit("retention", "Bytes given up by retention", Unit::Bytes, bytes);
        let help = "1 when the journal is damaged and can only be read; /readyz tells where";
        registry.register("storage_read_only", help, self.storage_read_only.clone());
    }
}
