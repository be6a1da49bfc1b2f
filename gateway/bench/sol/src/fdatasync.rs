//! Overwriting a piece of a file of zeros, then fdatasync: the least that an acknowledged write can take.

use std::io::IoSlice;

use crate::aligned::Aligned;
use crate::samples::Samples;
use crate::scratch::Scratch;
use crate::time::monotonic_seconds;
use crate::{SolError, Sync};

/// One write and one sync after the other, through the whole file and from its start again.
pub(crate) fn run(scratch: &Scratch, bytes: usize, seconds: f64) -> Result<Sync, SolError> {
    let memory = Aligned::new(bytes);
    let mut samples = Samples::default();
    let mut at = 0;
    let end = monotonic_seconds() + seconds;
    let mut start = monotonic_seconds();
    while start < end {
        scratch.write(&[IoSlice::new(memory.bytes())], at, false).map_err(SolError::at("write"))?;
        scratch.sync().map_err(SolError::at("sync"))?;
        let now = monotonic_seconds();
        samples.add(now - start);
        start = now;
        at += bytes as u64;
        if at + bytes as u64 > scratch.len() {
            at = 0;
        }
    }
    Ok(Sync { bytes, latency: samples.latency() })
}
