//! What was acknowledged, in memory that does not grow with the run.
//!
//! For each partition: the acknowledged offsets as ranges that are merged when they touch (without errors that leaves
//! one), and one sum over all batches of a hash of content and base offset, which does not depend on their order.
//! Reading back gives the same ranges and the same sum, or something is missing or changed.

use std::collections::{BTreeMap, HashSet};

use chronik_wire::batch::{BatchHeader, HEADER_LEN};

use crate::cluster::Bounds;
use crate::frames::fetch::checksum_is_right;
use crate::frames::produce::content_hash;
use crate::report::Verified;

/// The acknowledged batches of a run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    partitions: BTreeMap<i32, PartitionLedger>,
    /// Hashes of all contents that were sent; a few, because batches are sent again and again.
    contents: HashSet<u64>,
}

/// The acknowledged batches of a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartitionLedger {
    ranges: Ranges,
    sum: u64,
    /// Records acknowledged at offsets that other records had been acknowledged at.
    repeated: u64,
}

/// Ranges of offsets that neither overlap nor touch: start to end, exclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(BTreeMap<i64, i64>);

impl Ranges {
    /// Adds a range; false, and nothing is added, if some of it is there already.
    pub(crate) fn insert(&mut self, start: i64, end: i64) -> bool {
        let mut merged = (start, end);
        let before = self.0.range(..=start).next_back().map(|(start, end)| (*start, *end));
        let after = self.0.range(start..).next().map(|(start, end)| (*start, *end));
        if before.is_some_and(|(_, before_end)| before_end > start)
            || after.is_some_and(|(after_start, _)| after_start < end)
        {
            return false;
        }
        if let Some((before_start, before_end)) = before
            && before_end == start
        {
            merged.0 = before_start;
        }
        if let Some((after_start, after_end)) = after
            && after_start == end
        {
            self.0.remove(&after_start);
            merged.1 = after_end;
        }
        self.0.insert(merged.0, merged.1);
        true
    }

    /// Whether an offset is in one of them.
    pub(crate) fn contains(&self, offset: i64) -> bool {
        self.0.range(..=offset).next_back().is_some_and(|(_, end)| offset < *end)
    }

    /// How many offsets they hold.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(start, end)| end.abs_diff(*start)).sum()
    }

    /// How many of these offsets `other` does not hold.
    pub(crate) fn count_outside(&self, other: &Self) -> u64 {
        let inside = |(start, end): (&i64, &i64)| -> u64 {
            let first = other.0.range(..=*start).next_back();
            let overlapping = first.into_iter().chain(other.0.range(start + 1..*end));
            let common = |(from, to): (&i64, &i64)| u64::try_from(to.min(end) - from.max(start)).unwrap_or(0);
            overlapping.map(common).sum()
        };
        self.count().saturating_sub(self.0.iter().map(inside).sum())
    }

    /// From the first to after the last, if there are any.
    fn bounds(&self) -> Option<Bounds> {
        Some(Bounds { start: *self.0.first_key_value()?.0, end: *self.0.last_key_value()?.1 })
    }
}

impl Ledger {
    /// Notes a batch.
    pub(crate) fn acknowledged(&mut self, partition: i32, base_offset: i64, records: u64, hash: u64) {
        let ledger = self.partitions.entry(partition).or_default();
        let end = base_offset.saturating_add_unsigned(records);
        if !ledger.ranges.insert(base_offset, end) {
            ledger.repeated += records;
            return;
        }
        ledger.sum = ledger.sum.wrapping_add(mixed(hash, base_offset));
        self.contents.insert(hash);
    }

    /// For each partition, from the first to after the last acknowledged offset.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (i32, Bounds)> {
        self.partitions.iter().filter_map(|(partition, ledger)| Some((*partition, ledger.ranges.bounds()?)))
    }
}

/// What was read back, against a ledger.
#[derive(Debug)]
pub(crate) struct ReadBack<'a> {
    ledger: &'a Ledger,
    partitions: BTreeMap<i32, PartitionLedger>,
    corrupt: u64,
}

impl<'a> ReadBack<'a> {
    /// Nothing yet.
    pub(crate) const fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, partitions: BTreeMap::new(), corrupt: 0 }
    }

    /// Notes a batch that was read. One that was not acknowledged, as it was somebody else's or its answer was lost, does
    /// not matter.
    pub(crate) fn batch(&mut self, partition: i32, header: &BatchHeader, batch: &[u8]) {
        let base_offset = header.base_offset.get();
        let Some(acknowledged) = self.ledger.partitions.get(&partition) else { return };
        if !acknowledged.ranges.contains(base_offset) {
            return;
        }
        let found = self.partitions.entry(partition).or_default();
        let hash = content_hash(batch.get(HEADER_LEN..).unwrap_or_default());
        let records = u64::try_from(header.record_count).unwrap_or_default();
        let new = found.ranges.insert(base_offset, header.next_offset().get());
        if !new || !checksum_is_right(header, batch) || !self.ledger.contents.contains(&hash) {
            self.corrupt += records;
        }
        found.sum = found.sum.wrapping_add(mixed(hash, base_offset));
    }

    /// What it comes to. Where batches are right but not in their places, one record of the partition counts as corrupt:
    /// the sums do not tell which.
    pub(crate) fn verdict(&self) -> Verified {
        let mut verified = Verified { corrupt: self.corrupt, ..Verified::default() };
        for (partition, acknowledged) in &self.ledger.partitions {
            let nothing = PartitionLedger::default();
            let found = self.partitions.get(partition).unwrap_or(&nothing);
            let missing = acknowledged.ranges.count_outside(&found.ranges) + acknowledged.repeated;
            verified.records += found.ranges.count();
            verified.missing += missing;
            if missing == 0 && self.corrupt == 0 && found.sum != acknowledged.sum {
                verified.corrupt += 1;
            }
        }
        verified
    }
}

/// A hash of a batch's content and place.
fn mixed(hash: u64, base_offset: i64) -> u64 {
    // The finalizer of splitmix64, over both.
    let mut mixed = hash ^ base_offset.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
