use std::io::Write;

use chronik_types::{CompressionType, ErrorCode};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;

use super::{DecompressError, compress, decompress, decompression_limit};

const MIB: usize = 1024 * 1024;

fn compressing() -> impl Iterator<Item = CompressionType> {
    CompressionType::ALL.into_iter().filter(|codec| *codec != CompressionType::None)
}

fn is_limit(result: &Result<Vec<u8>, DecompressError>, expected: usize) -> bool {
    matches!(result, Err(DecompressError::LimitExceeded { limit, .. }) if *limit == expected)
}

#[test]
fn the_limit_of_a_topic_is_four_messages_below_a_cap_and_16_mib_at_least() {
    let cap = 100 * MIB;
    assert_eq!(decompression_limit(0, cap), 16 * MIB);
    assert_eq!(decompression_limit(4 * MIB, cap), 16 * MIB);
    assert_eq!(decompression_limit(4 * MIB + 1, cap), 16 * MIB + 4);
    assert_eq!(decompression_limit(25 * MIB + 1, cap), cap);
    assert_eq!(decompression_limit(usize::MAX, cap), cap);
    assert_eq!(decompression_limit(usize::MAX, 1), 16 * MIB);
}

#[test]
fn the_limit_is_inclusive() {
    let input = vec![7; 100_000];
    for codec in CompressionType::ALL {
        let packed = compress(codec, None, &input).unwrap();
        assert_eq!(decompress(codec, &packed, input.len()).unwrap(), input, "{codec}");
        assert!(is_limit(&decompress(codec, &packed, input.len() - 1), input.len() - 1), "{codec}");
    }
}

#[test]
fn zstd_prepares_for_no_more_than_there_is() {
    for level in [-1, 1, 3, 19, 22] {
        for input in [vec![], vec![7; 1_000], vec![7; 100_000]] {
            let packed = compress(CompressionType::Zstd, Some(level), &input).unwrap();
            assert_eq!(decompress(CompressionType::Zstd, &packed, input.len()).unwrap(), input);
            // Magic number, a descriptor without anything but a window, its size: 2^(10 + exponent) and eighths of that.
            let (descriptor, window) = (packed[4], packed[5]);
            assert_eq!(descriptor & 0b1110_0011, 0, "level {level}");
            assert!(window >> 3 <= 7, "level {level}: a window of 2^{} bytes", 10 + (window >> 3));
        }
    }
}

#[test]
fn empty_input_round_trips_and_no_input_is_refused() {
    for codec in compressing() {
        let packed = compress(codec, None, &[]).unwrap();
        assert!(decompress(codec, &packed, 0).unwrap().is_empty(), "{codec}");
        assert!(matches!(decompress(codec, &[], 10), Err(DecompressError::Truncated { .. })), "{codec}");
    }
}

#[test]
fn levels_are_the_codecs_own() {
    let input = b"level ".repeat(2_000);
    for (codec, level) in
        [(CompressionType::Gzip, 1), (CompressionType::Gzip, 9), (CompressionType::Zstd, 19)]
    {
        let packed = compress(codec, Some(level), &input).unwrap();
        assert_eq!(decompress(codec, &packed, MIB).unwrap(), input);
    }
    assert!(compress(CompressionType::Gzip, Some(-1), &input).is_err());
    assert!(compress(CompressionType::Gzip, Some(10), &input).is_err());
}

/// A bomb is stopped at the limit; that the work and memory are bounded shows in that it ends at once.
#[test]
fn bombs_stop_at_the_limit() {
    let limit = 64 * 1024;
    let zeros = vec![0; 16 * MIB];
    for codec in compressing() {
        let packed = compress(codec, None, &zeros).unwrap();
        let result = decompress(codec, &packed, limit);
        assert!(is_limit(&result, limit), "{codec}");
        assert_eq!(result.unwrap_err().code(), ErrorCode::MessageTooLarge);
    }
}

#[test]
fn nested_gzip_members_count_together() {
    let member = compress(CompressionType::Gzip, None, &vec![0; 1_000]).unwrap();
    let many = member.repeat(100);
    assert_eq!(decompress(CompressionType::Gzip, &many, 100_000).unwrap().len(), 100_000);
    assert!(is_limit(&decompress(CompressionType::Gzip, &many, 99_999), 99_999));
}

#[test]
fn a_small_zstd_bomb_makes_no_more_than_the_limit() {
    // One block of run-length encoding makes 128 KiB of 4 bytes: 1 KiB of them make 32 MiB.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88];
    for block in 0..256 {
        let last = u32::from(block == 255);
        let header = (128 * 1024) << 3 | 1 << 1 | last;
        bomb.extend_from_slice(&header.to_le_bytes()[..3]);
        bomb.push(0);
    }
    assert!(is_limit(&decompress(CompressionType::Zstd, &bomb, MIB), MIB));
    assert_eq!(decompress(CompressionType::Zstd, &bomb, 32 * MIB).unwrap().len(), 32 * MIB);
}

