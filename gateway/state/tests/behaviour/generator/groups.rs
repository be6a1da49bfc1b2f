//! Random changes of groups: two groups, three members, two instances, so that they meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_state::{
    Change, ClassicGroup, ClassicMember, CommitOffsets, CommittedOffset, Committer, DeleteOffsets,
    ExpireOffsets, MemberProtocol, StoreClassicGroup,
};
use chronik_types::{GenerationId, GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, TimestampMs};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::{timestamp, topic_partition};

/// Any change of a group.
pub(super) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (group_id(), committer(), vec((topic_partition(), offset()), 0..4)).prop_map(
            |(group_id, committer, offsets)| Change::CommitOffsets(CommitOffsets { group_id, committer, offsets })
        ),
        4 => (group_id(), 0..4u64, group()).prop_map(|(group_id, expected_revision, group)| {
            Change::StoreClassicGroup(StoreClassicGroup { group_id, expected_revision, group })
        }),
        2 => (group_id(), vec(topic_partition(), 0..4))
            .prop_map(|(group_id, partitions)| Change::DeleteOffsets(DeleteOffsets { group_id, partitions })),
        1 => group_id().prop_map(|group_id| Change::DeleteGroup { group_id }),
        2 => (-1..60i64, vec(group_id(), 0..3)).prop_map(|(retention_ms, group_ids)| {
            Change::ExpireOffsets(ExpireOffsets { retention_ms, group_ids })
        }),
    ]
}

fn group() -> impl Strategy<Value = ClassicGroup> {
    let types = prop_oneof![3 => Just(Some("consumer")), 1 => Just(Some("connect")), 1 => Just(None)];
    (types, 0..3i32, option::of(member_id()), timestamp(), vec((member_id(), member()), 0..4)).prop_map(
        |(protocol_type, generation, leader, since, members)| ClassicGroup {
            protocol_type: protocol_type.map(Into::into),
            protocol_name: Some("range".into()),
            generation: GenerationId::new(generation),
            leader,
            since,
            members: members.into_iter().collect::<BTreeMap<_, _>>(),
        },
    )
}

fn member() -> impl Strategy<Value = ClassicMember> {
    let metadata = prop_oneof![
        // Subscribes to topic `c`.
        3 => Just(vec![0, 0, 0, 0, 0, 1, 0, 1, b'c']),
        1 => vec(any::<u8>(), 0..12),
    ];
    (option::of(instance_id()), metadata, vec(any::<u8>(), 0..3)).prop_map(
        |(instance_id, metadata, assignment)| ClassicMember {
            instance_id,
            client_id: "client".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 300_000,
            session_timeout_ms: 45_000,
            protocols: Arc::new([MemberProtocol { name: "range".into(), metadata: metadata.into() }]),
            assignment: assignment.into(),
        },
    )
}

fn offset() -> impl Strategy<Value = CommittedOffset> {
    (any::<i64>(), -1..2i32, "[a-z]{0,3}", option::of(timestamp())).prop_map(
        |(offset, epoch, metadata, expires_at)| CommittedOffset {
            offset: Offset::new(offset),
            leader_epoch: LeaderEpoch::new(epoch),
            metadata: metadata.into(),
            committed_at: TimestampMs::NONE,
            expires_at,
        },
    )
}

fn committer() -> impl Strategy<Value = Committer> {
    prop_oneof![
        2 => Just(Committer::Anyone),
        1 => (member_id(), option::of(instance_id()), 0..3i32).prop_map(|(member_id, instance_id, generation)| {
            Committer::Member { member_id, instance_id, generation }
        }),
    ]
}

fn group_id() -> impl Strategy<Value = GroupId> {
    prop_oneof![Just("g"), Just("h")].prop_map(GroupId::new)
}

fn member_id() -> impl Strategy<Value = MemberId> {
    prop_oneof![Just("m1"), Just("m2"), Just("m3")].prop_map(MemberId::new)
}

fn instance_id() -> impl Strategy<Value = GroupInstanceId> {
    prop_oneof![Just("i1"), Just("i2")].prop_map(GroupInstanceId::new)
}
