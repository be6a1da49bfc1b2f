//! Reads yesterday's bytes: one entry of each kind as format version 1 wrote it, and a checkpoint. These texts are not
//! to be changed; a new format version adds its own.

use std::fmt::Write as _;

use chronik_state::{
    AlterConfigs, AppendedBatch, Assignor, Change, CheckHash, ClassicMembership, ConfigChange,
    ConfigResource, Configs, ConsumerGroupHeartbeat, CreatePartitions, CreateTopic, Entry, HashAt,
    JoinConsumerGroup, LeavingMember, MemberProtocol, RegexMatches, RemoveConsumerMembers, State,
    TopicLimits,
};
use chronik_types::{
    ClusterId, GroupId, GroupInstanceId, MemberEpoch, MemberId, NodeId, Offset, TimestampMs,
};

use crate::consumer_groups::{SETTINGS, beat, join};
use crate::support::{Life, at, batch, create, idempotent, topic_id};

/// Bytes as lowercase hexadecimal digits, in pairs.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId::new).collect()
}

fn alter(resource: ConfigResource) -> Change {
    let change = |key: &str, value: Option<&str>| ConfigChange {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    };
    let changes = vec![change("a", Some("1")), change("b", None)];
    Change::AlterConfigs(AlterConfigs { resource, changes })
}

fn goldens() -> Vec<(Change, &'static str)> {
    let limits = TopicLimits { max_topics: 10, max_partitions: 1000 };
    let plain = AppendedBatch { max_timestamp: TimestampMs::new(-1), ..batch(3, 5) };
    let topic = CreateTopic {
        partitions: 2,
        replication_factor: 3,
        configs: Configs::from_iter([("k", "v")]),
        assignments: vec![nodes(&[1, 2]), nodes(&[3])],
        limits,
        ..create("a.b", 1)
    };
    let partitions =
        CreatePartitions { topic_id: topic_id(1), total: 4, assignments: vec![nodes(&[7])], limits };
    let hash = HashAt { position: 0x1122, hash: 0x3344_5566_7788_99aa };
    vec![
        (Change::Append(vec![plain, idempotent(2, 17, 3)]), APPEND),
        (Change::CreateTopic(topic), CREATE_TOPIC),
        (Change::DeleteTopic { topic_id: topic_id(1) }, DELETE_TOPIC),
        (Change::CreatePartitions(partitions), CREATE_PARTITIONS),
        (Change::AdvanceLogStart(vec![(at(1), Offset::new(77)), (at(2), Offset::NONE)]), ADVANCE_LOG_START),
        (alter(ConfigResource::Topic(topic_id(1))), ALTER_TOPIC_CONFIGS),
        (alter(ConfigResource::BrokerDefault), ALTER_ALL_BROKERS_CONFIGS),
        (alter(ConfigResource::Broker(NodeId::new(5))), ALTER_BROKER_CONFIGS),
        (Change::AllocateProducerId, ALLOCATE_PRODUCER_ID),
        (Change::ExpireProducers { inactive_before: TimestampMs::new(99) }, EXPIRE_PRODUCERS),
        (Change::NameCluster { cluster_id: ClusterId::new("cluster") }, NAME_CLUSTER),
        (Change::CheckHash(CheckHash { known: None }), CHECK_FIRST_HASH),
        (Change::CheckHash(CheckHash { known: Some(hash) }), CHECK_HASH),
    ]
}

fn heartbeat() -> ConsumerGroupHeartbeat {
    ConsumerGroupHeartbeat {
        group_id: GroupId::new("g"),
        member_id: MemberId::new("m"),
        epoch: MemberEpoch::new(3),
        instance_id: Some(GroupInstanceId::new("i")),
        rack_id: Some("r".into()),
        rebalance_timeout_ms: Some(60_000),
        subscribed_topics: Some(vec!["a".into(), "b".into()]),
        subscribed_regex: Some("c.*".into()),
        assignor: Some(Assignor::Range),
        owned: Some(vec![at(1)]),
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        resolved: vec![RegexMatches { regex: "c.*".into(), topics: ["c1".into()].into() }],
        settings: SETTINGS,
    }
}

