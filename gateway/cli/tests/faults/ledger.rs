//! What readers must see of a partition.

use chronik_harness::Connection;
use chronik_harness::client::{end_offset, fetch, read_all};
use chronik_types::{ErrorCode, IsolationLevel};

/// A partition through the eyes of readers of both isolation levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) committed: Vec<(i64, String)>,
    pub(crate) uncommitted: Vec<(i64, String)>,
    pub(crate) last_stable_offset: i64,
    pub(crate) high_watermark: i64,
}

impl View {
    /// Reads all of a partition.
    #[track_caller]
    pub(crate) fn of(client: &mut Connection, topic: &str, partition: i32) -> Self {
        Self::from(client, topic, partition, 0)
    }

    /// Reads all of a partition that starts later.
    #[track_caller]
    pub(crate) fn from(client: &mut Connection, topic: &str, partition: i32, start: i64) -> Self {
        let mut read = |isolation| read_all(client, topic, partition, start, isolation).unwrap();
        let committed = read(IsolationLevel::ReadCommitted);
        let uncommitted = read(IsolationLevel::ReadUncommitted);
        let mut end = |isolation| end_offset(client, topic, partition, isolation).unwrap();
        let last_stable_offset = end(IsolationLevel::ReadCommitted);
        let high_watermark = end(IsolationLevel::ReadUncommitted);
        Self { committed, uncommitted, last_stable_offset, high_watermark }
    }

    /// The values that committed readers see, in order.
    pub(crate) fn values(&self) -> Vec<&str> {
        self.committed.iter().map(|(_, value)| value.as_str()).collect()
    }

    /// The same for all readers.
    pub(crate) fn all_values(&self) -> Vec<&str> {
        self.uncommitted.iter().map(|(_, value)| value.as_str()).collect()
    }

    /// Whether no transaction is open.
    pub(crate) fn is_stable(&self) -> bool {
        self.last_stable_offset == self.high_watermark
    }
}

/// A record with its offset, as readers see it.
pub(crate) fn at(offset: i64, value: &str) -> (i64, String) {
    (offset, value.to_owned())
}

/// How many markers lie in a partition.
#[track_caller]
pub(crate) fn markers(client: &mut Connection, topic: &str, partition: i32) -> usize {
    let whole = fetch(client, topic, partition, 0, IsolationLevel::ReadUncommitted, 1 << 24).unwrap();
    assert_eq!(whole.error, ErrorCode::None);
    assert_eq!(whole.next_offset(), whole.high_watermark, "one answer holds all of it");
    whole.batches.iter().filter(|batch| batch.marker.is_some()).count()
}
