//! A gateway over a directory with one damaged byte: it serves what lies before, refuses the rest, and changes nothing.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chronik_harness::{
    ClientError, Connection, Gateway, GatewayError, GatewayOptions, free_ports, wait_until,
};
use chronik_wire::batch::{BatchBuilder, Batches, NewRecord};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest,
    ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
const KAFKA_STORAGE_ERROR: i16 = 56;
const TOPICS: [&str; 2] = ["left", "right"];
const BATCHES: usize = 10;
/// The batch of `right` that is hit; the same one of `left` was written before it.
const HIT: usize = 6;

fn name(topic: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(topic))
}

/// Creates a topic; its error code.
fn create(connection: &mut Connection, topic: &'static str) -> Result<i16, ClientError> {
    let create =
        CreatableTopic::default().with_name(name(topic)).with_num_partitions(1).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_timeout_ms(5_000).with_topics(vec![create]);
    let answer = connection.call(5, &request)?;
    Ok(answer.topics.first().map_or(-1, |topic| topic.error_code))
}

/// Produces a record; its error code, offset and the error message.
fn produce(
    connection: &mut Connection,
    topic: &'static str,
    value: &str,
) -> Result<(i16, i64, String), ClientError> {
    let mut builder = BatchBuilder::new();
    builder.push(&NewRecord { value: Some(value.as_bytes()), ..NewRecord::default() });
    let records = builder.build().map_err(|error| ClientError::Unencodable(error.to_string()))?;
    let data = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let data = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(5_000).with_topic_data(vec![data]);
    let answer = connection.call(9, &request)?;
    let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let partition = partitions.next().ok_or_else(|| ClientError::Unreadable("no partition".to_owned()))?;
    let message = partition.error_message.as_ref().map(|message| message.to_string()).unwrap_or_default();
    Ok((partition.error_code, partition.base_offset, message))
}

/// Fetches a topic from an offset on; error code, high watermark and the values.
fn fetch(
    connection: &mut Connection,
    topic: &'static str,
    from: i64,
) -> Result<(i16, i64, Vec<String>), ClientError> {
    let partition =
        FetchPartition::default().with_partition(0).with_fetch_offset(from).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(name(topic)).with_partitions(vec![partition]);
    let request =
        FetchRequest::default().with_max_wait_ms(0).with_max_bytes(1 << 20).with_topics(vec![topic]);
    let answer = connection.call(11, &request)?;
    let mut partitions = answer.responses.into_iter().flat_map(|topic| topic.partitions);
    let partition = partitions.next().ok_or_else(|| ClientError::Unreadable("no partition".to_owned()))?;
    let unreadable = |error: &dyn std::error::Error| ClientError::Unreadable(error.to_string());
    let mut values = Vec::new();
    for batch in Batches::new(partition.records.unwrap_or_default()) {
        let batch = batch.map_err(|error| unreadable(&error))?;
        batch.verify_crc().map_err(|error| unreadable(&error))?;
        values.push(String::from_utf8_lossy(batch.bytes()).into_owned());
    }
    Ok((partition.error_code, partition.high_watermark, values))
}

fn latest(connection: &mut Connection, topic: &'static str) -> Result<i64, ClientError> {
    let partition = ListOffsetsPartition::default().with_partition_index(0).with_timestamp(-1);
    let topic = ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let answer = connection.call(5, &request)?;
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(partitions.next().map_or(-1, |partition| partition.offset))
}

fn http(port: u16, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: chronik\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Every file below a directory with its bytes, but for the lock.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("lock") {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// The segment file and the byte in it where the `nth` block with a batch of a topic begins.
fn block(data: &Path, topic: &str, nth: usize) -> (PathBuf, u64) {
    let mut dump = Command::new(env!("CARGO_BIN_EXE_chronik"));
    let output = dump.args(["log", "dump", "--format", "json"]).arg(data).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut file, mut offset, mut seen) = (PathBuf::new(), 0, 0);
    for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        match line["kind"].as_str() {
            Some("segment") => file = PathBuf::from(line["file"].as_str().unwrap()),
            Some("block") => offset = line["offset"].as_u64().unwrap(),
            Some("batch") if line["topic"] == topic => {
                if seen == nth {
                    return (file, offset);
                }
                seen += 1;
            }
            _ => {}
        }
    }
    panic!("no such batch in {text}");
}

fn start(options: &GatewayOptions) -> (Gateway, Connection) {
    let mut gateway = Gateway::spawn(options).unwrap();
    gateway.wait_ready(LIMIT).unwrap();
    let connection = Connection::open(gateway.address(), LIMIT).unwrap();
    (gateway, connection)
}

fn options(directory: &Path) -> GatewayOptions {
    let [kafka_port, admin_port] = free_ports().unwrap();
    GatewayOptions {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_chronik")),
        data: directory.join("data"),
        log: directory.join("log"),
        kafka_port,
        admin_port,
        set: vec!["storage.wal.segment_bytes=16MiB".to_owned()],
    }
}