fn classic_join() -> JoinConsumerGroup {
    let protocol = MemberProtocol { name: "range".into(), metadata: vec![0, 1].into() };
    JoinConsumerGroup {
        group_id: GroupId::new("g"),
        member_id: MemberId::new("m"),
        is_new: true,
        instance_id: Some(GroupInstanceId::new("i")),
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        classic: ClassicMembership { session_timeout_ms: 10_000, protocols: vec![protocol].into() },
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        settings: SETTINGS,
    }
}

fn consumer_group_goldens() -> Vec<(Change, &'static str)> {
    let leaving = |member: &str, instance: Option<&str>, epoch: Option<i32>| LeavingMember {
        member_id: MemberId::new(member),
        instance_id: instance.map(GroupInstanceId::new),
        if_epoch: epoch.map(MemberEpoch::new),
    };
    let remove = RemoveConsumerMembers {
        group_id: GroupId::new("g"),
        members: vec![leaving("m", None, Some(3)), leaving("", Some("i"), None)],
        settings: SETTINGS,
    };
    let quiet = beat("m", -1);
    vec![
        (alter(ConfigResource::Group(GroupId::new("g"))), ALTER_GROUP_CONFIGS),
        (Change::ConsumerGroupHeartbeat(Box::new(heartbeat())), CONSUMER_GROUP_HEARTBEAT),
        (Change::ConsumerGroupHeartbeat(Box::new(quiet)), QUIET_CONSUMER_GROUP_HEARTBEAT),
        (Change::RemoveConsumerMembers(remove), REMOVE_CONSUMER_MEMBERS),
        (Change::JoinConsumerGroup(Box::new(classic_join())), JOIN_CONSUMER_GROUP),
    ]
}

#[test]
fn a_checkpoint_with_a_consumer_group_is_read() {
    let mut life = Life::with_topic(2);
    life.beat(ConsumerGroupHeartbeat { epoch: MemberEpoch::JOIN, owned: Some(vec![]), ..heartbeat() })
        .unwrap();
    life.beat(join("n", &["t"])).unwrap();
    assert_eq!(hex(&life.state.encode()), hex(&unhex(CONSUMER_GROUP_CHECKPOINT)));
    assert_eq!(State::decode(&unhex(CONSUMER_GROUP_CHECKPOINT)).unwrap(), life.state);
}

#[test]
fn entries_of_version_1_are_read_and_written() {
    for (change, golden) in goldens().into_iter().chain(consumer_group_goldens()) {
        let entry = Entry::new(TimestampMs::new(0x0102_0304_0506), change);
        assert_eq!(Entry::decode(&unhex(golden)).as_ref(), Ok(&entry));
        assert_eq!(hex(&entry.encode()), hex(&unhex(golden)), "{}", entry.change.name());
    }
}

#[test]
fn a_checkpoint_of_version_1_is_read() {
    let mut life = Life::default();
    for (change, _) in goldens() {
        life.apply(change);
    }
    life.apply(Change::CreateTopic(create("t", 1)));
    life.append(idempotent(2, 17, 3)).unwrap();
    let read = State::decode(&unhex(CHECKPOINT)).unwrap();
    assert_eq!(read, life.state);
    // What it has nothing of takes no bytes: only the version and the checksum differ.
    assert_eq!(read.hash(), life.state.hash());
    let (then, now) = (unhex(CHECKPOINT), life.state.encode());
    assert_eq!((then.len(), &then[10..then.len() - 8]), (now.len(), &now[10..now.len() - 8]));
}

const APPEND: &str = "
    0101060504030201000002000000010101010101010101010101010101010300
    00006400000005000000ffffffffffffffff0001010101010101010101010101
    0101010000000064000000030000008403000000000000010700000000000000
    020011000000
";
const CREATE_TOPIC: &str = "
    0102060504030201000003000000612e62010101010101010101010101010101
    0102000000030001000000010000006b01000000760200000002000000010000
    000200000001000000030000000a000000e8030000
