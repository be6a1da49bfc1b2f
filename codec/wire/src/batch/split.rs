//! A whole batch, and cutting a `records` field into batches without copying.

use bytes::Bytes;

use super::{BatchError, BatchHeader, HEADER_LEN};

/// One batch: its header, read once, over the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl RecordBatch {
    /// Reads `bytes` as exactly one batch. The CRC is not checked; see [`RecordBatch::verify_crc`].
    ///
    /// # Errors
    ///
    /// What [`BatchHeader::parse`] refuses, [`BatchError::Truncated`] when the bytes end early, and
    /// [`BatchError::TrailingBytes`] when they go on.
    pub fn parse(bytes: Bytes) -> Result<Self, BatchError> {
        let mut rest = bytes;
        let batch = Self::split_first(&mut rest)?;
        if !rest.is_empty() {
            return Err(BatchError::TrailingBytes { bytes: rest.len() });
        }
        Ok(batch)
    }

    /// Cuts the first batch off `bytes`, which is left as it was on error.
    ///
    /// # Errors
    ///
    /// What [`BatchHeader::parse`] refuses, and [`BatchError::Truncated`] when the batch is not whole.
    pub fn split_first(bytes: &mut Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let size = header.size_in_bytes();
        if bytes.len() < size {
            return Err(BatchError::Truncated { needed: size, available: bytes.len() });
        }
        Ok(Self { header, bytes: bytes.split_to(size) })
    }

    /// The fields in front of the records.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch as it stands.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch as it stands.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The records, still compressed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// For changes that have kept header and bytes in step.
    pub(super) const fn from_parts(header: BatchHeader, bytes: Bytes) -> Self {
        Self { header, bytes }
    }
}

/// The batches of a `records` field, in order. Ends after the first error.
///
/// A fetch answer may end within a batch; that shows as [`BatchError::Truncated`].
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// Starts at the front of `records`.
    #[must_use]
    pub const fn new(records: Bytes) -> Self {
        Self { rest: records }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let batch = RecordBatch::split_first(&mut self.rest);
        if batch.is_err() {
            self.rest = Bytes::new();
        }
        Some(batch)
    }
}

impl std::iter::FusedIterator for Batches {}

/// The one batch that a Produce of version 3 or later carries for each partition.
///
/// # Errors
///
/// [`BatchError::Empty`] without a batch, [`BatchError::TrailingBytes`] with anything after it, and what
/// [`RecordBatch::split_first`] refuses.
pub fn single_batch(records: Bytes) -> Result<RecordBatch, BatchError> {
    if records.is_empty() {
        return Err(BatchError::Empty);
    }
    RecordBatch::parse(records)
}
