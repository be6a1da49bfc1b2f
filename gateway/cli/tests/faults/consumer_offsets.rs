//! The same as `committed_offsets`, for groups whose assignment the gateway decides: the committed offset of a partition
//! never goes back, not over dozens of new assignments, not when the gateway is killed, and not by a commit of a member that
//! has given the partition up in the meantime.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering};

use chronik_harness::client::{ConsumerMember, Flow, commit_offsets, commit_request, fetch_offset};
use chronik_harness::{ClientError, Connection, Fault, Injected, wait_until};
use chronik_types::ErrorCode;
use kafka_protocol::messages::OffsetCommitRequest;

use crate::stage::{FLOWS, LIMIT, Stage, done};

const TOPIC: &str = "committed";
const GROUP: &str = "consumers";
const PARTITIONS: i32 = 4;
const MEMBERS: usize = 3;
/// Epochs of the group to go through.
const EPOCHS: i32 = 120;
/// Commits of a member before it leaves and comes back.
const COMMITS: usize = 5;
/// A new assignment whenever somebody comes or goes.
const AT_ONCE: [&str; 1] = ["groups.consumer_assignment_interval=0ms"];

/// What the members share.
#[derive(Default)]
struct Shared {
    /// The newest commit of each partition that was acknowledged.
    acknowledged: [AtomicI64; 4],
    epoch: AtomicI32,
    /// Times that a member was not alone.
    shared_assignments: AtomicUsize,
}

/// One member with its connection.
struct Committer<'a> {
    address: SocketAddr,
    client: Connection,
    member: ConsumerMember,
    shared: &'a Shared,
}

impl Committer<'_> {
    fn is_over(&self) -> bool {
        self.shared.epoch.load(Ordering::Relaxed) >= EPOCHS
    }

    /// Lives in the group until there were epochs enough; it leaves and comes back again and again.
    fn run(&mut self) {
        while !self.is_over() {
            if self.live().is_err() {
                // The gateway was killed; the membership may have survived, or not.
                let again = wait_until(LIMIT, || Connection::open(self.address, LIMIT).ok());
                self.client = again.unwrap();
            }
        }
        // Nobody waits for a member that has gone.
        let _ = self.member.leave(&mut self.client);
    }

    /// Joins, commits the next offsets of what it has, and leaves.
    fn live(&mut self) -> Result<(), ClientError> {
        assert_eq!(self.member.join(&mut self.client)?, ErrorCode::None, "joining");
        let mut committed = 0;
        while committed < COMMITS && !self.is_over() {
            match self.member.heartbeat(&mut self.client)? {
                ErrorCode::None => {}
                // What it was told before the kill has not become durable: it begins anew.
                ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => return Ok(()),
                refused => panic!("ConsumerGroupHeartbeat: {refused:?}"),
            }
            self.shared.epoch.fetch_max(self.member.standing.generation_id, Ordering::Relaxed);
            let count = i32::try_from(self.member.assigned.len()).unwrap();
            if count > 0 && count < PARTITIONS {
                self.shared.shared_assignments.fetch_add(1, Ordering::Relaxed);
            }
            committed += usize::from(self.commit()?);
        }
        self.member.leave(&mut self.client).map(|_| ())
    }

    /// Commits the next offset of all its partitions; whether it could.
    fn commit(&mut self) -> Result<bool, ClientError> {
        let mut offsets = Vec::new();
        for partition in self.member.assigned.clone() {
            let least = self.shared.acknowledged[usize::try_from(partition).unwrap()].load(Ordering::SeqCst);
            let (error, found) = fetch_offset(&mut self.client, GROUP, TOPIC, partition, true)?;
            assert_eq!(error, ErrorCode::None);
            assert!(found.max(0) >= least, "partition {partition}: {found} after {least} was acknowledged");
            offsets.push((partition, found.max(0) + 1));
        }
        if offsets.is_empty() {
            return Ok(false);
        }
        match commit_offsets(&mut self.client, GROUP, &self.member.standing, TOPIC, &offsets)? {
            ErrorCode::None => {}
            ErrorCode::StaleMemberEpoch => return Ok(false),
            refused => panic!("OffsetCommit: {refused:?}"),
        }
        for (partition, offset) in offsets {
            let acknowledged = &self.shared.acknowledged[usize::try_from(partition).unwrap()];
            acknowledged.fetch_max(offset, Ordering::SeqCst);
        }
        Ok(true)
    }
}

