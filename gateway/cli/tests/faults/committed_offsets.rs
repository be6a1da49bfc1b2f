//! The committed offset of a partition never goes back: not over dozens of rebalances, not when the gateway is killed, and
//! not by a commit of a member that has lost the partition in the meantime (K3 of the checker).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering};

use chronik_harness::client::{ClassicMember, Flow, Standing, commit_offsets, commit_request, fetch_offset};
use chronik_harness::{ClientError, Connection, Fault, Injected, wait_until};
use chronik_types::ErrorCode;
use kafka_protocol::messages::OffsetCommitRequest;

use crate::stage::{FLOWS, LIMIT, Stage, done, join};

const TOPIC: &str = "committed";
const GROUP: &str = "committers";
const PARTITIONS: i32 = 4;
const MEMBERS: usize = 3;
/// Rebalances to go through.
const GENERATIONS: i32 = 120;
/// Commits of a member before it leaves and comes back.
const COMMITS: usize = 5;

/// What the members share.
#[derive(Default)]
struct Shared {
    /// The newest commit of each partition that was acknowledged.
    acknowledged: [AtomicI64; 4],
    generation: AtomicI32,
    /// Times that a member was not alone.
    shared_assignments: AtomicUsize,
}

/// One member with its connection.
struct Committer<'a> {
    address: SocketAddr,
    client: Connection,
    member: ClassicMember,
    shared: &'a Shared,
}

