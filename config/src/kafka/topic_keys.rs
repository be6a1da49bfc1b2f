//! The settings that a topic can override.

use super::broker_keys::Unit;
use super::definition::{Definition, boolean, double, int, list, long, string};

/// A setting of topics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicConfigKey {
    /// What it is.
    pub definition: Definition,
    /// The broker settings it falls back to, the strongest first, and their units.
    pub(super) synonyms: &'static [(&'static str, Unit)],
}

impl Definition {
    const fn falls_to(self, synonyms: &'static [(&'static str, Unit)]) -> TopicConfigKey {
        TopicConfigKey { definition: self, synonyms }
    }
}

impl TopicConfigKey {
    /// The broker setting it falls back to first.
    #[must_use]
    pub fn broker_name(&self) -> Option<&'static str> {
        self.synonyms.first().map(|(name, _)| *name)
    }
}

/// Settings that Kafka 4 no longer has but older tools still send.
pub const REMOVED_TOPIC_KEYS: [&str; 3] =
    ["message.format.version", "message.timestamp.difference.max.ms", "message.downconversion.enable"];

/// The setting with that name.
#[must_use]
pub fn topic_key(name: &str) -> Option<&'static TopicConfigKey> {
    TOPIC_KEYS.iter().find(|key| key.definition.name == name)
}

/// Every setting of topics, by name.
#[must_use]
pub const fn topic_keys() -> &'static [TopicConfigKey] {
    TOPIC_KEYS
}

/// What `compression.type` can be.
pub(super) const COMPRESSION_TYPES: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
/// What `cleanup.policy` can hold.
pub(super) const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];
/// What `message.timestamp.type` can be.
pub(super) const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];
/// Kafka's largest long, its way to write "never".
pub(super) const NEVER: &str = "9223372036854775807";

const PLAIN: Unit = Unit::Plain;
const SEGMENT_MS: &[(&str, Unit)] = &[("log.roll.ms", PLAIN), ("log.roll.hours", Unit::Hours)];
const SEGMENT_JITTER_MS: &[(&str, Unit)] =
    &[("log.roll.jitter.ms", PLAIN), ("log.roll.jitter.hours", Unit::Hours)];
const FLUSH_MS: &[(&str, Unit)] =
    &[("log.flush.interval.ms", PLAIN), ("log.flush.scheduler.interval.ms", PLAIN)];
const RETENTION_MS: &[(&str, Unit)] = &[
    ("log.retention.ms", PLAIN),
    ("log.retention.minutes", Unit::Minutes),
    ("log.retention.hours", Unit::Hours),
];

