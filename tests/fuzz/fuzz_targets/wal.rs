//! Recovery of the write-ahead log over one or two segments and the file `format`, whose checksums are right wherever the
//! input does not say otherwise. What was recovered once is recovered again, entry by entry, and damage is left as it is.
#![no_main]

use chronik_fuzz::{peak_of, wal};
use chronik_wal::Durability;
use chronik_wal::fuzzing::recover;
use libfuzzer_sys::fuzz_target;

const SEGMENT_BYTES: u64 = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let mut files = wal::files(input);
    let durability =
        if input.first().is_some_and(|shape| shape & 4 == 4) { Durability::Os } else { Durability::Fsync };
    let size = files.values().map(Vec::len).sum::<usize>();
    let before = files.clone();
    let (first, peak) = peak_of(|| recover(&mut files, SEGMENT_BYTES, durability));
    assert!(peak <= 8 * size + RECOVERY_BYTES, "{peak} bytes for {size} of log");
    let Some(first) = first else { return };
    assert!(first.entries.iter().map(|(position, ..)| *position).is_sorted());
    assert!(first.entries.iter().all(|(position, ..)| *position < first.end));
    if first.read_only {
        assert!(files == before, "a damaged log is only read");
    }
    let second = recover(&mut files, SEGMENT_BYTES, durability).expect("a repaired log can be recovered");
    assert_eq!(first.entries, second.entries);
    assert_eq!(first.read_only, second.read_only);
    assert!(second.end >= first.end);
});

/// A new segment, its header page, and the window of the scan.
const RECOVERY_BYTES: usize = 4 * 1024 * 1024;
