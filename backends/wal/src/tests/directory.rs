//! Opening a directory: the lock, what is refused, what an older program left.

use chronik_backend::conformance::Recorder;
use chronik_backend::{Append, AppendClass, StorageBackend};

use super::{block_on, options, pattern};
use crate::dump::LogDump;
use crate::format::segment_name;
use crate::{OpenError, WalBackend};

const SEGMENT_BYTES: u64 = 64 << 10;

#[test]
fn a_second_process_is_told_who_holds_the_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
    let error = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect_err("locked");
    let holder = format!("process {}", std::process::id());
    assert!(matches!(&error, OpenError::Locked { holder: found, .. } if *found == holder), "{error}");
    let error = LogDump::open(dir.path()).expect_err("locked");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(first);
    WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("the lock went with its holder");
}

#[test]
fn a_file_is_not_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    std::fs::write(&path, "x").expect("write");
    let error = WalBackend::open(options(&path, SEGMENT_BYTES)).expect_err("a file");
    assert!(matches!(error, OpenError::NotADirectory { .. }), "{error}");
}

#[test]
fn impossible_settings_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = WalBackend::open(options(dir.path(), 1000)).expect_err("too small");
    assert!(error.to_string().contains("segment_bytes = 1000"), "{error}");
    let mut none = options(dir.path(), SEGMENT_BYTES);
    none.writes_in_flight = 0;
    assert!(matches!(WalBackend::open(none), Err(OpenError::Setting { setting: "writes_in_flight", .. })));
}

#[test]
fn the_size_of_segments_can_change() {
    let dir = tempfile::tempdir().expect("a directory");
    for (run, segment_bytes) in [(0, 64 << 10), (1, 128 << 10), (2, 64 << 10)] {
        let backend = WalBackend::open(options(dir.path(), segment_bytes)).expect("open");
        let recorder = Recorder::default();
        backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
        assert_eq!(recorder.entries().len(), run * 20);
        for token in 0..20 {
            let data = vec![pattern(token, 10_000)];
            let append = Append { token, entry: pattern(token, 10), data, class: AppendClass::Data };
            backend.append(append).expect("append");
            recorder.wait_for(token);
        }
    }
}

/// A rename in two steps, which some file systems need, may be interrupted between them.
#[test]
fn a_spare_that_is_a_segment_as_well_is_not_written_over() {
    let dir = tempfile::tempdir().expect("a directory");
    for (first, is_linked) in [(0, true), (4, false)] {
        let backend = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
        let recorder = Recorder::default();
        backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
        assert_eq!(recorder.committed().len() as u64, first);
        for token in first..first + 4 {
            let append =
                Append { token, entry: pattern(token, 10), data: Vec::new(), class: AppendClass::Data };
            backend.append(append).expect("append");
            backend.seal();
            recorder.wait_for(token);
        }
        block_on(backend.close());
        drop(backend);
        if is_linked {
            let segment = dir.path().join(segment_name(0));
            std::fs::hard_link(segment, dir.path().join("spare")).expect("a second name");
        }
    }
    let backend = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    let expected: Vec<_> = (0..8).map(|token| pattern(token, 10)).collect();
    assert_eq!(recorder.entries(), expected);
}

/// The bytes of format version 1, as they were written when it was made: they must be readable for ever.
#[test]
fn reads_what_the_first_version_wrote() {
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v1");
    let dir = tempfile::tempdir().expect("a directory");
    for file in std::fs::read_dir(fixture).expect("the fixture").map(|entry| entry.expect("entry").path()) {
        let name = file.file_name().expect("a name");
        let mut content = std::fs::read(&file).expect("read");
        // The zeros at the end of a segment are left out of the fixture.
        if name.to_string_lossy().starts_with("wal-") {
            content.resize(64 << 10, 0);
        }
        std::fs::write(dir.path().join(name), content).expect("write");
    }
    let backend = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    let found = recorder.committed();
    assert_eq!(found.len(), 6);
    for (n, committed) in (0_u64..).zip(&found) {
        assert_eq!(committed.entry, format!("entry {n} of version 1"));
        let expected = format!("data {n} ").repeat(usize::try_from(n * 100).expect("small"));
        assert_eq!(block_on(backend.read(committed.data)).expect("read"), expected);
    }
    assert_eq!(recorder.boundaries().len(), 1);
    assert_eq!(backend.status().damage, Vec::<String>::new());
}

/// Writes a fixture to the directory that `CHRONIK_WRITE_FIXTURE` names. Only for a new format version; the bytes of
/// old ones do not change.
#[test]
#[ignore = "makes a fixture, proves nothing"]
fn writes_the_fixture() {
    let target = std::env::var("CHRONIK_WRITE_FIXTURE").expect("a directory");
    let dir = tempfile::tempdir().expect("a directory");
    let backend = WalBackend::open(options(dir.path(), SEGMENT_BYTES)).expect("open");
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    for token in 0..6 {
        let data = format!("data {token} ").repeat(usize::try_from(token * 100).expect("small"));
        let entry = format!("entry {token} of version 1").into();
        let append = Append { token, entry, data: vec![data.into()], class: AppendClass::Data };
        backend.append(append).expect("append");
        recorder.wait_for(token);
        if token == 3 {
            backend.seal();
        }
    }
    block_on(backend.close());
    drop(backend);
    for file in std::fs::read_dir(dir.path()).expect("list").map(|entry| entry.expect("entry").path()) {
        let name = file.file_name().expect("a name");
        if file.is_file() && name != "lock" {
            let mut content = std::fs::read(&file).expect("read");
            let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            content.truncate(end);
            std::fs::write(std::path::Path::new(&target).join(name), content).expect("write");
        }
    }
}