";
const DELETE_TOPIC: &str = "0103060504030201000001010101010101010101010101010101";
const CREATE_PARTITIONS: &str = "
    0104060504030201000001010101010101010101010101010101040000000100
    000001000000070000000a000000e8030000
";
const ADVANCE_LOG_START: &str = "
    0105060504030201000002000000010101010101010101010101010101010100
    00004d000000000000000101010101010101010101010101010102000000ffff
    ffffffffffff
";
const ALTER_TOPIC_CONFIGS: &str = "
    0106060504030201000001010101010101010101010101010101010200000001
    00000061010100000031010000006200
";
const ALTER_ALL_BROKERS_CONFIGS: &str = "0106060504030201000002020000000100000061010100000031010000006200";
const ALTER_BROKER_CONFIGS: &str = "
    0106060504030201000003050000000200000001000000610101000000310100
    00006200
";
const ALLOCATE_PRODUCER_ID: &str = "01070605040302010000";
const EXPIRE_PRODUCERS: &str = "010806050403020100006300000000000000";
const NAME_CLUSTER: &str = "0109060504030201000007000000636c7573746572";
const CHECK_FIRST_HASH: &str = "010a060504030201000000";
const CHECK_HASH: &str = "010a0605040302010000012211000000000000aa99887766554433";
const CHECKPOINT: &str = "
    43484b53544154450100bf000000000000000180030000000000000107000000
    636c757374657201000300000000000051435e7d8b8730650100000000000000
    0100000001000000610100000031010000000500000001000000010000006101
    0000003101000000010101010101010101010101010101010100000074010000
    0000000000000001000000000000000000000003000000000000000000000001
    00000007000000000000000200e8030000000000000100000013000000020000
    0000000000020000008403000000000000ba407646febd962a
";
const ALTER_GROUP_CONFIGS: &str = "
    010606050403020100000401000000670200000001000000610101000000310100
    00006200
";
const CONSUMER_GROUP_HEARTBEAT: &str = "
    011406050403020100000100000067010000006d030000000101000000690101
    000000720160ea00000102000000010000006101000000620103000000632e2a
    0101010100000001010101010101010101010101010101010000000600000063
    6c69656e740a0000002f3132372e302e302e310100000003000000632e2a0100
    00000200000063310a000000000000000001010a000000
";
const QUIET_CONSUMER_GROUP_HEARTBEAT: &str = "
    011406050403020100000100000067010000006dffffffff0000000000000006
    000000636c69656e740a0000002f3132372e302e302e31000000000a00000000
    0000000001010a000000
";
const REMOVE_CONSUMER_MEMBERS: &str = "
    01150605040302010000010000006702000000010000006d0001030000000000
    0000010100000069000a000000000000000001010a000000
";
const JOIN_CONSUMER_GROUP: &str = "
    01160605040302010000010000006701000000
    6d01010100000069
    60ea000008000000636f6e73756d6572
    102700000100000005000000
    72616e6765020000000001
    06000000636c69656e740a0000002f3132372e302e302e31
    0a000000000000000001010a000000
";
const CONSUMER_GROUP_CHECKPOINT: &str = "
    43484b53544154450200ce010000000000000180000000000000000000000000
    0000000000000000000000000001000000010101010101010101010101010101
    0101000000740100000000000000000002000000000000000000000000000000
    0000000000000000000000000000000000000000000000000000000000000000
    0000000001010000000100000067010200000036a75b762cbe5cbb0200000001
    e80300000000000002000000010000006d010000000000000000010100000069
    01010000007260ea000006000000636c69656e740a0000002f3132372e302e30
    2e31020000000100000061010000006203000000632e2a010100000000000000
    0000010000006e020000000000000000000060ea000006000000636c69656e74
    0a0000002f3132372e302e302e31010000000100000074000000000002000000
    0101010101010101010101010101010100000000020000000101010101010101
    01010101010101010100000002000000000000000002000000010000006d0000
    0000010000006e02000000010101010101010101010101010101010000000001
    010101010101010101010101010101010000000100000003000000632e2ae803
    0000000000000100000002000000633100000000000000000200000000000000
    8b6ea9c6bc6a72ec
";
