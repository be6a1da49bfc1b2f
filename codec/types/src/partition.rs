//! Partitions: their index within a topic, their identity in the cluster, and the epoch of their leadership.

use std::fmt;

use crate::TopicId;
use crate::newtype::integer_newtype;

integer_newtype!(
    /// The index of a partition within its topic, from 0.
    PartitionIndex(i32)
);

integer_newtype!(
    /// How often the leadership of a partition has changed (KIP-101, KIP-320).
    LeaderEpoch(i32)
);

impl LeaderEpoch {
    /// "Unknown" on the wire: the peer does not track epochs, or makes no claim.
    pub const NONE: Self = Self::new(-1);
    /// The epoch of a new partition.
    pub const ZERO: Self = Self::new(0);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One partition of one incarnation of a topic: a topic that is deleted and created again has another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition within it.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Names a partition of a topic.
    #[must_use]
    pub const fn new(topic_id: TopicId, partition: PartitionIndex) -> Self {
        Self { topic_id, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic_id, self.partition)
    }
}
