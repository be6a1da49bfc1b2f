//! Who gets which partitions. Deterministic: members come in the order of their ids, partitions in theirs, and the same
//! group gives the same assignment on every gateway and at every replay.
//!
//! `uniform` evens out the number of partitions and moves as few as it can; it has one way for groups whose members are
//! all subscribed to the same topics (`uniform`), and another for the rest (`mixed`). `range` gives each member the same
//! range of every topic. Racks do not count, as in Kafka 4.3.

mod mixed;
mod range;
#[cfg(test)]
mod tests;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::rc::Rc;

use chronik_types::{GroupInstanceId, PartitionIndex, TopicId, TopicPartition};

use crate::codec::{DecodeError, Reader, Writer};

/// A way to divide partitions among members, in the order in which it is preferred when votes are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Evenly, moving as few as possible.
    Uniform,
    /// The same range of each topic.
    Range,
}

/// The partitions that each member should have, in the order of the members.
pub(super) type Targets = Vec<BTreeSet<TopicPartition>>;

/// What an assignor is told of a member.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    /// Its name among all incarnations, if it is static.
    pub(super) instance_id: Option<&'a GroupInstanceId>,
    /// The topics that exist and that it is subscribed to; members with the same subscription may share it.
    pub(super) topics: Rc<BTreeSet<TopicId>>,
    /// What it should have had so far.
    pub(super) target: &'a BTreeSet<TopicPartition>,
}

/// What an assignor is told of a group. The members come in the order of their ids.
#[derive(Clone, Debug)]
pub(super) struct Candidates<'a> {
    pub(super) members: Vec<Candidate<'a>>,
    /// The partition count of every topic that any of them is subscribed to.
    pub(super) partitions: BTreeMap<TopicId, i32>,
}

impl Candidates<'_> {
    /// Whether all members are subscribed to the same topics.
    fn are_alike(&self) -> bool {
        let mut members = self.members.iter();
        members.next().is_none_or(|first| {
            members.all(|other| Rc::ptr_eq(&first.topics, &other.topics) || first.topics == other.topics)
        })
    }

    fn partition_count(&self, topic: TopicId) -> i32 {
        self.partitions.get(&topic).copied().unwrap_or(0)
    }

    /// Every partition of a topic.
    fn partitions_of(&self, topic: TopicId) -> impl Iterator<Item = TopicPartition> + use<> {
        (0..self.partition_count(topic))
            .map(move |index| TopicPartition::new(topic, PartitionIndex::new(index)))
    }

    /// The members that are subscribed to each topic, by their place.
    fn subscribers(&self) -> BTreeMap<TopicId, Vec<usize>> {
        let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (place, member) in self.members.iter().enumerate() {
            for topic in &*member.topics {
                subscribers.entry(*topic).or_default().push(place);
            }
        }
        subscribers
    }
}

/// All partitions of a topic, whether they exist or not.
fn whole_topic(topic: TopicId) -> RangeInclusive<TopicPartition> {
    let at = |index| TopicPartition::new(topic, PartitionIndex::new(index));
    at(i32::MIN)..=at(i32::MAX)
}

impl Assignor {
    /// Persisted ordinals, never reused.
    const UNIFORM: u8 = 0;
    const RANGE: u8 = 1;

    /// All of them.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// The targets of all members, in their order.
    pub(super) fn assign(self, candidates: &Candidates<'_>) -> Targets {
        match self {
            Self::Uniform if candidates.are_alike() => uniform::assign(candidates),
            Self::Uniform => mixed::assign(candidates),
            Self::Range => range::assign(candidates),
        }
    }

    pub(super) fn write(self, w: &mut Writer) {
        w.u8(match self {
            Self::Uniform => Self::UNIFORM,
            Self::Range => Self::RANGE,
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("assignor")? {
            Self::UNIFORM => Ok(Self::Uniform),
            Self::RANGE => Ok(Self::Range),
            other => {
                Err(DecodeError::Invalid { field: "assignor", reason: format!("{other} is no assignor") })
            }
        }
    }
}
