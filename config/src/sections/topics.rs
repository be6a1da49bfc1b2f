//! `[topics]`: what topics are made with, and the defaults of their settings.

use chronik_types::TimestampType;
use std::time::Duration;

use super::section;
use crate::values::{
    BrokerCompression, ByteSize, CleanupPolicy, Millis, ReplicationFactorPolicy, SizeLimit, TimeLimit,
};

/// The largest size that fits into Kafka's 32-bit settings.
const MAX_I32: ByteSize = ByteSize::new(0x7fff_ffff);

section! {
    /// What topics are made with, and the defaults of their own settings. Each topic can override the latter under Kafka's
    /// name; the broker's name is given with each key.
    pub struct TopicSettings as SECTION at topics {
        /// Partitions of a topic that does not say how many it wants.
        partitions: i32 = 1, in 1 => 100_000;
        /// Make a topic when a client first asks for it.
        auto_create: bool = true;
        /// Let clients delete topics.
        delete_enable: bool = true;
        /// The replication factor of a topic that does not say which it wants. The storage keeps the copies; the number is
        /// only reported back.
        replication_factor_default: i16 = 1, in 1 => i16::MAX;
        /// "any" accepts every replication factor and reports it back, "strict" refuses more than there are brokers.
        replication_factor: ReplicationFactorPolicy = ReplicationFactorPolicy::Any;
        /// The most topics that can exist.
        max_topics: u32 = 100_000, in 1 => 10_000_000;
        /// The most partitions that one topic can have.
        max_partitions_per_topic: u32 = 10_000, in 1 => 1_000_000;
        /// The most partitions that all topics can have together.
        max_partitions: u32 = 200_000, in 1 => 10_000_000;
        /// Take settings of topics that Kafka 4 no longer has (message.format.version and its like) and drop them, instead of
        /// refusing them as Kafka 4 does.
        ignore_removed_configs: bool = false;
        /// What becomes of old records: ["delete"], ["compact"], both, or [] to keep them for ever.
        cleanup_policy: Vec<CleanupPolicy> = vec![CleanupPolicy::Delete];
        /// Records older than this may be deleted.
        retention_ms: TimeLimit = TimeLimit::new(604_800_000), in TimeLimit::new(-1) => TimeLimit::new(i64::MAX);
        /// The oldest records of a partition larger than this may be deleted.
        retention_bytes: SizeLimit = SizeLimit::UNLIMITED, in SizeLimit::new(-1) => SizeLimit::new(i64::MAX);
        /// How often retention is looked at.
        retention_check_interval: Duration = Duration::from_secs(300), in Duration::from_millis(1) => Duration::from_secs(86_400);
        /// The size at which a partition begins a new segment. Only reported back: all partitions share the segments of the
        /// storage.
        segment_bytes: ByteSize = ByteSize::gib(1), in ByteSize::mib(1) => MAX_I32;
        /// The age at which a partition begins a new segment. Only reported back, as its size is.
        segment_ms: Millis = Millis::new(604_800_000), in Millis::new(1) => Millis::UNLIMITED;
        /// How long a deleted segment stays on disk. Only reported back: its space is used again at once.
        file_delete_delay_ms: Millis = Millis::new(60_000), in Millis::new(0) => Millis::UNLIMITED;
        /// The largest batch of records that is accepted, compressed.
        max_message_bytes: ByteSize = ByteSize::new(1_048_588), in ByteSize::new(0) => MAX_I32;
        /// The codec batches are stored with; "producer" keeps the producer's.
        compression_type: BrokerCompression = BrokerCompression::Producer;
        /// The level when gzip is written, 1 to 9, or -1 for its default.
        compression_gzip_level: i32 = -1, in -1 => 9;
        /// The level when LZ4 is written.
        compression_lz4_level: i32 = 9, in 1 => 17;
        /// The level when Zstandard is written.
        compression_zstd_level: i32 = 3, in -131_072 => 22;
        /// Whose clock stamps records: the producer's or, at the append, the gateway's.
        message_timestamp_type: TimestampType = TimestampType::CreateTime;
        /// Records whose timestamp is further in the past are refused.
        message_timestamp_before_max_ms: Millis = Millis::UNLIMITED, in Millis::new(0) => Millis::UNLIMITED;
        /// Records whose timestamp is further in the future are refused.
        message_timestamp_after_max_ms: Millis = Millis::new(3_600_000), in Millis::new(0) => Millis::UNLIMITED;
        /// How many copies an acknowledged record has. The storage decides that; the number is only reported back.
        min_insync_replicas: i32 = 1, in 1 => i32::MAX;
        /// Compaction leaves records younger than this alone. Only reported back: nothing is compacted yet, as with the three
        /// settings below.
        min_compaction_lag_ms: Millis = Millis::new(0), in Millis::new(0) => Millis::UNLIMITED;
        /// Compaction gets to every record before it is older than this.
        max_compaction_lag_ms: Millis = Millis::UNLIMITED, in Millis::new(1) => Millis::UNLIMITED;
        /// How long a compacted topic keeps the marker of a deleted key.
        delete_retention_ms: Millis = Millis::new(86_400_000), in Millis::new(0) => Millis::UNLIMITED;
        /// The share of a partition that must be uncompacted before compaction is worth it.
        min_cleanable_dirty_ratio: f64 = 0.5, in 0.0 => 1.0;
    }
}
