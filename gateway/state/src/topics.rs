//! Topics: names, ids, partition counts, and the changes that create, grow and delete them.

mod changes;

use std::collections::BTreeMap;

use chronik_types::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};

use crate::Rejection;
use crate::codec::{DecodeError, Reader, Writer};
use crate::configs::{ConfigChange, Configs};
use crate::partitions::Partition;

pub use changes::{CreatePartitions, CreateTopic, TopicLimits};

/// The most partitions of one topic, whatever the limits of an entry say: no entry can make a gateway allocate more.
pub const MAX_PARTITIONS_PER_TOPIC: i32 = 1_000_000;

/// What a deleted topic was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub topic_id: TopicId,
    /// How many partitions it had.
    pub partitions: i32,
}

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    name: TopicName,
    id: TopicId,
    replication_factor: i16,
    configs: Configs,
    assignments: Vec<Vec<NodeId>>,
    partitions: Vec<Partition>,
}

impl Topic {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &TopicName {
        &self.name
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TopicId {
        self.id
    }

    /// The replication factor that was asked for.
    #[must_use]
    pub const fn replication_factor(&self) -> i16 {
        self.replication_factor
    }

    /// The configs that were set on it.
    #[must_use]
    pub const fn configs(&self) -> &Configs {
        &self.configs
    }

    /// The replicas that were asked for explicitly for a partition; empty when none were.
    #[must_use]
    pub fn assignment(&self, partition: PartitionIndex) -> &[NodeId] {
        let replicas = usize::try_from(partition.get()).ok().and_then(|index| self.assignments.get(index));
        replicas.map_or(&[], Vec::as_slice)
    }

    /// Its partitions; the index in the slice is that of the partition.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    /// One of its partitions.
    #[must_use]
    pub fn partition(&self, partition: PartitionIndex) -> Option<&Partition> {
        self.partitions.get(usize::try_from(partition.get()).ok()?)
    }

    pub(crate) fn partitions_mut(&mut self) -> &mut [Partition] {
        &mut self.partitions
    }

    pub(crate) fn alter_configs(&mut self, changes: &[ConfigChange]) {
        self.configs.apply(changes);
    }

    fn new(create: &CreateTopic) -> Self {
        let mut topic = Self {
            name: create.name.clone(),
            id: create.topic_id,
            replication_factor: create.replication_factor,
            configs: create.configs.clone(),
            assignments: Vec::new(),
            partitions: Vec::new(),
        };
        topic.grow(create.partitions, &create.assignments);
        topic
    }

    fn grow(&mut self, total: i32, assignments: &[Vec<NodeId>]) {
        if !assignments.is_empty() {
            self.assignments.resize(self.partitions.len(), Vec::new());
            self.assignments.extend_from_slice(assignments);
        }
        let total = usize::try_from(total).unwrap_or(0);
        self.partitions.reserve_exact(total.saturating_sub(self.partitions.len()));
        self.partitions.resize_with(total, Partition::default);
    }

    pub(crate) fn assigned_replicas(&self) -> &[Vec<NodeId>] {
        &self.assignments
    }

    /// Layout: topic id 16, name text, replication factor i16, configs (see [`Configs::write`]), assignments as in
    /// [`CreateTopic::write`], partitions: count u32, each as in [`Partition::write`].
    fn write(&self, w: &mut Writer) {
        w.topic_id(self.id);
        w.text(self.name.as_str());
        w.i16(self.replication_factor);
        self.configs.write(w);
        w.assignments(&self.assignments);
        w.count(self.partitions.len());
        self.partitions.iter().for_each(|partition| partition.write(w));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: r.topic_id("topic id")?,
            name: r.topic_name("topic name")?,
            replication_factor: r.i16("replication factor")?,
            configs: Configs::read(r)?,
            assignments: r.assignments("assignments")?,
            partitions: r.list("partitions", Partition::ENCODED_BYTES, Partition::read)?,
        })
    }
}

/// All topics, by id, by name, and by what their names must not share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topics {
    by_id: BTreeMap<TopicId, Topic>,
    by_name: BTreeMap<TopicName, TopicId>,
    /// The names that contain `.` or `_`, by their collision key.
    by_collision_key: BTreeMap<Box<str>, TopicName>,
    partitions: u64,
}

