//! Reads back what was acknowledged and compares it with the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use chronik_types::{Clock, SystemClock};
use chronik_wire::batch::BatchHeader;

use crate::cluster::{self, Bounds, Leader};
use crate::control::Control;
use crate::engine::Slot;
use crate::error::BenchError;
use crate::fetcher::{Fetcher, Flaw};
use crate::frames::Malformed;
use crate::frames::fetch::{self, FetchLimits};
use crate::ledger::{Ledger, ReadBack};
use crate::report::Verified;

const LIMITS: FetchLimits = FetchLimits {
    max_wait_ms: 500,
    min_bytes: 1,
    max_bytes: 16 * 1024 * 1024,
    max_partition_bytes: 4 * 1024 * 1024,
};

/// How long fetches may bring nothing new, while there has to be something. What is left then is missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the acknowledged ranges of all partitions.
pub(crate) fn verify(topic: &str, leaders: &[Leader], ledger: &Ledger) -> Result<Verified, BenchError> {
    let mut found = ReadBack::new(ledger);
    let there = cluster::bounds(topic, leaders)?;
    // What lies outside of the log is missing, and cannot be asked for.
    let within = |(partition, acknowledged): (i32, Bounds)| {
        let there = there.get(&partition)?;
        let bounds =
            Bounds { start: acknowledged.start.max(there.start), end: acknowledged.end.min(there.end) };
        Some((partition, bounds))
    };
    let bounds: BTreeMap<i32, Bounds> = ledger.bounds().filter_map(within).collect();
    let clock = SystemClock::new();
    for leader in leaders {
        read(topic, leader, &bounds, &mut found, &clock)?;
    }
    Ok(found.verdict())
}

fn read(
    topic: &str,
    leader: &Leader,
    bounds: &BTreeMap<i32, Bounds>,
    found: &mut ReadBack<'_>,
    clock: &impl Clock,
) -> Result<(), BenchError> {
    let mut fetcher = Fetcher::new(&leader.partitions, bounds, false);
    let mut control = Control::open(&leader.address)?;
    control.require("Fetch", fetch::API_KEY, fetch::VERSIONS)?;
    let mut progress = clock.monotonic();
    let mut request = Slot::<()>::default();
    let mut correlation_id = 0;
    while !fetcher.is_done() && clock.monotonic() < progress.saturating_add(PATIENCE) {
        request.clear();
        fetcher.put_request(&mut request.head, correlation_id, topic, &LIMITS);
        request.finish();
        let answer = control.exchange(&request.head)?;
        let unreadable = |Malformed| BenchError::Protocol {
            address: leader.address.clone(),
            api: "Fetch",
            what: format!("{} bytes", answer.len()),
        };
        let Some((id, body)) = answer.split_first_chunk() else { return Err(unreadable(Malformed)) };
        if i32::from_be_bytes(*id) != correlation_id {
            return Err(unreadable(Malformed));
        }
        correlation_id = correlation_id.wrapping_add(1);
        let mut refused = None;
        let flaw = |flaw| {
            if let Flaw::Error(code) = flaw {
                refused = Some(code);
            }
        };
        let batch = |partition, header: &BatchHeader, batch: &[u8]| {
            progress = clock.monotonic();
            found.batch(partition, header, batch);
        };
        fetcher.answer(body, batch, flaw).map_err(unreadable)?;
        if let Some(code) = refused {
            let what = format!("give back what it acknowledged of {topic}");
            return Err(BenchError::Refused { what, code, detail: "so it could not be verified".to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
