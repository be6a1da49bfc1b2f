//! Walking the records of a batch without copying them.
//!
//! A record is: length, attributes (1 byte, unused), timestamp delta, offset delta, key, value, headers; every number is
//! a zigzag varint, and a length of -1 is null. Header keys may repeat and their order is kept (KIP-82), which is why
//! headers are a list and never a map.

use bytes::Bytes;
use chronik_types::{CompressionType, ErrorCode, Offset, TimestampMs, TimestampType};
use thiserror::Error;

use super::varint::{VarintError, take_i32, take_i64};
use super::{BatchHeader, HEADER_LEN, RecordBatch};
use crate::compression::{DecompressError, decompress};

/// Why the records of a batch cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The attributes name a codec that does not exist.
    #[error("the compression codec {id} of the batch is unknown")]
    UnknownCodec {
        /// The low three bits of the attributes.
        id: u8,
    },
    /// The records cannot be decompressed.
    #[error("the records cannot be decompressed")]
    Decompress(#[from] DecompressError),
    /// The bytes end within a record.
    #[error("record {index} is cut short")]
    Truncated {
        /// Place of the record in its batch, from 0.
        index: i32,
    },
    /// A number is longer than its type.
    #[error("record {index} holds a number that does not fit its type")]
    Overlong {
        /// Place of the record in its batch, from 0.
        index: i32,
    },
    /// A length is below -1, or negative where null is not allowed.
    #[error("record {index} holds the length {length}")]
    InvalidLength {
        /// Place of the record in its batch, from 0.
        index: i32,
        /// The length as it stands.
        length: i32,
    },
    /// The fields of a record do not fill the length it claims.
    #[error("record {index} has {bytes} bytes after its headers")]
    TrailingInRecord {
        /// Place of the record in its batch, from 0.
        index: i32,
        /// How many.
        bytes: usize,
    },
    /// Bytes are left after the last record.
    #[error("{bytes} bytes follow the last of {record_count} records")]
    TrailingInBatch {
        /// How many.
        bytes: usize,
        /// The count that the header gives.
        record_count: i32,
    },
    /// Offset deltas have to rise, from 0 at least to the last offset delta at most.
    #[error("record {index} has the offset delta {delta}, out of order or out of the batch")]
    OffsetDelta {
        /// Place of the record in its batch, from 0.
        index: i32,
        /// The delta as it stands.
        delta: i32,
    },
    /// The header of the batch gives a negative number of records.
    #[error("the batch claims {record_count} records")]
    InvalidCount {
        /// The count as it stands.
        record_count: i32,
    },
}

impl RecordError {
    /// What a client is told about it.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Decompress(error) => error.code(),
            Self::UnknownCodec { .. } => ErrorCode::UnsupportedCompressionType,
            Self::Truncated { .. }
            | Self::Overlong { .. }
            | Self::InvalidLength { .. }
            | Self::TrailingInRecord { .. }
            | Self::TrailingInBatch { .. }
            | Self::OffsetDelta { .. }
            | Self::InvalidCount { .. } => ErrorCode::InvalidRecord,
        }
    }
}

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset, by the base offset in the header of the batch.
    pub offset: Offset,
    /// Its own timestamp, or that of the append.
    pub timestamp: TimestampMs,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its value; without one it is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: HeaderList<'a>,
}

/// The headers of a record, read again on each walk; they were checked when the record was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderList<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> HeaderList<'a> {
    /// How many headers there are, repeated keys counted each time.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Keys and values in order. A value can be null.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut cursor = Cursor { rest: self.bytes, index: 0 };
        (0..self.count).map_while(move |_| cursor.header().ok())
    }
}

/// The records of a batch after decompression; [`DecodedRecords::iter`] walks them.
#[derive(Clone, Debug)]
pub struct DecodedRecords {
    header: BatchHeader,
    body: Bytes,
}

impl DecodedRecords {
    /// A fresh walk over the records.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        Records::new(&self.header, &self.body)
    }

    /// The records without compression.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

impl<'a> IntoIterator for &'a DecodedRecords {
    type Item = Result<Record<'a>, RecordError>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

impl RecordBatch {
    /// Decompresses the records to at most `limit` bytes (see [`crate::compression::decompression_limit`]). Without
    /// compression nothing is copied and the limit does not matter.
    ///
    /// # Errors
    ///
    /// [`RecordError::UnknownCodec`] or [`RecordError::Decompress`].
    pub fn decode(&self, limit: usize) -> Result<DecodedRecords, RecordError> {
        let header = *self.header();
        let codec = header.codec().ok_or(RecordError::UnknownCodec { id: header.attributes.codec_id() })?;
        let body = match codec {
            CompressionType::None => self.bytes().slice(HEADER_LEN.min(self.bytes().len())..),
            _ => decompress(codec, self.body(), limit)?.into(),
        };
        Ok(DecodedRecords { header, body })
    }
}

/// Walks records that are not compressed. Ends after the first error; also checks that the count in the header is what
/// the bytes hold. Nothing is allocated.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    base_offset: Offset,
    base_timestamp: TimestampMs,
    log_append_time: Option<TimestampMs>,
    last_offset_delta: i32,
    last_delta: i32,
    record_count: i32,
    done: bool,
}

