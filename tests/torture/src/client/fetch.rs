//! A consumer of one topic: it filters aborted transactions as real ones do, and judges every answer on the way.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chronik_types::ErrorCode;
use chronik_wire::batch::{BatchError, Batches, ControlType, EndTxnMarker, RecordBatch};
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;

use super::payload::recognise;
use super::topic::{Topic, key, partition};
use super::{Item, Link, code};
use crate::checker::Key;
use crate::judges::{FetchAnswer, Part, Sighting, Span, Stability};
use crate::stage::{Over, Stage};

const FETCH_VERSION: i16 = 12;
const FETCH_BYTES: i32 = 1024 * 1024;
const DECOMPRESSED_LIMIT: usize = 1024 * 1024;

/// A record that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) key: Key,
    pub(crate) offset: i64,
    pub(crate) item: Item,
}

/// A batch with what the reader needs of it.
struct Decoded {
    span: Span,
    producer_id: i64,
    transactional: bool,
    /// Commit or abort, of a control batch.
    marker: Option<bool>,
    records: Vec<(i64, Item)>,
}

/// Positions of a consumer, and what it was told so far.
#[derive(Debug)]
pub(crate) struct Fetcher {
    topic: Topic,
    read_committed: bool,
    /// Bytes of one partition in one answer.
    partition_bytes: i32,
    pub(crate) positions: BTreeMap<Key, i64>,
    stability: BTreeMap<Key, Stability>,
    /// All last stable offsets that it was told, for whoever knows which transactions were open.
    sightings: Option<Vec<Sighting>>,
    /// Everything that came, for whoever derives what is visible from the markers.
    parts: Option<BTreeMap<Key, Vec<Part>>>,
}

impl Fetcher {
    /// A consumer without partitions.
    pub(crate) fn new(topic: Topic, read_committed: bool, partition_bytes: i32) -> Self {
        Self {
            topic,
            read_committed,
            partition_bytes,
            positions: BTreeMap::new(),
            stability: BTreeMap::new(),
            sightings: None,
            parts: None,
        }
    }

    /// A consumer that reads everything from the start.
    pub(crate) fn from_start(topic: Topic, read_committed: bool) -> Self {
        let positions = topic.keys().map(|key| (key, 0)).collect();
        Self { positions, ..Self::new(topic, read_committed, FETCH_BYTES) }
    }

    /// The same, keeping the log for [`Fetcher::take_parts`].
    pub(crate) fn auditor(topic: Topic) -> Self {
        Self { parts: Some(BTreeMap::new()), ..Self::from_start(topic, false) }
    }

    /// A read_committed consumer from the start, keeping what it is told for [`Fetcher::take_sightings`].
    pub(crate) fn witness(topic: Topic) -> Self {
        Self { sightings: Some(Vec::new()), ..Self::from_start(topic, true) }
    }

    pub(crate) fn take_sightings(&mut self) -> Vec<Sighting> {
        self.sightings.take().unwrap_or_default()
    }

    pub(crate) fn take_parts(&mut self) -> BTreeMap<Key, Vec<Part>> {
        self.parts.take().unwrap_or_default()
    }

