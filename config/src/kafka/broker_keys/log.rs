//! The log, and the defaults of topics.

use super::super::definition::{boolean, double, int, list, long, string};
use super::super::topic_keys::{CLEANUP_POLICIES, COMPRESSION_TYPES, NEVER, TIMESTAMP_TYPES};
use super::{BrokerConfigKey, Unit, View};

const SYNCED: &str =
    "Accepted and reported. Acknowledged records are already where the durability of the storage says.";
const CLEANER: &str = "Reported as Kafka's default. Compaction here needs no such tuning.";
const INDEXES: &str = "Accepted and reported. The storage chooses the shape of its own indexes.";

pub(super) const KEYS: &[BrokerConfigKey] = &[
    list(
        "log.dirs",
        "The directory of the log. There is one log for all partitions, so there is one directory.",
    )
    .sets("storage.wal.dir")
    .shown(View::WhenChanged),
    string("log.dir", "The directory of the log; log.dirs is stronger.").sets("storage.wal.dir"),
    int("message.max.bytes", "The largest batch that is accepted, as it was sent.")
        .at_least(0)
        .sets("topics.max_message_bytes")
        .dynamic(),
    string("compression.type", "The codec batches are stored with; producer keeps them as they were sent.")
        .one_of(COMPRESSION_TYPES)
        .sets("topics.compression_type")
        .dynamic(),
    int("compression.gzip.level", "The level when gzip is written.")
        .gzip_level()
        .sets("topics.compression_gzip_level")
        .dynamic(),
    int("compression.lz4.level", "The level when LZ4 is written.")
        .between(1, 17)
        .sets("topics.compression_lz4_level")
        .dynamic(),
    int("compression.zstd.level", "The level when Zstandard is written.")
        .between(-131_072, 22)
        .sets("topics.compression_zstd_level")
        .dynamic(),
    int(
        "min.insync.replicas",
        "Accepted and reported. How many copies an acknowledged record has is up to the storage.",
    )
    .at_least(1)
    .sets("topics.min_insync_replicas")
    .dynamic(),
    boolean(
        "unclean.leader.election.enable",
        "Accepted and reported. No gateway can lead without all acknowledged records.",
    )
    .or("false")
    .reported()
    .dynamic(),
    list("log.cleanup.policy", "What becomes of old records: delete, compact or both.")
        .each_of(CLEANUP_POLICIES)
        .sets("topics.cleanup_policy")
        .dynamic(),
    long("log.retention.ms", "Records older than this may be deleted; -1 keeps them.")
        .sets("topics.retention_ms")
        .shown(View::WhenChanged)
        .dynamic(),
    int("log.retention.minutes", "As log.retention.ms, which is stronger.")
        .sets("topics.retention_ms")
        .in_unit(Unit::Minutes)
        .shown(View::Never),
    int("log.retention.hours", "As log.retention.ms, which is stronger.")
        .or("168")
        .sets("topics.retention_ms")
        .in_unit(Unit::Hours)
        .shown(View::Never),
    long(
        "log.retention.bytes",
        "The oldest records of a partition beyond this size may be deleted; -1 keeps them.",
    )
    .sets("topics.retention_bytes")
    .dynamic(),
    long("log.retention.check.interval.ms", "How often retention is looked at.")
        .at_least(1)
        .sets("topics.retention_check_interval"),
    long("log.local.retention.ms", "How long records are worth keeping near; -2 is the same as retention.")
        .at_least(-2)
        .or("-2")
        .reported()
        .dynamic(),
    long(
        "log.local.retention.bytes",
        "How much of a partition is worth keeping near; -2 is the same as retention.",
    )
    .at_least(-2)
    .or("-2")
    .reported()
    .dynamic(),
    int("log.segment.bytes", "The size at which a partition begins a new segment.")
        .at_least(1_048_576)
        .sets("topics.segment_bytes")
        .dynamic(),
    long("log.segment.delete.delay.ms", "How long a segment that is no longer needed stays where it is.")
        .at_least(0)
        .sets("topics.file_delete_delay_ms")
        .dynamic(),
    long("log.roll.ms", "The age at which a partition begins a new segment.")
        .at_least(1)
        .sets("topics.segment_ms")
        .shown(View::WhenChanged)
        .dynamic(),
    int("log.roll.hours", "As log.roll.ms, which is stronger.")
        .at_least(1)
        .or("168")
        .sets("topics.segment_ms")
        .in_unit(Unit::Hours)
        .shown(View::Never),
    long(
        "log.roll.jitter.ms",
        "Accepted and reported. New segments of different partitions do not coincide here.",
    )
    .at_least(0)
    .reported()
    .dynamic(),
    int(
        "log.roll.jitter.hours",
        "Accepted and reported. New segments of different partitions do not coincide here.",
    )
    .at_least(0)
    .or("0")
    .reported(),
    int("log.index.size.max.bytes", INDEXES).at_least(4).or("10485760").reported().dynamic(),
    int("log.index.interval.bytes", INDEXES).at_least(0).or("4096").reported().dynamic(),
    boolean("log.preallocate", "Accepted and reported. The storage prepares its files in its own way.")
        .or("false")
        .reported()
        .dynamic(),
    long("log.flush.interval.messages", SYNCED).at_least(1).or(NEVER).reported().dynamic(),
    long("log.flush.interval.ms", SYNCED).reported().dynamic(),
    long("log.flush.scheduler.interval.ms", SYNCED).or(NEVER).reported(),
    int("log.flush.offset.checkpoint.interval.ms", SYNCED).at_least(0).or("60000").reported(),
    int("log.flush.start.offset.checkpoint.interval.ms", SYNCED).at_least(0).or("60000").reported(),
    string("log.message.timestamp.type", "Whose clock stamps records.")
        .one_of(TIMESTAMP_TYPES)
        .sets("topics.message_timestamp_type")
        .dynamic(),
    long(
        "log.message.timestamp.before.max.ms",
        "Records whose timestamp is further in the past are refused.",
    )
    .at_least(0)
    .sets("topics.message_timestamp_before_max_ms")
    .dynamic(),
    long(
        "log.message.timestamp.after.max.ms",
        "Records whose timestamp is further in the future are refused.",
    )
    .at_least(0)
    .sets("topics.message_timestamp_after_max_ms")
    .dynamic(),
    boolean("log.cleaner.enable", "Reported: topics with cleanup.policy=compact are compacted.")
        .or("true")
        .reported(),
    int("log.cleaner.threads", CLEANER).at_least(0).or("1").reported(),
    long("log.cleaner.backoff.ms", CLEANER).at_least(0).or("15000").reported(),
    long("log.cleaner.dedupe.buffer.size", CLEANER).or("134217728").reported(),
    int("log.cleaner.io.buffer.size", CLEANER).at_least(0).or("524288").reported(),
    double("log.cleaner.io.max.bytes.per.second", CLEANER).or("1.7976931348623157E308").reported(),
    long("log.cleaner.delete.retention.ms", "How long compaction keeps the marker of a deleted key.")
        .at_least(0)
        .sets("topics.delete_retention_ms")
        .dynamic(),
    long("log.cleaner.min.compaction.lag.ms", "Compaction leaves records younger than this alone.")
        .at_least(0)
        .sets("topics.min_compaction_lag_ms")
        .dynamic(),
    long(
        "log.cleaner.max.compaction.lag.ms",
        "Compaction gets to every record before it is older than this.",
    )
    .at_least(1)
    .sets("topics.max_compaction_lag_ms")
    .dynamic(),
    double(
        "log.cleaner.min.cleanable.ratio",
        "The share of a partition that must be uncompacted before compaction is worth it.",
    )
    .ratio()
    .sets("topics.min_cleanable_dirty_ratio")
    .dynamic(),
    long(
        "log.dir.failure.timeout.ms",
        "Reported as Kafka's default. A log that cannot be written stops the gateway at once.",
    )
    .at_least(1)
    .or("30000")
    .reported(),
    int(
        "producer.id.expiration.ms",
        "An idempotent producer that writes nothing to a partition for this long is forgotten there.",
    )
    .at_least(1)
    .sets("limits.producer_id_expiration")
    .dynamic(),
    int("producer.id.expiration.check.interval.ms", "How often producers are looked at for that.")
        .at_least(1)
        .sets("limits.producer_id_expiration_check_interval"),
];
