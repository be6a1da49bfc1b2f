//! The same as `committed_offsets`, for groups whose assignment the gateway decides: the committed offset of a partition
//! never goes back, not over dozens of new assignments, not when the gateway is killed, and not by a commit of a member that
//! has given the partition up in the meantime.

use chronik_harness::client::{ConsumerMember, commit_offsets, fetch_offset};
use chronik_harness::{ClientError, Connection, wait_until};
use chronik_types::ErrorCode;

use crate::commits::{
    self, COMMITS, GROUP, Member, Shared, TOPIC, commit_then_and_now, hold_commit, release_commit,
};
use crate::stage::{FLOWS, LIMIT, Stage, done};

/// A new assignment whenever somebody comes or goes.
const AT_ONCE: [&str; 1] = ["groups.consumer_assignment_interval=0ms"];

impl Member for ConsumerMember {
    fn new(number: usize) -> Self {
        Self::new(GROUP, TOPIC, &number.to_string())
    }

    fn live(&mut self, client: &mut Connection, shared: &Shared) -> Result<(), ClientError> {
        assert_eq!(self.join(client)?, ErrorCode::None, "joining");
        let mut committed = 0;
        while committed < COMMITS && !shared.is_over() {
            match self.heartbeat(client)? {
                ErrorCode::None => {}
                // What it was told before the kill has not become durable: it begins anew.
                ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => return Ok(()),
                refused => panic!("ConsumerGroupHeartbeat: {refused:?}"),
            }
            shared.assigned(&self.standing, &self.assigned);
            committed += usize::from(commit(self, client, shared)?);
        }
        self.leave(client).map(|_| ())
    }

    fn leave(&mut self, client: &mut Connection) -> Result<ErrorCode, ClientError> {
        self.leave(client)
    }
}

/// Commits the next offset of all its partitions; whether it could.
fn commit(member: &ConsumerMember, client: &mut Connection, shared: &Shared) -> Result<bool, ClientError> {
    let mut offsets = shared.positions(client, &member.assigned)?;
    if offsets.is_empty() {
        return Ok(false);
    }
    for (_, offset) in &mut offsets {
        *offset += 1;
    }
    match commit_offsets(client, GROUP, &member.standing, TOPIC, &offsets)? {
        ErrorCode::None => {}
        ErrorCode::StaleMemberEpoch => return Ok(false),
        refused => panic!("OffsetCommit: {refused:?}"),
    }
    shared.acknowledge(&offsets);
    Ok(true)
}

#[test]
fn committed_offsets_only_grow_over_new_assignments() {
    commits::rebalance::<ConsumerMember>(&AT_ONCE, |_, _| {});
}

#[test]
fn committed_offsets_only_grow_over_new_assignments_and_kills() {
    commits::rebalance::<ConsumerMember>(&AT_ONCE, commits::kill);
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
    let late = [0, 1, 0, 1].map(|partition| (partition, hold_commit(&stage, &first.standing, partition)));
    let mut second = ConsumerMember::new(GROUP, TOPIC, "second");
    done(|| second.join(&mut client));
    settle(&stage, &mut [&mut first, &mut second], 1);
    let moved = second.assigned[0];
    assert_eq!(first.assigned, [1 - moved]);
    for member in [&first, &second] {
        done(|| commit_offsets(&mut client, GROUP, &member.standing, TOPIC, &[(member.assigned[0], 9)]));
    }
    let mut of_moved = late.iter().filter(|(partition, _)| *partition == moved).map(|(_, held)| held);
    let mut refused = || release_commit(of_moved.next().unwrap());
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
        commit_then_and_now(&mut client, &mut producer, [&old, &second.standing], moved);
    }
}
