//! Judges histories of sends and reads: which of the anomalies of the Kafka workload of Jepsen are in them.
//!
//! A *key* is one topic-partition. A producer numbers the values it sends to a key 0, 1, 2, …, so a value is known by
//! (producer, number) and its place in the order of sends is in the value itself. Reads arrive in offset order and
//! extend the key's log once; offsets below it may be read again and must show the same. Acknowledgements are judged
//! when the log has been read past them, or at the end.

mod anomaly;
mod key;

#[cfg(test)]
mod tests;

pub(crate) use anomaly::Anomaly;
use key::KeyHistory;

/// Index of a topic-partition in the plan.
pub(crate) type Key = usize;

/// One record as the checker knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Value {
    /// Who sent it.
    pub producer: u32,
    /// The how-manieth value of this producer for this key, from 0.
    pub number: u64,
}

/// Consecutive values of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// First value.
    pub first: Value,
    /// How many.
    pub count: u64,
}

/// The history so far and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Checker {
    keys: Vec<KeyHistory>,
    anomalies: Vec<Anomaly>,
    acknowledged: u64,
}

impl Checker {
    /// An empty history of `keys` keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self { keys: vec![KeyHistory::default(); keys], anomalies: Vec::new(), acknowledged: 0 }
    }

    /// The broker acknowledged a batch at this offset.
    pub(crate) fn acknowledged(&mut self, key: Key, batch: Batch, base_offset: i64) {
        self.acknowledged += batch.count;
        if let Some(history) = self.keys.get_mut(key) {
            history.acknowledged(batch, base_offset);
        }
    }

    /// The broker refused a batch for certain: no read may ever show it.
    pub(crate) fn refused(&mut self, key: Key, batch: Batch) {
        if let Some(history) = self.keys.get_mut(key) {
            history.refused(batch);
        }
    }

    /// A read showed `value` at `offset`; `None` when the bytes are not those of any record that was sent.
    pub(crate) fn read(&mut self, key: Key, offset: i64, value: Option<Value>) {
        if let Some(history) = self.keys.get_mut(key) {
            history.read(key, offset, value, &mut self.anomalies);
        }
    }

    /// The broker told its high watermark, when everything below `known` had been acknowledged before it was asked.
    pub(crate) fn high_watermark(&mut self, key: Key, offset: i64, known: i64) {
        if let Some(history) = self.keys.get_mut(key) {
            history.high_watermark(key, offset, known, &mut self.anomalies);
        }
    }

    /// The highest offset that the high watermark must have reached by now.
    pub(crate) fn known_high_watermark(&self, key: Key) -> i64 {
        self.keys.get(key).map_or(0, KeyHistory::known_high_watermark)
    }

    /// The broker acknowledged that records below `offset` are deleted.
    pub(crate) fn deleted_below(&mut self, key: Key, offset: i64) {
        if let Some(history) = self.keys.get_mut(key) {
            history.deleted_below(offset);
        }
    }

    /// The broker told its log start offset.
    pub(crate) fn log_start(&mut self, key: Key, offset: i64) {
        if let Some(history) = self.keys.get_mut(key) {
            history.log_start(key, offset, &mut self.anomalies);
        }
    }

    /// Offset after the last one read.
    pub(crate) fn next_offset(&self, key: Key) -> i64 {
        self.keys.get(key).map_or(0, KeyHistory::next_offset)
    }

    /// Offset below which everything is deleted.
    pub(crate) fn first_offset(&self, key: Key) -> i64 {
        self.keys.get(key).map_or(0, KeyHistory::first_offset)
    }

    /// Records acknowledged so far.
    pub(crate) fn acknowledged_records(&self) -> u64 {
        self.acknowledged
    }

    /// Judges the acknowledgements below what has been read; call after the log has been read to some point.
    pub(crate) fn judge(&mut self) {
        for (key, history) in self.keys.iter_mut().enumerate() {
            history.judge(key, &mut self.anomalies);
        }
    }

    /// Ends the history: everything that is there has been read, so what is missing now is lost.
    pub(crate) fn finish(mut self) -> Vec<Anomaly> {
        self.judge();
        for (key, history) in self.keys.iter().enumerate() {
            history.unseen(key, &mut self.anomalies);
        }
        self.anomalies
    }

    /// What was found up to now.
    pub(crate) fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }
}