#[test]
fn a_zstd_window_beyond_128_mib_is_refused() {
    // Window descriptor 0xa8: 2^(10 + 21) bytes.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    assert!(matches!(decompress(CompressionType::Zstd, &frame, MIB), Err(DecompressError::Refused { .. })));
}

#[test]
fn a_snappy_length_that_its_block_cannot_make_is_not_allocated() {
    // 2^32 - 1 bytes out of one literal.
    let raw = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61];
    for limit in [MIB, usize::MAX] {
        assert!(matches!(
            decompress(CompressionType::Snappy, &raw, limit),
            Err(DecompressError::Malformed { .. })
        ));
    }
}

#[test]
fn snappy_is_read_raw_and_concatenated() {
    let input = b"snappy ".repeat(20_000);
    let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    assert_eq!(decompress(CompressionType::Snappy, &raw, MIB).unwrap(), input);
    let xerial = compress(CompressionType::Snappy, None, &input).unwrap();
    assert_eq!(decompress(CompressionType::Snappy, &xerial.repeat(2), MIB).unwrap(), input.repeat(2));
}

#[test]
fn snappy_refuses_a_negative_block_length() {
    let mut xerial = compress(CompressionType::Snappy, None, b"x").unwrap();
    xerial[16..20].copy_from_slice(&(-5_i32).to_be_bytes());
    let error = decompress(CompressionType::Snappy, &xerial, MIB).unwrap_err();
    assert!(matches!(error, DecompressError::Malformed { .. }));
    assert_eq!(error.code(), ErrorCode::CorruptMessage);
}

#[test]
fn lz4_reads_every_kind_of_frame() {
    let input = (0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    for (mode, size, sums) in [
        (BlockMode::Linked, BlockSize::Max64KB, true),
        (BlockMode::Linked, BlockSize::Max4MB, false),
        (BlockMode::Independent, BlockSize::Max256KB, true),
    ] {
        let info = FrameInfo::new()
            .block_mode(mode)
            .block_size(size)
            .block_checksums(sums)
            .content_checksum(sums)
            .content_size(sums.then_some(input.len() as u64));
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&input).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(decompress(CompressionType::Lz4, &packed, 2 * MIB).unwrap(), input);
    }
}

#[test]
fn lz4_is_written_as_the_java_producer_does() {
    let packed = compress(CompressionType::Lz4, None, b"frame").unwrap();
    // Magic, version 1 with independent blocks, blocks of 64 KiB, header checksum.
    assert_eq!(packed[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
}

#[test]
fn snappy_is_written_as_xerial_does() {
    let packed = compress(CompressionType::Snappy, None, &[9; 70_000]).unwrap();
    assert_eq!(packed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let mut rest = &packed[16..];
    let mut blocks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (block, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        blocks.push(snap::raw::decompress_len(block).unwrap());
        rest = after;
    }
    assert_eq!(blocks, [32_768, 32_768, 4_464]);
}

/// Snappy blocks of a truncated stream can end at a boundary, so the records tell that case, not the codec.
#[test]
fn truncation_at_every_byte_is_an_error_or_a_shorter_output() {
    let input = b"every byte of this is cut off once ".repeat(40);
    for codec in compressing() {
        let packed = compress(codec, None, &input).unwrap();
        for cut in 0..packed.len() {
            match decompress(codec, &packed[..cut], MIB) {
                Err(DecompressError::LimitExceeded { .. }) => panic!("{codec} cut at {cut} hit the limit"),
                Err(_) => {}
                Ok(output) => {
                    assert_eq!(codec, CompressionType::Snappy, "cut at {cut}");
                    assert!(output.len() < input.len());
                }
            }
        }
    }
}

#[test]
fn bytes_after_the_stream_are_refused() {
    for codec in compressing() {
        let mut packed = compress(codec, None, b"whole").unwrap();
        packed.extend_from_slice(b"tail");
        assert!(decompress(codec, &packed, MIB).is_err(), "{codec}");
    }
}

fn any_codec() -> impl Strategy<Value = CompressionType> {
    prop::sample::select(&CompressionType::ALL)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_compressed_comes_back(
        codec in any_codec(),
        input in prop::collection::vec(any::<u8>(), 0..4_096),
        repeat in 1_usize..40,
    ) {
        let input = input.repeat(repeat);
        let packed = compress(codec, None, &input).unwrap();
        prop_assert_eq!(decompress(codec, &packed, input.len()).unwrap(), input);
    }

    #[test]
    fn damaged_streams_stay_within_the_limit(
        codec in any_codec(),
        input in prop::collection::vec(any::<u8>(), 1..600),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut packed = compress(codec, None, &input.repeat(20)).unwrap();
        let at = at.index(packed.len());
        packed[at] ^= flip;
        if let Ok(output) = decompress(codec, &packed, 8_192) {
            prop_assert!(output.len() <= 8_192);
        }
    }

    #[test]
    fn random_bytes_never_panic(codec in any_codec(), input in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(output) = decompress(codec, &input, 10_000) {
            prop_assert!(output.len() <= 10_000);
        }
    }
}
