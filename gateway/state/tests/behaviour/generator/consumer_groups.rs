//! Random entries of consumer groups: two groups, three members, one of them static now and then.

use chronik_state::{
    Assignor, ClassicMembership, ConsumerGroupHeartbeat, ConsumerGroupSettings, JoinConsumerGroup,
    LeavingMember, MemberProtocol, RegexMatches, RemoveConsumerMembers,
};
use chronik_types::{GroupId, GroupInstanceId, MemberEpoch, MemberId};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::topic_partition;

pub(super) fn heartbeat() -> impl Strategy<Value = ConsumerGroupHeartbeat> {
    let epochs = prop_oneof![4 => Just(0), 8 => 1..6i32, 1 => -2..0i32, 1 => any::<i32>()];
    let who = (group_id(), member_id(), epochs.prop_map(MemberEpoch::new), instance_id());
    let wants = (option::of(vec(topic_name(), 0..3)), option::of(regex()), option::of(assignor()));
    let has = option::of(vec(topic_partition(), 0..4));
    (who, option::of(1..100i32), wants, has, vec(resolved(), 0..2), settings()).prop_map(
        |(who, rebalance_timeout_ms, wants, owned, resolved, settings)| {
            let (group_id, member_id, epoch, instance_id) = who;
            let (subscribed_topics, subscribed_regex, assignor) = wants;
            ConsumerGroupHeartbeat {
                group_id,
                member_id,
                epoch,
                instance_id,
                rack_id: None,
                rebalance_timeout_ms,
                subscribed_topics,
                subscribed_regex,
                assignor,
                owned,
                client_id: "c".into(),
                client_host: "/h".into(),
                resolved,
                settings,
            }
        },
    )
}

pub(super) fn removal() -> impl Strategy<Value = RemoveConsumerMembers> {
    let epochs = option::of((0..4i32).prop_map(MemberEpoch::new));
    let leaving = (member_id(), instance_id(), epochs)
        .prop_map(|(member_id, instance_id, if_epoch)| LeavingMember { member_id, instance_id, if_epoch });
    (group_id(), vec(leaving, 0..3), settings())
        .prop_map(|(group_id, members, settings)| RemoveConsumerMembers { group_id, members, settings })
}

pub(super) fn classic_join() -> impl Strategy<Value = JoinConsumerGroup> {
    // Version 0 of a subscription to `c`, and none.
    let metadata = prop_oneof![
        9 => Just(vec![0, 0, 0, 0, 0, 1, 0, 1, b'c', 0xff, 0xff, 0xff, 0xff]),
        1 => Just(vec![0, 0]),
    ];
    let protocol = (prop_oneof![Just("range"), Just("sticky")], metadata)
        .prop_map(|(name, metadata)| MemberProtocol { name: name.into(), metadata: metadata.into() });
    (group_id(), member_id(), any::<bool>(), instance_id(), vec(protocol, 0..3), settings()).prop_map(
        |(group_id, member_id, is_new, instance_id, protocols, settings)| JoinConsumerGroup {
            group_id,
            member_id,
            is_new,
            instance_id,
            rebalance_timeout_ms: 10,
            protocol_type: "consumer".into(),
            classic: ClassicMembership { session_timeout_ms: 10, protocols: protocols.into() },
            client_id: "c".into(),
            client_host: "/h".into(),
            settings,
        },
    )
}

fn group_id() -> impl Strategy<Value = GroupId> {
    prop_oneof![4 => Just("g"), 1 => Just("h")].prop_map(GroupId::new)
}

fn member_id() -> impl Strategy<Value = MemberId> {
    prop_oneof![10 => "[a-c]", 1 => Just(String::new())].prop_map(|id| MemberId::new(&id))
}

fn instance_id() -> impl Strategy<Value = Option<GroupInstanceId>> {
    prop_oneof![4 => Just(None), 1 => Just(Some(GroupInstanceId::new("i")))]
}

fn topic_name() -> impl Strategy<Value = Box<str>> {
    prop_oneof![Just("a.b"), Just("a_b"), Just("c"), Just("nowhere")].prop_map(Into::into)
}

fn regex() -> impl Strategy<Value = Box<str>> {
    prop_oneof![Just(""), Just("a.*"), Just(".*")].prop_map(Into::into)
}

fn resolved() -> impl Strategy<Value = RegexMatches> {
    (regex(), btree_set(topic_name(), 0..3)).prop_map(|(regex, topics)| RegexMatches { regex, topics })
}

fn assignor() -> impl Strategy<Value = Assignor> {
    prop_oneof![Just(Assignor::Uniform), Just(Assignor::Range)]
}

fn settings() -> impl Strategy<Value = ConsumerGroupSettings> {
    (0..4i32, 0..50i32, assignor(), any::<bool>(), any::<bool>()).prop_map(
        |(max_size, assignment_interval_ms, default_assignor, upgrade, downgrade)| ConsumerGroupSettings {
            max_size,
            assignment_interval_ms,
            default_assignor,
            upgrade,
            downgrade,
            classic_max_size: 3,
        },
    )
}
