//! A state with its next position, and short ways to make entries.

use chronik_state::{
    AppendedBatch, Change, Configs, CreateTopic, Entry, Outcome, Placed, ProducerBatch, Rejection, State,
    TopicLimits,
};
use chronik_types::{
    Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TimestampMs, TopicId, TopicName,
    TopicPartition,
};

/// A state that lives through entries, and the entries it has lived through.
#[derive(Default)]
pub(crate) struct Life {
    pub(crate) state: State,
    pub(crate) journal: Vec<(u64, Entry)>,
}

impl Life {
    /// With one topic, `t`, of `partitions` partitions and the id of `topic_id(1)`.
    pub(crate) fn with_topic(partitions: i32) -> Self {
        let mut life = Self::default();
        let created = life.apply(Change::CreateTopic(CreateTopic { partitions, ..create("t", 1) }));
        assert_eq!(created, Outcome::TopicCreated(Ok(())));
        life
    }

    pub(crate) fn apply(&mut self, change: Change) -> Outcome {
        self.apply_at(TimestampMs::new(1_000), change)
    }

    pub(crate) fn apply_at(&mut self, time: TimestampMs, change: Change) -> Outcome {
        let position = self.journal.last().map_or(0, |(position, _)| position + 64);
        let entry = Entry::new(time, change);
        let outcome = self.state.apply(position, &entry);
        self.journal.push((position, entry));
        outcome
    }

    pub(crate) fn append(&mut self, batch: AppendedBatch) -> Result<Placed, Rejection> {
        self.append_at(TimestampMs::new(1_000), batch)
    }

    pub(crate) fn append_at(&mut self, time: TimestampMs, batch: AppendedBatch) -> Result<Placed, Rejection> {
        match self.apply_at(time, Change::Append(vec![batch])) {
            Outcome::Appended(mut results) if results.len() == 1 => results.remove(0),
            other => panic!("{other:?} of one batch"),
        }
    }

    pub(crate) fn end_offset(&self, partition: i32) -> Offset {
        self.state.partition(at(partition)).unwrap().end_offset()
    }
}

pub(crate) fn topic_id(id: u8) -> TopicId {
    TopicId::from_bytes([id; 16])
}

pub(crate) fn name(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

pub(crate) fn create(topic: &str, id: u8) -> CreateTopic {
    CreateTopic {
        name: name(topic),
        topic_id: topic_id(id),
        partitions: 1,
        replication_factor: 1,
        configs: Configs::default(),
        assignments: Vec::new(),
        limits: TopicLimits::NONE,
    }
}

/// A partition of the topic that [`Life::with_topic`] creates.
pub(crate) fn at(partition: i32) -> TopicPartition {
    TopicPartition::new(topic_id(1), PartitionIndex::new(partition))
}

pub(crate) fn batch(partition: i32, record_count: i32) -> AppendedBatch {
    AppendedBatch {
        at: at(partition),
        length: 100,
        record_count,
        max_timestamp: TimestampMs::new(900),
        producer: None,
    }
}

/// A batch of `record_count` records for partition 0 from producer 7.
pub(crate) fn idempotent(epoch: i16, base_sequence: i32, record_count: i32) -> AppendedBatch {
    let producer = ProducerBatch {
        producer_id: ProducerId::new(7),
        producer_epoch: ProducerEpoch::new(epoch),
        base_sequence: Sequence::new(base_sequence),
    };
    AppendedBatch { producer: Some(producer), ..batch(0, record_count) }
}
