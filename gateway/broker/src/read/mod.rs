//! Reading records of a partition from an offset on.
//!
//! The index says where the batches lie, the backend gives their bytes: from memory without a copy, or from the medium,
//! in which case the checksum of the batch is verified before anybody sees it.

mod cold;
mod error;
mod gather;

use std::sync::Arc;

use bytes::Bytes;
use chronik_state::AbortedTransaction;
use chronik_types::{IsolationLevel, LeaderEpoch, Offset};

pub use error::ReadError;

use crate::index::{BatchEntry, FoundEntries, Selection};
use crate::{Broker, Partition};
use gather::Gather;

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The first offset wanted. The answer starts with the batch that holds it.
    pub from: Offset,
    /// The most bytes wanted. Batches are always whole.
    pub max_bytes: usize,
    /// Whether the first batch is wanted even when it is larger than `max_bytes` (KIP-74).
    pub min_one_batch: bool,
    /// How far to read: to the high watermark, or to the last stable offset.
    pub isolation: IsolationLevel,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The batches, one after the other, in pieces that are not contiguous in memory.
    pub segments: Vec<Bytes>,
    /// Their bytes.
    pub bytes: usize,
    /// How many batches there are.
    pub batches: u64,
    /// Where to read on: the offset after the last record, or the one asked for when there are none.
    pub next_offset: Offset,
    /// The first offset of the partition at that moment.
    pub log_start_offset: Offset,
    /// The offset after the last record at that moment.
    pub high_watermark: Offset,
    /// The last stable offset at that moment.
    pub last_stable_offset: Offset,
    /// For a reader of committed records: the aborted transactions among the batches, by their first offsets.
    pub aborted: Vec<AbortedTransaction>,
}

/// How far a read came within one part.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Where the next read starts.
    next: Offset,
    /// Whether anything was not in memory.
    cold: bool,
}

impl Broker {
    /// Reads whole batches from the one that holds `from` on. There are none at the end of the partition, and when the
    /// first is too large and not wanted.
    ///
    /// # Errors
    /// [`ReadError`]. A batch that cannot be read is an error only where it is the first; else the answer ends before it.
    /// Cancel safe.
    pub async fn read(&self, partition: &Arc<Partition>, request: ReadRequest) -> Result<Records, ReadError> {
        let limit = self.check_range(partition, request)?;
        let mut gather = Gather::default();
        let mut next = request.from;
        let mut cold = false;
        while next < limit && gather.bytes() < request.max_bytes.max(1) {
            let left = request.max_bytes - gather.bytes().min(request.max_bytes);
            let first = gather.batches() == 0;
            let step =
                self.read_part(partition, next, limit, left, first && request.min_one_batch, &mut gather);
            match step.await {
                Ok(Some(step)) => {
                    next = step.next;
                    cold |= step.cold;
                }
                Ok(None) => break,
                Err(_) if gather.batches() > 0 => break,
                Err(error) => return Err(self.explain(partition, request.from, error)),
            }
        }
        if cold && next < limit {
            self.read_ahead(partition, next, gather.bytes()).await;
        }
        let aborted = match request.isolation {
            // The limit was a last stable offset, so that what was aborted below it is known by now.
            IsolationLevel::ReadCommitted if gather.batches() > 0 => {
                let aborted = partition.aborted_within(request.from, next);
                aborted.ok_or_else(|| {
                    self.explain(partition, request.from, ReadError::index(request.from, None))
                })?
            }
            IsolationLevel::ReadCommitted | IsolationLevel::ReadUncommitted => Vec::new(),
        };
        self.core.metrics.fetched_bytes.inc_by(u64::try_from(gather.bytes()).unwrap_or(u64::MAX));
        self.core.metrics.fetched_batches.inc_by(gather.batches());
        Ok(Records {
            bytes: gather.bytes(),
            batches: gather.batches(),
            segments: gather.finish(),
            next_offset: next,
            log_start_offset: partition.log_start_offset(),
            high_watermark: partition.high_watermark(),
            last_stable_offset: partition.last_stable_offset(),
            aborted,
        })
    }

    /// The offset up to which may be read; an error when `from` is out of range.
    fn check_range(&self, partition: &Partition, request: ReadRequest) -> Result<Offset, ReadError> {
        if partition.is_deleted() {
            return Err(ReadError::TopicDeleted);
        }
        let high_watermark = partition.high_watermark();
        let log_start_offset = partition.log_start_offset();
        let offset = request.from;
        // There may have been such a record: a reader that was told otherwise would start somewhere else.
        if offset > high_watermark && self.read_only().is_some() {
            return Err(ReadError::BehindDamage { offset, high_watermark });
        }
        if offset < log_start_offset || offset > high_watermark {
            return Err(ReadError::OffsetOutOfRange { offset, log_start_offset, high_watermark });
        }
        Ok(partition.readable_end(request.isolation))
    }

