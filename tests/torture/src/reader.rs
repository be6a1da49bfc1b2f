//! Reads back what earlier cycles left, and asks for offsets.

use std::time::Duration;

use bytes::Bytes;
use chronik_harness::{ClientError, Connection};
use chronik_types::Entropy;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, FetchRequest, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::checker::Key;
use crate::content::decode_records;
use crate::plan::{KEYS, ProducerPlan, TOPICS, key_of, place};
use crate::shared::Shared;

const FETCH_VERSION: i16 = 12;
const LIST_OFFSETS_VERSION: i16 = 7;
const DELETE_RECORDS_VERSION: i16 = 2;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const FETCH_BYTES: i32 = 16 * 1024 * 1024;
const PARTITION_BYTES: i32 = 2 * 1024 * 1024;
const KEYS_PER_FETCH: usize = 64;
/// Answers in a row without progress on anything that is there: the reader would wait for ever.
const FRUITLESS_FETCHES: usize = 50;

/// How long one answer may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

fn name(topic: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(topic))
}

/// Offsets of every key for a special timestamp.
fn list_offsets(connection: &mut Connection, timestamp: i64) -> Result<Vec<i64>, ClientError> {
    let topics = TOPICS.iter().map(|topic| {
        let partitions = (0..topic.partitions).map(|index| {
            ListOffsetsPartition::default().with_partition_index(index).with_timestamp(timestamp)
        });
        ListOffsetsTopic::default().with_name(name(topic.name)).with_partitions(partitions.collect())
    });
    let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(topics.collect());
    let answer = connection.call(LIST_OFFSETS_VERSION, &request)?;
    let mut offsets = vec![-1; KEYS];
    for topic in &answer.topics {
        for partition in &topic.partitions {
            let key = key_of(topic.name.0.as_str(), partition.partition_index);
            if let Some(offset) = key.and_then(|key| offsets.get_mut(key)) {
                if partition.error_code != 0 {
                    let text = format!("ListOffsets: error {}", partition.error_code);
                    return Err(ClientError::Unreadable(text));
                }
                *offset = partition.offset;
            }
        }
    }
    Ok(offsets)
}

/// Asks for log starts and high watermarks, judges them, and gives both.
pub(crate) fn watermarks(connection: &mut Connection, shared: &Shared) -> Result<Watermarks, ClientError> {
    // What is acknowledged after the question may or may not be in the answer.
    let known: Vec<i64> = {
        let checker = shared.checker.lock();
        (0..KEYS).map(|key| checker.known_high_watermark(key)).collect()
    };
    let starts = list_offsets(connection, EARLIEST)?;
    let ends = list_offsets(connection, LATEST)?;
    let mut checker = shared.checker.lock();
    for (key, ((start, end), known)) in starts.iter().zip(&ends).zip(known).enumerate() {
        checker.log_start(key, *start);
        checker.high_watermark(key, *end, known);
    }
    Ok(Watermarks { starts, ends })
}

/// Log start offset and high watermark of every key.
pub(crate) struct Watermarks {
    pub(crate) starts: Vec<i64>,
    pub(crate) ends: Vec<i64>,
}

/// Reads each key from its cursor up to its bound and shows all of it to the checker.
pub(crate) fn read_back(
    connection: &mut Connection,
    shared: &Shared,
    producers: &[ProducerPlan],
    seed: u64,
    mut cursors: Vec<i64>,
    bounds: &[i64],
) -> Result<(), ClientError> {
    let mut fruitless = 0;
    let mut first = 0;
    loop {
        let open: Vec<Key> = (0..KEYS)
            .filter(|key| cursors.get(*key).zip(bounds.get(*key)).is_some_and(|(c, b)| c < b))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        first = if first < open.len() { first } else { 0 };
        let asked: Vec<Key> =
            open.iter().cycle().skip(first).take(KEYS_PER_FETCH.min(open.len())).copied().collect();
        first += KEYS_PER_FETCH;
        let before: i64 = cursors.iter().sum();
        fetch(connection, shared, producers, seed, &asked, &mut cursors)?;
        fruitless = if cursors.iter().sum::<i64>() > before { 0 } else { fruitless + 1 };
        if fruitless > FRUITLESS_FETCHES {
            let stuck: Vec<String> =
                open.iter().take(3).map(|key| format!("key {key} at {:?}", cursors.get(*key))).collect();
            shared.problem(format!("reads make no progress: {}", stuck.join(", ")));
            return Ok(());
        }
    }
}

