//! Three groups in a chain, each of which consumes, transforms and produces what the next one reads, while the workers of
//! all of them come and go. At the end of the chain every input has arrived once.
//!
//! The members are of either protocol; what they are told and may be refused, `rebalances` and `consumer_rebalances` say.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chronik_harness::client::{
    Coded, Flow, PlainProducer, Standing, TransactionalProducer, fetch, fetch_offset,
};
use chronik_harness::{Connection, pause, wait_until};
use chronik_types::{CompressionType, ErrorCode, IsolationLevel};

use crate::ledger::View;
use crate::stage::{LIMIT, Stage, done, end, write};

const TOPICS: [&str; 4] = ["chain-0", "chain-1", "chain-2", "chain-3"];
const GROUPS: [&str; 3] = ["first", "second", "third"];
const PARTITIONS: i32 = 4;
const WORKERS: usize = 2;
const INPUTS: usize = 40;
/// Times that a worker leaves and comes back.
const DEPARTURES: usize = 12;
/// Times that all workers together do.
pub(crate) const ALL_DEPARTURES: usize = DEPARTURES * WORKERS * GROUPS.len();

/// A member of one group, which reads one topic. Refusals that it has not earned are failures.
pub(crate) trait Member: Send {
    /// One that has not joined yet; no other has its name.
    fn new(group: &str, topic: &str, partitions: i32, name: &str) -> Self;

    /// Joins, for as long as it takes.
    fn join(&mut self, client: &mut Connection);

    /// One heartbeat; whether it goes on without joining again.
    fn is_stable(&mut self, client: &mut Connection) -> bool;

    /// Whether it goes on without joining again when its offsets were refused like this.
    fn goes_on_after(refused: ErrorCode) -> bool;

    /// Leaves the group.
    fn leave(&mut self, client: &mut Connection);

    /// Who it is now.
    fn standing(&self) -> &Standing;

    /// What it may read.
    fn assigned(&self) -> &[i32];
}

/// What all workers share.
#[derive(Default)]
pub(crate) struct Shared {
    over: AtomicBool,
    departures: AtomicUsize,
    pub(crate) joins: AtomicUsize,
    /// Times that a member was told with a heartbeat to give up partitions, or was given more.
    pub(crate) moves: AtomicUsize,
    /// Times that a member was not alone.
    shared_assignments: AtomicUsize,
}

/// A member of one group with a producer.
struct Worker<'a, M> {
    stage: usize,
    client: Connection,
    member: M,
    producer: TransactionalProducer,
    shared: &'a Shared,
}

