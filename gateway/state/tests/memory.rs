//! What an idle partition costs. A test binary of its own, because it reads the memory of the process.
#![cfg(test)]

use chronik_state::{Change, Configs, CreateTopic, Entry, Outcome, State, TopicLimits};
use chronik_types::{TimestampMs, TopicId, TopicName};

const TOPICS: u32 = 10_000;
const PARTITIONS: i32 = 10;
/// The goal is 1.5 KiB for a partition with its name; this is what it must stay under so that the rest of the gateway
/// has room for its own part.
const MOST_BYTES_PER_PARTITION: usize = 200;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn an_idle_partition_is_small() {
    let before = resident_bytes();
    let mut state = State::new();
    for number in 0..TOPICS {
        let change = Change::CreateTopic(CreateTopic {
            name: TopicName::new(&format!("tenant.{number:05}.a-topic-name-of-a-usual-length")).unwrap(),
            topic_id: TopicId::from_bytes(u128::from(number + 1).to_be_bytes()),
            partitions: PARTITIONS,
            replication_factor: 3,
            configs: Configs::default(),
            assignments: Vec::new(),
            limits: TopicLimits::NONE,
        });
        let created = state.apply(number.into(), &Entry::new(TimestampMs::new(0), change));
        assert_eq!(created, Outcome::TopicCreated(Ok(())));
    }
    let resident = resident_bytes().saturating_sub(before);
    let partitions = usize::try_from(state.partition_count()).unwrap();
    assert_eq!(partitions, 100_000);
    let (estimated, measured) = (state.heap_bytes() / partitions, resident / partitions);
    println!("{estimated} bytes per partition by estimate, {measured} by resident memory");
    assert!(measured <= MOST_BYTES_PER_PARTITION, "{measured} bytes per partition");
    // The estimate is a metric: it must not be far from the truth.
    assert!(estimated <= measured * 3 / 2 && measured <= estimated * 3 / 2, "{estimated} against {measured}");
}