fn fetch(
    connection: &mut Connection,
    shared: &Shared,
    producers: &[ProducerPlan],
    seed: u64,
    keys: &[Key],
    cursors: &mut [i64],
) -> Result<(), ClientError> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for key in keys {
        let (topic, partition) = place(*key);
        let cursor = cursors.get(*key).copied().unwrap_or(0);
        let partition = FetchPartition::default()
            .with_partition(partition)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(cursor)
            .with_partition_max_bytes(PARTITION_BYTES);
        match topics.iter_mut().find(|known| known.topic == name(topic)) {
            Some(known) => known.partitions.push(partition),
            None => {
                topics.push(FetchTopic::default().with_topic(name(topic)).with_partitions(vec![partition]))
            }
        }
    }
    let request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(100)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES)
        .with_session_epoch(-1)
        .with_topics(topics);
    let answer = connection.call(FETCH_VERSION, &request)?;
    for topic in &answer.responses {
        for partition in &topic.partitions {
            let Some(key) = key_of(topic.topic.0.as_str(), partition.partition_index) else { continue };
            if partition.error_code != 0 {
                shared.problem(format!("Fetch: key {key}: error {}", partition.error_code));
                continue;
            }
            let records = partition.records.clone().unwrap_or_default();
            if let Some(cursor) = cursors.get_mut(key) {
                *cursor = show(shared, producers, seed, key, records, *cursor);
            }
        }
    }
    Ok(())
}

/// Shows records from `cursor` on to the checker; gives the offset after the last one.
fn show(
    shared: &Shared,
    producers: &[ProducerPlan],
    seed: u64,
    key: Key,
    records: Bytes,
    mut cursor: i64,
) -> i64 {
    let decoded = match decode_records(seed, producers, key, records) {
        Ok(decoded) => decoded,
        Err(error) => {
            shared.problem(format!("Fetch: key {key} at {cursor}: {error}"));
            return cursor;
        }
    };
    let mut checker = shared.checker.lock();
    for (offset, value) in decoded {
        // A batch is sent whole, so records before the asked offset may come with it.
        if offset >= cursor {
            checker.read(key, offset, value);
            cursor = offset.saturating_add(1);
        }
    }
    cursor
}

/// Deletes some of what has been read back.
pub(crate) fn delete_records(
    connection: &mut Connection,
    shared: &Shared,
    entropy: &Entropy,
) -> Result<(), ClientError> {
    let mut topics = Vec::new();
    for topic in &TOPICS {
        let mut partitions = Vec::new();
        for index in 0..topic.partitions {
            let Some(key) = key_of(topic.name, index) else { continue };
            let (first, next) = {
                let checker = shared.checker.lock();
                (checker.first_offset(key), checker.next_offset(key))
            };
            let span = u64::try_from(next.saturating_sub(first)).unwrap_or(0);
            // Mostly all of it, so that the log is given back.
            let keep = if entropy.below(4) == 0 { entropy.below(span.max(1)) } else { 0 };
            let offset = next.saturating_sub_unsigned(keep.min(span));
            partitions
                .push(DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset));
        }
        topics.push(DeleteRecordsTopic::default().with_name(name(topic.name)).with_partitions(partitions));
    }
    let request = DeleteRecordsRequest::default().with_timeout_ms(30_000).with_topics(topics);
    let answer = connection.call(DELETE_RECORDS_VERSION, &request)?;
    let mut checker = shared.checker.lock();
    for topic in &answer.topics {
        for partition in &topic.partitions {
            let Some(key) = key_of(topic.name.0.as_str(), partition.partition_index) else { continue };
            if partition.error_code == 0 {
                checker.deleted_below(key, partition.low_watermark);
            } else {
                shared.problem(format!("DeleteRecords: key {key}: error {}", partition.error_code));
            }
        }
    }
    Ok(())
}