impl Topics {
    pub(crate) fn get(&self, id: TopicId) -> Option<&Topic> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: TopicId) -> Result<&mut Topic, Rejection> {
        self.by_id.get_mut(&id).ok_or(Rejection::UnknownTopic { topic_id: id })
    }

    pub(crate) fn partition_mut(&mut self, at: TopicPartition) -> Result<&mut Partition, Rejection> {
        let topic = self.get_mut(at.topic_id)?;
        let index = usize::try_from(at.partition.get()).ok();
        index.and_then(|index| topic.partitions.get_mut(index)).ok_or(Rejection::UnknownPartition { at })
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name).and_then(|id| self.by_id.get(id))
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// In the order of their ids.
    pub(crate) fn iter_by_id(&self) -> impl Iterator<Item = &Topic> {
        self.by_id.values()
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Topic> {
        self.by_id.values_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) const fn partitions(&self) -> u64 {
        self.partitions
    }

    /// Whether the topic could be created now.
    pub(crate) fn check_create(&self, create: &CreateTopic) -> Result<(), Rejection> {
        if self.by_name.contains_key(&create.name) {
            return Err(Rejection::TopicExists { name: create.name.clone() });
        }
        if let Some(existing) = self.by_collision_key.get(&*create.name.collision_key()) {
            return Err(Rejection::TopicNameCollision {
                name: create.name.clone(),
                existing: existing.clone(),
            });
        }
        if create.topic_id.is_none() || self.by_id.contains_key(&create.topic_id) {
            return Err(Rejection::TopicIdTaken { topic_id: create.topic_id });
        }
        check_partition_count(create.partitions)?;
        if create.replication_factor < 1 {
            return Err(Rejection::ReplicationFactor { factor: create.replication_factor });
        }
        check_assignments(&create.assignments, create.partitions)?;
        if u64::try_from(self.len()).unwrap_or(u64::MAX) >= u64::from(create.limits.max_topics) {
            return Err(Rejection::TooManyTopics { limit: create.limits.max_topics });
        }
        self.check_partition_limit(create.limits, create.partitions)
    }

    pub(crate) fn create(&mut self, create: &CreateTopic) -> Result<(), Rejection> {
        self.check_create(create)?;
        self.insert(Topic::new(create));
        Ok(())
    }

    /// Whether the partitions could be created now; returns how many the topic has.
    pub(crate) fn check_create_partitions(&self, create: &CreatePartitions) -> Result<i32, Rejection> {
        let topic =
            self.by_id.get(&create.topic_id).ok_or(Rejection::UnknownTopic { topic_id: create.topic_id })?;
        let current = topic.partition_count();
        if create.total <= current {
            return Err(Rejection::NotAnIncrease {
                name: topic.name.clone(),
                current,
                requested: create.total,
            });
        }
        check_partition_count(create.total)?;
        let added = create.total - current;
        check_assignments(&create.assignments, added)?;
        self.check_partition_limit(create.limits, added)?;
        Ok(current)
    }

    pub(crate) fn create_partitions(&mut self, create: &CreatePartitions) -> Result<i32, Rejection> {
        let current = self.check_create_partitions(create)?;
        let topic = self.get_mut(create.topic_id)?;
        topic.grow(create.total, &create.assignments);
        self.partitions += u64::try_from(create.total - current).unwrap_or(0);
        Ok(current)
    }

    pub(crate) fn delete(&mut self, id: TopicId) -> Result<DeletedTopic, Rejection> {
        let topic = self.by_id.remove(&id).ok_or(Rejection::UnknownTopic { topic_id: id })?;
        self.by_name.remove(&topic.name);
        if has_collision_characters(&topic.name) {
            self.by_collision_key.remove(&*topic.name.collision_key());
        }
        self.partitions = self.partitions.saturating_sub(count_partitions(&topic));
        Ok(DeletedTopic { partitions: topic.partition_count(), name: topic.name, topic_id: id })
    }

    fn insert(&mut self, topic: Topic) {
        if has_collision_characters(&topic.name) {
            self.by_collision_key.insert(topic.name.collision_key().into(), topic.name.clone());
        }
        self.by_name.insert(topic.name.clone(), topic.id);
        self.partitions += count_partitions(&topic);
        self.by_id.insert(topic.id, topic);
    }

    fn check_partition_limit(&self, limits: TopicLimits, added: i32) -> Result<(), Rejection> {
        let limit = limits.max_partitions;
        let wanted = self.partitions.saturating_add(u64::try_from(added).unwrap_or(0));
        if wanted > u64::from(limit) {
            return Err(Rejection::TooManyPartitions { limit, wanted });
        }
        Ok(())
    }

    /// Layout: count u32, each as in [`Topic::write`], in the order of their ids.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.by_id.len());
        self.by_id.values().for_each(|topic| topic.write(w));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut topics = Self::default();
        for topic in r.list("topics", 38, Topic::read)? {
            if topics.by_id.contains_key(&topic.id) || topics.by_name.contains_key(&topic.name) {
                let reason = format!("topic {} ({}) appears twice", topic.name, topic.id);
                return Err(DecodeError::Invalid { field: "topics", reason });
            }
            topics.insert(topic);
        }
        Ok(topics)
    }
}

fn check_partition_count(count: i32) -> Result<(), Rejection> {
    if (1..=MAX_PARTITIONS_PER_TOPIC).contains(&count) {
        Ok(())
    } else {
        Err(Rejection::PartitionCount { count, max: MAX_PARTITIONS_PER_TOPIC })
    }
}

fn check_assignments(assignments: &[Vec<NodeId>], partitions: i32) -> Result<(), Rejection> {
    let expected = usize::try_from(partitions).ok();
    if assignments.is_empty() || expected == Some(assignments.len()) {
        Ok(())
    } else {
        Err(Rejection::AssignmentCount { assigned: assignments.len(), partitions })
    }
}

fn has_collision_characters(name: &TopicName) -> bool {
    name.as_str().contains(['.', '_'])
}

fn count_partitions(topic: &Topic) -> u64 {
    u64::try_from(topic.partitions.len()).unwrap_or(u64::MAX)
}
