//! Writes the committed seeds anew, from the bytes of Apache Kafka in `tests/golden` and from our own encoders:
//! `cargo run --example seeds` in this folder. Inputs that once failed are kept beside them by hand.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{fs, io};

use bytes::Bytes;
use chronik_state::{
    AlterConfigs, AppendedBatch, Change, CheckHash, ConfigChange, ConfigResource, CreatePartitions,
    CreateTopic, Entry, ProducerBatch, State, TopicLimits,
};
use chronik_types::{
    ClusterId, CompressionType, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence,
    TimestampMs, TopicId, TopicName, TopicPartition,
};
use chronik_wire::api;
use chronik_wire::batch::RecordBatch;
use chronik_wire::compression::compress;
use chronik_wire::header::parse_request_header;
use chronik_wire::request::decode_request;
use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest};
use serde_json::Value;

/// Longer ones teach the fuzzer nothing and slow it down.
const MAX_SEED_BYTES: usize = 2_048;

fn main() -> Result<(), Box<dyn Error>> {
    requests()?;
    consumer_protocol()?;
    batches()?;
    state()?;
    Ok(disk()?)
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > MAX_SEED_BYTES {
        return Ok(());
    }
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn golden(file: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden").join(file);
    let text = fs::read_to_string(path)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn unhex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap_or_default().as_bytes();
    let digit = |c: u8| (c as char).to_digit(16).expect("golden files hold hex") as u8;
    digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// Of each API the versions where its layout changes most: the first, the first flexible one, the last.
fn requests() -> Result<(), Box<dyn Error>> {
    let mut pair = vec![6];
    // The requests of one version differ in their values alone in the files whose lines build on each other.
    for (file, most) in [("exchanges.jsonl", usize::MAX), ("groups.jsonl", 4), ("transactions.jsonl", 4)] {
        let mut of_version: BTreeMap<(i16, i16), usize> = BTreeMap::new();
        for line in golden(file)? {
            let key = i16::try_from(line["api"].as_i64().unwrap_or(-1))?;
            let version = i16::try_from(line["version"].as_i64().unwrap_or(-1))?;
            let Some(api) = api::lookup(key) else { continue };
            let seeds = of_version.entry((key, version)).or_default();
            if ![api.min_decodable, api.flexible_from, api.max_version].contains(&version) || *seeds == most {
                continue;
            }
            *seeds += 1;
            let frame = unhex(&line["request"]);
            let name = format!("{}-{version}-{}", api.name, line["case"].as_str().unwrap_or_default());
            seed("request", &name, &frame[4..])?;
            if pair.len() < 300 {
                pair.extend_from_slice(&frame);
            }
        }
    }
    seed("frame", "several", &pair)?;
    seed("frame", "cut", &pair[..pair.len() - 5])?;
    Ok(seed("frame", "too-large", &[0, 0x7f, 0xff, 0xff, 0xff, 0, 1])?)
}

/// A blob of each kind and version.
fn consumer_protocol() -> Result<(), Box<dyn Error>> {
    for line in golden("groups.jsonl")? {
        let version = i16::try_from(line["version"].as_i64().unwrap_or(-1))?;
        let frame = unhex(&line["request"]);
        let mut body = Bytes::from(frame).slice(4..);
        let Ok(header) = parse_request_header(&mut body) else { continue };
        let blob = match header.api.name {
            "JoinGroup" => decode_request::<JoinGroupRequest>(version, &mut body)?
                .protocols
                .pop()
                .map(|one| one.metadata),
            "SyncGroup" => decode_request::<SyncGroupRequest>(version, &mut body)?
                .assignments
                .pop()
                .map(|one| one.assignment),
            _ => None,
        };
        if let Some(blob) = blob {
            seed("consumer_protocol", &format!("{}-{}", header.api.name, blob[1]), &blob)?;
        }
    }
    Ok(())
}

fn batches() -> Result<(), Box<dyn Error>> {
    for line in golden("batches.jsonl")? {
        let name = line["name"].as_str().unwrap_or_default();
        let batch = RecordBatch::parse(Bytes::from(unhex(&line["hex"])))?;
        seed("batch", name, batch.bytes())?;
        let header = batch.header();
        let codec = header.codec().ok_or("a codec of Kafka")?;
        if codec == CompressionType::None {
            let count = u8::try_from(header.record_count)?;
            let delta = u8::try_from(header.last_offset_delta)?;
            let append_time = line["timestamp_type"] == "LogAppendTime";
            seed("records", name, &[&[count, delta, append_time.into()], batch.body()].concat())?;
        } else {
            seed(codec.name(), name, &[&u16::MAX.to_le_bytes(), batch.body()].concat())?;
        }
    }
    for codec in CompressionType::ALL.into_iter().filter(|codec| *codec != CompressionType::None) {
        let bomb = compress(codec, None, &[0; 256 * 1024])?;
        seed(codec.name(), "bomb", &[&1_000_u16.to_le_bytes(), bomb.as_slice()].concat())?;
    }
    let raw = b"\x40\x60raw snappy, as some clients write it";
    Ok(seed("snappy", "raw", &[b"\xff\xff".as_slice(), raw].concat())?)
}

fn state() -> Result<(), Box<dyn Error>> {
    let topic_id = TopicId::from_bytes([7; 16]);
    let at = TopicPartition::new(topic_id, PartitionIndex::new(1));
    let batch = |base_sequence| AppendedBatch {
        at,
        length: 100,
        record_count: 3,
        max_timestamp: TimestampMs::new(1_700_000_000_000),
        producer: Some(ProducerBatch {
            producer_id: ProducerId::new(0),
            producer_epoch: ProducerEpoch::ZERO,
            base_sequence: Sequence::new(base_sequence),
        }),
    };
    let change = ConfigChange { key: "retention.ms".to_owned(), value: Some("1000".to_owned()) };
    let alter = |resource| Change::AlterConfigs(AlterConfigs { resource, changes: vec![change.clone()] });
    let mut changes = vec![
        Change::NameCluster { cluster_id: ClusterId::new("golden") },
        Change::CreateTopic(CreateTopic {
            name: TopicName::new("t.a")?,
            topic_id,
            partitions: 2,
            replication_factor: 1,
            configs: [("cleanup.policy", "delete")].into_iter().collect(),
            assignments: vec![vec![NodeId::new(1)], vec![NodeId::new(1)]],
            limits: TopicLimits::NONE,
        }),
        Change::AllocateProducerId,
        Change::Append(vec![batch(0), batch(3), batch(0)]),
        Change::AdvanceLogStart(vec![(at, Offset::new(2)), (at, Offset::NONE)]),
        Change::CreatePartitions(CreatePartitions {
            topic_id,
            total: 4,
            assignments: Vec::new(),
            limits: TopicLimits::NONE,
        }),
        Change::CheckHash(CheckHash { known: None }),
    ];
    changes.extend([ConfigResource::Topic(topic_id), ConfigResource::BrokerDefault].map(alter));
    let (mut state, mut sequence) = (State::new(), Vec::new());
    for (position, change) in changes.into_iter().enumerate() {
        let entry = Entry::new(TimestampMs::new(1_700_000_000_000), change);
        let bytes = entry.encode();
        sequence.extend_from_slice(&u16::try_from(bytes.len())?.to_le_bytes());
        sequence.extend_from_slice(&bytes);
        state.apply(position as u64 + 1, &entry);
        seed("entry", &format!("life-{position}"), &sequence)?;
        let checkpoint = state.encode();
        seed("checkpoint", &format!("body-{position}"), &checkpoint[18..checkpoint.len() - 8])?;
    }
    let expire = Change::ExpireProducers { inactive_before: TimestampMs::new(i64::MAX) };
    for change in [expire, Change::DeleteTopic { topic_id }] {
        let bytes = Entry::new(TimestampMs::new(1_700_000_000_001), change).encode();
        sequence.extend_from_slice(&u16::try_from(bytes.len())?.to_le_bytes());
        sequence.extend_from_slice(&bytes);
    }
    seed("entry", "whole-life", &sequence)?;
    Ok(seed("checkpoint", "whole", &state.encode())?)
}

/// Descriptions as `src/wal.rs` reads them, and the objects of the broker behind their checksums.
fn disk() -> io::Result<()> {
    let format = [0, 1];
    let segment = [0, 0];
    let open = [2, 0, 0, 0, 0];
    let two_entries = [0, 0, 0, 0, 2, 3, 1, b'a', b'b', b'c', 2, 0, b'd', b'e'];
    let seal = [1, 0, 0, 0, 0];
    let mut torn = two_entries;
    torn[1] = 2;
    let one: &[&[u8]] = &[&[0x31], &format, &segment, &open, &two_entries, &two_entries];
    let two: &[&[u8]] =
        &[&[0x23], &format, &segment, &open, &two_entries, &seal, &segment, &open, &two_entries];
    let rebuilt: &[&[u8]] = &[&[0x34], &format, &segment, &open, &two_entries];
    let tail: &[&[u8]] = &[&[0x31], &format, &segment, &open, &two_entries, &torn];
    let damaged: &[&[u8]] = &[&[0x51], &format, &segment, &open, &torn, &two_entries, &two_entries];
    for (name, parts) in
        [("one", one), ("two", two), ("rebuilt", rebuilt), ("tail", tail), ("damaged", damaged)]
    {
        seed("wal", name, &parts.concat())?;
    }

    let numbers =
        |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let directory = [&[9; 16], [0; 8].as_slice(), &2_u32.to_le_bytes()].concat();
    let row = |offset: u64| [numbers(&[offset, 4_096 + offset, 77]), vec![61, 0, 0, 0, 4, 0, 0, 0]].concat();
    let query = [[0, 0, 2, 0].as_slice(), &7_u64.to_le_bytes()].concat();
    let index =
        [query, numbers(&[65_543]), vec![1, 0, 0, 0, 2, 0, 0, 0], directory, row(5), row(10)].concat();
    seed("index", "two-rows", &index)?;

    let part = [vec![9; 16], vec![1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0], numbers(&[1, 9, 77, 1_000])].concat();
    let snapshot = [vec![1, 0, 0, 0], numbers(&[4, 50]), vec![1, 0, 0, 0], part].concat();
    seed("snapshot", "one-part", &snapshot)?;
    seed("snapshot", "empty", &[0; 4])
}