const TOPIC_KEYS: &[TopicConfigKey] = &[
    list("cleanup.policy", "What becomes of old records: they are deleted by age and size, the last one of each key is kept, or both. Empty keeps them for ever.")
        .or("delete").each_of(CLEANUP_POLICIES).falls_to(&[("log.cleanup.policy", PLAIN)]),
    int("compression.gzip.level", "The level with which batches are compressed again when compression.type is gzip.")
        .or("-1").gzip_level().falls_to(&[("compression.gzip.level", PLAIN)]),
    int("compression.lz4.level", "The level with which batches are compressed again when compression.type is lz4.")
        .or("9").between(1, 17).falls_to(&[("compression.lz4.level", PLAIN)]),
    string("compression.type", "The codec batches are stored with; producer keeps them as they were sent.")
        .or("producer").one_of(COMPRESSION_TYPES).falls_to(&[("compression.type", PLAIN)]),
    int("compression.zstd.level", "The level with which batches are compressed again when compression.type is zstd.")
        .or("3").between(-131_072, 22).falls_to(&[("compression.zstd.level", PLAIN)]),
    long("delete.retention.ms", "How long compaction keeps the marker of a deleted key.")
        .or("86400000").at_least(0).falls_to(&[("log.cleaner.delete.retention.ms", PLAIN)]),
    long("file.delete.delay.ms", "How long a segment that is no longer needed stays where it is.")
        .or("60000").at_least(0).falls_to(&[("log.segment.delete.delay.ms", PLAIN)]),
    long("flush.messages", "Accepted and reported. Acknowledged records are already where the durability of the storage says.")
        .or(NEVER).at_least(1).falls_to(&[("log.flush.interval.messages", PLAIN)]),
    long("flush.ms", "Accepted and reported. Acknowledged records are already where the durability of the storage says.")
        .or(NEVER).at_least(0).falls_to(FLUSH_MS),
    list("follower.replication.throttled.replicas", "Accepted and reported. The storage keeps the copies, so there is no replication to slow down.")
        .or("").throttled_replicas().falls_to(&[]),
    int("index.interval.bytes", "Accepted and reported. The storage chooses the density of its own indexes.")
        .or("4096").at_least(0).falls_to(&[("log.index.interval.bytes", PLAIN)]),
    list("leader.replication.throttled.replicas", "Accepted and reported. The storage keeps the copies, so there is no replication to slow down.")
        .or("").throttled_replicas().falls_to(&[]),
    long("local.retention.bytes", "How much of a partition is worth keeping near; -2 is the same as retention.bytes.")
        .or("-2").at_least(-2).falls_to(&[("log.local.retention.bytes", PLAIN)]),
    long("local.retention.ms", "How long records are worth keeping near; -2 is the same as retention.ms.")
        .or("-2").at_least(-2).falls_to(&[("log.local.retention.ms", PLAIN)]),
    long("max.compaction.lag.ms", "Compaction gets to every record before it is older than this.")
        .or(NEVER).at_least(1).falls_to(&[("log.cleaner.max.compaction.lag.ms", PLAIN)]),
    int("max.message.bytes", "The largest batch that is accepted, as it was sent.")
        .or("1048588").at_least(0).falls_to(&[("message.max.bytes", PLAIN)]),
    long("message.timestamp.after.max.ms", "A record whose timestamp is further in the future is refused, unless the gateway stamps records itself.")
        .or("3600000").at_least(0).falls_to(&[("log.message.timestamp.after.max.ms", PLAIN)]),
    long("message.timestamp.before.max.ms", "A record whose timestamp is further in the past is refused, unless the gateway stamps records itself.")
        .or(NEVER).at_least(0).falls_to(&[("log.message.timestamp.before.max.ms", PLAIN)]),
    string("message.timestamp.type", "Whose clock stamps records: the producer's, or the gateway's at the append.")
        .or("CreateTime").one_of(TIMESTAMP_TYPES).falls_to(&[("log.message.timestamp.type", PLAIN)]),
    double("min.cleanable.dirty.ratio", "The share of a partition that must be uncompacted before compaction is worth it.")
        .or("0.5").ratio().falls_to(&[("log.cleaner.min.cleanable.ratio", PLAIN)]),
    long("min.compaction.lag.ms", "Compaction leaves records younger than this alone.")
        .or("0").at_least(0).falls_to(&[("log.cleaner.min.compaction.lag.ms", PLAIN)]),
    int("min.insync.replicas", "Accepted and reported. How many copies an acknowledged record has is up to the storage.")
        .or("1").at_least(1).falls_to(&[("min.insync.replicas", PLAIN)]),
    boolean("preallocate", "Accepted and reported. The storage prepares its files in its own way.")
        .or("false").falls_to(&[("log.preallocate", PLAIN)]),
    boolean("remote.log.copy.disable", "Accepted and reported. There is no second tier to copy to.")
        .or("false").falls_to(&[]),
    boolean("remote.log.delete.on.disable", "Accepted and reported. There is no second tier to delete from.")
        .or("false").falls_to(&[]),
    boolean("remote.storage.enable", "Whether older records move to a second tier. It cannot be turned on without one.")
        .or("false").falls_to(&[]),
    long("retention.bytes", "The oldest records of a partition beyond this size may be deleted; -1 keeps them.")
        .or("-1").falls_to(&[("log.retention.bytes", PLAIN)]),
    long("retention.ms", "Records older than this may be deleted; -1 keeps them.")
        .or("604800000").at_least(-1).falls_to(RETENTION_MS),
    int("segment.bytes", "The size at which a partition begins a new segment.")
        .or("1073741824").at_least(1_048_576).falls_to(&[("log.segment.bytes", PLAIN)]),
    int("segment.index.bytes", "Accepted and reported. The storage chooses the size of its own indexes.")
        .or("10485760").at_least(4).falls_to(&[("log.index.size.max.bytes", PLAIN)]),
    long("segment.jitter.ms", "Accepted and reported. New segments of different partitions do not coincide here.")
        .or("0").at_least(0).falls_to(SEGMENT_JITTER_MS),
    long("segment.ms", "The age at which a partition begins a new segment.")
        .or("604800000").at_least(1).falls_to(SEGMENT_MS),
    boolean("unclean.leader.election.enable", "Accepted and reported. No gateway can lead without all acknowledged records, so none is ever lost this way.")
        .or("false").falls_to(&[("unclean.leader.election.enable", PLAIN)]),
];
