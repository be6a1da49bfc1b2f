//! What groups and producers have comes back after `kill -9`, from the journal and from a checkpoint: members of both
//! protocols with their assignments, static members, offsets that are committed, offsets that wait for a transaction, and
//! the transaction itself. `chronik log dump` tells how all that came about.

use std::process::Command;

use chronik_harness::client::{
    ClassicMember, ConsumerMember, Flow, Joined, PlainProducer, Standing, TransactionalProducer,
    commit_offsets, describe_transaction, fetch_offset,
};
use chronik_harness::{Connection, wait_until};
use chronik_types::{CompressionType, ErrorCode};

use crate::ledger::View;
use crate::stage::{LIMIT, Stage, done, write};

const TOPIC: &str = "survivors";
const PARTITIONS: i32 = 2;
const ALL: [i32; 2] = [0, 1];

/// Everything that is to survive.
struct Survivors {
    classic: ClassicMember,
    joined: Joined,
    fixed: ClassicMember,
    consumer: ConsumerMember,
    producer: TransactionalProducer,
}

fn joined(client: &mut Connection, member: &mut ClassicMember) -> Joined {
    loop {
        match member.join(client).unwrap() {
            Ok(joined) => return joined,
            Err(refused) => assert_eq!(refused, ErrorCode::MemberIdRequired),
        }
    }
}

impl Survivors {
    fn new(stage: &Stage) -> Self {
        let mut client = stage.client();
        let mut classic = ClassicMember::new("classic", TOPIC, PARTITIONS);
        let known = joined(&mut client, &mut classic);
        done(|| classic.sync(&mut client, &known));
        done(|| commit_offsets(&mut client, "classic", &classic.standing, TOPIC, &[(0, 3), (1, 4)]));
        let mut fixed = ClassicMember::new("static", TOPIC, PARTITIONS);
        fixed.standing.group_instance_id = Some("instance".to_owned());
        let first = joined(&mut client, &mut fixed);
        done(|| fixed.sync(&mut client, &first));
        let mut consumer = ConsumerMember::new("consumer", TOPIC, "consumer-member");
        done(|| consumer.join(&mut client));
        done(|| consumer.heartbeat(&mut client));
        done(|| commit_offsets(&mut client, "consumer", &consumer.standing, TOPIC, &[(0, 5)]));
        let mut away = ConsumerMember::new("away", TOPIC, "away-member");
        away.standing.group_instance_id = Some("away".to_owned());
        done(|| away.join(&mut client));
        done(|| away.leave_for_a_while(&mut client));
        let mut producer = stage.producer("survivor", Flow::V1);
        write(&mut client, &mut producer, TOPIC, 0, &["open"]);
        done(|| producer.add_offsets(&mut client, "pending"));
        done(|| producer.commit_offsets(&mut client, "pending", &Standing::nobody(), TOPIC, &[(0, 6)]));
        Self { classic, joined: known, fixed, consumer, producer }
    }

    /// All of it is there, as it was.
    fn check(&mut self, stage: &Stage) {
        let mut client = stage.client();
        done(|| self.classic.heartbeat(&mut client));
        done(|| self.classic.sync(&mut client, &self.joined));
        assert_eq!(self.classic.assigned, ALL);

        // A static member that lost its id comes back into the same generation.
        let generation = self.fixed.standing.generation_id;
        self.fixed.standing.member_id.clear();
        let back = joined(&mut client, &mut self.fixed);
        assert_eq!(self.fixed.standing.generation_id, generation);
        done(|| self.fixed.sync(&mut client, &back));
        assert_eq!(self.fixed.assigned, ALL);

        let epoch = self.consumer.standing.generation_id;
        done(|| self.consumer.heartbeat(&mut client));
        assert_eq!((self.consumer.standing.generation_id, &self.consumer.assigned[..]), (epoch, &ALL[..]));

        for (group, partition, offset) in [("classic", 0, 3), ("classic", 1, 4), ("consumer", 0, 5)] {
            assert_eq!(
                done(|| fetch_offset(&mut client, group, TOPIC, partition, true)).1,
                offset,
                "{group}"
            );
        }
        let pending = fetch_offset(&mut client, "pending", TOPIC, 0, true).unwrap();
        assert_eq!(pending.0, ErrorCode::UnstableOffsetCommit);
        let (error, described) = describe_transaction(&mut client, "survivor").unwrap();
        assert_eq!((error, described.transaction_state.as_str()), (ErrorCode::None, "Ongoing"));
        let view = View::of(&mut client, TOPIC, 0);
        assert_eq!((view.values(), view.all_values()), (Vec::new(), vec!["open"]));
    }

