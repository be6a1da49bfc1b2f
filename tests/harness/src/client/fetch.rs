//! Reading, and filtering what a reader of committed records must not see, as consumers do it.

use std::collections::BTreeSet;

use bytes::Bytes;
use chronik_types::{ErrorCode, IsolationLevel};
use chronik_wire::batch::{Batches, ControlType, EndTxnMarker, RecordBatch};
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};

use super::{Coded, code, missing, topic_name};
use crate::{ClientError, Connection};

const FETCH_VERSION: i16 = 12;
const DECOMPRESSED_LIMIT: usize = 16 * 1024 * 1024;

/// A batch of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Who wrote it.
    pub producer_id: i64,
    /// In which epoch.
    pub producer_epoch: i16,
    /// The sequence of its first record.
    pub base_sequence: i32,
    /// Whether it is part of a transaction.
    pub transactional: bool,
    /// How a transaction ended, when that is what it says.
    pub marker: Option<ControlType>,
    /// Offset and value of its records; none of a marker.
    pub records: Vec<(i64, String)>,
}

/// What a partition answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its error code.
    pub error: ErrorCode,
    /// Where it was read from.
    pub fetch_offset: i64,
    /// Its end.
    pub high_watermark: i64,
    /// Where the first open transaction begins.
    pub last_stable_offset: i64,
    /// Its start.
    pub log_start_offset: i64,
    /// Producer and first offset of the aborted transactions that the batches touch; none when it was not asked for.
    pub aborted: Option<Vec<(i64, i64)>>,
    /// The batches, each with a checksum that is right.
    pub batches: Vec<Batch>,
}

impl Coded for Fetched {
    fn error_code(&self) -> ErrorCode {
        self.error
    }
}

impl Fetched {
    /// What a consumer hands on: no markers, nothing below the offset that it asked for, and of aborted transactions
    /// nothing when the answer names them.
    #[must_use]
    pub fn visible(&self) -> Vec<(i64, String)> {
        let mut later = self.aborted.clone().unwrap_or_default();
        later.sort_unstable_by_key(|(_, first_offset)| *first_offset);
        let mut open = BTreeSet::new();
        let mut seen = Vec::new();
        for batch in &self.batches {
            let begun = later.partition_point(|(_, first_offset)| *first_offset <= batch.last_offset);
            open.extend(later.drain(..begun).map(|(producer_id, _)| producer_id));
            if batch.marker == Some(ControlType::Abort) {
                open.remove(&batch.producer_id);
            }
            if !(batch.transactional && open.contains(&batch.producer_id)) {
                let from = self.fetch_offset;
                seen.extend(batch.records.iter().filter(|(offset, _)| *offset >= from).cloned());
            }
        }
        seen
    }

    /// Where to read on.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        let last = self.batches.last();
        last.map_or(self.fetch_offset, |batch| batch.last_offset.saturating_add(1).max(self.fetch_offset))
    }
}

/// Reads a partition once, without waiting.
///
/// # Errors
/// When no answer comes, or its records cannot be read.
pub fn fetch(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    fetch_offset: i64,
    isolation_level: IsolationLevel,
    max_bytes: i32,
) -> Result<Fetched, ClientError> {
    let asked = FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(fetch_offset)
        .with_partition_max_bytes(max_bytes);
    let asked = FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![asked]);
    let request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(max_bytes)
        .with_isolation_level(isolation_level.id())
        .with_session_epoch(-1)
        .with_topics(vec![asked]);
    let answer = connection.call(FETCH_VERSION, &request)?;
    let found = answer.responses.into_iter().flat_map(|topic| topic.partitions).next();
    let found = found.ok_or_else(|| missing("the partition"))?;
    let aborted = found
        .aborted_transactions
        .map(|listed| listed.iter().map(|aborted| (aborted.producer_id.0, aborted.first_offset)).collect());
    Ok(Fetched {
        error: code(found.error_code),
        fetch_offset,
        high_watermark: found.high_watermark,
        last_stable_offset: found.last_stable_offset,
        log_start_offset: found.log_start_offset,
        aborted,
        batches: decode(found.records.unwrap_or_default())?,
    })
}

/// Reads a partition from an offset to its end, in small answers; what is visible, with its offsets.
///
/// # Errors
/// When no answer comes, its records cannot be read, or the partition refuses.
pub fn read_all(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    from: i64,
    isolation_level: IsolationLevel,
) -> Result<Vec<(i64, String)>, ClientError> {
    const STEP_BYTES: i32 = 32 * 1024;
    let mut position = from;
    let mut seen = Vec::new();
    loop {
        let fetched = fetch(connection, topic, partition, position, isolation_level, STEP_BYTES)?;
        if fetched.error != ErrorCode::None {
            let text = format!("{topic}-{partition} at {position}: {:?}", fetched.error);
            return Err(ClientError::Unreadable(text));
        }
        if fetched.batches.is_empty() {
            return Ok(seen);
        }
        seen.extend(fetched.visible());
        position = fetched.next_offset();
    }
}

fn decode(records: Bytes) -> Result<Vec<Batch>, ClientError> {
    let unreadable = |error: &dyn std::error::Error| ClientError::Unreadable(error.to_string());
    let mut decoded = Vec::new();
    for batch in Batches::new(records) {
        let batch = batch.map_err(|error| unreadable(&error))?;
        batch.verify_crc().map_err(|error| unreadable(&error))?;
        decoded.push(decode_batch(&batch)?);
    }
    Ok(decoded)
}

fn decode_batch(batch: &RecordBatch) -> Result<Batch, ClientError> {
    let unreadable = |error: &dyn std::error::Error| ClientError::Unreadable(error.to_string());
    let header = batch.header();
    let mut decoded = Batch {
        base_offset: header.base_offset.get(),
        last_offset: header.last_offset().get(),
        producer_id: header.producer_id.get(),
        producer_epoch: header.producer_epoch.get(),
        base_sequence: header.base_sequence.get(),
        transactional: header.attributes.is_transactional(),
        marker: None,
        records: Vec::new(),
    };
    if header.attributes.is_control() {
        let marker = EndTxnMarker::read(batch).map_err(|error| unreadable(&error))?;
        decoded.marker = Some(marker.control_type);
        return Ok(decoded);
    }
    for record in &batch.decode(DECOMPRESSED_LIMIT).map_err(|error| unreadable(&error))? {
        let record = record.map_err(|error| unreadable(&error))?;
        let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
        decoded.records.push((record.offset.get(), value));
    }
    Ok(decoded)
}
