//! Reading what has left the cache of the tail.

use std::path::Path;

use chronik_backend::conformance::{Event, Recorder};
use chronik_backend::{Append, AppendClass, DataRef, ReadError, StorageBackend};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::{block_on, options, pattern};
use crate::WalBackend;

const ENTRIES: u64 = 200;
const LEN: usize = 16 << 10;

fn cold_reads(backend: &WalBackend) -> u64 {
    let mut registry = Registry::default();
    backend.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).expect("encode");
    let line = text.lines().find_map(|line| line.strip_prefix("wal_cold_reads_total "));
    line.and_then(|count| count.parse().ok()).expect("the metric")
}

/// A log of many entries that was closed and opened again, so that nothing of it is in memory.
fn reopened(dir: &Path) -> (WalBackend, Recorder) {
    let open = || WalBackend::open(options(dir, 8 << 20)).expect("open");
    let backend = open();
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    for token in 0..ENTRIES {
        let (entry, data) = (pattern(token, 20), vec![pattern(token, LEN)]);
        backend.append(Append { token, entry, data, class: AppendClass::Data }).expect("append");
    }
    block_on(backend.close());
    drop(backend);

    let backend = open();
    let recorder = Recorder::default();
    backend.follow(backend.start(), Box::new(recorder.clone())).expect("follow");
    assert_eq!(recorder.committed().len() as u64, ENTRIES);
    (backend, recorder)
}

#[test]
fn pieces_that_lie_close_to_each_other_cost_few_reads() {
    let dir = tempfile::tempdir().expect("a directory");
    let (backend, recorder) = reopened(dir.path());
    let committed = recorder.committed();
    for offset in [0, 1] {
        // Every other entry, then those between: as two readers of two partitions do.
        for (n, committed) in (0..).zip(&committed).skip(offset).step_by(2) {
            assert_eq!(block_on(backend.read(committed.data)).expect("read"), pattern(n, LEN));
        }
    }
    let reads = cold_reads(&backend);
    assert!(reads < ENTRIES / 4, "{reads} reads for {ENTRIES} pieces");
    assert!(backend.status().bytes_cached > 0);

    backend.seal();
    recorder.wait_until(|events| events.iter().any(|event| matches!(event, Event::Sealed(_))));
    let end = recorder.boundaries()[0];
    block_on(backend.trim(end)).expect("trim");
    for committed in &committed {
        let gone = block_on(backend.read(committed.data));
        assert!(matches!(gone, Err(ReadError::NotFound { .. })), "{gone:?}");
    }
}

#[test]
fn what_was_announced_and_what_several_want_is_read_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (backend, recorder) = reopened(dir.path());
    let spans: Vec<DataRef> = recorder.committed().iter().map(|committed| committed.data).collect();
    // Within the first window, of which a quarter is announced. It was announced twice, and is wanted by all at once.
    let spans = &spans[..16];
    backend.expect(spans);
    backend.expect(spans);
    let wanted = std::thread::scope(|scope| {
        let readers: Vec<_> =
            spans.iter().map(|data| scope.spawn(|| block_on(backend.read(*data)).expect("read"))).collect();
        readers.into_iter().map(|reader| reader.join().expect("a reader")).collect::<Vec<_>>()
    });
    for (n, bytes) in (0..).zip(wanted) {
        assert_eq!(bytes, pattern(n, LEN));
    }
    assert_eq!(cold_reads(&backend), 1);
}
