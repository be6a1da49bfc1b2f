//! One LZ4 frame, as Kafka's clients write it since batches have magic 2.
//!
//! `lz4_flex` reads a frame that lacks its end mark as a shorter one, so the blocks are walked first (lengths only) and
//! the decoder is given exactly the bytes of the frame.

use std::io::{self, Write};

use chronik_types::CompressionType;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{DecompressError, read_bounded};

/// Writes what the Java producer writes: independent blocks of 64 KiB, no checksums but the header's.
pub(super) fn compress(input: &[u8]) -> io::Result<Vec<u8>> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(input)?;
    encoder.finish().map_err(io::Error::other)
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    if !frame_tail(input)?.is_empty() {
        return Err(malformed("bytes follow the frame"));
    }
    let mut decoder = FrameDecoder::new(input);
    let output = read_bounded(CompressionType::Lz4, &mut decoder, limit)?;
    // A compressed block that makes no bytes ends the decoder's reading early.
    if !decoder.get_ref().is_empty() {
        return Err(malformed("a block is empty"));
    }
    Ok(output)
}

/// What follows the end mark of the frame that `input` starts with.
fn frame_tail(input: &[u8]) -> Result<&[u8], DecompressError> {
    let (magic, rest) = input.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    if u32::from_le_bytes(*magic) != FRAME_MAGIC {
        return Err(malformed("it does not start with the magic number of a frame"));
    }
    let ([flags, _block_descriptor], rest) = rest.split_first_chunk::<2>().ok_or(TRUNCATED)?;
    let content_size = if flags & CONTENT_SIZE != 0 { 8 } else { 0 };
    let dictionary_id = if flags & DICTIONARY_ID != 0 { 4 } else { 0 };
    let mut rest = skip(rest, content_size + dictionary_id + HEADER_CHECKSUM_BYTES)?;
    let block_checksum = if flags & BLOCK_CHECKSUM != 0 { 4 } else { 0 };
    loop {
        let (length, after_length) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        let length = u32::from_le_bytes(*length) & !UNCOMPRESSED;
        if length == 0 {
            return skip(after_length, if flags & CONTENT_CHECKSUM != 0 { 4 } else { 0 });
        }
        rest = skip(skip(after_length, length as usize)?, block_checksum)?;
    }
}

fn skip(input: &[u8], count: usize) -> Result<&[u8], DecompressError> {
    input.get(count..).ok_or(TRUNCATED)
}

const fn malformed(reason: &'static str) -> DecompressError {
    DecompressError::Malformed { codec: CompressionType::Lz4, reason }
}

const TRUNCATED: DecompressError = DecompressError::Truncated { codec: CompressionType::Lz4 };

const FRAME_MAGIC: u32 = 0x184D_2204;
const HEADER_CHECKSUM_BYTES: usize = 1;
/// The bit of a block length that says that the block is stored as it is.
const UNCOMPRESSED: u32 = 0x8000_0000;

/// Bits of the frame's flag byte.
const DICTIONARY_ID: u8 = 0x01;
const CONTENT_CHECKSUM: u8 = 0x04;
const CONTENT_SIZE: u8 = 0x08;
const BLOCK_CHECKSUM: u8 = 0x10;
