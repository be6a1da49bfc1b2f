//! Which entries of a part a caller looks for. The same for entries in memory and in an index object.

use chronik_types::{Offset, TimestampMs};

use super::{BatchEntry, Rows};

/// What to look for among the entries from the one that holds an offset on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Selection {
    /// The first entry, and as many more as fit.
    Bytes {
        /// Bytes of all together; the first may be larger.
        max: u64,
    },
    /// The first entry with a timestamp of at least that.
    NotOlderThan(TimestampMs),
    /// The first of the entries with the greatest timestamp.
    Newest,
    /// The first entry after as many whole batches as that many bytes hold. The bytes of the batches passed are taken off.
    AfterBytes(u64),
}

impl Selection {
    /// The entries looked for; none when the part has no such.
    pub(crate) fn apply(&mut self, rows: &(impl Rows + ?Sized), from: Offset) -> Vec<BatchEntry> {
        let mut live = rows.starting_at(from);
        match self {
            Self::Bytes { max } => within(live, *max),
            Self::NotOlderThan(at_least) => {
                live.find(|entry| entry.max_timestamp >= *at_least).into_iter().collect()
            }
            Self::Newest => live
                .reduce(
                    |newest, entry| if entry.max_timestamp > newest.max_timestamp { entry } else { newest },
                )
                .into_iter()
                .collect(),
            Self::AfterBytes(bytes) => live
                .find(|entry| match bytes.checked_sub(u64::from(entry.len)) {
                    Some(left) => {
                        *bytes = left;
                        false
                    }
                    None => true,
                })
                .into_iter()
                .collect(),
        }
    }
}

fn within(entries: impl Iterator<Item = BatchEntry>, max_bytes: u64) -> Vec<BatchEntry> {
    let mut left = max_bytes;
    let mut taken = Vec::new();
    for entry in entries {
        let len = u64::from(entry.len);
        if !taken.is_empty() && len > left {
            break;
        }
        left = left.saturating_sub(len);
        taken.push(entry);
        if left == 0 {
            break;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use chronik_backend::Position;

    use super::*;

    fn rows() -> Vec<BatchEntry> {
        [(0, 5, 100), (1, 9, 50), (2, 7, 200), (3, 9, 10)]
            .map(|(base, time, len)| BatchEntry {
                base_offset: Offset::new(base),
                at: Position::ZERO,
                max_timestamp: TimestampMs::new(time),
                len,
                last_offset_delta: 0,
            })
            .to_vec()
    }

    fn select(mut selection: Selection, from: i64) -> Vec<i64> {
        let rows = rows();
        let found = selection.apply(rows.as_slice(), Offset::new(from));
        found.iter().map(|entry| entry.base_offset.get()).collect()
    }

    #[test]
    fn takes_the_first_batch_even_when_it_is_too_large() {
        assert_eq!(select(Selection::Bytes { max: 1 }, 0), [0]);
        assert_eq!(select(Selection::Bytes { max: 150 }, 0), [0, 1]);
        assert_eq!(select(Selection::Bytes { max: 349 }, 0), [0, 1]);
        assert_eq!(select(Selection::Bytes { max: 1_000 }, 1), [1, 2, 3]);
    }

    #[test]
    fn finds_by_time() {
        assert_eq!(select(Selection::NotOlderThan(TimestampMs::new(6)), 0), [1]);
        assert_eq!(select(Selection::NotOlderThan(TimestampMs::new(6)), 2), [2]);
        assert_eq!(select(Selection::NotOlderThan(TimestampMs::new(10)), 0), [0; 0]);
        assert_eq!(select(Selection::Newest, 0), [1]);
        assert_eq!(select(Selection::Newest, 2), [3]);
    }

    #[test]
    fn skips_whole_batches() {
        assert_eq!(select(Selection::AfterBytes(99), 0), [0]);
        assert_eq!(select(Selection::AfterBytes(100), 0), [1]);
        assert_eq!(select(Selection::AfterBytes(360), 0), [0; 0]);
        let mut all = Selection::AfterBytes(1_000);
        assert!(all.apply(rows().as_slice(), Offset::new(1)).is_empty());
        assert!(matches!(all, Selection::AfterBytes(740)));
    }
}
