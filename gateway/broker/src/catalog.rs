//! Topics by name and by id, for paths that must not wait for the state's lock. Changed by the applier only.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use chronik_config::kafka::TopicConfigs;
use chronik_state::{Configs, State};
use chronik_types::{NodeId, PartitionIndex, TopicId, TopicName, TopicPartition};
use parking_lot::RwLock;

use crate::index::{BatchIndex, Part};
use crate::partition::TopicCell;
use crate::{Metrics, Partition, Topic};

/// The parts of each partition that a checkpoint describes.
pub(crate) type PartsByPartition = BTreeMap<TopicPartition, Vec<Part>>;

/// The catalog.
#[derive(Debug, Default)]
pub(crate) struct Catalog(RwLock<Topics>);

#[derive(Debug, Default)]
struct Topics {
    by_name: HashMap<TopicName, Arc<Topic>>,
    by_id: HashMap<TopicId, Arc<Topic>, BuildHasherDefault<IdHasher>>,
    partitions: usize,
    /// All in the order of their names, until something changes.
    sorted: Option<Arc<[Arc<Topic>]>>,
    /// Counts changes.
    generation: u64,
}

impl Topics {
    fn changed(&mut self) {
        self.sorted = None;
        self.generation += 1;
    }
}

/// Makes a hash of the last eight bytes of a topic id. Ids are random, made by a gateway: nobody can choose such that
/// collide.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            // Spreads what is random over the upper bits too, two of which are the same in every id.
            self.0 = u64::from_be_bytes(*last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Lookups.
impl Catalog {
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Topic>> {
        self.0.read().by_name.get(name).cloned()
    }

    pub(crate) fn by_id(&self, id: TopicId) -> Option<Arc<Topic>> {
        self.0.read().by_id.get(&id).cloned()
    }

    pub(crate) fn partition(&self, at: TopicPartition) -> Option<Arc<Partition>> {
        self.0.read().by_id.get(&at.topic_id)?.partition(at.partition).cloned()
    }

    /// All topics, in any order.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.0.read().by_id.values().cloned().collect()
    }

    /// Grows with each change of the catalog.
    pub(crate) fn generation(&self) -> u64 {
        self.0.read().generation
    }

    /// All topics in the order of their names, and the generation of the catalog, which grows with each change of it.
    pub(crate) fn sorted(&self) -> (u64, Arc<[Arc<Topic>]>) {
        let (generation, mut all) = {
            let topics = self.0.read();
            if let Some(sorted) = &topics.sorted {
                return (topics.generation, Arc::clone(sorted));
            }
            (topics.generation, topics.by_name.values().cloned().collect::<Vec<_>>())
        };
        // Without the lock, for which the applier and all requests would wait.
        all.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        let sorted: Arc<[_]> = all.into();
        let mut topics = self.0.write();
        if topics.generation == generation {
            topics.sorted = Some(Arc::clone(&sorted));
        }
        (generation, sorted)
    }

    /// Topics and partitions.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let topics = self.0.read();
        (topics.by_id.len(), topics.partitions)
    }

    /// Shows the counts in the metrics.
    pub(crate) fn measure(&self, metrics: &Metrics) {
        let (topics, partitions) = self.counts();
        metrics.topics.set(i64::try_from(topics).unwrap_or(i64::MAX));
        metrics.partitions.set(i64::try_from(partitions).unwrap_or(i64::MAX));
    }
}

/// Changes.
impl Catalog {
    /// Takes over a whole state, with what a checkpoint knows of where batches lie.
    pub(crate) fn restore(
        &self,
        state: &State,
        parts: &mut PartsByPartition,
        effective: impl Fn(&Configs) -> Arc<TopicConfigs>,
    ) {
        for topic in state.topics() {
            self.insert(topic, effective(topic.configs()), parts);
        }
    }

    /// Takes in a topic.
    pub(crate) fn insert(
        &self,
        topic: &chronik_state::Topic,
        effective: Arc<TopicConfigs>,
        parts: &mut PartsByPartition,
    ) {
        let overrides = Arc::new(topic.configs().clone());
        let cell = Arc::new(TopicCell::new(topic.name().clone(), topic.id(), effective, overrides));
        let partitions = restored(&cell, topic, 0, parts).collect();
        self.put(Topic::new(cell, topic.replication_factor(), assignments(topic), partitions));
    }

    /// Adds the partitions that a topic has got; those that are there stay the same.
    pub(crate) fn grow(&self, topic: &chronik_state::Topic) {
        let Some(present) = self.by_id(topic.id()) else { return };
        let cell = Arc::clone(present.cell());
        let mut partitions = Vec::with_capacity(topic.partitions().len());
        partitions.extend_from_slice(present.partitions());
        let mut nothing = PartsByPartition::new();
        partitions.extend(restored(&cell, topic, present.partitions().len(), &mut nothing));
        self.put(Topic::new(cell, topic.replication_factor(), assignments(topic), partitions));
    }

    /// Takes out a topic.
    pub(crate) fn remove(&self, id: TopicId) -> Option<Arc<Topic>> {
        let mut topics = self.0.write();
        let topic = topics.by_id.remove(&id)?;
        topics.by_name.remove(topic.name());
        topics.changed();
        topics.partitions = topics.partitions.saturating_sub(topic.partitions().len());
        Some(topic)
    }

    fn put(&self, topic: Topic) {
        let topic = Arc::new(topic);
        let mut topics = self.0.write();
        topics.changed();
        topics.partitions += topic.partitions().len();
        topics.by_name.insert(topic.name().clone(), Arc::clone(&topic));
        if let Some(before) = topics.by_id.insert(topic.id(), topic) {
            topics.partitions = topics.partitions.saturating_sub(before.partitions().len());
        }
    }
}

/// The partitions of a topic from index `first` on.
fn restored(
    cell: &Arc<TopicCell>,
    topic: &chronik_state::Topic,
    first: usize,
    parts: &mut PartsByPartition,
) -> impl Iterator<Item = Arc<Partition>> {
    (0..).zip(topic.partitions()).skip(first).map(|(index, state)| {
        let index = PartitionIndex::new(index);
        let at = TopicPartition::new(cell.id, index);
        let batches = BatchIndex::from_parts(parts.remove(&at).unwrap_or_default(), state.log_start_offset());
        Arc::new(Partition::restored(Arc::clone(cell), index, state, batches))
    })
}

fn assignments(topic: &chronik_state::Topic) -> Arc<[Vec<NodeId>]> {
    let of = |index| topic.assignment(PartitionIndex::new(index)).to_vec();
    let mut all: Vec<_> = (0..topic.partition_count()).map(of).collect();
    if all.iter().all(Vec::is_empty) {
        all.clear();
    }
    all.into()
}
