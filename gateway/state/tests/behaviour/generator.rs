//! Random entries over a small world, so that they meet: three topics, four partitions, three producers, three consumers.

mod consumer_groups;

mod groups;
mod transactions;

use chronik_state::{
    AlterConfigs, AppendedBatch, Change, CheckHash, ConfigChange, ConfigResource, Configs, CreatePartitions,
    CreateTopic, Entry, HashAt, ProducerBatch, TopicLimits,
};
use chronik_types::{
    ClusterId, GroupId, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TimestampMs,
    TopicId, TopicName, TopicPartition,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

/// Entries with positions, as a journal holds them.
pub(crate) fn journal(entries: usize) -> impl Strategy<Value = Vec<(u64, Entry)>> {
    vec((1..100u64, entry()), 0..entries).prop_map(|steps| {
        let mut position = 0;
        steps
            .into_iter()
            .map(|(length, entry)| {
                position += length;
                (position, entry)
            })
            .collect()
    })
}

/// Any entry.
pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    (timestamp(), change()).prop_map(|(time, change)| Entry { time, change })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => vec(batch(), 0..4).prop_map(Change::Append),
        5 => create_topic().prop_map(Change::CreateTopic),
        1 => topic_id().prop_map(|topic_id| Change::DeleteTopic { topic_id }),
        2 => create_partitions().prop_map(Change::CreatePartitions),
        3 => vec((topic_partition(), offset()), 0..3).prop_map(Change::AdvanceLogStart),
        2 => alter_configs().prop_map(Change::AlterConfigs),
        1 => Just(Change::AllocateProducerId),
        1 => timestamp().prop_map(|inactive_before| Change::ExpireProducers { inactive_before }),
        1 => "[a-z]{0,3}".prop_map(|id| Change::NameCluster { cluster_id: ClusterId::new(&id) }),
        8 => consumer_groups::heartbeat()
            .prop_map(|heartbeat| Change::ConsumerGroupHeartbeat(Box::new(heartbeat))),
        1 => consumer_groups::removal().prop_map(Change::RemoveConsumerMembers),
        2 => consumer_groups::classic_join().prop_map(|join| Change::JoinConsumerGroup(Box::new(join))),
        1 => option::of((any::<u64>(), any::<u64>()))
            .prop_map(|known| known.map(|(position, hash)| HashAt { position, hash }))
            .prop_map(|known| Change::CheckHash(CheckHash { known })),
        20 => transactions::change(),
        20 => groups::change(),
        1 => timestamp().prop_map(|idle_before| Change::ExpireTransactionalIds { idle_before }),
    ]
}

fn batch() -> impl Strategy<Value = AppendedBatch> {
    let counts = prop_oneof![20 => 1..4i32, 1 => any::<i32>()];
    (topic_partition(), any::<u32>(), counts, timestamp(), option::of(producer())).prop_map(
        |(at, length, record_count, max_timestamp, producer)| AppendedBatch {
            at,
            length,
            record_count,
            max_timestamp,
            producer,
        },
    )
}

fn producer() -> impl Strategy<Value = ProducerBatch> {
    let sequences = prop_oneof![9 => 0..8i32, 2 => i32::MAX - 3..=i32::MAX, 1 => any::<i32>()];
    (-1..3i64, -1..3i16, sequences).prop_map(|(id, epoch, sequence)| ProducerBatch {
        producer_id: ProducerId::new(id),
        producer_epoch: ProducerEpoch::new(epoch),
        base_sequence: Sequence::new(sequence),
    })
}

fn create_topic() -> impl Strategy<Value = CreateTopic> {
    let names = prop_oneof![Just("a.b"), Just("a_b"), Just("c")];
    let counts = prop_oneof![20 => 1..4i32, 1 => -1..1i32, 1 => Just(i32::MAX)];
    (names, topic_id(), counts, 0..3i16, configs(), assignments(), limits()).prop_map(
        |(name, topic_id, partitions, replication_factor, configs, assignments, limits)| CreateTopic {
            name: TopicName::new(name).unwrap(),
            topic_id,
            partitions,
            replication_factor,
            configs: Configs::from_iter(configs),
            assignments,
            limits,
        },
    )
}

fn create_partitions() -> impl Strategy<Value = CreatePartitions> {
    (topic_id(), -1..6i32, assignments(), limits()).prop_map(|(topic_id, total, assignments, limits)| {
        CreatePartitions { topic_id, total, assignments, limits }
    })
}

fn alter_configs() -> impl Strategy<Value = AlterConfigs> {
    let resources = prop_oneof![
        topic_id().prop_map(ConfigResource::Topic),
        Just(ConfigResource::BrokerDefault),
        (0..2i32).prop_map(|id| ConfigResource::Broker(NodeId::new(id))),
        Just(ConfigResource::Group(GroupId::new("g"))),
    ];
    let changes = vec(("[a-c]", option::of("[a-z]{0,2}")), 0..4);
    (resources, changes).prop_map(|(resource, changes)| AlterConfigs {
        resource,
        changes: changes.into_iter().map(|(key, value)| ConfigChange { key, value }).collect(),
    })
}

fn configs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[a-c]", "[a-z]{0,2}"), 0..3)
}

fn assignments() -> impl Strategy<Value = Vec<Vec<NodeId>>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(vec((0..4i32).prop_map(NodeId::new), 0..3), 0..3)]
}

fn limits() -> impl Strategy<Value = TopicLimits> {
    prop_oneof![
        4 => Just(TopicLimits::NONE),
        1 => (0..3u32, 0..9u32).prop_map(|(max_topics, max_partitions)| TopicLimits { max_topics, max_partitions }),
    ]
}

fn topic_partition() -> impl Strategy<Value = TopicPartition> {
    (topic_id(), -1..4i32).prop_map(|(id, partition)| TopicPartition::new(id, PartitionIndex::new(partition)))
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    prop_oneof![20 => 1..4u8, 1 => Just(0u8)].prop_map(|id| TopicId::from_bytes([id; 16]))
}

fn offset() -> impl Strategy<Value = Offset> {
    prop_oneof![9 => -1..20i64, 1 => any::<i64>()].prop_map(Offset::new)
}

fn timestamp() -> impl Strategy<Value = TimestampMs> {
    prop_oneof![9 => 0..100i64, 1 => any::<i64>()].prop_map(TimestampMs::new)
}
