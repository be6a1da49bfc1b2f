//! The effective settings of one topic, in types.

use std::time::Duration;

use chronik_types::TimestampType;

use super::definition::Refusal;
use super::{Overrides, broker_key, topic_key};
use crate::sections::{Settings, TopicSettings};
use crate::values::{BrokerCompression, ByteSize, CleanupPolicy, Millis, SizeLimit, TimeLimit};

/// What a topic does: its own settings over the defaults of the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfigs {
    /// `cleanup.policy`; nothing is ever removed when it is empty.
    pub cleanup_policy: Vec<CleanupPolicy>,
    /// `compression.type`
    pub compression_type: BrokerCompression,
    /// `compression.gzip.level`
    pub compression_gzip_level: i32,
    /// `compression.lz4.level`
    pub compression_lz4_level: i32,
    /// `compression.zstd.level`
    pub compression_zstd_level: i32,
    /// `delete.retention.ms`
    pub delete_retention_ms: Millis,
    /// `file.delete.delay.ms`
    pub file_delete_delay_ms: Millis,
    /// `max.compaction.lag.ms`
    pub max_compaction_lag_ms: Millis,
    /// `max.message.bytes`
    pub max_message_bytes: ByteSize,
    /// `message.timestamp.after.max.ms`
    pub message_timestamp_after_max_ms: Millis,
    /// `message.timestamp.before.max.ms`
    pub message_timestamp_before_max_ms: Millis,
    /// `message.timestamp.type`
    pub message_timestamp_type: TimestampType,
    /// `min.cleanable.dirty.ratio`
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`
    pub min_compaction_lag_ms: Millis,
    /// `min.insync.replicas`
    pub min_insync_replicas: i32,
    /// `retention.bytes`
    pub retention_bytes: SizeLimit,
    /// `retention.ms`
    pub retention_ms: TimeLimit,
    /// `segment.bytes`
    pub segment_bytes: ByteSize,
    /// `segment.ms`
    pub segment_ms: Millis,
}

impl From<&TopicSettings> for TopicConfigs {
    fn from(topics: &TopicSettings) -> Self {
        Self {
            cleanup_policy: topics.cleanup_policy.clone(),
            compression_type: topics.compression_type,
            compression_gzip_level: topics.compression_gzip_level,
            compression_lz4_level: topics.compression_lz4_level,
            compression_zstd_level: topics.compression_zstd_level,
            delete_retention_ms: topics.delete_retention_ms,
            file_delete_delay_ms: topics.file_delete_delay_ms,
            max_compaction_lag_ms: topics.max_compaction_lag_ms,
            max_message_bytes: topics.max_message_bytes,
            message_timestamp_after_max_ms: topics.message_timestamp_after_max_ms,
            message_timestamp_before_max_ms: topics.message_timestamp_before_max_ms,
            message_timestamp_type: topics.message_timestamp_type,
            min_cleanable_dirty_ratio: topics.min_cleanable_dirty_ratio,
            min_compaction_lag_ms: topics.min_compaction_lag_ms,
            min_insync_replicas: topics.min_insync_replicas,
            retention_bytes: topics.retention_bytes,
            retention_ms: topics.retention_ms,
            segment_bytes: topics.segment_bytes,
            segment_ms: topics.segment_ms,
        }
    }
}

impl TopicConfigs {
    /// The effective settings of a topic with those overrides; `settings` are with what was changed at run time.
    ///
    /// # Errors
    /// INVALID_CONFIG for a name or a value that Kafka would refuse, in its words.
    pub fn new(settings: &Settings, overrides: &Overrides) -> Result<Self, Refusal> {
        let mut settings = settings.clone();
        for (name, value) in overrides {
            let Some(key) = topic_key(name) else {
                return Err(Refusal::config(format!("Unknown topic config name: {name}")));
            };
            key.definition.check(value)?;
            // The broker's synonym leads to the setting of ours; names that only are reported have none.
            if let Some(own) = key.broker_name().and_then(broker_key).and_then(|broker| broker.own()) {
                (own.apply_kafka)(&mut settings, value).map_err(|why| {
                    Refusal::value(
                        name,
                        value,
                        &why.unwrap_or_else(|| format!("expected {}", (own.expected)())),
                    )
                })?;
            }
        }
        Ok(Self::from(&settings.topics))
    }

    /// Whether the last record of each key is kept.
    #[must_use]
    pub fn is_compacted(&self) -> bool {
        self.cleanup_policy.contains(&CleanupPolicy::Compact)
    }

    /// Whether old records are deleted by age and size.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.cleanup_policy.contains(&CleanupPolicy::Delete)
    }

    /// The age from which records may be deleted, if age matters at all.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        self.retention_ms.duration().filter(|_| self.is_deleted())
    }

    /// The size of a partition beyond which its oldest records may be deleted, if size matters at all.
    #[must_use]
    pub fn retention_size(&self) -> Option<u64> {
        self.retention_bytes.bytes().filter(|_| self.is_deleted())
    }
}