impl<M: Member> Worker<'_, M> {
    /// Works, leaves, comes back, and stays when that was often enough.
    fn run(&mut self) {
        let mut departures = 0;
        let mut is_member = false;
        while !self.is_over() {
            self.member.join(&mut self.client);
            self.shared.joins.fetch_add(1, Ordering::Relaxed);
            is_member = true;
            let mut taken = 0;
            while !self.is_over() && self.is_stable() {
                let Some(more) = self.process() else { break };
                taken += more;
                if departures < DEPARTURES && (taken > 3 || more == 0) {
                    departures += 1;
                    self.shared.departures.fetch_add(1, Ordering::Relaxed);
                    self.member.leave(&mut self.client);
                    is_member = false;
                    break;
                }
                if more == 0 {
                    // It only keeps a busy machine free for the others.
                    pause(Duration::from_millis(5));
                }
            }
        }
        if is_member {
            self.member.leave(&mut self.client);
        }
    }

    fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed)
    }

    fn is_stable(&mut self) -> bool {
        let before = self.member.assigned().to_vec();
        let is_stable = self.member.is_stable(&mut self.client);
        if self.member.assigned() != before {
            self.shared.moves.fetch_add(1, Ordering::Relaxed);
        }
        let count = i32::try_from(self.member.assigned().len()).unwrap();
        if count > 0 && count < PARTITIONS {
            self.shared.shared_assignments.fetch_add(1, Ordering::Relaxed);
        }
        is_stable
    }

    /// One transaction over all partitions that it has; how many records it passed on, or nothing when it has to join again.
    fn process(&mut self) -> Option<usize> {
        let (group, input, output) = (GROUPS[self.stage], TOPICS[self.stage], TOPICS[self.stage + 1]);
        let mut offsets = Vec::new();
        let mut count = 0;
        for partition in self.member.assigned().to_vec() {
            let from = done(|| fetch_offset(&mut self.client, group, input, partition, true)).1.max(0);
            let read = IsolationLevel::ReadCommitted;
            let fetched = done(|| fetch(&mut self.client, input, partition, from, read, 1 << 20));
            let taken: Vec<(i64, String)> = fetched.visible().into_iter().take(2).collect();
            let Some((last, _)) = taken.last() else { continue };
            offsets.push((partition, last + 1));
            let outputs: Vec<&str> = taken.iter().map(|(_, value)| value.as_str()).collect();
            write(&mut self.client, &mut self.producer, output, partition, &outputs);
            count += outputs.len();
        }
        if count == 0 {
            return Some(0);
        }
        let said = self.commit(&offsets);
        end(&mut self.client, &mut self.producer, said == ErrorCode::None);
        match said {
            ErrorCode::None => Some(count),
            refused => M::goes_on_after(refused).then_some(0),
        }
    }

    /// Commits the offsets in the transaction.
    fn commit(&mut self, offsets: &[(i32, i64)]) -> ErrorCode {
        let (group, input) = (GROUPS[self.stage], TOPICS[self.stage]);
        if self.producer.flow == Flow::V1 {
            done(|| self.producer.add_offsets(&mut self.client, group));
        }
        let standing = self.member.standing();
        let committed = self.producer.commit_offsets(&mut self.client, group, standing, input, offsets);
        committed.unwrap().error_code()
    }
}

/// Lets members of one protocol pass every input on, and checks what arrives.
pub(crate) fn pass_on<M: Member>(settings: &[&str]) -> Shared {
    let stage = Stage::start(settings);
    for topic in TOPICS {
        stage.create_topic(topic, PARTITIONS);
    }
    let mut client = stage.client();
    let expected = feed(&mut client);
    let shared = Shared::default();
    std::thread::scope(|scope| {
        for (number, group) in GROUPS.into_iter().enumerate() {
            for worker in 0..WORKERS {
                let flow = if worker == 0 { Flow::V1 } else { Flow::V2 };
                let name = format!("{group} {worker}");
                let mut worker = Worker {
                    stage: number,
                    client: stage.client(),
                    member: M::new(group, TOPICS[number], PARTITIONS, &name),
                    producer: stage.producer(&name, flow),
                    shared: &shared,
                };
                scope.spawn(move || worker.run());
            }
        }
        let finished = wait_until(LIMIT, || {
            let departures = shared.departures.load(Ordering::Relaxed);
            (departures >= ALL_DEPARTURES && arrived(&mut client) >= expected.len()).then_some(())
        });
        shared.over.store(true, Ordering::Relaxed);
        assert!(finished.is_some(), "the chain stands still");
    });
    assert_eq!(found(&mut client), expected, "each input once");
    assert!(shared.shared_assignments.load(Ordering::Relaxed) > 0, "workers were never together");
    shared
}

/// Writes the inputs; each is expected once.
fn feed(client: &mut Connection) -> BTreeMap<String, usize> {
    let mut expected = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let mut source = PlainProducer::new(TOPICS[0], partition, CompressionType::None);
        for number in 0..INPUTS {
            let value = format!("{number} of {partition}");
            done(|| source.produce(client, &[&value]));
            expected.insert(value, 1);
        }
    }
    expected
}

fn arrived(client: &mut Connection) -> usize {
    (0..PARTITIONS).map(|partition| View::of(client, TOPICS[3], partition).committed.len()).sum()
}

/// How often each value is at the end of the chain, where no transaction is open any more.
fn found(client: &mut Connection) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let view = View::of(client, TOPICS[3], partition);
        assert!(view.is_stable());
        for value in view.values() {
            *found.entry(value.to_owned()).or_insert(0) += 1;
        }
    }
    found
}
