//! Batches that are not in memory: several reads at a time, and what comes next announced to storage.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use chronik_backend::{BoxFuture, DataRef};
use chronik_wire::batch::RecordBatch;
use tokio::task::yield_now;

use super::ReadError;
use crate::Broker;
use crate::index::BatchEntry;

/// How many reads are under way for one reader.
const READS_IN_FLIGHT: usize = 16;

/// Bytes whose checksums are verified before others have their turn, as many as a connection sends before that.
const TURN: usize = 256 * 1024;

impl Broker {
    /// The bytes of the first of these batches, which lie in one segment of the journal: as many as one round of reads
    /// brings, each with a checksum that is right. Ends before the first that cannot be read; an error when that is the
    /// very first.
    pub(super) async fn cold_batches(&self, entries: &[BatchEntry]) -> Result<Vec<Bytes>, ReadError> {
        let entries = entries.get(..READS_IN_FLIGHT).unwrap_or(entries);
        let reads = entries.iter().map(|entry| self.backend.read(entry.data())).collect();
        let mut batches = Vec::with_capacity(entries.len());
        let mut since_turn = 0;
        for (entry, read) in entries.iter().zip(together(reads).await) {
            self.core.metrics.cold_batches.inc();
            let offset = entry.base_offset;
            let read = read.map_err(|source| ReadError::Storage { offset, source });
            match read.and_then(|bytes| self.verified(entry, bytes)) {
                Ok(batch) => {
                    since_turn += batch.len();
                    batches.push(batch);
                    if since_turn >= TURN {
                        since_turn = 0;
                        yield_now().await;
                    }
                }
                Err(error) if batches.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(batches)
    }

    /// Tells storage what will be read next by somebody who goes on where these entries end.
    pub(super) fn expect(&self, entries: &[BatchEntry]) {
        let spans: Vec<DataRef> = entries.iter().map(BatchEntry::data).collect();
        self.backend.expect(&spans);
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