impl<'a> Records<'a> {
    /// A walk over `body`, the decompressed records of the batch that `header` belongs to.
    #[must_use]
    pub fn new(header: &BatchHeader, body: &'a [u8]) -> Self {
        let log_append_time = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Self {
            cursor: Cursor { rest: body, index: 0 },
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            log_append_time,
            last_offset_delta: header.last_offset_delta,
            last_delta: -1,
            record_count: header.record_count,
            done: false,
        }
    }

    fn step(&mut self) -> Result<Option<Record<'a>>, RecordError> {
        let record_count = self.record_count;
        if record_count < 0 {
            return Err(RecordError::InvalidCount { record_count });
        }
        if self.cursor.index == record_count {
            return match self.cursor.rest.len() {
                0 => Ok(None),
                bytes => Err(RecordError::TrailingInBatch { bytes, record_count }),
            };
        }
        let record = self.record()?;
        self.cursor.index += 1;
        Ok(Some(record))
    }

    fn record(&mut self) -> Result<Record<'a>, RecordError> {
        let index = self.cursor.index;
        let mut fields = Cursor { rest: self.cursor.required_bytes()?, index };
        fields.split(1)?;
        let timestamp_delta = fields.number64()?;
        let delta = fields.number()?;
        if delta <= self.last_delta || delta > self.last_offset_delta {
            return Err(RecordError::OffsetDelta { index, delta });
        }
        let offset = self
            .base_offset
            .checked_add(i64::from(delta))
            .ok_or(RecordError::OffsetDelta { index, delta })?;
        let timestamp = match self.log_append_time {
            Some(time) => time,
            // Wraps as Java's does, so that every pair of timestamps has a delta.
            None => TimestampMs::new(self.base_timestamp.get().wrapping_add(timestamp_delta)),
        };
        let key = fields.nullable_bytes()?;
        let value = fields.nullable_bytes()?;
        let headers = fields.headers()?;
        match fields.rest.len() {
            0 => {}
            bytes => return Err(RecordError::TrailingInRecord { index, bytes }),
        }
        self.last_delta = delta;
        Ok(Record { offset, timestamp, key, value, headers })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

impl std::iter::FusedIterator for Records<'_> {}

/// What is left to read, and which record it belongs to.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    rest: &'a [u8],
    index: i32,
}

impl<'a> Cursor<'a> {
    fn number(&mut self) -> Result<i32, RecordError> {
        take_i32(&mut self.rest).map_err(|error| self.error(error))
    }

    fn number64(&mut self) -> Result<i64, RecordError> {
        take_i64(&mut self.rest).map_err(|error| self.error(error))
    }

    fn error(&self, error: VarintError) -> RecordError {
        match error {
            VarintError::Truncated => RecordError::Truncated { index: self.index },
            VarintError::Overlong => RecordError::Overlong { index: self.index },
        }
    }

    fn split(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(RecordError::Truncated { index: self.index })?;
        self.rest = rest;
        Ok(taken)
    }

    fn required_bytes(&mut self) -> Result<&'a [u8], RecordError> {
        let length = self.number()?;
        let count =
            usize::try_from(length).map_err(|_| RecordError::InvalidLength { index: self.index, length })?;
        self.split(count)
    }

    fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, RecordError> {
        match self.number()? {
            -1 => Ok(None),
            length => {
                let count = usize::try_from(length)
                    .map_err(|_| RecordError::InvalidLength { index: self.index, length })?;
                self.split(count).map(Some)
            }
        }
    }

    fn header(&mut self) -> Result<(&'a [u8], Option<&'a [u8]>), RecordError> {
        Ok((self.required_bytes()?, self.nullable_bytes()?))
    }

    /// Checks the headers and takes all of them.
    fn headers(&mut self) -> Result<HeaderList<'a>, RecordError> {
        let length = self.number()?;
        let count =
            usize::try_from(length).map_err(|_| RecordError::InvalidLength { index: self.index, length })?;
        let start = self.rest;
        for _ in 0..count {
            self.header()?;
        }
        let bytes = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        Ok(HeaderList { count, bytes })
    }
}