    /// Reads once from all positions and moves them; `None` when no answer came.
    pub(crate) fn poll(&mut self, link: &mut Link<'_>, max_wait_ms: i32) -> Result<Option<Vec<Read>>, Over> {
        if self.positions.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let partitions = self.positions.iter().map(|(key, offset)| {
            FetchPartition::default()
                .with_partition(partition(*key))
                .with_current_leader_epoch(-1)
                .with_fetch_offset(*offset)
                .with_partition_max_bytes(self.partition_bytes)
        });
        let asked =
            FetchTopic::default().with_topic(self.topic.wire_name()).with_partitions(partitions.collect());
        let request = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(max_wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES)
            .with_isolation_level(i8::from(self.read_committed))
            .with_session_epoch(-1)
            .with_topics(vec![asked]);
        let began = link.stage.tick();
        let Some(answer) = link.call(FETCH_VERSION, &request)? else { return Ok(None) };
        let ended = link.stage.tick();
        let mut reads = Vec::new();
        for data in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            match code(data.error_code) {
                ErrorCode::None => {
                    let (key, last_stable_offset) = (key(data.partition_index), data.last_stable_offset);
                    if let Some(sightings) = &mut self.sightings {
                        sightings.push(Sighting { key, last_stable_offset, began, ended });
                    }
                    self.take(link.stage, &link.who, data, &mut reads);
                }
                later if later.is_retriable() => {}
                refused => {
                    let place = (data.partition_index, self.positions.get(&key(data.partition_index)));
                    link.stage.problem(format!("{}: Fetch {place:?}: {refused:?}", link.who));
                }
            }
        }
        Ok(Some(reads))
    }

    fn take(&mut self, stage: &Stage, who: &str, data: &PartitionData, reads: &mut Vec<Read>) {
        let key = key(data.partition_index);
        let Some(position) = self.positions.get(&key).copied() else { return };
        let batches = match decode(stage, who, key, data.records.clone().unwrap_or_default()) {
            Ok(batches) => batches,
            Err(error) => {
                stage.problem(format!("{who}: Fetch {} {key} at {position}: {error}", self.topic.name));
                return;
            }
        };
        let answer = FetchAnswer {
            key,
            fetch_offset: position,
            high_watermark: data.high_watermark,
            last_stable_offset: data.last_stable_offset,
            spans: batches.iter().map(|batch| batch.span).collect(),
        };
        let stability = self.stability.entry(key).or_default();
        for anomaly in stability.judge(&answer, self.read_committed) {
            stage.problem(format!("{who}: {}: {anomaly}", self.topic.name));
        }
        if let Some(parts) = &mut self.parts {
            parts.entry(key).or_default().extend(batches.iter().map(part));
        }
        let mut aborted = Aborted::new(data);
        for batch in batches {
            let hidden = self.read_committed && aborted.hides(&batch);
            for (offset, item) in batch.records {
                // A batch is sent whole, so records before the position may come with it.
                if !hidden && offset >= position {
                    reads.push(Read { key, offset, item });
                }
            }
            self.positions.insert(key, batch.span.last.saturating_add(1));
        }
    }
}

/// The broker's list of aborted transactions, as a consumer goes through it.
struct Aborted {
    /// First offset and producer, in order of offsets.
    later: Vec<(i64, i64)>,
    open: BTreeSet<i64>,
}

impl Aborted {
    fn new(data: &PartitionData) -> Self {
        let listed = data.aborted_transactions.iter().flatten();
        let mut later: Vec<(i64, i64)> = listed.map(|one| (one.first_offset, one.producer_id.0)).collect();
        later.sort_unstable();
        Self { later, open: BTreeSet::new() }
    }

    fn hides(&mut self, batch: &Decoded) -> bool {
        let begun = self.later.partition_point(|(first, _)| *first <= batch.span.last);
        self.open.extend(self.later.drain(..begun).map(|(_, producer_id)| producer_id));
        if batch.marker == Some(false) {
            self.open.remove(&batch.producer_id);
        }
        batch.transactional && self.open.contains(&batch.producer_id)
    }
}

fn part(batch: &Decoded) -> Part {
    let producer_id = batch.producer_id;
    let records = || batch.records.iter().map(|(offset, item)| (*offset, item.value)).collect();
    match batch.marker {
        Some(commit) => Part::Marker { producer_id, commit },
        None if batch.transactional => Part::Transactional { producer_id, records: records() },
        None => Part::Plain(records()),
    }
}

fn decode(stage: &Stage, who: &str, key: Key, records: Bytes) -> Result<Vec<Decoded>, String> {
    let mut decoded = Vec::new();
    for batch in Batches::new(records) {
        let batch = match batch {
            Ok(batch) => batch,
            // An answer may end within a batch; the next one begins with it.
            Err(BatchError::Truncated { .. }) => break,
            Err(error) => return Err(error.to_string()),
        };
        batch.verify_crc().map_err(|error| error.to_string())?;
        decoded.push(decode_batch(stage, who, key, &batch)?);
    }
    Ok(decoded)
}

fn decode_batch(stage: &Stage, who: &str, key: Key, batch: &RecordBatch) -> Result<Decoded, String> {
    let header = batch.header();
    let span = Span { first: header.base_offset.get(), last: header.last_offset().get() };
    let (producer_id, transactional) = (header.producer_id.get(), header.attributes.is_transactional());
    let mut decoded = Decoded { span, producer_id, transactional, marker: None, records: Vec::new() };
    if header.attributes.is_control() {
        let marker = EndTxnMarker::read(batch).map_err(|error| error.to_string())?;
        decoded.marker = Some(marker.control_type == ControlType::Commit);
        return Ok(decoded);
    }
    for record in &batch.decode(DECOMPRESSED_LIMIT).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        match recognise(stage.stamp, key, &record) {
            Some(item) => decoded.records.push((record.offset.get(), item)),
            None => stage.problem(format!(
                "{who}: K1: key {key} offset {}: the bytes are not those of any record that was sent",
                record.offset.get()
            )),
        }
    }
    Ok(decoded)
}
