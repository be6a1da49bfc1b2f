//! The lz4 decompressor: whatever comes, the limit holds.
#![no_main]

use chronik_fuzz::check_decompressor;
use chronik_types::CompressionType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| check_decompressor(CompressionType::Lz4, input));
