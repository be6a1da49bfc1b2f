//! Replay of segments that are larger than what is read at once, so that they are read ahead.

use std::path::Path;

use chronik_backend::conformance::Recorder;
use chronik_backend::{Append, AppendClass, StorageBackend};
use chronik_types::Entropy;

use super::{block_on, options, pattern};
use crate::WalBackend;
use crate::dump::{Item, LogDump};

const SEGMENT_BYTES: u64 = 24 << 20;

/// A log of several segments, with blocks of a page up to many megabytes; its entries in order.
fn written(dir: &Path) -> Recorder {
    let entropy = Entropy::seeded(5);
    let backend = WalBackend::open(options(dir, SEGMENT_BYTES)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    for token in 0..200 {
        let parts = [0, 1, 3, 20].get(usize::try_from(entropy.below(4)).expect("small")).copied();
        let len = usize::try_from(entropy.below(400_000)).expect("small");
        let data = (0..parts.unwrap_or_default()).map(|part| pattern(token + part, len)).collect();
        let append = Append { token, entry: pattern(token, 30), data, class: AppendClass::Data };
        backend.append(append).expect("append");
        if entropy.below(3) == 0 {
            recorder.wait_for(token);
        }
    }
    block_on(backend.close());
    recorder
}

#[test]
fn large_segments_are_replayed_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let before = written(dir.path());
    let backend = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    assert_eq!(recorder.entries(), before.entries());
    assert_eq!(recorder.boundaries(), before.boundaries());
    assert!(recorder.boundaries().len() >= 3, "several segments");
    let data = |recorder: &Recorder| recorder.committed().iter().map(|entry| entry.data).collect::<Vec<_>>();
    assert_eq!(data(&recorder), data(&before));
}

#[test]
fn damage_far_inside_a_large_segment_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    written(dir.path());
    let name = "wal-00000000000000000000.log";
    let log = LogDump::open(dir.path()).expect("open");
    let blocks = log.items(log.segments()[0].start).expect("items").map(|item| item.expect("read"));
    let offsets: Vec<u64> = blocks
        .filter_map(|item| match item {
            Item::Block(block) => Some(block.offset),
            Item::Damage { .. } | Item::Tail { .. } => None,
        })
        .collect();
    drop(log);
    let path = dir.path().join(name);
    let content = std::fs::read(&path).expect("read");
    let far: Vec<u64> = offsets.into_iter().filter(|offset| *offset > 9 << 20).collect();
    assert!(far.len() > 3);
    for offset in far.into_iter().step_by(5) {
        let mut damaged = content.clone();
        damaged[usize::try_from(offset).expect("small") + 20] ^= 1;
        std::fs::write(&path, damaged).expect("write");
        let backend = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
        let end = backend.follow(backend.start(), Box::new(Recorder::default())).expect("follow");
        let damage = backend.status().read_only.expect("damaged");
        assert!(damage.file.ends_with(name) && damage.offset == offset && end.get() == offset, "{damage}");
    }
}