/// A stopped gateway's directory with records of two topics, of which one byte of the entries is flipped; where.
fn damaged(options: &GatewayOptions) -> (PathBuf, u64) {
    let (mut gateway, mut connection) = start(options);
    for topic in TOPICS {
        assert_eq!(create(&mut connection, topic).unwrap(), 0);
    }
    for n in 0..BATCHES {
        for topic in TOPICS {
            assert_eq!(produce(&mut connection, topic, &format!("{topic} {n}.")).unwrap().0, 0);
        }
    }
    gateway.terminate(LIMIT).unwrap();
    let (file, offset) = block(&options.data, TOPICS[1], HIT);
    let mut bytes = std::fs::read(&file).unwrap();
    // Behind the header of the block, where its entries begin.
    bytes[usize::try_from(offset).unwrap() + 72 + 10] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    // What an interrupted write of an object would have left.
    let objects = options.data.join("objects").join("index");
    std::fs::create_dir_all(&objects).unwrap();
    std::fs::write(objects.join(".interrupted.0"), b"half").unwrap();
    (file, offset)
}

/// What a client may and may not do.
fn check_service(connection: &mut Connection, place: &str) {
    for (topic, count) in TOPICS.into_iter().zip([HIT + 1, HIT]) {
        let end = i64::try_from(count).unwrap();
        let (code, high_watermark, values) = fetch(connection, topic, 0).unwrap();
        assert_eq!((code, high_watermark, values.len()), (0, end, count));
        for (n, value) in values.iter().enumerate() {
            assert!(value.contains(&format!("{topic} {n}.")), "{value}");
        }
        assert_eq!(latest(connection, topic).unwrap(), end);
        let behind = fetch(connection, topic, end + 1).unwrap();
        assert_eq!(behind.0, KAFKA_STORAGE_ERROR, "not OFFSET_OUT_OF_RANGE, which would move a consumer");
        let (code, _, message) = produce(connection, topic, "more").unwrap();
        assert_eq!(code, KAFKA_STORAGE_ERROR);
        assert!(message.contains(place) && message.contains("read-only"), "{message}");
    }
    let metadata = connection.call(9, &MetadataRequest::default().with_topics(None)).unwrap();
    assert_eq!(metadata.topics.len(), 2);
    assert_eq!(create(connection, "new").unwrap(), KAFKA_STORAGE_ERROR);
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    assert_eq!(connection.call(3, &request).unwrap().error_code, KAFKA_STORAGE_ERROR);
}

/// What an operator is told.
fn check_report(options: &GatewayOptions, place: &str) {
    let ready = http(options.admin_port, "/readyz?verbose").unwrap();
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("[-] storage: read-only"), "{ready}");
    assert!(ready.contains(place) && ready.contains("restore the file from a copy"), "{ready}");
    assert!(http(options.admin_port, "/livez").unwrap().starts_with("HTTP/1.1 200"));
    let metrics = http(options.admin_port, "/metrics").unwrap();
    assert!(metrics.contains("\nchronik_storage_read_only 1\n"), "{metrics}");
    // The port answers before the banner is out.
    let printed = wait_until(LIMIT, || {
        std::fs::read_to_string(&options.log).ok().filter(|printed| printed.contains("writes   refused"))
    });
    let printed = printed.unwrap();
    assert!(printed.contains(&format!("damage   {place}")), "{printed}");
    let error = printed.lines().find(|line| line.contains("ERROR")).unwrap();
    assert!(error.contains("checksum") && error.contains("restore the file from a copy"), "{error}");
}

#[test]
fn serves_what_lies_before_a_damaged_byte_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let first = options(directory.path());
    let (file, offset) = damaged(&first);
    let place = format!("{}: damaged at byte {offset}: ", file.display());
    let before = files(&first.data);
    for log in ["second", "third"] {
        let options = GatewayOptions { log: directory.path().join(log), ..options(directory.path()) };
        let (mut gateway, mut connection) = start(&options);
        check_service(&mut connection, &place);
        check_report(&options, &place);
        assert_eq!(gateway.terminate(LIMIT).unwrap().code(), Some(0));
        assert!(files(&first.data) == before, "the directory was changed");
    }
    // What lies behind is not lost for a person who looks for it.
    assert!(block(&first.data, TOPICS[0], BATCHES - 2).1 > offset);
}

#[test]
fn refuses_a_directory_of_which_nothing_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path());
    drop(start(&options).0.terminate(LIMIT));
    let segment =
        files(&options.data).into_keys().find(|path| path.extension().is_some_and(|is| is == "log"));
    let segment = segment.unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let before = files(&options.data);
    let mut gateway = Gateway::spawn(&options).unwrap();
    let error = gateway.wait_ready(LIMIT).unwrap_err();
    assert!(matches!(error, GatewayError::Ended { status, .. } if status.code() == Some(74)), "{error}");
    let printed = std::fs::read_to_string(&options.log).unwrap();
    assert!(
        printed.contains(&segment.display().to_string()) && printed.contains("nothing was changed"),
        "{printed}"
    );
    assert!(files(&options.data) == before, "the directory was changed");
}
