//! The changes that create and grow topics, and their layout.

use chronik_types::{NodeId, TopicId, TopicName};

use crate::codec::{DecodeError, Reader, Writer};
use crate::configs::Configs;

/// The limits of the cluster as the proposer is configured. They travel in the entry, so that gateways with different
/// settings decide alike: what counts is the setting of the one that the client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// The most topics of the cluster.
    pub max_topics: u32,
    /// The most partitions of the cluster.
    pub max_partitions: u32,
}

impl TopicLimits {
    /// No limit but that of memory.
    pub const NONE: Self = Self { max_topics: u32::MAX, max_partitions: u32::MAX };

    fn write(self, w: &mut Writer) {
        w.u32(self.max_topics);
        w.u32(self.max_partitions);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { max_topics: r.u32("max topics")?, max_partitions: r.u32("max partitions")? })
    }
}

/// A new topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id, made by the proposer.
    pub topic_id: TopicId,
    /// How many partitions it gets, at least 1.
    pub partitions: i32,
    /// What to answer as replication factor, at least 1; the storage keeps the copies.
    pub replication_factor: i16,
    /// Configs that were given, checked by the proposer.
    pub configs: Configs,
    /// The replicas of each partition as they were asked for, to be answered again; empty when none were.
    pub assignments: Vec<Vec<NodeId>>,
    /// The limits that apply.
    pub limits: TopicLimits,
}

impl CreateTopic {
    /// Layout: name text, topic id 16, partitions i32, replication factor i16, configs (see [`Configs::write`]),
    /// assignments: count u32, each count u32 and node ids i32, limits: topics u32, partitions u32.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(self.name.as_str());
        w.topic_id(self.topic_id);
        w.i32(self.partitions);
        w.i16(self.replication_factor);
        self.configs.write(w);
        w.assignments(&self.assignments);
        self.limits.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.topic_name("topic name")?,
            topic_id: r.topic_id("topic id")?,
            partitions: r.i32("partitions")?,
            replication_factor: r.i16("replication factor")?,
            configs: Configs::read(r)?,
            assignments: r.assignments("assignments")?,
            limits: TopicLimits::read(r)?,
        })
    }
}

/// More partitions for a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitions {
    /// The topic.
    pub topic_id: TopicId,
    /// How many partitions it has afterwards.
    pub total: i32,
    /// The replicas of each new partition as they were asked for; empty when none were.
    pub assignments: Vec<Vec<NodeId>>,
    /// The limits that apply.
    pub limits: TopicLimits,
}

impl CreatePartitions {
    /// Layout: topic id 16, total i32, assignments and limits as in [`CreateTopic::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.topic_id(self.topic_id);
        w.i32(self.total);
        w.assignments(&self.assignments);
        self.limits.write(w);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("topic id")?,
            total: r.i32("total")?,
            assignments: r.assignments("assignments")?,
            limits: TopicLimits::read(r)?,
        })
    }
}
