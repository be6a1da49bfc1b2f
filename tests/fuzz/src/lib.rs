//! What the fuzz targets share: the allocator that counts, and the checks that several of them make.
//!
//! The targets are in `fuzz_targets/`, one for each reader of foreign bytes; `run` builds and runs them.

pub mod wal;

use chronik_types::CompressionType;
use chronik_wire::compression::{compress, decompress};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What `work` returns, and the most bytes of the heap that it held at once, beyond what was there before.
///
/// Sees Rust's allocations; those of zstd's C code pass it by.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let result = work();
    (result, HEAP.peak_usage().saturating_sub(before))
}

/// Decompresses `input` to a limit that it names itself, and checks limit, memory and round trip.
pub fn check_decompressor(codec: CompressionType, input: &[u8]) {
    let Some(([low, high], stream)) = input.split_first_chunk::<2>() else { return };
    let limit = usize::from(u16::from_le_bytes([*low, *high]));
    let (result, peak) = peak_of(|| decompress(codec, stream, limit));
    assert!(peak <= 2 * limit + DECODER_BYTES, "{peak} bytes for a limit of {limit}");
    let Ok(output) = result else { return };
    assert!(output.len() <= limit);
    let again = compress(codec, None, &output).expect("every output can be compressed");
    assert_eq!(decompress(codec, &again, limit).expect("own streams can be read"), output);
}

/// What a decoder may hold besides its output: lz4 has the two largest blocks and its window.
const DECODER_BYTES: usize = 13 * 1024 * 1024;

/// A checkpoint of the state with `body` between a right head and a right checksum.
pub fn framed_checkpoint(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"CHKSTATE".to_vec();
    bytes.extend_from_slice(&chronik_state::CHECKPOINT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(body);
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}
