//! Journal entries: what decodes survives encoding, and the state machine takes every sequence of them without
//! losing its invariants.
//!
//! Input: entries, each behind a length of two bytes, little endian.
#![no_main]

use chronik_state::{Change, Entry, State};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (mut state, mut rest, mut position) = (State::new(), input, 0);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        let Ok(entry) = Entry::decode(bytes) else { continue };
        assert_eq!(Entry::decode(&entry.encode()).as_ref(), Ok(&entry));
        if partitions(&entry) > MAX_PARTITIONS {
            continue;
        }
        position += 1;
        state.apply(position, &entry);
    }
    if position > 0 {
        let checkpoint = state.encode();
        let restored = State::decode(&checkpoint).expect("a live state can be restored");
        assert_eq!(restored.hash(), state.hash());
    }
});

/// A million partitions in one entry is legal, and then the time goes into them.
const MAX_PARTITIONS: i32 = 100;

fn partitions(entry: &Entry) -> i32 {
    match &entry.change {
        Change::CreateTopic(create) => create.partitions,
        Change::CreatePartitions(create) => create.total,
        _ => 0,
    }
}
