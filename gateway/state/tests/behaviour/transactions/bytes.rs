//! Yesterday's bytes: one entry of each kind as format version 1 wrote it, and the section of a checkpoint. These texts are
//! not to be changed.

use chronik_state::{
    AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, Change, Claim, CommitOffsets, CommittedOffset,
    Committer, EndTxn, EndedBy, Entry, InitTransactionalProducer, Marker, State, TxnOffsetCommit,
};
use chronik_types::{
    GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, ProducerEpoch, ProducerId, TimestampMs,
    TransactionalId,
};

use super::{claim, sent_by};
use crate::golden_bytes::{hex, unhex};
use crate::support::{Life, at};

fn marker() -> Marker {
    Marker { producer_id: ProducerId::new(4), producer_epoch: ProducerEpoch::new(6), length: 78 }
}

fn producer() -> Claim {
    claim("tx", 4, 5)
}

fn goldens() -> Vec<(Change, &'static str)> {
    let init = |expected, marker| {
        Change::InitTransactionalProducer(InitTransactionalProducer {
            transactional_id: TransactionalId::new("tx"),
            timeout_ms: 60_000,
            expected,
            marker,
            max_transactional_ids: 9,
        })
    };
    let committer = Committer::Member {
        member_id: MemberId::new("m"),
        instance_id: Some(GroupInstanceId::new("i")),
        generation: 3,
    };
    let committed = CommittedOffset {
        offset: Offset::new(11),
        leader_epoch: LeaderEpoch::new(2),
        metadata: "md".into(),
        committed_at: TimestampMs::NONE,
        expires_at: None,
    };
    let commit = CommitOffsets { group_id: GroupId::new("g"), committer, offsets: vec![(at(1), committed)] };
    let end = |ended_by, committed| {
        Change::EndTxn(EndTxn { claim: producer(), ended_by, committed, marker: marker() })
    };
    vec![
        (init(None, None), INIT),
        (init(Some((ProducerId::new(4), ProducerEpoch::new(5))), Some(marker())), INIT_AGAIN),
        (
            Change::AddPartitionsToTxn(AddPartitionsToTxn {
                claim: producer(),
                partitions: vec![at(0), at(3)],
                max_partitions: 9,
            }),
            ADD_PARTITIONS,
        ),
        (
            Change::AddOffsetsToTxn(AddOffsetsToTxn {
                claim: producer(),
                group_id: GroupId::new("g"),
                max_partitions: 9,
            }),
            ADD_OFFSETS,
        ),
        (
            Change::TxnOffsetCommit(TxnOffsetCommit {
                claim: producer(),
                joins: true,
                max_partitions: 9,
                commit,
            }),
            TXN_OFFSET_COMMIT,
        ),
        (end(EndedBy::Producer, true), END_BY_PRODUCER),
        (end(EndedBy::ProducerWithBump, false), END_BY_PRODUCER_WITH_BUMP),
        (end(EndedBy::Timeout, false), END_BY_TIMEOUT),
        (end(EndedBy::Operator, false), END_BY_OPERATOR),
        (Change::ExpireTransactionalIds { idle_before: TimestampMs::new(99) }, EXPIRE),
        (
            Change::AppendTransactional(AppendTransactional {
                transactional_id: TransactionalId::new("tx"),
                joins: true,
                max_partitions: 9,
                batches: vec![sent_by(&producer(), 2, 7)],
            }),
            APPEND,
        ),
    ]
}

#[test]
fn entries_of_version_1_are_read_and_written() {
    for (change, golden) in goldens() {
        let entry = Entry::new(TimestampMs::new(0x0102_0304_0506), change);
        assert_eq!(hex(&entry.encode()), hex(&unhex(golden)), "{}", entry.change.name());
        assert_eq!(Entry::decode(&unhex(golden)).as_ref(), Ok(&entry));
    }
}

#[test]
fn the_section_of_a_checkpoint_is_read_and_written() {
    let mut life = Life::with_topic(2);
    let producer = life.init("tx");
    life.produce(&producer, true, 0, 0).unwrap();
    let producer = life.bump(&producer, false);
    life.produce(&producer, true, 1, 0).unwrap();
    life.add(&producer, &[0]).unwrap();
    life.commit_offset(&producer, true, 3).unwrap();
    assert_eq!(hex(&life.state.encode()), hex(&unhex(CHECKPOINT)));
    assert_eq!(State::decode(&unhex(CHECKPOINT)), Ok(life.state));
}

const INIT: &str = "011e060504030201000002000000747860ea0000000009000000";
const INIT_AGAIN: &str = "
    011e060504030201000002000000747860ea0000010400000000000000050001
    040000000000000006004e00000009000000
";
const ADD_PARTITIONS: &str = "
    011f060504030201000002000000747804000000000000000500020000000101
    0101010101010101010101010101000000000101010101010101010101010101
    01010300000009000000
";
const ADD_OFFSETS: &str = "
    0120060504030201000002000000747804000000000000000500010000006709
    000000
";
const TXN_OFFSET_COMMIT: &str = "
    0121060504030201000002000000747804000000000000000500010900000001
    0000006701010000006d01010000006903000000010000000101010101010101
    0101010101010101010000000b0000000000000002000000020000006d64ffff
    ffffffffffff00
";
const END_BY_PRODUCER: &str = "
    0122060504030201000002000000747804000000000000000500000104000000
    0000000006004e000000
";
const END_BY_PRODUCER_WITH_BUMP: &str = "
    0122060504030201000002000000747804000000000000000500010004000000
    0000000006004e000000
";
const END_BY_TIMEOUT: &str = "
    0122060504030201000002000000747804000000000000000500020004000000
    0000000006004e000000
";
const END_BY_OPERATOR: &str = "
    0122060504030201000002000000747804000000000000000500030004000000
    0000000006004e000000
";
const EXPIRE: &str = "012306050403020100006300000000000000";
const APPEND: &str = "
    0124060504030201000002000000747801090000000100000001010101010101
    0101010101010101010200000064000000010000008403000000000000010400
    000000000000050007000000
";
const CHECKPOINT: &str = "
    43484b53544154450200db010000000000000180010000000000000000010000
    0000000000000000000000000001000000010101010101010101010101010101
    0101000000740100000000000000000002000000000000000000000002000000
    00000000000000000100000000000000000000000100e8030000000000000000
    0000000000000000000001000000000000000000000001000000000000000000
    00000100e8030000000000000100000000000000000000000000000000000000
    8403000000000000010100000001000000670000000000000000000000000000
    0000000000000000000001000000000000000000000001000000010101010101
    01010101010101010101000000000000000000000000010300000000000000ff
    ffffff00000000e8030000000000000000000000000000000201000000020000
    00747800000000000000000100ffffffffffffffff0000f401000001e8030000
    00000000e8030000000000000200000001010101010101010101010101010101
    00000000ffffffffffffffff0101010101010101010101010101010101000000
    0000000000000000010000000100000067010000000101010101010101010101
    0101010101000000000100000000000000000000000000000000000000010000
    000000000002000000000000006be4b9d065452330
";
