//! Entries and batches in words.
//!
//! Base offsets are not in the log, they are decided when an entry is applied; a log that is whole from its start is
//! therefore replayed on the way, and the offsets shown are those that a gateway gives.

use std::collections::BTreeMap;

use chronik_backend::DataRef;
use chronik_state::{AppendedBatch, Change, ConfigResource, Entry, Outcome, State};
use chronik_types::TopicId;
use chronik_wal::dump::{EntryInfo, LogDump};
use chronik_wire::batch::{ControlType, EndTxnMarker, RecordBatch};

use crate::dump::line::Line;
use crate::dump::{groups, transactions};

const ENTRY_DEPTH: usize = 2;
const BATCH_DEPTH: usize = 3;

/// Turns entries into lines, knowing those before them.
pub(crate) struct Describer<'a> {
    log: &'a LogDump,
    /// `None` when the log does not begin at its beginning, or something could not be read.
    state: Option<State>,
    names: BTreeMap<TopicId, String>,
}

impl<'a> Describer<'a> {
    pub(crate) fn new(log: &'a LogDump) -> Self {
        let whole = log.segments().first().is_some_and(|segment| segment.start.get() == 0);
        Self { log, state: whole.then(State::new), names: BTreeMap::new() }
    }

    /// Something before the next entry cannot be read: no offset is known from there on.
    pub(crate) fn miss(&mut self) {
        self.state = None;
    }

    /// The lines of an entry: itself, and its batches.
    pub(crate) fn entry(&mut self, info: &EntryInfo) -> Vec<Line> {
        let line = Line::new(ENTRY_DEPTH, "entry").number("position", info.position.get());
        let entry = match Entry::decode(&info.entry) {
            Ok(entry) => entry,
            Err(error) => {
                self.miss();
                return vec![line.text("defect", &error.to_string())];
            }
        };
        let outcome = self.state.as_mut().map(|state| state.apply(info.position.get(), &entry));
        let line = line.number("time_ms", entry.time.get());
        let line = self.change(line, &entry.change);
        let mut lines = vec![match &outcome {
            Some(outcome) => line.maybe("refused", refusal(outcome).as_deref()),
            None => line,
        }];
        match &entry.change {
            Change::Append(batches) => lines.extend(self.batches(batches, info.data, outcome.as_ref())),
            Change::AppendTransactional(append) => {
                lines.extend(self.batches(&append.batches, info.data, outcome.as_ref()));
            }
            change => {
                if let Some(marker) = transactions::marker_of(change) {
                    lines.extend(self.markers(marker.length, info.data, outcome.as_ref()));
                }
            }
        }
        lines
    }

    fn change(&mut self, line: Line, change: &Change) -> Line {
        match change {
            Change::Append(batches) => line.text("change", "append").number("batches", batches.len()),
            Change::CreateTopic(topic) => {
                self.names.insert(topic.topic_id, topic.name.to_string());
                line.text("change", "create_topic")
                    .text("topic", topic.name.as_str())
                    .text("topic_id", &topic.topic_id.to_string())
                    .number("partitions", topic.partitions)
            }
            Change::DeleteTopic { topic_id } => {
                line.text("change", "delete_topic").text("topic", &self.name(*topic_id))
            }
            Change::CreatePartitions(more) => line
                .text("change", "create_partitions")
                .text("topic", &self.name(more.topic_id))
                .number("total", more.total),
            Change::AdvanceLogStart(starts) => {
                line.text("change", "advance_log_start").number("partitions", starts.len())
            }
            Change::AlterConfigs(alter) => {
                let resource = match &alter.resource {
                    ConfigResource::Topic(topic_id) => format!("topic {}", self.name(*topic_id)),
                    ConfigResource::BrokerDefault => "all brokers".to_owned(),
                    ConfigResource::Broker(node_id) => format!("broker {node_id}"),
                    ConfigResource::Group(group_id) => format!("group {group_id}"),
                };
                // Values may be secrets one day; which keys were touched is what one looks for here.
                let keys: Vec<&str> = alter.changes.iter().map(|change| change.key.as_str()).collect();
                line.text("change", "alter_configs").text("resource", &resource).text("keys", &keys.join(","))
            }
            Change::AllocateProducerId => line.text("change", "allocate_producer_id"),
            Change::ExpireProducers { inactive_before } => {
                line.text("change", "expire_producers").number("inactive_before_ms", inactive_before.get())
            }
            Change::NameCluster { cluster_id } => {
                line.text("change", "name_cluster").text("cluster_id", cluster_id.as_str())
            }
            Change::CheckHash(_) => line.text("change", "check_hash"),
            change => groups::describe(line, change),
        }
    }

