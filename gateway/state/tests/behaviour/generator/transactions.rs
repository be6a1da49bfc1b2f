//! Random changes of transactions: two transactional ids, four producer ids, a few epochs, so that they meet.

use chronik_state::{
    AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, Change, Claim, CommitOffsets, CommittedOffset,
    Committer, EndTxn, EndedBy, InitTransactionalProducer, Marker, TxnOffsetCommit,
};
use chronik_types::{
    GroupId, LeaderEpoch, MemberId, Offset, ProducerEpoch, ProducerId, TimestampMs, TransactionalId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::{batch, topic_partition};

/// Any change of a transaction.
pub(super) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => init(),
        4 => (claim(), vec(topic_partition(), 0..3), limit()).prop_map(|(claim, partitions, max_partitions)| {
            Change::AddPartitionsToTxn(AddPartitionsToTxn { claim, partitions, max_partitions })
        }),
        1 => (claim(), limit()).prop_map(|(claim, max_partitions)| {
            Change::AddOffsetsToTxn(AddOffsetsToTxn { claim, group_id: GroupId::new("g"), max_partitions })
        }),
        2 => (claim(), any::<bool>(), limit(), committer(), topic_partition()).prop_map(
            |(claim, joins, max_partitions, committer, at)| {
                let commit = CommitOffsets { group_id: GroupId::new("g"), committer, offsets: vec![(at, offset())] };
                Change::TxnOffsetCommit(TxnOffsetCommit { claim, joins, max_partitions, commit })
            }
        ),
        6 => end(),
        12 => (transactional_id(), any::<bool>(), limit(), vec(batch(), 1..3)).prop_map(
            |(transactional_id, joins, max_partitions, batches)| {
                Change::AppendTransactional(AppendTransactional { transactional_id, joins, max_partitions, batches })
            }
        ),
    ]
}

fn init() -> impl Strategy<Value = Change> {
    let expected = option::weighted(0.3, (producer_id(), epoch()));
    let marker = option::weighted(0.7, (producer_id(), epoch()).prop_map(marker));
    (transactional_id(), expected, marker, limit()).prop_map(
        |(transactional_id, expected, marker, max_transactional_ids)| {
            Change::InitTransactionalProducer(InitTransactionalProducer {
                transactional_id,
                timeout_ms: 50,
                expected,
                marker,
                max_transactional_ids,
            })
        },
    )
}

fn end() -> impl Strategy<Value = Change> {
    let enders = prop_oneof![
        3 => Just(EndedBy::Producer),
        3 => Just(EndedBy::ProducerWithBump),
        1 => Just(EndedBy::Timeout),
        1 => Just(EndedBy::Operator),
    ];
    (claim(), enders, any::<bool>(), any::<bool>()).prop_map(|(claim, ended_by, committed, wrong)| {
        let bumps = ended_by != EndedBy::Producer;
        // Mostly the marker that such a claim comes with.
        let epoch =
            claim.producer_epoch.get().saturating_add(i16::from(bumps) + i16::from(wrong && committed));
        let marker = marker((claim.producer_id, ProducerEpoch::new(epoch)));
        Change::EndTxn(EndTxn { claim, ended_by, committed, marker })
    })
}

fn claim() -> impl Strategy<Value = Claim> {
    (transactional_id(), producer_id(), epoch()).prop_map(
        |(transactional_id, producer_id, producer_epoch)| Claim {
            transactional_id,
            producer_id,
            producer_epoch,
        },
    )
}

fn marker((producer_id, producer_epoch): (ProducerId, ProducerEpoch)) -> Marker {
    Marker { producer_id, producer_epoch, length: 78 }
}

fn offset() -> CommittedOffset {
    CommittedOffset {
        offset: Offset::new(7),
        leader_epoch: LeaderEpoch::NONE,
        metadata: "".into(),
        committed_at: TimestampMs::NONE,
        expires_at: None,
    }
}

fn committer() -> impl Strategy<Value = Committer> {
    prop_oneof![
        4 => Just(Committer::Anyone),
        1 => Just(Committer::Member { member_id: MemberId::new("m"), instance_id: None, generation: 1 }),
    ]
}

fn transactional_id() -> impl Strategy<Value = TransactionalId> {
    prop_oneof![Just("a"), Just("b")].prop_map(TransactionalId::new)
}

fn producer_id() -> impl Strategy<Value = ProducerId> {
    (0..3i64).prop_map(ProducerId::new)
}

fn epoch() -> impl Strategy<Value = ProducerEpoch> {
    prop_oneof![20 => 0..3i16, 1 => any::<i16>()].prop_map(ProducerEpoch::new)
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![9 => Just(100), 1 => 0..2u32]
}
