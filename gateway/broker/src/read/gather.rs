//! Putting an answer together from stored batches: each gets its base offset and leader epoch, and is not copied.

use bytes::{Bytes, BytesMut};
use chronik_types::{LeaderEpoch, Offset};
use chronik_wire::batch::{BatchError, BatchHeader, PREFIX_LEN, patched_prefix};

/// Batches smaller than this are copied: a segment of an answer costs more than the copy.
const COPY_BELOW_BYTES: usize = 1024;

/// Bytes to make room for at a time; prefixes and small batches share them.
const CHUNK_BYTES: usize = 4096;

/// Collects batches.
#[derive(Debug, Default)]
pub(super) struct Gather {
    segments: Vec<Bytes>,
    /// Prefixes and small batches that are not in `segments` yet.
    pending: BytesMut,
    bytes: usize,
    batches: u64,
}

impl Gather {
    /// Adds a stored batch as it is to be read: with this base offset and leader epoch.
    ///
    /// # Errors
    /// When the bytes do not start with the header of a batch of exactly their length.
    pub(super) fn add(
        &mut self,
        batch: &Bytes,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
    ) -> Result<(), BatchError> {
        let header = BatchHeader::parse(batch)?;
        if header.size_in_bytes() != batch.len() {
            return Err(BatchError::Truncated { needed: header.size_in_bytes(), available: batch.len() });
        }
        let copied = if batch.len() < COPY_BELOW_BYTES { batch.len() } else { PREFIX_LEN };
        if self.pending.capacity() - self.pending.len() < copied {
            self.flush();
            self.pending.reserve(CHUNK_BYTES);
        }
        self.pending.extend_from_slice(&patched_prefix(&header, base_offset, leader_epoch));
        if copied > PREFIX_LEN {
            self.pending.extend_from_slice(batch.get(PREFIX_LEN..).unwrap_or_default());
        } else {
            self.flush();
            self.segments.push(batch.slice(PREFIX_LEN..));
        }
        self.bytes += batch.len();
        self.batches += 1;
        Ok(())
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.segments.push(self.pending.split().freeze());
        }
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Batches so far.
    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    /// The segments in order.
    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.segments
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::TimestampMs;
    use chronik_wire::batch::{BatchBuilder, NewRecord, RecordBatch};

    use super::*;

    fn batch(value: &[u8]) -> Bytes {
        let record = NewRecord { timestamp: TimestampMs::new(1), value: Some(value), ..NewRecord::default() };
        BatchBuilder::new().record(&record).build().unwrap()
    }

    #[test]
    fn large_batches_are_not_copied_and_small_ones_share_a_segment() {
        let large = batch(&[7; 5_000]);
        let small = batch(b"x");
        let mut gather = Gather::default();
        for (offset, batch) in [&small, &small, &large, &small].into_iter().enumerate() {
            let offset = Offset::new(i64::try_from(offset).unwrap());
            gather.add(batch, offset, LeaderEpoch::new(3)).unwrap();
        }
        assert_eq!((gather.bytes(), gather.batches()), (small.len() * 3 + large.len(), 4));
        let segments = gather.finish();
        assert_eq!(segments.len(), 3);
        assert_eq!(segments[1].as_ptr(), large[PREFIX_LEN..].as_ptr());

        let mut all = Bytes::from(segments.concat());
        for offset in 0..4 {
            let batch = RecordBatch::split_first(&mut all).unwrap();
            batch.verify_crc().unwrap();
            assert_eq!(batch.header().base_offset, Offset::new(offset));
            assert_eq!(batch.header().partition_leader_epoch, LeaderEpoch::new(3));
        }
        assert!(all.is_empty());
    }

    #[test]
    fn refuses_what_is_not_a_whole_batch() {
        let batch = batch(b"value");
        let mut gather = Gather::default();
        for cut in [0, 60, batch.len() - 1] {
            assert!(gather.add(&batch.slice(..cut), Offset::ZERO, LeaderEpoch::ZERO).is_err());
        }
        assert!(gather.finish().is_empty());
    }
}
