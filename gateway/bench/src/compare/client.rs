//! The few requests that tables need by themselves, one at a time.

use bytes::Bytes;
use chronik_sol::monotonic_seconds;
use chronik_types::{Clock, SystemClock};
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{CreateTopicsRequest, MetadataRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::BenchError;
use crate::control::Control;

/// Creates a topic.
pub(crate) fn create(control: &mut Control, topic: &str, partitions: i32) -> Result<(), BenchError> {
    let wanted = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(TIMEOUT_MS);
    let answer = control.call("CreateTopics", &request)?;
    let code = answer.topics.first().map_or(0, |topic| topic.error_code);
    refused(code, || format!("create topic {topic} with {partitions} partitions"))
}

/// Partitions with a leader, of all topics.
pub(crate) fn partitions(control: &mut Control) -> Result<usize, BenchError> {
    let answer = control.call("Metadata", &MetadataRequest::default().with_topics(None))?;
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(partitions.filter(|partition| partition.error_code == 0 && partition.leader_id.0 >= 0).count())
}

/// Writes one record of 100 bytes to partition 0 and waits for its acknowledgement.
pub(crate) fn produce_one(control: &mut Control, topic: &str) -> Result<(), BenchError> {
    let record =
        NewRecord { timestamp: SystemClock::new().now(), key: None, value: Some(&[7; 100]), headers: &[] };
    let batch: Bytes = BatchBuilder::new()
        .record(&record)
        .build()
        .map_err(|error| BenchError::Unsupported(format!("a record cannot be encoded: {error}")))?;
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch));
    let data = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![partition]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(TIMEOUT_MS).with_topic_data(vec![data]);
    let answer = control.call("Produce", &request)?;
    let partition = answer.responses.first().and_then(|topic| topic.partition_responses.first());
    refused(partition.map_or(0, |partition| partition.error_code), || format!("take a record for {topic}"))
}

/// Tries again for as long as a server may take to come up.
pub(crate) fn until<T>(
    seconds: f64,
    mut attempt: impl FnMut() -> Result<T, BenchError>,
) -> Result<T, BenchError> {
    let limit = monotonic_seconds() + seconds;
    loop {
        match attempt() {
            Err(error) if monotonic_seconds() > limit => return Err(error),
            Err(_) => std::thread::park_timeout(std::time::Duration::from_millis(1)),
            done => return done,
        }
    }
}

fn name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

fn refused(code: i16, what: impl Fn() -> String) -> Result<(), BenchError> {
    match code {
        0 => Ok(()),
        code => Err(BenchError::Refused { what: what(), code, detail: String::new() }),
    }
}

const TIMEOUT_MS: i32 = 60_000;
