//! What an idle partition costs, state and journal included. A test binary of its own, because it reads the memory of
//! the process.
#![cfg(test)]

use std::sync::Arc;

use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions};
use chronik_config::Settings;
use chronik_state::{Configs, CreateTopic};
use chronik_types::{Entropy, ManualClock, TimestampMs, TopicName};

const TOPICS: usize = 10_000;
const PARTITIONS: i32 = 10;
/// The goal is 1.5 KiB for a partition with its name, over the whole gateway.
const MOST_BYTES_PER_PARTITION: usize = 500;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn an_idle_partition_is_small() {
    let clock = Arc::new(ManualClock::new(TimestampMs::new(0)));
    let mut options = BrokerOptions::new(Settings::default(), clock, Entropy::seeded(1));
    options.settings.topics.max_partitions = u32::MAX;
    let backend = Arc::new(MemoryBackend::new(MemoryOptions::default()));
    let broker = Broker::open(options, backend).await.unwrap();
    let before = resident_bytes();
    for number in 0..TOPICS {
        let create = CreateTopic {
            name: TopicName::new(&format!("tenant.{number:05}.a-topic-name-of-a-usual-length")).unwrap(),
            topic_id: broker.new_topic_id(),
            partitions: PARTITIONS,
            replication_factor: 3,
            configs: Configs::default(),
            assignments: Vec::new(),
            limits: broker.topic_limits(),
        };
        broker.create_topic(create).await.unwrap();
    }
    let partitions = broker.partition_count();
    assert_eq!(partitions, 100_000);
    let each = resident_bytes().saturating_sub(before) / partitions;
    println!("{each} bytes per partition");
    assert!(each <= MOST_BYTES_PER_PARTITION, "{each} bytes per partition");
}
