//! The uniform assignor for members with different subscriptions.
//!
//! First everybody keeps what he had and is still subscribed to. Then what is left goes, topic by topic, to the subscriber
//! that has least; topics with many partitions per subscriber come first, because later ones can even out what they
//! leave. Last, topic by topic, partitions move from who has most to who has least, until nothing gets better.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{TopicId, TopicPartition};

use super::{Candidates, Targets};

/// Rounds over all topics. Where all subscribers of each topic are subscribed alike, one is enough; where they overlap,
/// each about halves what is uneven.
const MAX_ROUNDS: usize = 16;

/// Assigns. O(p log m) of the partitions and members, for each round.
pub(super) fn assign(candidates: &Candidates<'_>) -> Targets {
    let mut work = Work {
        subscribers: candidates.subscribers(),
        targets: Vec::with_capacity(candidates.members.len()),
        owners: BTreeMap::new(),
    };
    work.keep(candidates);
    let topics = work.topics_in_order(candidates);
    for topic in &topics {
        work.fill(candidates, *topic);
    }
    work.balance(&topics);
    work.targets
}

#[derive(Debug)]
struct Work {
    subscribers: BTreeMap<TopicId, Vec<usize>>,
    targets: Targets,
    owners: BTreeMap<TopicPartition, usize>,
}

/// How many partitions a member has, and its place: who has least comes first.
type Load = (usize, usize);

impl Work {
    fn keep(&mut self, candidates: &Candidates<'_>) {
        for (place, member) in candidates.members.iter().enumerate() {
            let kept: BTreeSet<TopicPartition> = member
                .target
                .iter()
                .filter(|at| member.topics.contains(&at.topic_id))
                .filter(|at| at.partition.get() < candidates.partition_count(at.topic_id))
                .filter(|at| !self.owners.contains_key(at))
                .copied()
                .collect();
            self.owners.extend(kept.iter().map(|at| (*at, place)));
            self.targets.push(kept);
        }
    }

    /// By partitions per subscriber, the most first; then the fewest subscribers first.
    fn topics_in_order(&self, candidates: &Candidates<'_>) -> Vec<TopicId> {
        let mut topics: Vec<(TopicId, i64, i64)> = self
            .subscribers
            .iter()
            .map(|(topic, subscribers)| {
                let subscribers = i64::try_from(subscribers.len()).unwrap_or(i64::MAX);
                (*topic, candidates.partition_count(*topic).into(), subscribers)
            })
            .collect();
        topics.sort_by(|(one, partitions, subscribers), (other, others, their_subscribers)| {
            let per_subscriber: Ordering = (others * subscribers).cmp(&(partitions * their_subscribers));
            per_subscriber.then(subscribers.cmp(their_subscribers)).then(one.cmp(other))
        });
        topics.into_iter().map(|(topic, ..)| topic).collect()
    }

    fn load(&self, place: usize) -> Load {
        (self.targets.get(place).map_or(0, BTreeSet::len), place)
    }

    fn loads(&self, topic: TopicId) -> BTreeSet<Load> {
        self.subscribers.get(&topic).into_iter().flatten().map(|place| self.load(*place)).collect()
    }

    fn give(&mut self, at: TopicPartition, place: usize) {
        if let Some(before) = self.owners.insert(at, place)
            && let Some(target) = self.targets.get_mut(before)
        {
            target.remove(&at);
        }
        if let Some(target) = self.targets.get_mut(place) {
            target.insert(at);
        }
    }

    /// Gives the partitions of a topic that nobody has to who has least.
    fn fill(&mut self, candidates: &Candidates<'_>, topic: TopicId) {
        let mut loads = self.loads(topic);
        for at in candidates.partitions_of(topic) {
            if self.owners.contains_key(&at) {
                continue;
            }
            let Some((size, place)) = loads.pop_first() else { return };
            self.give(at, place);
            loads.insert((size + 1, place));
        }
    }

    fn balance(&mut self, topics: &[TopicId]) {
        for _ in 0..MAX_ROUNDS {
            let mut moved = false;
            for topic in topics {
                moved |= self.balance_topic(*topic);
            }
            if !moved {
                return;
            }
        }
    }

    /// Evens out the subscribers of one topic as far as its partitions can; says whether one has moved.
    fn balance_topic(&mut self, topic: TopicId) -> bool {
        let mut loads = self.loads(topic);
        let even = |loads: &BTreeSet<Load>| match (loads.first(), loads.last()) {
            (Some((least, _)), Some((most, _))) => most - least <= 1,
            _ => true,
        };
        if even(&loads) {
            return false;
        }
        let mut givers = self.givers(topic, &loads);
        let mut moved = false;
        while let Some(giver) = givers.pop_last() {
            let (Some(least), (most, from)) = (loads.first().copied(), giver) else { break };
            if most - least.0 <= 1 {
                break;
            }
            let Some(at) = self.last_of(topic, from) else { continue };
            self.give(at, least.1);
            moved = true;
            loads.remove(&giver);
            loads.insert((most - 1, from));
            givers.insert((most - 1, from));
            loads.remove(&least);
            loads.insert((least.0 + 1, least.1));
            if givers.remove(&least) {
                givers.insert((least.0 + 1, least.1));
            }
        }
        moved
    }

    /// The subscribers that have a partition of the topic to give.
    fn givers(&self, topic: TopicId, loads: &BTreeSet<Load>) -> BTreeSet<Load> {
        loads.iter().filter(|(_, place)| self.last_of(topic, *place).is_some()).copied().collect()
    }

    fn last_of(&self, topic: TopicId, place: usize) -> Option<TopicPartition> {
        let all = super::whole_topic(topic);
        self.targets.get(place)?.range(all).next_back().copied()
    }
}