    /// Has storage begin with what a reader who goes on will want next: as much as it got now.
    async fn read_ahead(&self, partition: &Partition, next: Offset, bytes: usize) {
        let max = u64::try_from(bytes).unwrap_or(u64::MAX);
        // Why something cannot be found is told to whoever asks for it.
        if let Ok(Some((_, entries))) = self.search(partition, next, &mut Selection::Bytes { max }).await {
            self.expect(&entries);
        }
    }

    /// Reads from one part; `None` when nothing more may be added.
    async fn read_part(
        &self,
        partition: &Arc<Partition>,
        from: Offset,
        limit: Offset,
        max_bytes: usize,
        take_first: bool,
        gather: &mut Gather,
    ) -> Result<Option<Step>, ReadError> {
        let max = u64::try_from(max_bytes).unwrap_or(u64::MAX);
        let Some((_, mut entries)) = self.search(partition, from, &mut Selection::Bytes { max }).await?
        else {
            return Ok(None);
        };
        // Of several entries only the first can be too large.
        let too_large = entries.first().is_some_and(|first| u64::from(first.len) > max);
        if too_large && !take_first {
            return Ok(None);
        }
        // The end may have been passed by an append since.
        entries.truncate(entries.partition_point(|entry| entry.next_offset() <= limit));
        // A hole: the index of what lies between is lost.
        if entries.first().is_some_and(|first| first.base_offset > from) {
            return Err(ReadError::index(from, None));
        }
        let epoch = partition.leader_epoch();
        let mut step = None;
        let mut rest = entries.as_slice();
        let mut cold = false;
        while let Some((entry, after)) = rest.split_first() {
            if let Some(bytes) = self.backend.cached(entry.data()) {
                self.add(entry, &bytes, epoch, gather)?;
                step = Some(Step { next: entry.next_offset(), cold });
                rest = after;
                continue;
            }
            if !std::mem::replace(&mut cold, true) {
                self.expect(rest);
            }
            let batches = match self.cold_batches(rest).await {
                Ok(batches) => batches,
                Err(_) if step.is_some() => return Ok(step),
                Err(error) => return Err(error),
            };
            for (entry, bytes) in rest.iter().zip(&batches) {
                self.add(entry, bytes, epoch, gather)?;
                step = Some(Step { next: entry.next_offset(), cold });
            }
            rest = rest.get(batches.len()..).unwrap_or_default();
        }
        Ok(step)
    }

    fn add(
        &self,
        entry: &BatchEntry,
        bytes: &Bytes,
        epoch: LeaderEpoch,
        gather: &mut Gather,
    ) -> Result<(), ReadError> {
        gather.add(bytes, entry.base_offset, epoch).map_err(|source| self.corrupt(entry, source))
    }

    /// The bytes of a batch as it was appended, whole and with a checksum that is right.
    pub(crate) async fn batch_bytes(&self, entry: &BatchEntry) -> Result<Bytes, ReadError> {
        if let Some(bytes) = self.backend.cached(entry.data()) {
            return Ok(bytes);
        }
        let mut batches = self.cold_batches(std::slice::from_ref(entry)).await?;
        // One batch was asked for, and without an error there is one.
        batches.pop().ok_or_else(|| ReadError::index(entry.base_offset, None))
    }

    fn corrupt(&self, entry: &BatchEntry, source: chronik_wire::batch::BatchError) -> ReadError {
        self.core.metrics.corrupt_batches.inc();
        ReadError::Corrupt { offset: entry.base_offset, at: entry.at, source }
    }

    /// Searches the part that holds `from`, or the first one after it: where the search goes on, and what was found.
    pub(crate) async fn search(
        &self,
        partition: &Partition,
        from: Offset,
        selection: &mut Selection,
    ) -> Result<Option<(Offset, Vec<BatchEntry>)>, ReadError> {
        let found = partition.batches().search(from, selection);
        let Some(found) = found else { return Ok(None) };
        let entries = match found.entries {
            FoundEntries::Here(entries) => entries,
            FoundEntries::Lost => return Err(ReadError::index(from, None)),
            FoundEntries::Stored(part) => {
                let loaded = self.index_cache.load(&*self.backend, part.segment).await;
                let object = loaded.map_err(|error| ReadError::index(from, Some(error)))?;
                let rows = object.rows(partition.topic_partition(), part.count);
                let rows = rows.ok_or_else(|| ReadError::index(from, None))?;
                selection.apply(&rows, from)
            }
        };
        Ok(Some((found.next_offset, entries)))
    }

    /// What was wrong, seen from now: what could not be read may have been given up in the meantime.
    fn explain(&self, partition: &Partition, from: Offset, error: ReadError) -> ReadError {
        let log_start_offset = partition.log_start_offset();
        if partition.is_deleted() {
            ReadError::TopicDeleted
        } else if from < log_start_offset {
            let high_watermark = partition.high_watermark();
            ReadError::OffsetOutOfRange { offset: from, log_start_offset, high_watermark }
        } else {
            error
        }
    }
}
