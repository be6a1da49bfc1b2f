//! Index objects, bare and with magic, version, start and checksum put right, searched at places that may not be there.
//!
//! Input: first row and rows asked for (2 bytes each), an offset (8 bytes), then the object or what follows its checksum.
#![no_main]

use bytes::Bytes;
use chronik_broker::fuzzing::search_index;
use chronik_wire::batch::crc32c;
use libfuzzer_sys::fuzz_target;

const START: u64 = 7;

fuzz_target!(|input: &[u8]| {
    let Some(([f0, f1, c0, c1, from @ ..], object)) = input.split_first_chunk::<12>() else { return };
    let rows = (u32::from(u16::from_le_bytes([*f0, *f1])), u32::from(u16::from_le_bytes([*c0, *c1])));
    let from = i64::from_le_bytes(*from);
    search_index(Bytes::copy_from_slice(object), START, rows, from);

    let checked = [&START.to_le_bytes(), object].concat();
    let head = [b"CHRINDEX".as_slice(), &[1, 0, 0, 0], &crc32c(&checked).to_le_bytes()].concat();
    search_index(Bytes::from([head, checked].concat()), START, rows, from);
});
