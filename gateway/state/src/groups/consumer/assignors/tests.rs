//! Properties of the assignors: everything is assigned once, to subscribers, evenly, and stays where it can.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chronik_types::{GroupInstanceId, PartitionIndex, TopicId, TopicPartition};
use proptest::collection::{btree_set, vec};
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};

use super::{Assignor, Candidate, Candidates, Targets};

static NOTHING: BTreeSet<TopicPartition> = BTreeSet::new();

fn topic(id: u8) -> TopicId {
    TopicId::from_bytes([id; 16])
}

fn at(id: u8, partition: i32) -> TopicPartition {
    TopicPartition::new(topic(id), PartitionIndex::new(partition))
}

/// The partition counts of topics 1, 2, …, and what each member is subscribed to.
#[derive(Clone, Debug)]
struct World {
    partitions: Vec<i32>,
    subscriptions: Vec<BTreeSet<u8>>,
}

impl World {
    fn alike(partitions: &[i32], members: usize) -> Self {
        let all = (1..).zip(partitions).map(|(id, _)| id).collect();
        Self { partitions: partitions.to_vec(), subscriptions: vec![all; members] }
    }

    /// Assigns with what was assigned before; members beyond `before` are new.
    fn assign(&self, assignor: Assignor, before: &[BTreeSet<TopicPartition>]) -> Targets {
        let existing = |id: &u8| usize::from(*id) <= self.partitions.len();
        let members = self
            .subscriptions
            .iter()
            .enumerate()
            .map(|(place, subscribed)| Candidate {
                instance_id: None,
                topics: Rc::new(subscribed.iter().filter(|id| existing(id)).map(|id| topic(*id)).collect()),
                target: before.get(place).unwrap_or(&NOTHING),
            })
            .collect();
        assignor.assign(&Candidates { members, partitions: self.counts() })
    }

    fn counts(&self) -> BTreeMap<TopicId, i32> {
        (1..).zip(&self.partitions).map(|(id, count)| (topic(id), *count)).collect()
    }

    /// Every partition that somebody is subscribed to.
    fn subscribed(&self) -> BTreeSet<TopicPartition> {
        let wanted: BTreeSet<u8> = self.subscriptions.iter().flatten().copied().collect();
        (1..)
            .zip(&self.partitions)
            .filter(|(id, _)| wanted.contains(id))
            .flat_map(|(id, count)| (0..*count).map(move |index| at(id, index)))
            .collect()
    }
}

fn alike() -> impl Strategy<Value = World> {
    (vec(1..12i32, 1..4), 1..9usize).prop_map(|(partitions, members)| World::alike(&partitions, members))
}

fn mixed() -> impl Strategy<Value = World> {
    (vec(1..12i32, 1..5), vec(btree_set(1..5u8, 0..5), 1..9))
        .prop_map(|(partitions, subscriptions)| World { partitions, subscriptions })
}

fn check_everything_is_assigned_once(world: &World, targets: &Targets) {
    let all: Vec<TopicPartition> = targets.iter().flatten().copied().collect();
    let distinct: BTreeSet<TopicPartition> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len(), "a partition has two owners: {targets:?}");
    assert_eq!(distinct, world.subscribed());
    for (target, subscribed) in targets.iter().zip(&world.subscriptions) {
        assert!(target.iter().all(|at| subscribed.iter().any(|id| topic(*id) == at.topic_id)));
    }
}

