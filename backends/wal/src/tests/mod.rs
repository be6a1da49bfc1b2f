//! Tests of the log as a whole: the conformance suite, power cuts, failures, damage.

mod conformance;

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
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(len).collect()
}
