//! `chronik log dump` over logs that a gateway wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use chronik_harness::{ClientError, Connection, Gateway, GatewayOptions, free_ports};
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{CreateTopicsRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
const TOPIC: &str = "dumped";

fn dump(dir: &Path, format: &str) -> std::io::Result<Output> {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_chronik"));
    Command::new(binary).args(["log", "dump", "--format", format]).arg(dir).output()
}

fn topic() -> TopicName {
    TopicName(StrBytes::from_static_str(TOPIC))
}

/// Creates a topic and produces three records of two batches; gives the offsets that were acknowledged.
fn fill(connection: &mut Connection) -> Result<Vec<i64>, ClientError> {
    let create =
        CreatableTopic::default().with_name(topic()).with_num_partitions(2).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_timeout_ms(5_000).with_topics(vec![create]);
    connection.call(5, &request)?;
    let mut offsets = Vec::new();
    for values in [&["one", "two"][..], &["three"]] {
        let mut builder = BatchBuilder::new();
        for value in values {
            builder.push(&NewRecord { value: Some(value.as_bytes()), ..NewRecord::default() });
        }
        let records = builder.build().map_err(|error| ClientError::Unencodable(error.to_string()))?;
        let data = PartitionProduceData::default().with_index(1).with_records(Some(records));
        let data = TopicProduceData::default().with_name(topic()).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(-1)
            .with_timeout_ms(5_000)
            .with_topic_data(vec![data]);
        let answer = connection.call(9, &request)?;
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        offsets.extend(partitions.map(|partition| partition.base_offset));
    }
    Ok(offsets)
}

fn lines(output: &Output, kind: &str) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let objects = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    objects.filter(|object| object["kind"] == kind).collect()
}

#[test]
fn shows_what_was_acknowledged_and_names_damage() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let [kafka_port, admin_port] = free_ports().unwrap();
    let options = GatewayOptions {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_chronik")),
        data: data.clone(),
        log: directory.path().join("log"),
        kafka_port,
        admin_port,
        set: vec!["storage.wal.segment_bytes=16MiB".to_owned()],
    };
    let elsewhere = dump(directory.path(), "text").unwrap();
    assert_eq!(elsewhere.status.code(), Some(1), "a directory without a log");
    let mut gateway = Gateway::spawn(&options).unwrap();
    gateway.wait_ready(LIMIT).unwrap();
    let offsets = fill(&mut Connection::open(gateway.address(), LIMIT).unwrap()).unwrap();
    assert_eq!(offsets, [0, 2]);

    let refused = dump(&data, "text").unwrap();
    assert_eq!(refused.status.code(), Some(74), "a log in use");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use"));
    gateway.terminate(LIMIT).unwrap();

    let whole = dump(&data, "json").unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", String::from_utf8_lossy(&whole.stderr));
    let batches = lines(&whole, "batch");
    let shown: Vec<i64> = batches.iter().filter_map(|batch| batch["base_offset"].as_i64()).collect();
    assert_eq!(shown, offsets);
    assert!(batches.iter().all(|batch| batch["topic"] == TOPIC && batch["partition"] == 1));
    let text = dump(&data, "text").unwrap();
    assert!(String::from_utf8_lossy(&text.stdout).contains("change=create_topic topic=dumped"));

    let segment = lines(&whole, "segment").remove(0)["file"].as_str().unwrap().to_owned();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(5).position(|window| window == b"three").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let damaged = dump(&data, "json").unwrap();
    assert_eq!(damaged.status.code(), Some(74));
    let defects = lines(&damaged, "batch").into_iter().filter(|batch| batch["defect"].is_string()).count();
    assert_eq!(defects, 1, "only the batch that was hit");
    assert_eq!(std::fs::read(&segment).unwrap(), bytes, "a dump writes nothing");

    // The header of the block with the first batch: what comes after it has offsets that nobody knows.
    let first = bytes.windows(3).position(|window| window == b"one").unwrap();
    let blocks = lines(&whole, "block");
    let starts = blocks.iter().filter_map(|block| usize::try_from(block["offset"].as_u64()?).ok());
    bytes[starts.filter(|start| *start < first).max().unwrap() + 20] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let damaged = dump(&data, "json").unwrap();
    assert_eq!(lines(&damaged, "damage").len(), 1);
    let later = lines(&damaged, "batch");
    assert!(later.iter().all(|batch| batch["base_offset"].is_null()), "{later:?}");
    assert_eq!(later.len(), 1, "the second batch can still be seen");
}
