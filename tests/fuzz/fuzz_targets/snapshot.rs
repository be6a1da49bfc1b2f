//! The broker's checkpoint objects, bare and with magic, version, position and checksum put right around the input; the
//! state within them is the business of `checkpoint`, so it is put in as well. What is accepted is written and read again.
//!
//! Input: the object, or the segments that follow the state.
#![no_main]

use bytes::Bytes;
use chronik_broker::fuzzing::rewrite_checkpoint;
use chronik_fuzz::peak_of;
use chronik_state::State;
use chronik_wire::batch::crc32c;
use libfuzzer_sys::fuzz_target;

const POSITION: u64 = 50;

fuzz_target!(|input: &[u8]| {
    check(Bytes::copy_from_slice(input));
    let Some((segments, parts)) = input.split_first_chunk::<4>() else { return };
    let state = State::new().encode();
    let state_len = (state.len() as u64).to_le_bytes();
    let checked = [&POSITION.to_le_bytes(), &state_len, segments.as_slice(), &state, parts].concat();
    let head = [b"CHRCHKPT".as_slice(), &[1, 0, 0, 0], &crc32c(&checked).to_le_bytes()].concat();
    check(Bytes::from([head, checked].concat()));
});

fn check(bytes: Bytes) {
    let (written, peak) = peak_of(|| rewrite_checkpoint(&bytes, POSITION));
    assert!(peak <= 64 * bytes.len() + 64 * 1024, "{peak} bytes for a checkpoint of {}", bytes.len());
    if let Some(written) = written {
        assert_eq!(rewrite_checkpoint(&written, POSITION), Some(written.clone()));
    }
}
