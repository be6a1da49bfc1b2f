//! The same as `rebalances`, in groups whose assignment the gateway decides: three groups in a chain pass every input on
//! once while all of them rebalance, and no member is forgotten or fenced that did nothing wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chronik_harness::client::{
    Coded, ConsumerMember, Flow, PlainProducer, TransactionalProducer, fetch, fetch_offset,
};
use chronik_harness::{Connection, pause, wait_until};
use chronik_types::{CompressionType, ErrorCode, IsolationLevel};

use crate::ledger::View;
use crate::stage::{LIMIT, Stage, done};

const TOPICS: [&str; 4] = ["links-0", "links-1", "links-2", "links-3"];
const GROUPS: [&str; 3] = ["one", "two", "three"];
const PARTITIONS: i32 = 4;
const WORKERS: usize = 2;
const INPUTS: usize = 40;
/// Times that a worker leaves and comes back.
const DEPARTURES: usize = 12;

/// What all workers share.
#[derive(Default)]
struct Shared {
    over: AtomicBool,
    departures: AtomicUsize,
    /// Times that a member was told to give up partitions, or was given more.
    moves: AtomicUsize,
    /// Times that a member was not alone.
    shared_assignments: AtomicUsize,
}

/// A member of one group with a producer.
struct Worker<'a> {
    stage: usize,
    client: Connection,
    member: ConsumerMember,
    producer: TransactionalProducer,
    shared: &'a Shared,
}

impl Worker<'_> {
    /// Works, leaves, comes back, and stays when that was often enough.
    fn run(&mut self) {
        let mut departures = 0;
        while !self.shared.over.load(Ordering::Relaxed) {
            done(|| self.member.join(&mut self.client));
            let mut taken = 0;
            while !self.shared.over.load(Ordering::Relaxed) {
                self.beat();
                let more = self.process();
                taken += more;
                if departures < DEPARTURES && (taken > 3 || more == 0) {
                    departures += 1;
                    self.shared.departures.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                if more == 0 {
                    // It only keeps a busy machine free for the others.
                    pause(Duration::from_millis(5));
                }
            }
            done(|| self.member.leave(&mut self.client));
        }
    }

    /// A heartbeat; a member that sends them in time is never refused.
    fn beat(&mut self) {
        let before = self.member.assigned.clone();
        done(|| self.member.heartbeat(&mut self.client));
        if self.member.assigned != before {
            self.shared.moves.fetch_add(1, Ordering::Relaxed);
        }
        let count = i32::try_from(self.member.assigned.len()).unwrap();
        if count > 0 && count < PARTITIONS {
            self.shared.shared_assignments.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One transaction over all partitions that it has; how many records it passed on.
    fn process(&mut self) -> usize {
        let (group, input, output) = (GROUPS[self.stage], TOPICS[self.stage], TOPICS[self.stage + 1]);
        let mut offsets = Vec::new();
        let mut count = 0;
        for partition in self.member.assigned.clone() {
            let from = done(|| fetch_offset(&mut self.client, group, input, partition, true)).1.max(0);
            let read = IsolationLevel::ReadCommitted;
            let fetched = done(|| fetch(&mut self.client, input, partition, from, read, 1 << 20));
            let taken: Vec<(i64, String)> = fetched.visible().into_iter().take(2).collect();
            let Some((last, _)) = taken.last() else { continue };
            offsets.push((partition, last + 1));
            let outputs: Vec<&str> = taken.iter().map(|(_, value)| value.as_str()).collect();
            if self.producer.flow == Flow::V1 {
                done(|| self.producer.add_partitions(&mut self.client, output, &[partition]));
            }
            done(|| self.producer.produce(&mut self.client, output, partition, &outputs));
            count += outputs.len();
        }
        if count == 0 {
            return 0;
        }
        let committed = self.commit(&offsets);
        done(|| self.producer.end(&mut self.client, committed));
        if committed { count } else { 0 }
    }

    /// Commits the offsets in the transaction; whether it still speaks of its own epoch.
    fn commit(&mut self, offsets: &[(i32, i64)]) -> bool {
        let (group, input) = (GROUPS[self.stage], TOPICS[self.stage]);
        if self.producer.flow == Flow::V1 {
            done(|| self.producer.add_offsets(&mut self.client, group));
        }
        let standing = &self.member.standing;
        let committed = self.producer.commit_offsets(&mut self.client, group, standing, input, offsets);
        match committed.unwrap().error_code() {
            ErrorCode::None => true,
            refused => {
                // Producers know no stale epochs.
                assert_eq!(refused, ErrorCode::IllegalGeneration, "TxnOffsetCommit");
                false
            }
        }
    }
}

fn arrived(client: &mut Connection) -> usize {
    (0..PARTITIONS).map(|partition| View::of(client, TOPICS[3], partition).committed.len()).sum()
}

#[test]
fn three_chained_consumer_groups_pass_every_record_on_once_while_all_of_them_rebalance() {
    let stage = Stage::start(&["groups.consumer_assignment_interval=0ms"]);
    for topic in TOPICS {
        stage.create_topic(topic, PARTITIONS);
    }
    let mut client = stage.client();
    let mut expected = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let mut source = PlainProducer::new(TOPICS[0], partition, CompressionType::None);
        for number in 0..INPUTS {
            let value = format!("{number} of {partition}");
            done(|| source.produce(&mut client, &[&value]));
            expected.insert(value, 1);
        }
    }
    let shared = Shared::default();
    std::thread::scope(|scope| {
        for (number, group) in GROUPS.into_iter().enumerate() {
            for worker in 0..WORKERS {
                let flow = if worker == 0 { Flow::V1 } else { Flow::V2 };
                let name = format!("{group} {worker}");
                let mut worker = Worker {
                    stage: number,
                    client: stage.client(),
                    member: ConsumerMember::new(group, TOPICS[number], &name),
                    producer: stage.producer(&name, flow),
                    shared: &shared,
                };
                scope.spawn(move || worker.run());
            }
        }
        let all = DEPARTURES * WORKERS * GROUPS.len();
        let finished = wait_until(LIMIT, || {
            let departures = shared.departures.load(Ordering::Relaxed);
            (departures >= all && arrived(&mut client) >= expected.len()).then_some(())
        });
        shared.over.store(true, Ordering::Relaxed);
        assert!(finished.is_some(), "the chain stands still");
    });
    let mut found = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let view = View::of(&mut client, TOPICS[3], partition);
        assert!(view.is_stable());
        for value in view.values() {
            *found.entry(value.to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(found, expected, "each input once");
    assert!(shared.shared_assignments.load(Ordering::Relaxed) > 0, "workers were never together");
    assert!(shared.moves.load(Ordering::Relaxed) > 0, "no partition has moved");
}
