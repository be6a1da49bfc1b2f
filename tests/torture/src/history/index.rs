//! What can be derived from a history: who wrote what, which operations must have happened, and the log of each key.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Anomaly, Completion, Op, ValueId};
use crate::checker::Key;

/// The log of one key: which values were seen or acknowledged at which offset.
type Log = BTreeMap<i64, BTreeSet<ValueId>>;

/// Facts about a history.
#[derive(Debug)]
pub(super) struct Index {
    writers: HashMap<ValueId, usize>,
    happened: Vec<bool>,
    /// Values that operations which are ok have read.
    read: HashSet<ValueId>,
    logs: BTreeMap<Key, Log>,
    /// The offsets of each log in order; the place in it is the index of the version order.
    versions: BTreeMap<Key, Vec<i64>>,
    offsets: BTreeMap<ValueId, BTreeSet<(Key, i64)>>,
}

impl Index {
    pub(super) fn new(ops: &[Op]) -> Self {
        let mut writers = HashMap::new();
        for (number, op) in ops.iter().enumerate() {
            writers.extend(op.sends().map(|(_, _, value)| (value, number)));
        }
        let ok = ops.iter().filter(|op| op.completion == Completion::Ok);
        let read: HashSet<ValueId> = ok.flat_map(|op| op.reads().map(|(_, _, value)| value)).collect();
        let happened: Vec<bool> = ops
            .iter()
            .map(|op| match op.completion {
                Completion::Ok => true,
                Completion::Fail => false,
                Completion::Info => op.sends().any(|(_, _, value)| read.contains(&value)),
            })
            .collect();
        let mut logs: BTreeMap<Key, Log> = BTreeMap::new();
        let mut offsets: BTreeMap<ValueId, BTreeSet<(Key, i64)>> = BTreeMap::new();
        let mut note = |key, offset, value| {
            logs.entry(key).or_default().entry(offset).or_default().insert(value);
            offsets.entry(value).or_default().insert((key, offset));
        };
        for (op, happened) in ops.iter().zip(&happened) {
            for (key, offset, value) in op.sends().filter(|_| *happened) {
                if let Some(offset) = offset {
                    note(key, offset, value);
                }
            }
            // Whatever became of the reader: nobody may be shown what is not there.
            for (key, offset, value) in op.reads() {
                note(key, offset, value);
            }
        }
        let versions = logs.iter().map(|(key, log)| (*key, log.keys().copied().collect())).collect();
        Self { writers, happened, read, logs, versions, offsets }
    }

    /// The operation that sent a value.
    pub(super) fn writer(&self, value: ValueId) -> Option<usize> {
        self.writers.get(&value).copied()
    }

    /// Whether an operation is ok, or was proven by a read of one of its values.
    pub(super) fn happened(&self, op: usize) -> bool {
        self.happened.get(op).copied().unwrap_or(false)
    }

    /// Whether an operation that is ok read the value.
    pub(super) fn is_read(&self, value: ValueId) -> bool {
        self.read.contains(&value)
    }

    /// Place of an offset in the version order of its key: gaps, as markers leave them, do not count.
    pub(super) fn version(&self, key: Key, offset: i64) -> Option<usize> {
        self.versions.get(&key)?.binary_search(&offset).ok()
    }

    /// Highest version of each key at which an operation that is ok read something.
    pub(super) fn read_bounds(&self) -> BTreeMap<Key, usize> {
        let mut bounds = BTreeMap::new();
        for (_, places) in self.offsets.iter().filter(|(value, _)| self.read.contains(value)) {
            // The first place of a value that has several is the careful choice.
            let Some((key, offset)) = places.first() else { continue };
            if let Some(version) = self.version(*key, *offset) {
                let bound = bounds.entry(*key).or_insert(version);
                *bound = version.max(*bound);
            }
        }
        bounds
    }

    /// The last offset of a value.
    pub(super) fn last_offset(&self, key: Key, value: ValueId) -> Option<i64> {
        self.offsets.get(&value)?.iter().filter(|place| place.0 == key).map(|place| place.1).next_back()
    }

    /// Offsets with two values, and values with two offsets.
    pub(super) fn contradictions(&self) -> Vec<Anomaly> {
        let mut anomalies = Vec::new();
        for (key, log) in &self.logs {
            for (offset, values) in log {
                let mut values = values.iter();
                if let (Some(one), Some(other)) = (values.next(), values.next()) {
                    let (key, offset, one, other) = (*key, *offset, *one, *other);
                    anomalies.push(Anomaly::InconsistentOffsets { key, offset, one, other });
                }
            }
        }
        for (value, places) in &self.offsets {
            let mut places = places.iter();
            if let (Some((key, first)), Some((_, second))) = (places.next(), places.next()) {
                let (key, value, first, second) = (*key, *value, *first, *second);
                anomalies.push(Anomaly::Duplicate { key, value, first, second });
            }
        }
        anomalies
    }
}
