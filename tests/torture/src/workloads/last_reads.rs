//! The reads at the end of an era: everything, twice, by two roads.

use std::collections::BTreeMap;
use std::time::Duration;

use chronik_harness::pause;

use crate::checker::Key;
use crate::client::{Fetcher, Link, Read, Topic, ends};
use crate::history::{Completion, Op, Step, ValueId};
use crate::judges::visible;
use crate::stage::Over;

/// How long an open transaction may hold back the last stable offset: the longest timeout that nobody shortens, and what
/// a coordinator may take to see it.
const STABLE_LIMIT: Duration = Duration::from_secs(40);
/// Answers in a row without progress on something that is there.
const FRUITLESS: usize = 200;

/// Waits until nothing is open any more: the last stable offsets reach the high watermarks.
pub(crate) fn wait_stable(link: &mut Link<'_>, topic: &Topic) -> Result<Vec<String>, Over> {
    let stage = link.stage;
    let begun = stage.now();
    loop {
        let stable = ends(link, topic, true)?;
        let high = ends(link, topic, false)?;
        if stable == high {
            return Ok(Vec::new());
        }
        if stage.now().saturating_sub(begun) > STABLE_LIMIT {
            let name = &topic.name;
            let text = format!("lso-hang: {name}: last stable offsets {stable:?}, high watermarks {high:?}");
            return Ok(vec![text]);
        }
        pause(Duration::from_millis(50));
    }
}

/// Reads from where the fetcher stands up to these ends.
pub(crate) fn read_to(link: &mut Link<'_>, fetcher: &mut Fetcher, ends: &[i64]) -> Result<Vec<Read>, Over> {
    let mut reads = Vec::new();
    let mut fruitless = 0;
    let behind = |fetcher: &Fetcher| {
        ends.iter().enumerate().any(|(key, end)| fetcher.positions.get(&key).is_some_and(|at| at < end))
    };
    while behind(fetcher) && fruitless < FRUITLESS {
        let before = fetcher.positions.clone();
        reads.extend(fetcher.poll(link, 50)?.unwrap_or_default());
        fruitless = if fetcher.positions == before { fruitless + 1 } else { 0 };
    }
    if fruitless == FRUITLESS {
        let text = format!("{}: reads make no progress: {:?} of {ends:?}", link.who, fetcher.positions);
        link.stage.problem(text);
    }
    Ok(reads)
}

/// Reads a topic as a read_committed consumer does and, from its markers, by itself; both must agree. Gives the reads
/// and what is wrong.
pub(crate) fn read_all(link: &mut Link<'_>, topic: &Topic) -> Result<(Vec<Read>, Vec<String>), Over> {
    let mut findings = Vec::new();
    let stable = ends(link, topic, true)?;
    let reads = read_to(link, &mut Fetcher::from_start(topic.clone(), true), &stable)?;
    let mut auditor = Fetcher::auditor(topic.clone());
    let high = ends(link, topic, false)?;
    read_to(link, &mut auditor, &high)?;
    let mut seen: BTreeMap<Key, Vec<(i64, ValueId)>> = BTreeMap::new();
    for read in &reads {
        seen.entry(read.key).or_default().push((read.offset, read.item.value));
    }
    for (key, parts) in auditor.take_parts() {
        let (expected, open) = visible(&parts);
        let seen = seen.remove(&key).unwrap_or_default();
        if open.is_empty() && seen != expected {
            let differs = seen.iter().zip(&expected).find(|(one, other)| one != other);
            findings.push(format!(
                "K2: {} key {key}: a read_committed reader saw {} records, the markers say {}; first difference {differs:?}",
                topic.name,
                seen.len(),
                expected.len(),
            ));
        }
        if !open.is_empty() {
            findings.push(format!("K2: {} key {key}: no marker for producers {open:?}", topic.name));
        }
    }
    Ok((reads, findings))
}

/// The reads as one poll of a process of their own.
pub(crate) fn last_poll(link: &Link<'_>, process: u64, reads: &[Read]) -> Op {
    let records = reads.iter().map(|read| (read.key, read.offset, read.item.value)).collect();
    let began = link.stage.tick();
    Op {
        process,
        began,
        ended: link.stage.tick(),
        completion: Completion::Ok,
        subscribed: false,
        steps: vec![Step::Poll(records)],
    }
}
