//! Members of one group that commit offsets while they come and go: what was acknowledged is never taken back. And commits
//! that arrive when their member is another one already.
//!
//! The members are of either protocol; how they live, `committed_offsets` and `consumer_offsets` say.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering};

use chronik_harness::client::{Flow, Standing, TransactionalProducer, commit_request, fetch_offset};
use chronik_harness::{ClientError, Connection, Fault, Injected, wait_until};
use chronik_types::ErrorCode;
use kafka_protocol::messages::OffsetCommitRequest;

use crate::stage::{LIMIT, Stage, done, end};

pub(crate) const TOPIC: &str = "committed";
pub(crate) const GROUP: &str = "committers";
pub(crate) const PARTITIONS: i32 = 4;
/// Commits of a member before it leaves and comes back.
pub(crate) const COMMITS: usize = 5;
const MEMBERS: usize = 3;
/// Generations, or epochs, of the group to go through.
const GENERATIONS: i32 = 120;

/// A member of the group.
pub(crate) trait Member: Send {
    /// One that has not joined yet; no other has its number.
    fn new(number: usize) -> Self;

    /// Joins, commits the next offsets of what it has, and leaves, or returns when it has to join again.
    ///
    /// # Errors
    /// When no answer comes.
    fn live(&mut self, client: &mut Connection, shared: &Shared) -> Result<(), ClientError>;

    /// Leaves the group.
    ///
    /// # Errors
    /// When no answer comes.
    fn leave(&mut self, client: &mut Connection) -> Result<ErrorCode, ClientError>;
}

/// What the members share.
#[derive(Default)]
pub(crate) struct Shared {
    /// The newest commit of each partition that was acknowledged.
    acknowledged: [AtomicI64; 4],
    generation: AtomicI32,
    /// Times that a member was not alone.
    shared_assignments: AtomicUsize,
}

impl Shared {
    /// Whether there were generations enough.
    pub(crate) fn is_over(&self) -> bool {
        self.generation.load(Ordering::Relaxed) >= GENERATIONS
    }

    /// Notes as whom a member reads what.
    pub(crate) fn assigned(&self, standing: &Standing, partitions: &[i32]) {
        self.generation.fetch_max(standing.generation_id, Ordering::Relaxed);
        if !partitions.is_empty() && partitions.len() < self.acknowledged.len() {
            self.shared_assignments.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The committed offsets of partitions, none of which has gone back.
    pub(crate) fn positions(
        &self,
        client: &mut Connection,
        partitions: &[i32],
    ) -> Result<Vec<(i32, i64)>, ClientError> {
        let mut positions = Vec::new();
        for partition in partitions {
            let least = self.of(*partition).load(Ordering::SeqCst);
            let (error, found) = fetch_offset(client, GROUP, TOPIC, *partition, true)?;
            assert_eq!(error, ErrorCode::None);
            assert!(found.max(0) >= least, "partition {partition}: {found} after {least} was acknowledged");
            positions.push((*partition, found.max(0)));
        }
        Ok(positions)
    }

    /// Notes a commit that was acknowledged.
    pub(crate) fn acknowledge(&self, offsets: &[(i32, i64)]) {
        for (partition, offset) in offsets {
            self.of(*partition).fetch_max(*offset, Ordering::SeqCst);
        }
    }

    fn of(&self, partition: i32) -> &AtomicI64 {
        &self.acknowledged[usize::try_from(partition).unwrap()]
    }
}

/// One member with its connection.
struct Committer<'a, M> {
    address: SocketAddr,
    client: Connection,
    member: M,
    shared: &'a Shared,
}

impl<M: Member> Committer<'_, M> {
    /// Lives in the group until there were generations enough; it leaves and comes back again and again.
    fn run(&mut self) {
        while !self.shared.is_over() {
            if self.member.live(&mut self.client, self.shared).is_err() {
                // The gateway was killed; the membership may have survived, or not.
                let again = wait_until(LIMIT, || Connection::open(self.address, LIMIT).ok());
                self.client = again.unwrap();
            }
        }
        // Nobody waits for a member that has gone.
        let _ = self.member.leave(&mut self.client);
    }
}

/// Members that come and go while `disturb` goes on.
pub(crate) fn rebalance<M: Member>(settings: &[&str], disturb: impl FnOnce(&mut Stage, &Shared)) {
    let mut stage = Stage::start(settings);
    stage.create_topic(TOPIC, PARTITIONS);
    let shared = Shared::default();
    let address = stage.proxy.address();
    std::thread::scope(|scope| {
        for number in 0..MEMBERS {
            let (client, member) = (stage.client(), M::new(number));
            let mut committer = Committer { address, client, member, shared: &shared };
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

/// Kills the gateway after each quarter of the generations but the last.
pub(crate) fn kill(stage: &mut Stage, shared: &Shared) {
    for kill in 1..=3 {
        let reached = || shared.generation.load(Ordering::Relaxed) >= kill * GENERATIONS / 4;
        assert!(wait_until(LIMIT, || reached().then_some(())).is_some());
        stage.kill_and_start();
    }
}

/// A commit of offset 6 that the network keeps.
pub(crate) fn hold_commit(
    stage: &Stage,
    standing: &Standing,
    partition: i32,
) -> Injected<OffsetCommitRequest> {
    let held = stage.proxy.inject::<OffsetCommitRequest>(Fault::Hold);
    let request = commit_request(GROUP, standing, TOPIC, &[(partition, 6)]);
    stage.client().send(9, &request).unwrap();
    assert!(held.caught(LIMIT));
    held
}

/// Lets the network deliver a commit; what it is answered.
pub(crate) fn release_commit(held: &Injected<OffsetCommitRequest>) -> ErrorCode {
    assert!(held.release());
    let answers = held.answers(1, LIMIT);
    ErrorCode::from_code(answers[0].topics[0].partitions[0].error_code).unwrap()
}

/// Commits in one transaction as the member of then, which is refused, and as the member of now, which counts.
pub(crate) fn commit_then_and_now(
    client: &mut Connection,
    producer: &mut TransactionalProducer,
    [then, now]: [&Standing; 2],
    partition: i32,
) {
    if producer.flow == Flow::V1 {
        done(|| producer.add_offsets(client, GROUP));
    }
    let late = producer.commit_offsets(client, GROUP, then, TOPIC, &[(partition, 2)]).unwrap();
    assert_eq!(late, ErrorCode::IllegalGeneration);
    done(|| producer.commit_offsets(client, GROUP, now, TOPIC, &[(partition, 4)]));
    end(client, producer, true);
    assert_eq!(done(|| fetch_offset(client, GROUP, TOPIC, partition, true)).1, 4);
}