fn spread(targets: &Targets) -> usize {
    let sizes = || targets.iter().map(BTreeSet::len);
    sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_assignor_assigns_every_partition_to_one_subscriber(world in mixed()) {
        for assignor in Assignor::ALL {
            let targets = world.assign(assignor, &[]);
            check_everything_is_assigned_once(&world, &targets);
            prop_assert_eq!(&world.assign(assignor, &[]), &targets, "not deterministic");
        }
    }

    #[test]
    fn uniform_is_even_and_stays_as_it_is(world in alike()) {
        let targets = world.assign(Assignor::Uniform, &[]);
        check_everything_is_assigned_once(&world, &targets);
        prop_assert!(spread(&targets) <= 1);
        prop_assert_eq!(world.assign(Assignor::Uniform, &targets), targets);
    }

    #[test]
    fn uniform_moves_no_more_than_a_new_member_gets(world in alike()) {
        let before = world.assign(Assignor::Uniform, &[]);
        let grown = World::alike(&world.partitions, world.subscriptions.len() + 1);
        let after = grown.assign(Assignor::Uniform, &before);
        check_everything_is_assigned_once(&grown, &after);
        prop_assert!(spread(&after) <= 1);
        for (old, new) in before.iter().zip(&after) {
            prop_assert!(new.is_subset(old), "a member that was there got something");
        }
    }

    #[test]
    fn uniform_moves_nothing_of_those_who_stay_when_one_leaves(world in alike(), gone in 0..9usize) {
        let mut before = world.assign(Assignor::Uniform, &[]);
        if world.subscriptions.len() < 2 {
            return Ok(());
        }
        before.remove(gone % world.subscriptions.len());
        let shrunk = World::alike(&world.partitions, world.subscriptions.len() - 1);
        let after = shrunk.assign(Assignor::Uniform, &before);
        check_everything_is_assigned_once(&shrunk, &after);
        prop_assert!(spread(&after) <= 1);
        for (old, new) in before.iter().zip(&after) {
            prop_assert!(old.is_subset(new), "a member that stays lost something");
        }
    }

    #[test]
    fn uniform_with_mixed_subscriptions_is_even_for_each_topic_or_cannot_be(world in mixed()) {
        let targets = world.assign(Assignor::Uniform, &[]);
        check_everything_is_assigned_once(&world, &targets);
        for id in 1..=u8::try_from(world.partitions.len()).unwrap() {
            let subscribers = (0..targets.len()).filter(|place| world.subscriptions[*place].contains(&id));
            let least = subscribers.clone().map(|place| targets[place].len()).min().unwrap_or(0);
            for place in subscribers {
                let owns = targets[place].iter().any(|at| at.topic_id == topic(id));
                prop_assert!(!owns || targets[place].len() <= least + 1, "{:?}", targets);
            }
        }
        prop_assert_eq!(world.assign(Assignor::Uniform, &targets), targets, "it moves without need");
    }

    #[test]
    fn uniform_starts_from_any_assignment(world in mixed(), before in vec(btree_set((1..6u8, 0..14i32), 0..20), 0..9)) {
        let before: Vec<BTreeSet<TopicPartition>> =
            before.into_iter().map(|owned| owned.into_iter().map(|(id, index)| at(id, index)).collect()).collect();
        check_everything_is_assigned_once(&world, &world.assign(Assignor::Uniform, &before));
    }

    #[test]
    fn range_divides_topics_of_the_same_size_alike(partitions in 1..12i32, topics in 1..4usize, members in 1..9usize) {
        let world = World::alike(&vec![partitions; topics], members);
        let targets = world.assign(Assignor::Range, &[]);
        check_everything_is_assigned_once(&world, &targets);
        for target in &targets {
            let of = |id: u8| -> Vec<i32> {
                target.iter().filter(|at| at.topic_id == topic(id)).map(|at| at.partition.get()).collect()
            };
            let first = of(1);
            prop_assert!(first.windows(2).all(|pair| pair[0] + 1 == pair[1]), "not a range: {first:?}");
            for id in 1..=u8::try_from(topics).unwrap() {
                prop_assert_eq!(&of(id), &first);
            }
        }
    }
}

#[test]
fn range_gives_the_first_members_one_more() {
    let targets = World::alike(&[5, 2], 3).assign(Assignor::Range, &[]);
    let expected = [vec![at(1, 0), at(1, 1), at(2, 0)], vec![at(1, 2), at(1, 3), at(2, 1)], vec![at(1, 4)]];
    assert_eq!(targets, expected.map(BTreeSet::from_iter));
}

#[test]
fn range_puts_static_members_first_by_their_instance() {
    let instances = [None, Some(GroupInstanceId::new("b")), Some(GroupInstanceId::new("a"))];
    let topics = Rc::new(BTreeSet::from([topic(1)]));
    let members = instances
        .iter()
        .map(|instance| Candidate {
            instance_id: instance.as_ref(),
            topics: Rc::clone(&topics),
            target: &NOTHING,
        })
        .collect();
    let targets =
        Assignor::Range.assign(&Candidates { members, partitions: BTreeMap::from([(topic(1), 3)]) });
    assert_eq!(targets, [[at(1, 2)], [at(1, 1)], [at(1, 0)]].map(BTreeSet::from));
}

#[test]
fn assignors_are_known_by_their_names() {
    for assignor in Assignor::ALL {
        assert_eq!(Assignor::named(assignor.name()), Some(assignor));
    }
    assert_eq!(Assignor::named("cooperative-sticky"), None);
}
