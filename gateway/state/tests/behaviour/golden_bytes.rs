//! Reads yesterday's bytes: one entry of each kind as format version 1 wrote it, and a checkpoint. These texts are not
//! to be changed; a new format version adds its own.

use std::fmt::Write as _;

use chronik_state::{
    AlterConfigs, AppendedBatch, Change, CheckHash, ConfigChange, ConfigResource, Configs, CreatePartitions,
    CreateTopic, Entry, HashAt, State, TopicLimits,
};
use chronik_types::{ClusterId, NodeId, Offset, TimestampMs};

use crate::support::{Life, at, batch, create, idempotent, topic_id};

/// Bytes as lowercase hexadecimal digits, in pairs.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
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

#[test]
fn entries_of_version_1_are_read_and_written() {
    for (change, golden) in goldens() {
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
