//! What a partition with transactions keeps beside its batches: which ranges were aborted, and how much is not stable yet.

use chronik_state::AbortedTransaction;
use chronik_types::Offset;

/// The transactions of one partition, for readers of committed records.
#[derive(Debug, Default)]
pub(crate) struct Unstable {
    /// In the order of their last offsets.
    aborted: Vec<AbortedTransaction>,
    /// Bytes appended since the last stable offset stopped moving. After a part of them has become stable this is too
    /// much, which wakes a long poll too early and never too late.
    bytes: u64,
}

impl Unstable {
    /// As a checkpoint has it.
    pub(crate) fn restored(aborted: &[AbortedTransaction], bytes: u64) -> Self {
        Self { aborted: aborted.to_vec(), bytes }
    }

    /// Bytes were appended behind the last stable offset.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Bytes that may have become stable, now that the last stable offset has moved; `all` when nothing is open any more.
    pub(crate) fn settle(&mut self, all: bool) -> u64 {
        if all { std::mem::take(&mut self.bytes) } else { self.bytes }
    }

    /// A transaction was aborted, later than all others.
    pub(crate) fn abort(&mut self, aborted: AbortedTransaction) {
        self.aborted.push(aborted);
    }

    /// The log begins later: what lies wholly before it is forgotten.
    pub(crate) fn advance(&mut self, log_start: Offset) {
        let gone = self.aborted.partition_point(|aborted| aborted.last_offset < log_start);
        self.aborted.drain(..gone);
    }

    /// Whether there is nothing that a reader has to know.
    pub(crate) fn is_empty(&self) -> bool {
        self.aborted.is_empty() && self.bytes == 0
    }

    /// The aborted transactions that reach into `from .. upto`, of which all lies below a last stable offset, by their
    /// first offsets.
    pub(crate) fn aborted_within(&self, from: Offset, upto: Offset) -> Vec<AbortedTransaction> {
        let first = self.aborted.partition_point(|aborted| aborted.last_offset < from);
        let mut found = Vec::new();
        for aborted in self.aborted.get(first..).unwrap_or_default() {
            if aborted.first_offset < upto {
                found.push(*aborted);
            }
            // Whatever was aborted later begins there at the earliest.
            if aborted.last_stable_offset >= upto {
                break;
            }
        }
        found.sort_unstable_by_key(|aborted| aborted.first_offset);
        found
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::ProducerId;

    use super::*;

    fn aborted(producer: i64, first: i64, last: i64, stable: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer_id: ProducerId::new(producer),
            first_offset: Offset::new(first),
            last_offset: Offset::new(last),
            last_stable_offset: Offset::new(stable),
        }
    }

    fn within(unstable: &Unstable, from: i64, upto: i64) -> Vec<i64> {
        let found = unstable.aborted_within(Offset::new(from), Offset::new(upto));
        found.iter().map(|aborted| aborted.producer_id.get()).collect()
    }

    /// Four transactions: 1 from 0 to 3, 2 from 1 to 9 around 3 from 5 to 6, 4 from 20 to 21.
    fn sample() -> Unstable {
        let all = [aborted(1, 0, 3, 1), aborted(3, 5, 6, 1), aborted(2, 1, 9, 10), aborted(4, 20, 21, 22)];
        Unstable::restored(&all, 0)
    }

    #[test]
    fn names_what_reaches_into_a_range_by_first_offset() {
        let unstable = sample();
        assert_eq!(within(&unstable, 0, 22), [1, 2, 3, 4]);
        assert_eq!(within(&unstable, 0, 1), [1]);
        assert_eq!(within(&unstable, 2, 3), [1, 2]);
        assert_eq!(within(&unstable, 4, 5), [2]);
        assert_eq!(within(&unstable, 7, 10), [2]);
        assert_eq!(within(&unstable, 10, 20), [0; 0]);
        assert_eq!(within(&unstable, 10, 21), [4]);
        assert_eq!(within(&unstable, 22, 30), [0; 0]);
    }

    #[test]
    fn forgets_what_lies_before_the_log_start() {
        let mut unstable = sample();
        unstable.advance(Offset::new(7));
        assert_eq!(within(&unstable, 0, 22), [2, 4]);
        unstable.advance(Offset::new(22));
        assert!(unstable.is_empty());
    }

    #[test]
    fn bytes_become_stable_at_the_latest_when_nothing_is_open() {
        let mut unstable = Unstable::default();
        unstable.add(10);
        unstable.add(5);
        assert_eq!(unstable.settle(false), 15);
        unstable.add(1);
        assert_eq!((unstable.settle(true), unstable.settle(true)), (16, 0));
    }
}