impl Committer<'_> {
    fn is_over(&self) -> bool {
        self.shared.generation.load(Ordering::Relaxed) >= GENERATIONS
    }

    /// Lives in the group until there were rebalances enough; it leaves and comes back again and again.
    fn run(&mut self) {
        while !self.is_over() {
            if self.join().and_then(|()| self.commit()).is_err() {
                // The gateway was killed; the membership may have survived, or not.
                let again = wait_until(LIMIT, || Connection::open(self.address, LIMIT).ok());
                self.client = again.unwrap();
            }
        }
        // Nobody waits for a member that has gone.
        let _ = self.member.leave(&mut self.client);
    }

    fn join(&mut self) -> Result<(), ClientError> {
        loop {
            match self.member.join(&mut self.client)? {
                Ok(joined) => match self.member.sync(&mut self.client, &joined)? {
                    ErrorCode::None => break,
                    ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {}
                    ErrorCode::UnknownMemberId => self.member.standing = Standing::nobody(),
                    refused => panic!("SyncGroup: {refused:?}"),
                },
                Err(ErrorCode::UnknownMemberId) => self.member.standing = Standing::nobody(),
                Err(ErrorCode::MemberIdRequired | ErrorCode::RebalanceInProgress) => {}
                Err(refused) => panic!("JoinGroup: {refused:?}"),
            }
        }
        self.shared.generation.fetch_max(self.member.standing.generation_id, Ordering::Relaxed);
        if self.member.assigned.len() < self.shared.acknowledged.len() {
            self.shared.shared_assignments.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Commits the next offsets until it is told to join again, or has done enough and leaves.
    fn commit(&mut self) -> Result<(), ClientError> {
        let mut positions = Vec::new();
        for partition in self.member.assigned.clone() {
            let index = usize::try_from(partition).unwrap();
            let least = self.shared.acknowledged[index].load(Ordering::SeqCst);
            let (error, found) = fetch_offset(&mut self.client, GROUP, TOPIC, partition, true)?;
            assert_eq!(error, ErrorCode::None);
            assert!(found.max(0) >= least, "partition {partition}: {found} after {least} was acknowledged");
            positions.push((partition, found.max(0)));
        }
        for _ in 0..COMMITS {
            for (_, offset) in &mut positions {
                *offset += 1;
            }
            let standing = &self.member.standing;
            match commit_offsets(&mut self.client, GROUP, standing, TOPIC, &positions)? {
                ErrorCode::None => {}
                ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => return Ok(()),
                ErrorCode::UnknownMemberId => {
                    self.member.standing = Standing::nobody();
                    return Ok(());
                }
                refused => panic!("OffsetCommit: {refused:?}"),
            }
            for (partition, offset) in &positions {
                let index = usize::try_from(*partition).unwrap();
                self.shared.acknowledged[index].fetch_max(*offset, Ordering::SeqCst);
            }
            if self.member.heartbeat(&mut self.client)? != ErrorCode::None {
                return Ok(());
            }
        }
        self.member.leave(&mut self.client).map(|_| ())
    }
}

/// Members that come and go while `disturb` goes on.
fn rebalance(stage: &mut Stage, disturb: impl FnOnce(&mut Stage, &Shared)) {
    stage.create_topic(TOPIC, PARTITIONS);
    let shared = Shared::default();
    let address = stage.proxy.address();
    std::thread::scope(|scope| {
        for _ in 0..MEMBERS {
            let mut committer = Committer {
                address,
                client: stage.client(),
                member: ClassicMember::new(GROUP, TOPIC, PARTITIONS),
                shared: &shared,
            };
            scope.spawn(move || committer.run());
        }
        disturb(stage, &shared);
    });
    assert!(shared.shared_assignments.load(Ordering::Relaxed) > 0, "members were never together");
    let mut client = stage.client();
    for (partition, acknowledged) in (0..PARTITIONS).zip(&shared.acknowledged) {
        let (error, found) = fetch_offset(&mut client, GROUP, TOPIC, partition, true).unwrap();
        let acknowledged = acknowledged.load(Ordering::SeqCst);
        assert_eq!(error, ErrorCode::None);
        assert!(found >= acknowledged && acknowledged > 0, "{partition}: {found}, {acknowledged}");
    }
}

#[test]
fn committed_offsets_only_grow_over_rebalances() {
    rebalance(&mut Stage::start(&[]), |_, _| {});
}

#[test]
fn committed_offsets_only_grow_over_rebalances_and_kills() {
    rebalance(&mut Stage::start(&[]), |stage, shared| {
        for kill in 1..=3 {
            let reached = || shared.generation.load(Ordering::Relaxed) >= kill * GENERATIONS / 4;
            assert!(wait_until(LIMIT, || reached().then_some(())).is_some());
            stage.kill_and_start();
        }
    });
}

/// Joins members of a group at the same time, until all have an assignment in one generation.
fn join_all(stage: &Stage, members: &mut [&mut ClassicMember]) {
    let generations: Vec<AtomicI32> = members.iter().map(|_| AtomicI32::new(-1)).collect();
    let is_one = || {
        let mut known = generations.iter().map(|generation| generation.load(Ordering::Relaxed));
        let first = known.next();
        known.all(|other| Some(other) == first)
    };
    let join_one = |member: &mut ClassicMember, generation: &AtomicI32| {
        let mut client = stage.client();
        join(&mut client, member);
        generation.store(member.standing.generation_id, Ordering::Relaxed);
        let together = wait_until(LIMIT, || {
            if is_one() {
                return Some(());
            }
            // Who came first is told to join again with those who came later.
            let said = member.heartbeat(&mut client).unwrap();
            if said != ErrorCode::None {
                assert_eq!(said, ErrorCode::RebalanceInProgress, "Heartbeat");
                join(&mut client, member);
                generation.store(member.standing.generation_id, Ordering::Relaxed);
            }
            None
        });
        assert!(together.is_some(), "members of several generations");
    };
    std::thread::scope(|scope| {
        for (member, generation) in members.iter_mut().zip(&generations) {
            scope.spawn(move || join_one(member, generation));
        }
    });
}

#[test]
fn a_late_commit_of_an_earlier_generation_changes_nothing() {
    let stage = Stage::with_topic(TOPIC, 2);
    let mut first = ClassicMember::new(GROUP, TOPIC, 2);
    join_all(&stage, &mut [&mut first]);
    let mut client = stage.client();
    let both = [(0, 5), (1, 5)];
    done(|| commit_offsets(&mut client, GROUP, &first.standing, TOPIC, &both));
    // Two commits that the network keeps: of a member that stays, and of one that leaves.
    let late = [0, 1].map(|partition| {
        let held = stage.proxy.inject::<OffsetCommitRequest>(Fault::Hold);
        let request = commit_request(GROUP, &first.standing, TOPIC, &[(partition, 6)]);
        stage.client().send(9, &request).unwrap();
        assert!(held.caught(LIMIT));
        held
    });
    let [of_present, of_absent] = late;
    let old_generation = first.standing.generation_id;
    let mut second = ClassicMember::new(GROUP, TOPIC, 2);
    join_all(&stage, &mut [&mut first, &mut second]);
    assert!(first.standing.generation_id > old_generation);
    let owned: BTreeSet<i32> = first.assigned.iter().chain(&second.assigned).copied().collect();
    assert_eq!(owned, BTreeSet::from([0, 1]));
    for member in [&first, &second] {
        let offsets: Vec<(i32, i64)> = member.assigned.iter().map(|partition| (*partition, 9)).collect();
        done(|| commit_offsets(&mut client, GROUP, &member.standing, TOPIC, &offsets));
    }
    let refused = |held: &Injected<OffsetCommitRequest>| {
        assert!(held.release());
        let answers = held.answers(1, LIMIT);
        let code = answers[0].topics[0].partitions[0].error_code;
        ErrorCode::from_code(code).unwrap()
    };
    assert_eq!(refused(&of_present), ErrorCode::IllegalGeneration);
    done(|| first.leave(&mut client));
    assert_eq!(refused(&of_absent), ErrorCode::UnknownMemberId);
    for partition in 0..2 {
        assert_eq!(done(|| fetch_offset(&mut client, GROUP, TOPIC, partition, true)).1, 9);
    }
}

#[test]
fn a_transaction_of_an_earlier_generation_commits_no_offsets() {
    for flow in FLOWS {
        let mut stage = Stage::with_topic(TOPIC, 1);
        let mut first = ClassicMember::new(GROUP, TOPIC, 1);
        join_all(&stage, &mut [&mut first]);
        let mut producer = stage.producer("generations", flow);
        let mut client = stage.client();
        done(|| commit_offsets(&mut client, GROUP, &first.standing, TOPIC, &[(0, 3)]));
        let old = first.standing.clone();
        join_all(&stage, &mut [&mut first]);
        stage.kill_and_start();
        let mut client = stage.client();
        if flow == Flow::V1 {
            done(|| producer.add_offsets(&mut client, GROUP));
        }
        let late = producer.commit_offsets(&mut client, GROUP, &old, TOPIC, &[(0, 2)]).unwrap();
        assert_eq!(late, ErrorCode::IllegalGeneration);
        let standing = first.standing.clone();
        done(|| producer.commit_offsets(&mut client, GROUP, &standing, TOPIC, &[(0, 4)]));
        done(|| producer.end(&mut client, true));
        assert_eq!(done(|| fetch_offset(&mut client, GROUP, TOPIC, 0, true)).1, 4);
    }
}
