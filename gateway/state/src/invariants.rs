//! What holds of every state, by name. A checkpoint that breaks one of these is refused, and the property tests check
//! them after every entry.

use chronik_types::{Offset, ProducerEpoch, Sequence, TopicPartition};
use thiserror::Error;

use crate::groups::ConsumerGroup;
use crate::partitions::Partition;
use crate::producers::Producer;
use crate::state::State;
use crate::topics::{MAX_PARTITIONS_PER_TOPIC, Topic};
use crate::transactions::{AbortedTransaction, TransactionalProducer};

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
    groups(state)?;
    transactions(state)
}

fn groups(state: &State) -> Result<(), Broken> {
    require(state.groups.bytes() == state.groups.weigh(), "groups_are_weighed", || "the groups".to_owned())?;
    for (id, group) in state.groups() {
        let subject = || format!("group '{id}'");
        require(group.is_consistent(), "members_fit_together", subject)?;
        let exist = group.offsets().partitions().all(|at| state.partition(at).is_some());
        require(exist, "offsets_have_a_partition", subject)?;
        require(group.offsets().bytes() == group.offsets().weigh(), "offsets_are_weighed", subject)?;
    }
    Ok(())
}

fn transactions(state: &State) -> Result<(), Broken> {
    let weighed = state.transactions.bytes() == state.transactions.weigh();
    require(weighed, "transactional_ids_are_weighed", || "the transactional ids".to_owned())?;
    for (id, producer) in state.transactional_producers() {
        let subject = || format!("transactional id '{id}'");
        let known = state.transactional_id_of(producer.producer_id()).map(|(id, _)| id);
        require(known == Some(id), "producer_ids_have_one_transactional_id", subject)?;
        require(is_within_epochs(producer), "producer_is_within_its_epochs", subject)?;
        let includes = producer.partitions().len() + producer.groups().len();
        require(producer.is_ongoing() || includes == 0, "only_open_transactions_include_something", subject)?;
        let in_log =
            |at, offset| state.partition(at).is_some_and(|partition| offset < partition.end_offset());
        let is_in_log = producer.partitions().all(|(at, offset)| in_log(at, offset));
        require(is_in_log, "transactions_begin_in_the_log", subject)?;
    }
    for (at, partition) in state.transactions.partitions() {
        let subject = || format!("the transactions of {at}");
        let Some(end) = state.partition(at).map(Partition::end_offset) else {
            return Err(Broken { invariant: "transactions_have_a_partition", subject: subject() });
        };
        require(aborted_are_in_order(partition.aborted(), end), "aborted_are_in_order", subject)?;
    }
    for (id, group) in state.groups() {
        if let Some(group) = group.consumer() {
            let subject = || format!("group {}", id.as_str());
            require(assignment_follows_the_group(group), "assignment_follows_the_group", subject)?;
            require(partitions_have_one_owner(group), "partitions_have_one_owner", subject)?;
        }
    }
    Ok(())
}

/// An id that was handed out, and an epoch that a producer may have.
fn is_within_epochs(producer: &TransactionalProducer) -> bool {
    producer.producer_id().get() >= 0
        && producer.epoch() >= ProducerEpoch::ZERO
        && producer.epoch().get() < i16::MAX
}

/// Each ends after the one before, in the log, and leaves a last stable offset up to which nothing later begins.
fn aborted_are_in_order(aborted: &[AbortedTransaction], end: Offset) -> bool {
    let in_order = aborted
        .iter()
        .zip(aborted.iter().skip(1))
        .all(|(one, next)| one.last_offset < next.last_offset && one.last_stable_offset <= next.first_offset);
    let possible = aborted.iter().all(|aborted| {
        aborted.first_offset.is_valid()
            && aborted.first_offset <= aborted.last_offset
            && aborted.last_offset < end
            && aborted.last_stable_offset <= aborted.last_offset.next()
    });
    in_order && possible
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

/// At most five batches, none only after the end of a transaction, each continuing the sequences of the one before at a later offset.
fn window_is_well_formed(producer: &Producer) -> bool {
    let follows = producer.batches().zip(producer.batches().skip(1)).all(|(one, next)| {
        one.last_sequence.next() == next.first_sequence() && one.last_offset < next.base_offset()
    });
    let possible = producer.batches().all(|span| {
        span.last_offset_delta >= 0 && span.base_offset().is_valid() && span.last_sequence >= Sequence::ZERO
    });
    follows && possible && producer.epoch() >= ProducerEpoch::ZERO
}

/// What is remembered has been appended.
fn window_is_in_the_log(producer: &Producer, partition: &Partition) -> bool {
    producer.batches().all(|span| span.last_offset < partition.end_offset())
}

/// No assignment is newer than the group, and no member newer than the assignment.
fn assignment_follows_the_group(group: &ConsumerGroup) -> bool {
    group.assignment_epoch() <= group.epoch()
        && group.members().values().all(|member| member.epoch <= group.assignment_epoch())
}

/// Two members never have the same partition, one that has still to give it up included.
fn partitions_have_one_owner(group: &ConsumerGroup) -> bool {
    let owned = group
        .members()
        .values()
        .flat_map(|member| member.assigned.keys().chain(member.pending_revocation.keys()));
    let mut seen = std::collections::BTreeSet::new();
    owned.into_iter().all(|at| seen.insert(*at))
}
