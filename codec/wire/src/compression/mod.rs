//! Compression of the records in a batch: gzip, snappy, lz4 and zstd, each bounded on output.
//!
//! Nothing here trusts a length that the input claims: output grows as bytes are produced, and [`decompress`] stops with
//! [`DecompressError::LimitExceeded`] at the first byte beyond the limit. The limit that belongs to a topic comes from
//! [`decompression_limit`]. What the decoders hold besides the output is bounded too: at most 12 MiB for lz4 (two blocks
//! of the largest size and the window), and a zstd window of at most 128 MiB of which only produced bytes are touched.
//!
//! Which codec a batch names is read in [`crate::batch`]. Snappy's two framings are in `snappy.rs`, the walk over an LZ4
//! frame in `lz4.rs`.
#![warn(clippy::indexing_slicing)]

mod lz4;
mod snappy;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};

use chronik_types::{CompressionType, ErrorCode};
use flate2::Compression as GzipLevel;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use thiserror::Error;

/// Why compressed records cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The input makes more than the caller allows. Nothing was kept of what it made.
    #[error("the {codec} records decompress to more than the limit of {limit} bytes")]
    LimitExceeded {
        /// The codec of the records.
        codec: CompressionType,
        /// The most bytes that were allowed.
        limit: usize,
    },
    /// The input ends before the codec's own end.
    #[error("the {codec} records end before the compressed stream does")]
    Truncated {
        /// The codec of the records.
        codec: CompressionType,
    },
    /// The input breaks a rule of the codec that needs no decoding to see.
    #[error("the {codec} records are malformed: {reason}")]
    Malformed {
        /// The codec of the records.
        codec: CompressionType,
        /// Which rule.
        reason: &'static str,
    },
    /// The decoder of the codec refuses the input.
    #[error("the {codec} records are malformed")]
    Refused {
        /// The codec of the records.
        codec: CompressionType,
        /// What the decoder says.
        #[source]
        source: io::Error,
    },
}

impl DecompressError {
    /// What a client is told about it.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::LimitExceeded { .. } => ErrorCode::MessageTooLarge,
            Self::Truncated { .. } | Self::Malformed { .. } | Self::Refused { .. } => {
                ErrorCode::CorruptMessage
            }
        }
    }
}

/// Why bytes could not be compressed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The encoder of the codec refuses the level or the input.
    #[error("{codec} cannot compress the records")]
    Refused {
        /// The codec asked for.
        codec: CompressionType,
        /// What the encoder says.
        #[source]
        source: io::Error,
    },
}

/// The most bytes that a batch of a topic may decompress to: four times `max.message.bytes`, but no more than `cap`, and
/// 16 MiB at least. `cap` is for the operator to say, because whoever owns a topic sets `max.message.bytes`.
#[must_use]
pub fn decompression_limit(max_message_bytes: usize, cap: usize) -> usize {
    max_message_bytes.saturating_mul(4).min(cap).max(LIMIT_FLOOR_BYTES)
}

/// Decompresses `input` to at most `limit` bytes.
///
/// Snappy is read in xerial's framing and raw; gzip may have several members; lz4 is one frame.
///
/// # Errors
///
/// [`DecompressError::LimitExceeded`] when the output would be longer than `limit`; the other cases when `input` is not
/// a whole and intact stream of `codec`. Bytes after the end of the stream are refused.
pub fn decompress(codec: CompressionType, input: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    match codec {
        CompressionType::None => {
            if input.len() > limit {
                return Err(DecompressError::LimitExceeded { codec, limit });
            }
            Ok(input.to_vec())
        }
        CompressionType::Gzip => {
            if input.is_empty() {
                return Err(DecompressError::Truncated { codec });
            }
            read_bounded(codec, &mut MultiGzDecoder::new(input), limit)
        }
        CompressionType::Snappy => snappy::decompress(input, limit),
        CompressionType::Lz4 => lz4::decompress(input, limit),
        CompressionType::Zstd => decompress_zstd(input, limit),
    }
}

/// Compresses `input` as the Java producer frames it. `level` is the codec's own scale; `None` is its default. Snappy
/// and lz4 have one level here and ignore it.
///
/// # Errors
///
/// [`CompressError::Refused`] when the encoder fails, which a level within the codec's scale does not cause.
pub fn compress(codec: CompressionType, level: Option<i32>, input: &[u8]) -> Result<Vec<u8>, CompressError> {
    let refused = |source| CompressError::Refused { codec, source };
    match codec {
        CompressionType::None => Ok(input.to_vec()),
        CompressionType::Gzip => compress_gzip(level, input).map_err(refused),
        CompressionType::Snappy => snappy::compress(input).map_err(refused),
        CompressionType::Lz4 => lz4::compress(input).map_err(refused),
        CompressionType::Zstd => compress_zstd(level, input).map_err(refused),
    }
}

fn compress_gzip(level: Option<i32>, input: &[u8]) -> io::Result<Vec<u8>> {
    let level = match level.map(u32::try_from) {
        Some(Ok(level @ 0..=9)) => GzipLevel::new(level),
        Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "gzip levels run from 0 to 9")),
        None => GzipLevel::default(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(input)?;
    encoder.finish()
}

fn compress_zstd(level: Option<i32>, input: &[u8]) -> io::Result<Vec<u8>> {
    let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level)?;
    // An encoder that does not know how much will come prepares for very much: hundreds of megabytes at the highest level.
    encoder.set_pledged_src_size(u64::try_from(input.len()).ok())?;
    encoder.include_contentsize(false)?;
    encoder.write_all(input)?;
    encoder.finish()
}

fn decompress_zstd(input: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let codec = CompressionType::Zstd;
    if input.is_empty() {
        return Err(DecompressError::Truncated { codec });
    }
    let refused = |source| DecompressError::Refused { codec, source };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(refused)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(refused)?;
    read_bounded(codec, &mut decoder, limit)
}

/// Reads to the end of `reader`, or to the first byte beyond `limit`. The output grows as bytes come, never beyond
/// `limit`.
fn read_bounded(
    codec: CompressionType,
    reader: &mut dyn Read,
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::UnexpectedEof => DecompressError::Truncated { codec },
        _ => DecompressError::Refused { codec, source },
    };
    let mut output = Vec::new();
    loop {
        grow(&mut output, MIN_GROWTH_BYTES, limit);
        let room = output.capacity() - output.len();
        if room == 0 {
            let beyond = reader.read(&mut [0]).map_err(failed)?;
            return if beyond == 0 {
                Ok(output)
            } else {
                Err(DecompressError::LimitExceeded { codec, limit })
            };
        }
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        let read = reader.take(room).read_to_end(&mut output).map_err(failed)?;
        if u64::try_from(read).is_ok_and(|read| read < room) {
            return Ok(output);
        }
    }
}

/// Makes room for `count` more bytes, and for as many as there are already, so that copying stays linear; but for no
/// more than `limit` in all.
fn grow(output: &mut Vec<u8>, count: usize, limit: usize) {
    let room = output.capacity() - output.len();
    if room < count {
        output.reserve_exact(count.max(output.len()).min(limit.saturating_sub(output.len())));
    }
}

const LIMIT_FLOOR_BYTES: usize = 16 * 1024 * 1024;

const MIN_GROWTH_BYTES: usize = 16 * 1024;

/// What the Java client reads by default, and what level 22 writes: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
