//! The history of one key.

use std::collections::BTreeMap;

use super::{Anomaly, Batch, Key, Value};

/// Consecutive offsets with consecutive values of one producer.
#[derive(Debug, Clone, Copy)]
struct Run {
    offset: i64,
    batch: Batch,
}

impl Run {
    fn end(&self) -> i64 {
        self.offset.saturating_add_unsigned(self.batch.count)
    }

    fn value_at(&self, offset: i64) -> Option<Value> {
        let index = u64::try_from(offset.checked_sub(self.offset)?).ok()?;
        (index < self.batch.count).then(|| Value {
            producer: self.batch.first.producer,
            number: self.batch.first.number.saturating_add(index),
        })
    }

    fn offset_of(&self, value: Value) -> Option<i64> {
        let first = self.batch.first;
        let index = value.number.checked_sub(first.number)?;
        (first.producer == value.producer && index < self.batch.count)
            .then(|| self.offset.saturating_add_unsigned(index))
    }
}

/// What is known of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyHistory {
    /// The log as read, ascending and without overlap.
    log: Vec<Run>,
    /// Acknowledgements not yet judged.
    acknowledged: Vec<Run>,
    refused: Vec<Batch>,
    /// Highest number seen in the log, by producer.
    last_number: BTreeMap<u32, u64>,
    next_offset: i64,
    first_offset: i64,
    log_start: i64,
    high_watermark: i64,
}

impl KeyHistory {
    pub(super) fn acknowledged(&mut self, batch: Batch, offset: i64) {
        let run = Run { offset, batch };
        self.high_watermark = self.high_watermark.max(run.end());
        self.acknowledged.push(run);
    }

    pub(super) fn refused(&mut self, batch: Batch) {
        self.refused.push(batch);
    }

    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub(super) fn first_offset(&self) -> i64 {
        self.first_offset
    }

    pub(super) fn deleted_below(&mut self, offset: i64) {
        self.first_offset = self.first_offset.max(offset);
        self.next_offset = self.next_offset.max(offset);
        self.log_start = self.log_start.max(offset);
    }

    pub(super) fn log_start(&mut self, key: Key, found: i64, anomalies: &mut Vec<Anomaly>) {
        if found < self.log_start {
            anomalies.push(Anomaly::WentBack { key, what: "log start offset", known: self.log_start, found });
        }
        self.log_start = self.log_start.max(found);
    }

    pub(super) fn known_high_watermark(&self) -> i64 {
        self.high_watermark
    }

    pub(super) fn high_watermark(&mut self, key: Key, found: i64, known: i64, anomalies: &mut Vec<Anomaly>) {
        if found < known {
            anomalies.push(Anomaly::WentBack { key, what: "high watermark", known, found });
        }
        self.high_watermark = self.high_watermark.max(found);
    }

    pub(super) fn read(&mut self, key: Key, offset: i64, value: Option<Value>, anomalies: &mut Vec<Anomaly>) {
        let Some(value) = value else {
            anomalies.push(Anomaly::WrongBytes { key, offset });
            self.next_offset = self.next_offset.max(offset.saturating_add(1));
            return;
        };
        if offset < self.next_offset {
            // Below what is deleted or unreadable there is nothing to compare with.
            if let Some(one) = self.value_at(offset).filter(|one| *one != value) {
                anomalies.push(Anomaly::InconsistentOffsets { key, offset, one, other: value });
            }
            return;
        }
        if offset > self.next_offset {
            anomalies.push(Anomaly::OffsetGap { key, expected: self.next_offset, found: offset });
        }
        self.judge_new(key, offset, value, anomalies);
        self.extend(offset, value);
    }

    /// Order, uniqueness and legitimacy of a value that extends the log.
    fn judge_new(&mut self, key: Key, offset: i64, value: Value, anomalies: &mut Vec<Anomaly>) {
        if self.refused.iter().any(|batch| contains(batch, value)) {
            anomalies.push(Anomaly::AbortedRead { key, offset, value });
        }
        let last = self.last_number.get(&value.producer).copied();
        if let Some(after) = last.filter(|last| value.number <= *last) {
            match self.log.iter().find_map(|run| run.offset_of(value)) {
                Some(first) => anomalies.push(Anomaly::Duplicate { key, value, first, second: offset }),
                None => anomalies.push(Anomaly::NonmonotonicSend { key, offset, value, after }),
            }
            return;
        }
        self.last_number.insert(value.producer, value.number);
    }

    fn extend(&mut self, offset: i64, value: Value) {
        self.next_offset = offset.saturating_add(1);
        if let Some(run) = self.log.last_mut() {
            let next = Value { number: run.batch.first.number + run.batch.count, ..run.batch.first };
            if run.end() == offset && next == value {
                run.batch.count += 1;
                return;
            }
        }
        self.log.push(Run { offset, batch: Batch { first: value, count: 1 } });
    }

    fn value_at(&self, offset: i64) -> Option<Value> {
        let after = self.log.partition_point(|run| run.offset <= offset);
        self.log.get(after.checked_sub(1)?)?.value_at(offset)
    }

    /// Judges the acknowledgements that lie wholly below what has been read.
    pub(super) fn judge(&mut self, key: Key, anomalies: &mut Vec<Anomaly>) {
        let (due, later) = self.acknowledged.iter().partition(|run| run.end() <= self.next_offset);
        self.acknowledged = later;
        let due: Vec<Run> = due;
        for run in due {
            self.judge_acknowledged(key, run, anomalies);
        }
    }

    fn judge_acknowledged(&self, key: Key, run: Run, anomalies: &mut Vec<Anomaly>) {
        for offset in run.offset.max(self.first_offset)..run.end() {
            let Some(value) = run.value_at(offset) else { continue };
            match self.value_at(offset) {
                Some(found) if found == value => {}
                Some(other) => {
                    anomalies.push(Anomaly::InconsistentOffsets { key, offset, one: value, other });
                    if !self.log.iter().any(|run| run.offset_of(value).is_some()) {
                        anomalies.push(Anomaly::LostWrite { key, offset, value });
                    }
                }
                None => anomalies.push(Anomaly::LostWrite { key, offset, value }),
            }
        }
    }

    /// What was acknowledged beyond the end of the log.
    pub(super) fn unseen(&self, key: Key, anomalies: &mut Vec<Anomaly>) {
        for run in &self.acknowledged {
            self.judge_acknowledged(key, *run, anomalies);
        }
    }
}

fn contains(batch: &Batch, value: Value) -> bool {
    let last = batch.first.number.saturating_add(batch.count);
    batch.first.producer == value.producer && (batch.first.number..last).contains(&value.number)
}
