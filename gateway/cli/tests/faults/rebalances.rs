//! Three groups in a chain, each of which consumes, transforms and produces what the next one reads, while all of them
//! rebalance at the same time: no member is forgotten, none is given an assignment without content, and at the end of the
//! chain every input has arrived once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chronik_harness::client::{
    ClassicMember, Coded, Flow, PlainProducer, Standing, TransactionalProducer, fetch, fetch_offset,
};
use chronik_harness::{Connection, pause, wait_until};
use chronik_types::{CompressionType, ErrorCode, IsolationLevel};

use crate::ledger::View;
use crate::stage::{LIMIT, Stage, done};

const TOPICS: [&str; 4] = ["chain-0", "chain-1", "chain-2", "chain-3"];
const GROUPS: [&str; 3] = ["first", "second", "third"];
const PARTITIONS: i32 = 4;
const WORKERS: usize = 2;
const INPUTS: usize = 40;
/// Times that a worker leaves and comes back.
const DEPARTURES: usize = 12;

/// What all workers share.
#[derive(Default)]
struct Shared {
    over: AtomicBool,
    rebalances: AtomicUsize,
    departures: AtomicUsize,
    /// Times that a member was not alone.
    shared_assignments: AtomicUsize,
}

/// A member of one group with a producer.
struct Worker<'a> {
    stage: usize,
    client: Connection,
    member: ClassicMember,
    producer: TransactionalProducer,
    shared: &'a Shared,
}

impl Worker<'_> {
    /// Works, leaves, comes back, and stays when that was often enough.
    fn run(&mut self) {
        let mut departures = 0;
        while !self.shared.over.load(Ordering::Relaxed) {
            self.join();
            let mut taken = 0;
            while !self.shared.over.load(Ordering::Relaxed) && self.is_stable() {
                let Some(more) = self.process() else { break };
                taken += more;
                if departures < DEPARTURES && (taken > 3 || more == 0) {
                    departures += 1;
                    self.shared.departures.fetch_add(1, Ordering::Relaxed);
                    done(|| self.member.leave(&mut self.client));
                    break;
                }
                if more == 0 {
                    // It only keeps a busy machine free for the others.
                    pause(std::time::Duration::from_millis(5));
                }
            }
        }
        if self.member.standing != Standing::nobody() {
            done(|| self.member.leave(&mut self.client));
        }
    }

    fn join(&mut self) {
        loop {
            match self.member.join(&mut self.client).unwrap() {
                // An assignment without bytes is an error of the client here.
                Ok(joined) => match self.member.sync(&mut self.client, &joined).unwrap() {
                    ErrorCode::None => break,
                    refused => assert_eq!(refused, ErrorCode::RebalanceInProgress, "SyncGroup"),
                },
                Err(refused) => assert_eq!(refused, ErrorCode::MemberIdRequired, "JoinGroup"),
            }
        }
        assert!(!self.member.assigned.is_empty(), "there are partitions for everybody");
        self.shared.rebalances.fetch_add(1, Ordering::Relaxed);
        if i32::try_from(self.member.assigned.len()).unwrap() < PARTITIONS {
            self.shared.shared_assignments.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_stable(&mut self) -> bool {
        match self.member.heartbeat(&mut self.client).unwrap() {
            ErrorCode::None => true,
            refused => {
                assert_eq!(refused, ErrorCode::RebalanceInProgress, "Heartbeat");
                false
            }
        }
    }

    /// One transaction over all partitions that it has; how many records it passed on, or nothing when it has to join again.
    fn process(&mut self) -> Option<usize> {
        let mut offsets = Vec::new();
        let mut count = 0;
        for partition in self.member.assigned.clone() {
            let group = GROUPS[self.stage];
            let input = TOPICS[self.stage];
            let from = done(|| fetch_offset(&mut self.client, group, input, partition, true)).1.max(0);
            let read = IsolationLevel::ReadCommitted;
            let fetched = done(|| fetch(&mut self.client, input, partition, from, read, 1 << 20));
            let taken: Vec<(i64, String)> = fetched.visible().into_iter().take(2).collect();
            let Some((last, _)) = taken.last() else { continue };
            offsets.push((partition, last + 1));
            let outputs: Vec<&str> = taken.iter().map(|(_, value)| value.as_str()).collect();
            let output = TOPICS[self.stage + 1];
            if self.producer.flow == Flow::V1 {
                done(|| self.producer.add_partitions(&mut self.client, output, &[partition]));
            }
            done(|| self.producer.produce(&mut self.client, output, partition, &outputs));
            count += outputs.len();
        }
        if count == 0 {
            return Some(0);
        }
        let committed = self.commit(&offsets);
        done(|| self.producer.end(&mut self.client, committed));
        committed.then_some(count)
    }

    /// Commits the offsets in the transaction; whether it is still the one to do so.
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
                let expected = [ErrorCode::RebalanceInProgress, ErrorCode::IllegalGeneration];
                assert!(expected.contains(&refused), "TxnOffsetCommit: {refused:?}");
                false
            }
        }
    }
}

fn arrived(client: &mut Connection) -> usize {
    (0..PARTITIONS).map(|partition| View::of(client, TOPICS[3], partition).committed.len()).sum()
}

#[test]
fn three_chained_groups_pass_every_record_on_once_while_all_of_them_rebalance() {
    let stage = Stage::start(&[]);
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
                let mut worker = Worker {
                    stage: number,
                    client: stage.client(),
                    member: ClassicMember::new(group, TOPICS[number], PARTITIONS),
                    producer: stage.producer(&format!("{group} {worker}"), flow),
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
    assert!(shared.rebalances.load(Ordering::Relaxed) >= DEPARTURES * WORKERS * GROUPS.len());
}