    /// It goes on from there.
    fn go_on(&mut self, stage: &Stage) {
        let mut client = stage.client();
        done(|| self.producer.end(&mut client, true));
        assert_eq!(done(|| fetch_offset(&mut client, "pending", TOPIC, 0, true)).1, 6);
        assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["open"]);
        let mut back = ConsumerMember::new("away", TOPIC, "another-member");
        back.standing.group_instance_id = Some("away".to_owned());
        done(|| back.join(&mut client));
        assert_eq!(back.assigned, ALL, "nobody has taken its place");
    }
}

fn objects(stage: &Stage, kind: &str) -> usize {
    std::fs::read_dir(stage.options.data.join("objects").join(kind)).map_or(0, Iterator::count)
}

/// Writes until a checkpoint covers what came before.
fn seal(stage: &Stage) {
    stage.create_topic("filler", 1);
    let mut client = stage.client();
    let mut filler = PlainProducer::new("filler", 0, CompressionType::None);
    let value = "x".repeat(100_000);
    for _ in 0..30 {
        done(|| filler.produce(&mut client, &[&value]));
    }
    let covered = wait_until(LIMIT, || (objects(stage, "checkpoint") > 0).then_some(()));
    assert!(covered.is_some(), "no checkpoint");
}

#[test]
fn members_offsets_and_open_transactions_survive_kills_and_checkpoints_and_can_be_dumped() {
    let settings = [
        "storage.wal.segment_bytes=1MiB",
        "topics.max_message_bytes=256KiB",
        "groups.consumer_assignment_interval=0ms",
    ];
    let mut stage = Stage::start(&settings);
    stage.create_topic(TOPIC, PARTITIONS);
    let mut survivors = Survivors::new(&stage);
    stage.kill_and_start();
    survivors.check(&stage);
    seal(&stage);
    stage.kill_and_start();
    survivors.check(&stage);
    stage.kill();
    std::fs::remove_dir_all(stage.options.data.join("objects")).unwrap();
    stage.start_again();
    survivors.check(&stage);
    survivors.go_on(&stage);
    stage.stop();

    let dump =
        Command::new(&stage.options.binary).args(["log", "dump"]).arg(&stage.options.data).output().unwrap();
    assert_eq!(dump.status.code(), Some(0), "{}", String::from_utf8_lossy(&dump.stderr));
    let dump = String::from_utf8_lossy(&dump.stdout);
    for expected in [
        "change=store_classic_group group=classic generation=1 members=1",
        "change=store_classic_group group=static generation=1 members=1",
        "change=commit_offsets group=classic offsets=2",
        "change=consumer_group_heartbeat group=consumer member=consumer-member epoch=0",
        "change=consumer_group_heartbeat group=away member=away-member epoch=-2",
        "change=init_transactional_producer transactional_id=survivor",
        "change=add_partitions_to_txn transactional_id=survivor",
        "change=append transactional_id=survivor batches=1",
        "change=add_offsets_to_txn transactional_id=survivor",
        "change=txn_offset_commit transactional_id=survivor",
        "change=end_txn transactional_id=survivor",
        "result=commit ended_by=producer",
    ] {
        assert!(dump.contains(expected), "`{expected}` is missing in\n{dump}");
    }
}
