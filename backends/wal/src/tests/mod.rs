//! Tests of the log as a whole: the conformance suite, power cuts, failures, damage.

mod cold;
mod conformance;
mod damage;
mod directory;
mod life;
mod nearby;
mod power;
mod replay;
mod writes;

use std::sync::Arc;

use bytes::Bytes;
use chronik_types::{Clock, Entropy, SystemClock};

use crate::WalOptions;

/// Options for small segments. A failure of the log is part of what tests provoke, so it is not an error here.
fn options(dir: &std::path::Path, segment_bytes: u64) -> WalOptions {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut options = WalOptions::new(dir.to_owned(), clock, Entropy::seeded(1), Box::new(|_| {}));
    options.segment_bytes = segment_bytes;
    options
}

/// Bytes that differ from seed to seed and from place to place.
fn pattern(seed: u64, len: usize) -> Bytes {
    static NOISE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut noise = vec![0; 1 << 20];
        Entropy::seeded(11).fill(&mut noise);
        noise.into()
    });
    let offset = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 45;
    let offset = usize::try_from(offset).expect("19 bits");
    noise.slice(offset..offset + len)
}

/// Path and content of every file in a directory and below, but for the lock, in order.
fn read_tree(dir: &std::path::Path) -> Vec<(String, Bytes)> {
    let mut files = Vec::new();
    for path in std::fs::read_dir(dir).expect("list").map(|entry| entry.expect("entry").path()) {
        if path.is_dir() {
            files.extend(read_tree(&path));
        } else if !path.ends_with("lock") {
            files.push((path.display().to_string(), std::fs::read(&path).expect("read").into()));
        }
    }
    files.sort();
    files
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
