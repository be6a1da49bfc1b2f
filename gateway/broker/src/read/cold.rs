//! Batches that are not in memory: few large reads instead of many small ones, and several at a time.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use chronik_backend::{BoxFuture, DataRef};
use chronik_wire::batch::RecordBatch;

use super::ReadError;
use crate::Broker;
use crate::index::BatchEntry;

/// The most bytes of one read.
const SPAN_BYTES: u64 = 1 << 20;

/// How many reads are under way for one reader.
const SPANS_IN_FLIGHT: usize = 4;

/// Batches that are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    data: DataRef,
    batches: usize,
}

impl Broker {
    /// The bytes of the first of these batches, which lie in one segment of the journal: as many as a few large reads
    /// bring, each with a checksum that is right. Ends before the first that cannot be read; an error when that is the
    /// very first.
    pub(super) async fn cold_batches(&self, entries: &[BatchEntry]) -> Result<Vec<Bytes>, ReadError> {
        let spans = spans(entries);
        let reads = spans.iter().map(|span| self.backend.read(span.data)).collect();
        let mut batches = Vec::new();
        let mut rest = entries;
        for (span, read) in spans.iter().copied().zip(together(reads).await) {
            let (wanted, after) = rest.split_at_checked(span.batches).unwrap_or((rest, &[]));
            rest = after;
            let bytes = read.ok();
            for entry in wanted {
                match self.cold_batch(entry, span, bytes.as_ref()).await {
                    Ok(batch) => batches.push(batch),
                    Err(error) if batches.is_empty() => return Err(error),
                    Err(_) => return Ok(batches),
                }
            }
        }
        Ok(batches)
    }

    /// One batch, out of a span that was read or, if that did not work, by itself.
    async fn cold_batch(
        &self,
        entry: &BatchEntry,
        span: Span,
        bytes: Option<&Bytes>,
    ) -> Result<Bytes, ReadError> {
        self.core.metrics.cold_batches.inc();
        if let Some(bytes) = bytes.and_then(|bytes| part(bytes, span, entry)) {
            return self.verified(entry, bytes);
        }
        let offset = entry.base_offset;
        let read = self.backend.read(entry.data()).await;
        self.verified(entry, read.map_err(|source| ReadError::Storage { offset, source })?)
    }

    fn verified(&self, entry: &BatchEntry, bytes: Bytes) -> Result<Bytes, ReadError> {
        let batch = RecordBatch::parse(bytes).map_err(|source| self.corrupt(entry, source))?;
        batch.verify_crc().map_err(|source| self.corrupt(entry, source))?;
        Ok(batch.into_bytes())
    }
}

/// Waits for all of these, which are under way at the same time, and gives what they come to in their order.
async fn together<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(value) => *done = Some(value),
                Poll::Pending => waiting = true,
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// The reads that bring the first of these batches. What lies between two batches is read along when it is less than what
/// is wanted, since a read costs more than that.
fn spans(entries: &[BatchEntry]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut wanted = 0;
    for entry in entries {
        let len = u64::from(entry.len);
        if let Some(last) = spans.last_mut() {
            let end = entry.at.get().saturating_add(len);
            let joined = end.saturating_sub(last.data.at.get());
            let worthwhile = joined <= SPAN_BYTES && joined <= 2 * (wanted + len);
            if let Some(joined) = u32::try_from(joined).ok().filter(|_| worthwhile) {
                last.data.len = joined;
                last.batches += 1;
                wanted += len;
                continue;
            }
        }
        if spans.len() == SPANS_IN_FLIGHT {
            break;
        }
        spans.push(Span { data: entry.data(), batches: 1 });
        wanted = len;
    }
    spans
}

/// A batch out of the bytes of a span; `None` when it does not lie within.
fn part(bytes: &Bytes, span: Span, entry: &BatchEntry) -> Option<Bytes> {
    let from = usize::try_from(entry.at.get().checked_sub(span.data.at.get())?).ok()?;
    let to = from.checked_add(usize::try_from(entry.len).ok()?)?;
    (to <= bytes.len()).then(|| bytes.slice(from..to))
}

#[cfg(test)]
mod tests {
    use chronik_backend::Position;
    use chronik_types::{Offset, TimestampMs};

    use super::*;

    fn spans_of(entries: &[(u64, u32)]) -> Vec<(u64, u32, usize)> {
        let entries: Vec<_> = entries
            .iter()
            .map(|(at, len)| BatchEntry {
                base_offset: Offset::ZERO,
                at: Position::new(*at),
                max_timestamp: TimestampMs::NONE,
                len: *len,
                last_offset_delta: 0,
            })
            .collect();
        spans(&entries).iter().map(|span| (span.data.at.get(), span.data.len, span.batches)).collect()
    }

    #[test]
    fn neighbours_are_read_together() {
        assert_eq!(spans_of(&[(0, 100), (100, 50), (150, 10)]), [(0, 160, 3)]);
        assert_eq!(spans_of(&[(0, 100), (250, 50)]), [(0, 300, 2)]);
        assert_eq!(spans_of(&[(0, 100), (251, 50)]), [(0, 100, 1), (251, 50, 1)]);
    }

    #[test]
    fn reads_are_bounded_in_size_and_number() {
        let half = 1 << 19;
        assert_eq!(
            spans_of(&[(0, half), (u64::from(half), half), (1 << 20, 1)]),
            [(0, 1 << 20, 2), (1 << 20, 1, 1)]
        );
        assert_eq!(spans_of(&[(0, 2 << 20)]), [(0, 2 << 20, 1)]);
        let far: Vec<_> = (0..10).map(|at| (at << 21, 10)).collect();
        assert_eq!(spans_of(&far).len(), SPANS_IN_FLIGHT);
    }
}