    fn batches(&self, batches: &[AppendedBatch], data: DataRef, outcome: Option<&Outcome>) -> Vec<Line> {
        let mut at = 0;
        let mut lines = Vec::with_capacity(batches.len());
        for (index, batch) in batches.iter().enumerate() {
            let mut line = Line::new(BATCH_DEPTH, "batch")
                .text("topic", &self.name(batch.at.topic_id))
                .number("partition", batch.at.partition.get())
                .number("records", batch.record_count)
                .number("bytes", batch.length)
                .number("max_timestamp_ms", batch.max_timestamp.get());
            if let Some(producer) = batch.producer {
                line = line
                    .number("producer_id", producer.producer_id.get())
                    .number("producer_epoch", producer.producer_epoch.get())
                    .number("base_sequence", producer.base_sequence.get());
            }
            if let Some(Outcome::Appended(placed)) = outcome {
                line = match placed.get(index) {
                    Some(Ok(placed)) => line.number("base_offset", placed.base_offset.get()),
                    Some(Err(rejection)) => line.text("refused", &rejection.to_string()),
                    None => line,
                };
            }
            let part = data.slice(at, batch.length);
            at = at.saturating_add(batch.length);
            lines.push(self.bytes(line, part));
        }
        lines
    }

    /// The marker that ends a transaction, in each partition that got it; once when those are not known.
    fn markers(&self, length: u32, data: DataRef, outcome: Option<&Outcome>) -> Vec<Line> {
        let part = data.slice(0, length);
        let marker = || Line::new(BATCH_DEPTH, "batch").text("control", &self.control_type(part));
        let Some(outcome) = outcome else { return vec![self.bytes(marker().number("bytes", length), part)] };
        let placed = transactions::markers(outcome).iter().map(|placed| {
            let line = marker()
                .text("topic", &self.name(placed.at.topic_id))
                .number("partition", placed.at.partition.get())
                .number("bytes", length)
                .number("base_offset", placed.offset.get());
            self.bytes(line, part)
        });
        placed.collect()
    }

    fn control_type(&self, part: Option<DataRef>) -> String {
        let batch = part.and_then(|part| RecordBatch::parse(self.log.data(part).ok()?).ok());
        match batch.map(|batch| EndTxnMarker::read(&batch)) {
            Some(Ok(EndTxnMarker { control_type: ControlType::Commit, .. })) => "commit".to_owned(),
            Some(Ok(EndTxnMarker { control_type: ControlType::Abort, .. })) => "abort".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "unreadable".to_owned(),
        }
    }

    /// What the bytes of the batch themselves say.
    fn bytes(&self, line: Line, part: Option<DataRef>) -> Line {
        let Some(part) = part else { return line.text("defect", "the entry came with less data") };
        let batch = match self.log.data(part) {
            Ok(bytes) => RecordBatch::parse(bytes),
            Err(error) => return line.text("defect", &error.to_string()),
        };
        match batch.and_then(|batch| batch.verify_crc().map(|()| batch)) {
            Ok(batch) => {
                let codec = batch.header().codec().map_or("unknown", |codec| codec.name());
                line.text("codec", codec)
            }
            Err(error) => line.text("defect", &error.to_string()),
        }
    }

    fn name(&self, topic_id: TopicId) -> String {
        self.names.get(&topic_id).cloned().unwrap_or_else(|| topic_id.to_string())
    }
}

/// Why the state machine refuses an entry that is not an append, if it does.
fn refusal(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::TopicCreated(Err(rejection))
        | Outcome::TopicDeleted(Err(rejection))
        | Outcome::PartitionsCreated(Err(rejection))
        | Outcome::ConfigsAltered(Err(rejection))
        | Outcome::ProducerIdAllocated(Err(rejection)) => Some(rejection.to_string()),
        Outcome::HashChecked(Err(diverged)) => Some(diverged.to_string()),
        Outcome::OffsetsCommitted(Err(error))
        | Outcome::ClassicGroupStored(Err(error))
        | Outcome::OffsetsDeleted(Err(error))
        | Outcome::GroupDeleted(Err(error)) => Some(error.to_string()),
        Outcome::AlreadyApplied => Some("applied before".to_owned()),
        outcome => transactions::refusal(outcome),
    }
}
