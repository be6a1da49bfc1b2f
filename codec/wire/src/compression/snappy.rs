//! Snappy in its two framings: xerial's, which Java writes, and one raw block, which some clients send.
//!
//! | field | bytes | value |
//! |---|---|---|
//! | magic | 8 | `82 53 4e 41 50 50 59 00` |
//! | version, oldest compatible version | 4 + 4, big endian | 1, 1 |
//! | then, repeated: block length | 4, big endian | bytes of the block that follows |
//! | block | length | raw snappy, 32 KiB before compression |
//!
//! snappy-java accepts a further header where a block length is expected, so that streams can be concatenated.

use std::io;

use chronik_types::CompressionType;

use super::{DecompressError, grow};

/// Writes xerial's framing.
pub(super) fn compress(input: &[u8]) -> io::Result<Vec<u8>> {
    let mut output = Vec::with_capacity(XERIAL_HEADER.len() + input.len() / 2);
    output.extend_from_slice(&XERIAL_HEADER);
    let mut encoder = snap::raw::Encoder::new();
    for chunk in input.chunks(XERIAL_BLOCK_BYTES) {
        let block = encoder.compress_vec(chunk).map_err(io::Error::other)?;
        let length = i32::try_from(block.len()).map_err(io::Error::other)?;
        output.extend_from_slice(&length.to_be_bytes());
        output.extend_from_slice(&block);
    }
    Ok(output)
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut output = Vec::new();
    match input.strip_prefix(&XERIAL_MAGIC) {
        Some(after_magic) => read_xerial(after_magic, limit, &mut output)?,
        None => read_block(input, limit, &mut output)?,
    }
    Ok(output)
}

fn read_xerial(after_magic: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    let mut rest = skip_versions(after_magic)?;
    while !rest.is_empty() {
        if let Some(after_magic) = rest.strip_prefix(&XERIAL_MAGIC) {
            rest = skip_versions(after_magic)?;
            continue;
        }
        let (length, after_length) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        let length = usize::try_from(i32::from_be_bytes(*length))
            .map_err(|_| malformed("a xerial block has a negative length"))?;
        let (block, after_block) = after_length.split_at_checked(length).ok_or(TRUNCATED)?;
        read_block(block, limit, output)?;
        rest = after_block;
    }
    Ok(())
}

fn skip_versions(after_magic: &[u8]) -> Result<&[u8], DecompressError> {
    let (_versions, rest) = after_magic.split_first_chunk::<8>().ok_or(TRUNCATED)?;
    Ok(rest)
}

/// Appends one raw block to `output`, which may hold `limit` bytes in all.
fn read_block(block: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
    if block.is_empty() {
        return Err(TRUNCATED);
    }
    let claimed = snap::raw::decompress_len(block).map_err(refused)?;
    // The claim is allocated below, so it is first held against what the block can make: the densest element of the
    // format is a copy of 64 bytes written in 3.
    if claimed > block.len().saturating_mul(MAX_EXPANSION) {
        return Err(malformed("a block claims more bytes than it can make"));
    }
    let start = output.len();
    let end = start.saturating_add(claimed);
    if end > limit {
        return Err(DecompressError::LimitExceeded { codec: CompressionType::Snappy, limit });
    }
    grow(output, claimed, limit);
    output.resize(end, 0);
    let target = output.get_mut(start..).unwrap_or_default();
    snap::raw::Decoder::new().decompress(block, target).map_err(refused)?;
    Ok(())
}

fn refused(source: snap::Error) -> DecompressError {
    DecompressError::Refused { codec: CompressionType::Snappy, source: source.into() }
}

const fn malformed(reason: &'static str) -> DecompressError {
    DecompressError::Malformed { codec: CompressionType::Snappy, reason }
}

const TRUNCATED: DecompressError = DecompressError::Truncated { codec: CompressionType::Snappy };

const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;
const MAX_EXPANSION: usize = 22;