/// Members that come and go while `disturb` goes on.
fn rebalance(disturb: impl FnOnce(&mut Stage, &Shared)) {
    let mut stage = Stage::start(&AT_ONCE);
    stage.create_topic(TOPIC, PARTITIONS);
    let shared = Shared::default();
    let address = stage.proxy.address();
    std::thread::scope(|scope| {
        for number in 0..MEMBERS {
            let mut committer = Committer {
                address,
                client: stage.client(),
                member: ConsumerMember::new(GROUP, TOPIC, &number.to_string()),
                shared: &shared,
            };
            scope.spawn(move || committer.run());
        }
        disturb(&mut stage, &shared);
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
fn committed_offsets_only_grow_over_new_assignments() {
    rebalance(|_, _| {});
}

#[test]
fn committed_offsets_only_grow_over_new_assignments_and_kills() {
    rebalance(|stage, shared| {
        for kill in 1..=3 {
            let reached = || shared.epoch.load(Ordering::Relaxed) >= kill * EPOCHS / 4;
            assert!(wait_until(LIMIT, || reached().then_some(())).is_some());
            stage.kill_and_start();
        }
    });
}

/// Lets all members send heartbeats until each has so many partitions.
fn settle(stage: &Stage, members: &mut [&mut ConsumerMember], each: usize) {
    let mut client = stage.client();
    let settled = wait_until(LIMIT, || {
        for member in members.iter_mut() {
            done(|| member.heartbeat(&mut client));
        }
        members.iter().all(|member| member.assigned.len() == each).then_some(())
    });
    assert!(settled.is_some(), "{members:?}");
}

#[test]
fn a_late_commit_for_a_partition_that_has_moved_on_changes_nothing() {
    let stage = Stage::start(&AT_ONCE);
    stage.create_topic(TOPIC, 2);
    let mut client = stage.client();
    let mut first = ConsumerMember::new(GROUP, TOPIC, "first");
    done(|| first.join(&mut client));
    settle(&stage, &mut [&mut first], 2);
    done(|| commit_offsets(&mut client, GROUP, &first.standing, TOPIC, &[(0, 5), (1, 5)]));
    // Two commits for each partition that the network keeps; which one moves, the gateway decides.
    let late = [0, 1, 0, 1].map(|partition| {
        let held = stage.proxy.inject::<OffsetCommitRequest>(Fault::Hold);
        let request = commit_request(GROUP, &first.standing, TOPIC, &[(partition, 6)]);
        stage.client().send(9, &request).unwrap();
        assert!(held.caught(LIMIT));
        (partition, held)
    });
    let mut second = ConsumerMember::new(GROUP, TOPIC, "second");
    done(|| second.join(&mut client));
    settle(&stage, &mut [&mut first, &mut second], 1);
    let moved = second.assigned[0];
    assert_eq!(first.assigned, [1 - moved]);
    for member in [&first, &second] {
        done(|| commit_offsets(&mut client, GROUP, &member.standing, TOPIC, &[(member.assigned[0], 9)]));
    }
    let mut of_moved = late.iter().filter(|(partition, _)| *partition == moved).map(|(_, held)| held);
    let mut refused = || {
        let held: &Injected<OffsetCommitRequest> = of_moved.next().unwrap();
        assert!(held.release());
        let answers = held.answers(1, LIMIT);
        ErrorCode::from_code(answers[0].topics[0].partitions[0].error_code).unwrap()
    };
    assert_eq!(refused(), ErrorCode::StaleMemberEpoch);
    done(|| first.leave(&mut client));
    assert_eq!(refused(), ErrorCode::UnknownMemberId);
    for partition in 0..2 {
        assert_eq!(done(|| fetch_offset(&mut client, GROUP, TOPIC, partition, true)).1, 9);
    }
}

#[test]
fn a_transaction_of_an_earlier_epoch_commits_no_offsets_of_what_has_moved_on() {
    for flow in FLOWS {
        let mut stage = Stage::start(&AT_ONCE);
        stage.create_topic(TOPIC, 2);
        let mut client = stage.client();
        let mut first = ConsumerMember::new(GROUP, TOPIC, "first");
        done(|| first.join(&mut client));
        settle(&stage, &mut [&mut first], 2);
        done(|| commit_offsets(&mut client, GROUP, &first.standing, TOPIC, &[(0, 3), (1, 3)]));
        let old = first.standing.clone();
        let mut second = ConsumerMember::new(GROUP, TOPIC, "second");
        done(|| second.join(&mut client));
        settle(&stage, &mut [&mut first, &mut second], 1);
        let moved = second.assigned[0];
        let mut producer = stage.producer("epochs", flow);
        stage.kill_and_start();
        let mut client = stage.client();
        if flow == Flow::V1 {
            done(|| producer.add_offsets(&mut client, GROUP));
        }
        let late = producer.commit_offsets(&mut client, GROUP, &old, TOPIC, &[(moved, 2)]).unwrap();
        assert_eq!(late, ErrorCode::IllegalGeneration);
        done(|| producer.commit_offsets(&mut client, GROUP, &second.standing, TOPIC, &[(moved, 4)]));
        done(|| producer.end(&mut client, true));
        assert_eq!(done(|| fetch_offset(&mut client, GROUP, TOPIC, moved, true)).1, 4);
    }
}
