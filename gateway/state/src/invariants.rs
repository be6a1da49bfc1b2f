//! What holds of every state, by name. A checkpoint that breaks one of these is refused, and the property tests check
//! them after every entry.

use chronik_types::{Offset, ProducerEpoch, Sequence, TopicPartition};
use thiserror::Error;

use crate::partitions::Partition;
use crate::producers::Producer;
use crate::state::State;
use crate::topics::{MAX_PARTITIONS_PER_TOPIC, Topic};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invariant `{invariant}` does not hold for {subject}")]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) subject: String,
}

/// Checks all of them.
pub(crate) fn check(state: &State) -> Result<(), Broken> {
    require(names_are_unique(state), "names_are_unique", || "the topics".to_owned())?;
    require(partitions_are_counted(state), "partitions_are_counted", || "the topics".to_owned())?;
    for topic in state.topics() {
        require(topic_is_sized(topic), "topic_is_sized", || topic.name().to_string())?;
        for (index, partition) in (0..).zip(topic.partitions()) {
            let at = || TopicPartition::new(topic.id(), index_of(index)).to_string();
            require(log_start_is_within(partition), "log_start_is_within", at)?;
            for (id, producer) in partition.producers() {
                let subject = || format!("producer {id} of {}", at());
                require(id.get() >= 0, "producer_id_is_valid", subject)?;
                require(window_is_well_formed(producer), "window_is_well_formed", subject)?;
                require(window_is_in_the_log(producer, partition), "window_is_in_the_log", subject)?;
            }
        }
    }
    Ok(())
}

fn index_of(index: i32) -> chronik_types::PartitionIndex {
    chronik_types::PartitionIndex::new(index)
}

fn require(holds: bool, invariant: &'static str, subject: impl Fn() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { invariant, subject: subject() }) }
}

/// Each topic is found under its name and its id, and no two names collide.
fn names_are_unique(state: &State) -> bool {
    let mut keys = std::collections::BTreeSet::new();
    state.topics().count() == state.topic_count()
        && state.topics().all(|topic| {
            let found = state.topic(topic.name().as_str()).map(Topic::id);
            !topic.id().is_none() && found == Some(topic.id()) && keys.insert(topic.name().collision_key())
        })
}

/// The count that limits are checked against is right.
fn partitions_are_counted(state: &State) -> bool {
    let counted: usize = state.topics().map(|topic| topic.partitions().len()).sum();
    u64::try_from(counted) == Ok(state.partition_count())
}

/// A topic has partitions, not too many, and assignments for no others.
fn topic_is_sized(topic: &Topic) -> bool {
    (1..=MAX_PARTITIONS_PER_TOPIC).contains(&topic.partition_count())
        && topic.replication_factor() >= 1
        && topic.assigned_replicas().len() <= topic.partitions().len()
}

/// 0 <= log start <= end.
fn log_start_is_within(partition: &Partition) -> bool {
    Offset::ZERO <= partition.log_start_offset() && partition.log_start_offset() <= partition.end_offset()
}

/// One to five batches, each continuing the sequences of the one before at a later offset.
fn window_is_well_formed(producer: &Producer) -> bool {
    let follows = producer.batches().zip(producer.batches().skip(1)).all(|(one, next)| {
        one.last_sequence.next() == next.first_sequence() && one.last_offset < next.base_offset()
    });
    let possible = producer.batches().all(|span| {
        span.last_offset_delta >= 0 && span.base_offset().is_valid() && span.last_sequence >= Sequence::ZERO
    });
    follows && possible && producer.batches().count() > 0 && producer.epoch() >= ProducerEpoch::ZERO
}

/// What is remembered has been appended.
fn window_is_in_the_log(producer: &Producer, partition: &Partition) -> bool {
    producer.batches().all(|span| span.last_offset < partition.end_offset())
}
