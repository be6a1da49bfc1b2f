//! Checkpoints of the state: as they are, and with magic, version, length and checksum put around the input, so that the
//! body is reached. What is accepted can be written and read again as the same state.
#![no_main]

use chronik_fuzz::{framed_checkpoint, peak_of};
use chronik_state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    check(input);
    check(&framed_checkpoint(input));
});

fn check(bytes: &[u8]) {
    let (decoded, peak) = peak_of(|| State::decode(bytes));
    assert!(peak <= 64 * bytes.len() + 64 * 1024, "{peak} bytes for a checkpoint of {}", bytes.len());
    if let Ok(state) = decoded {
        let again = State::decode(&state.encode()).expect("what is written can be read");
        assert_eq!(again.hash(), state.hash());
    }
}
