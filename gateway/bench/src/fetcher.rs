//! Reads partitions from offset to offset, without a look into their records.

use std::collections::BTreeMap;

use chronik_wire::batch::BatchHeader;

use crate::cluster::Bounds;
use crate::frames::Malformed;
use crate::frames::fetch::{self, FetchFrom, FetchLimits};
use crate::frames::skim::Seen;

/// Where a partition is read.
#[derive(Clone, Copy, Debug)]
struct Position {
    partition: i32,
    bounds: Bounds,
    next: i64,
}

impl Position {
    /// Goes past a batch; whether it is a new one.
    fn passes(&mut self, header: &BatchHeader, flaw: &mut impl FnMut(Flaw)) -> bool {
        let base_offset = header.base_offset.get();
        // A first batch may start before what was asked for.
        if header.next_offset().get() <= self.next || self.next >= self.bounds.end {
            return false;
        }
        if base_offset > self.next {
            flaw(Flaw::Gap(base_offset.abs_diff(self.next)));
        }
        self.next = header.next_offset().get();
        true
    }
}

/// Some partitions that are asked for together, one request at a time.
#[derive(Debug)]
pub(crate) struct Fetcher {
    positions: Vec<Position>,
    /// Which partition is asked for first: each in turn, because brokers answer in that order until the answer is full.
    first: usize,
    /// Whether a partition that was read to its end is read again from its start.
    repeat: bool,
}

/// What an answer told, beside its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// An error code, for a partition or the whole answer.
    Error(i16),
    /// The next batch did not start where the last one ended: so many offsets are not there.
    Gap(u64),
}

impl Fetcher {
    /// Reads these partitions from their start to their end.
    pub(crate) fn new(partitions: &[i32], bounds: &BTreeMap<i32, Bounds>, repeat: bool) -> Self {
        let position = |partition: &i32| {
            let bounds = *bounds.get(partition)?;
            (bounds.start < bounds.end).then_some(Position {
                partition: *partition,
                bounds,
                next: bounds.start,
            })
        };
        Self { positions: partitions.iter().filter_map(position).collect(), first: 0, repeat }
    }

    /// Whether all has been read.
    pub(crate) const fn is_done(&self) -> bool {
        self.positions.is_empty()
    }

    /// Appends the next request but for its length.
    pub(crate) fn put_request(
        &mut self,
        head: &mut Vec<u8>,
        correlation_id: i32,
        topic: &str,
        limits: &FetchLimits,
    ) {
        let count = self.positions.len();
        self.first = (self.first + 1) % count.max(1);
        let (early, late) = self.positions.split_at_checked(self.first).unwrap_or_default();
        let ask = |at: usize| {
            let position = late.get(at).or_else(|| early.get(at.saturating_sub(late.len())));
            position.map_or(FetchFrom { partition: -1, offset: 0 }, |position| FetchFrom {
                partition: position.partition,
                offset: position.next,
            })
        };
        fetch::put_request(head, correlation_id, topic, limits, (0..count).map(ask));
    }

    /// Reads an answer: each new batch goes to `batch`, all that is wrong to `flaw`.
    pub(crate) fn answer(
        &mut self,
        answer: &[u8],
        mut batch: impl FnMut(i32, &BatchHeader, &[u8]),
        mut flaw: impl FnMut(Flaw),
    ) -> Result<(), Malformed> {
        let error = fetch::read_answer(answer, |fetched| {
            if fetched.error != 0 {
                flaw(Flaw::Error(fetched.error));
                return Ok(());
            }
            let position = self.position(fetched.partition)?;
            for found in fetch::batches(fetched.records) {
                let (header, bytes) = found?;
                if position.passes(&header, &mut flaw) {
                    batch(position.partition, &header, bytes);
                }
            }
            Ok(())
        })?;
        if error != 0 {
            flaw(Flaw::Error(error));
        }
        self.turn_back();
        Ok(())
    }

    /// Takes what was seen of an answer that is read piece by piece: each new batch goes to `batch`, all that is wrong to
    /// `flaw`. [`Fetcher::turn_back`] ends the answer.
    pub(crate) fn see(
        &mut self,
        seen: Seen,
        batch: impl FnOnce(&BatchHeader),
        mut flaw: impl FnMut(Flaw),
    ) -> Result<(), Malformed> {
        match seen {
            Seen::Error(code) => flaw(Flaw::Error(code)),
            Seen::Batch(partition, header) => {
                if self.position(partition)?.passes(&header, &mut flaw) {
                    batch(&header);
                }
            }
        }
        Ok(())
    }

    /// Only what was asked for may be answered.
    fn position(&mut self, partition: i32) -> Result<&mut Position, Malformed> {
        self.positions.iter_mut().find(|position| position.partition == partition).ok_or(Malformed)
    }

    /// Starts again, or leaves out, what was read to its end.
    pub(crate) fn turn_back(&mut self) {
        if self.repeat {
            for position in &mut self.positions {
                if position.next >= position.bounds.end {
                    position.next = position.bounds.start;
                }
            }
        } else {
            self.positions.retain(|position| position.next < position.bounds.end);
        }
    }
}

#[cfg(test)]
mod tests;
