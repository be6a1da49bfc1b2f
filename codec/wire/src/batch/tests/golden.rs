//! Every batch that Apache Kafka stored and served (`tests/golden/batches.jsonl`), read, compared record by record, and,
//! where the bytes do not depend on a compressor, written again byte by byte.

use bytes::Bytes;
use chronik_types::{
    CompressionType, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TimestampType,
};
use serde_json::Value;

use crate::batch::*;
use crate::compression::decompression_limit;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/batches.jsonl");

fn golden() -> Vec<(Value, RecordBatch)> {
    let text = std::fs::read_to_string(PATH).expect("the golden batches are committed");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let bytes = Bytes::from(hex(&line["hex"]).unwrap());
            let batch = RecordBatch::parse(bytes).unwrap_or_else(|error| panic!("{}: {error}", line["name"]));
            (line, batch)
        })
        .collect()
}

fn hex(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?;
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    Some((0..digits.len()).step_by(2).map(byte).collect())
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not an integer"))
}

fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| panic!("{value} is not a boolean"))
}

fn headers(expected: &Value) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let pairs = expected["headers"].as_array().unwrap().iter();
    pairs.map(|pair| (hex(&pair[0]).unwrap(), hex(&pair[1]))).collect()
}

fn check_header(line: &Value, header: &BatchHeader) {
    let name = &line["name"];
    assert_eq!(header.codec().map(CompressionType::name), line["codec"].as_str(), "{name}");
    assert_eq!(header.base_offset.get(), int(&line["base_offset"]), "{name}");
    assert_eq!(header.last_offset().get(), int(&line["last_offset"]), "{name}");
    assert_eq!(
        i64::from(header.partition_leader_epoch.get()),
        int(&line["partition_leader_epoch"]),
        "{name}"
    );
    assert_eq!(i64::from(header.crc), int(&line["crc"]), "{name}");
    assert_eq!(header.max_timestamp.get(), int(&line["max_timestamp"]), "{name}");
    assert_eq!(header.producer_id.get(), int(&line["producer_id"]), "{name}");
    assert_eq!(i64::from(header.producer_epoch.get()), int(&line["producer_epoch"]), "{name}");
    assert_eq!(i64::from(header.base_sequence.get()), int(&line["base_sequence"]), "{name}");
    assert_eq!(Some(header.attributes.timestamp_type().name()), line["timestamp_type"].as_str(), "{name}");
    assert_eq!(header.attributes.is_transactional(), flag(&line["transactional"]), "{name}");
    assert_eq!(header.attributes.is_control(), flag(&line["control"]), "{name}");
}

fn check_record(expected: &Value, record: &Record<'_>) {
    assert_eq!(record.offset.get(), int(&expected["offset"]));
    assert_eq!(record.timestamp.get(), int(&expected["timestamp"]));
    assert_eq!(record.key, hex(&expected["key"]).as_deref());
    assert_eq!(record.value, hex(&expected["value"]).as_deref());
    let read = record.headers.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
    assert_eq!(read.collect::<Vec<_>>(), headers(expected));
}

#[test]
fn every_record_of_kafka_is_read() {
    let golden = golden();
    assert!(golden.len() >= 41, "only {} batches", golden.len());
    for (line, batch) in golden {
        batch.verify_crc().unwrap();
        check_header(&line, batch.header());
        let expected = line["records"].as_array().unwrap();
        let decoded = batch.decode(decompression_limit(0, 0)).unwrap();
        let records =
            decoded.iter().collect::<Result<Vec<_>, _>>().unwrap_or_else(|e| panic!("{}: {e}", line["name"]));
        assert_eq!(records.len(), expected.len(), "{}", line["name"]);
        for (expected, record) in expected.iter().zip(&records) {
            check_record(expected, record);
        }
    }
}

#[test]
fn what_a_producer_sent_is_accepted() {
    let rules = AppendRules {
        max_message_bytes: 1_048_588,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        zstd_allowed: true,
    };
    let now = TimestampMs::new(1_700_000_001_000);
    for (line, batch) in golden() {
        let attributes = batch.header().attributes;
        let sent = batch.with_offset(Offset::ZERO, LeaderEpoch::new(-1)).into_bytes();
        let result = single_batch(sent).unwrap().validate_append(&rules, now);
        let from_client =
            !attributes.is_control() && attributes.timestamp_type() == TimestampType::CreateTime;
        assert_eq!(result.is_ok(), from_client, "{}: {result:?}", line["name"]);
    }
}

#[test]
fn batches_without_compression_are_written_byte_by_byte() {
    let mut written = 0;
    for (line, batch) in golden() {
        let header = batch.header();
        if header.codec() != Some(CompressionType::None)
            || header.attributes.is_control()
            || header.attributes.timestamp_type() == TimestampType::LogAppendTime
        {
            continue;
        }
        let mut builder = BatchBuilder::new()
            .base_offset(header.base_offset)
            .leader_epoch(header.partition_leader_epoch)
            .producer(header.producer_id, header.producer_epoch, header.base_sequence);
        if header.attributes.is_transactional() {
            builder = builder.transactional();
        }
        for record in batch.decode(0).unwrap().iter().map(Result::unwrap) {
            let headers = record.headers.iter().collect::<Vec<_>>();
            let Record { timestamp, key, value, .. } = record;
            builder.push(&NewRecord { timestamp, key, value, headers: &headers });
        }
        assert_eq!(builder.build().unwrap(), batch.bytes(), "{}", line["name"]);
        written += 1;
    }
    assert!(written >= 8, "only {written}");
}

#[test]
fn markers_are_read_and_written_byte_by_byte() {
    let mut seen = Vec::new();
    for (line, batch) in golden().into_iter().filter(|(_, batch)| batch.header().attributes.is_control()) {
        let marker = EndTxnMarker::read(&batch).unwrap();
        assert_eq!(i64::from(marker.coordinator_epoch), int(&line["records"][0]["coordinator_epoch"]));
        let BatchHeader {
            base_offset,
            partition_leader_epoch,
            producer_id,
            producer_epoch,
            max_timestamp,
            ..
        } = *batch.header();
        let built =
            marker.build(base_offset, partition_leader_epoch, producer_id, producer_epoch, max_timestamp);
        assert_eq!(built.unwrap(), batch.bytes());
        seen.push(marker.control_type);
    }
    assert_eq!(seen, [ControlType::Commit, ControlType::Abort]);
}

#[test]
fn the_append_time_is_written_as_kafka_does() {
    let golden = golden();
    let (_, stamped) = golden.iter().find(|(line, _)| line["timestamp_type"] == "LogAppendTime").unwrap();
    let mut sent = *stamped.header();
    sent.attributes = sent.attributes.with_timestamp_type(TimestampType::CreateTime);
    sent.max_timestamp = sent.base_timestamp;
    let mut bytes = [&sent.encode(), stamped.body()].concat();
    sent.crc = crc32c(&bytes[21..]);
    bytes[..61].copy_from_slice(&sent.encode());
    let sent = RecordBatch::parse(bytes.into()).unwrap();
    sent.verify_crc().unwrap();
    assert_eq!(&sent.with_log_append_time(stamped.header().max_timestamp), stamped);
}

#[test]
fn an_idempotent_producer_shows_in_the_header() {
    let (_, batch) = golden().swap_remove(0);
    let header = batch.header();
    assert_eq!(header.producer_id, ProducerId::new(0));
    assert_eq!(header.producer_epoch, ProducerEpoch::ZERO);
    assert_eq!((header.base_sequence, header.last_sequence()), (Sequence::ZERO, Sequence::ZERO));
}
