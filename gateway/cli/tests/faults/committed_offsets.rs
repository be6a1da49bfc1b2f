//! The committed offset of a partition never goes back: not over dozens of rebalances, not when the gateway is killed, and
//! not by a commit of a member that has lost the partition in the meantime (K3 of the checker).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI32, Ordering};

use chronik_harness::client::{ClassicMember, Standing, commit_offsets, fetch_offset};
use chronik_harness::{ClientError, Connection, wait_until};
use chronik_types::ErrorCode;

use crate::commits::{
    self, COMMITS, GROUP, Member, PARTITIONS, Shared, TOPIC, commit_then_and_now, hold_commit, release_commit,
};
use crate::stage::{FLOWS, LIMIT, Stage, done, join};

impl Member for ClassicMember {
    fn new(_number: usize) -> Self {
        Self::new(GROUP, TOPIC, PARTITIONS)
    }

    fn live(&mut self, client: &mut Connection, shared: &Shared) -> Result<(), ClientError> {
        join_next(self, client)?;
        shared.assigned(&self.standing, &self.assigned);
        commit(self, client, shared)
    }

    fn leave(&mut self, client: &mut Connection) -> Result<ErrorCode, ClientError> {
        self.leave(client)
    }
}

fn join_next(member: &mut ClassicMember, client: &mut Connection) -> Result<(), ClientError> {
    loop {
        match member.join(client)? {
            Ok(joined) => match member.sync(client, &joined)? {
                ErrorCode::None => return Ok(()),
                ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {}
                ErrorCode::UnknownMemberId => member.standing = Standing::nobody(),
                refused => panic!("SyncGroup: {refused:?}"),
            },
            Err(ErrorCode::UnknownMemberId) => member.standing = Standing::nobody(),
            Err(ErrorCode::MemberIdRequired | ErrorCode::RebalanceInProgress) => {}
            Err(refused) => panic!("JoinGroup: {refused:?}"),
        }
    }
}

/// Commits the next offsets until it is told to join again, or has done enough and leaves.
fn commit(member: &mut ClassicMember, client: &mut Connection, shared: &Shared) -> Result<(), ClientError> {
    let mut positions = shared.positions(client, &member.assigned)?;
    for _ in 0..COMMITS {
        for (_, offset) in &mut positions {
            *offset += 1;
        }
        match commit_offsets(client, GROUP, &member.standing, TOPIC, &positions)? {
            ErrorCode::None => {}
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => return Ok(()),
            ErrorCode::UnknownMemberId => {
                member.standing = Standing::nobody();
                return Ok(());
            }
            refused => panic!("OffsetCommit: {refused:?}"),
        }
        shared.acknowledge(&positions);
        if member.heartbeat(client)? != ErrorCode::None {
            return Ok(());
        }
    }
    member.leave(client).map(|_| ())
}

#[test]
fn committed_offsets_only_grow_over_rebalances() {
    commits::rebalance::<ClassicMember>(&[], |_, _| {});
}

#[test]
fn committed_offsets_only_grow_over_rebalances_and_kills() {
    commits::rebalance::<ClassicMember>(&[], commits::kill);
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
    let [of_present, of_absent] = [0, 1].map(|partition| hold_commit(&stage, &first.standing, partition));
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
    assert_eq!(release_commit(&of_present), ErrorCode::IllegalGeneration);
    done(|| first.leave(&mut client));
    assert_eq!(release_commit(&of_absent), ErrorCode::UnknownMemberId);
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
        commit_then_and_now(&mut client, &mut producer, [&old, &first.standing], 0);
    }
}
