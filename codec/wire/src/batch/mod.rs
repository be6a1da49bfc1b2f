//! Record batches of magic 2 (KIP-98): a view over the bytes that a producer sent, never a re-encoding of them.
//!
//! | at | bytes | field | in the CRC |
//! |---|---|---|---|
//! | 0 | 8 | base offset | no |
//! | 8 | 4 | batch length: bytes after this field | no |
//! | 12 | 4 | partition leader epoch | no |
//! | 16 | 1 | magic, 2 | no |
//! | 17 | 4 | CRC-32C of everything after it | |
//! | 21 | 2 | attributes, see [`Attributes`] | yes |
//! | 23 | 4 | last offset delta | yes |
//! | 27 | 8 | base timestamp (or delete horizon) | yes |
//! | 35 | 8 | max timestamp | yes |
//! | 43 | 8 | producer id | yes |
//! | 51 | 2 | producer epoch | yes |
//! | 53 | 4 | base sequence | yes |
//! | 57 | 4 | record count | yes |
//! | 61 | | records, compressed as one stream | yes |
//!
//! All integers are big endian. The fields that a broker assigns lie outside of the CRC, so a batch is stored verbatim and
//! patched when it is served ([`patched_prefix`]). The path of a Produce is [`single_batch`], then
//! [`RecordBatch::validate_append`]: header and CRC, no work per record. Records are walked with [`Records`] where a
//! feature needs them.
#![warn(clippy::indexing_slicing)]

mod builder;
mod control;
mod crc;
mod error;
mod header;
mod patch;
mod records;
mod split;
#[cfg(test)]
mod tests;
mod validate;
mod varint;

pub use builder::{BatchBuilder, BuildError, NewRecord};
pub use control::{ControlError, ControlType, EndTxnMarker};
pub use crc::crc32c;
pub use error::BatchError;
pub use header::{Attributes, BatchHeader, HEADER_LEN, LENGTH_PREFIX_LEN};
pub use patch::{PREFIX_LEN, patch_in_place, patched_prefix};
pub use records::{DecodedRecords, HeaderList, Record, RecordError, Records};
pub use split::{Batches, RecordBatch, single_batch};
pub use validate::AppendRules;
