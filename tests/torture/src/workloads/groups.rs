//! Groups: the members of one, of either protocol, read what plain producers write to one topic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use chronik_harness::pause;

use super::board::Board;
use super::group_log::GroupLog;
use super::joined;
use super::last_reads::{last_poll, read_all};
use super::members::{Seat, Whims};
use super::txn_readers::plain;
use crate::client::{
    Committed, Committer, Link, Terms, Topic, create_topics, delete_topics, ends, fetch_offsets, topic_id,
};
use crate::history::{Op, judge};
use crate::stage::{Over, Stage};

const PARTITIONS: i32 = 8;
const PRODUCERS: u64 = 2;
const SEATS: u64 = 4;
/// Process of the reads at the end.
const LAST: u64 = 999_000_000;
/// How long groups may take to read the rest. Sessions of members that crashed have to end first: 45 s of the consumer
/// protocol, begun anew by the last start, and then a heartbeat or two of 5 s for each step of those who are left.
pub(super) const DRAIN_LIMIT: Duration = Duration::from_secs(150);

/// How the members of a group come to their partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JoinGroup and SyncGroup.
    Classic,
    /// ConsumerGroupHeartbeat (KIP-848).
    Consumer,
}

/// Runs one era.
pub(crate) fn run_era(stage: &Stage, era: u64, protocol: Protocol) -> Result<Vec<String>, Over> {
    let (group, first) = match protocol {
        Protocol::Classic => ("torture-classic", 400),
        Protocol::Consumer => ("torture-consumer", 500),
    };
    let topic = Topic::new(format!("{group}-{era}"), PARTITIONS);
    let mut link = Link::new(stage, group.to_owned());
    create_topics(&mut link, &[&topic])?;
    let id = topic_id(&mut link, &topic)?.unwrap_or_default();
    let stop = AtomicBool::new(false);
    let board = Board::new(first..first + SEATS);
    let seat = |number| Seat {
        stage,
        era,
        topic: &topic,
        topic_id: id,
        group,
        number,
        terms: Terms::default(),
        whims: Whims::Own,
        board: &board,
        stop: &stop,
    };
    let (mut ops, log, mut findings) = std::thread::scope(|scope| {
        let producers: Vec<_> = (first..first + PRODUCERS)
            .map(|number| {
                let topic = &topic;
                scope.spawn(move || plain(stage, era, topic, number, 20))
            })
            .collect();
        let members: Vec<_> = (first..first + SEATS)
            .map(|number| {
                let seat = seat(number);
                scope.spawn(move || match protocol {
                    Protocol::Classic => seat.classic(),
                    Protocol::Consumer => seat.consumer(),
                })
            })
            .collect();
        let mut ops: Vec<Op> = Vec::new();
        for producer in producers {
            ops.extend(joined(stage, producer)?);
        }
        let mut findings = wait_drained(&mut link, group, &topic)?;
        findings.extend(board.wait_settled(stage, group, &topic, DRAIN_LIMIT)?);
        stop.store(true, Ordering::SeqCst);
        Ok((ops, merged(stage, members)?, findings))
    })?;
    let (reads, differences) = read_all(&mut link, &topic)?;
    findings.extend(differences);
    let committed = committed(&mut link, group, &topic)?;
    findings.extend(log.judge(group, &reads, &committed));
    ops.extend(log.ops);
    ops.push(last_poll(&link, LAST, &reads));
    findings.extend(judge(&ops).iter().map(ToString::to_string));
    delete_topics(&mut link, &[&topic])?;
    Ok(findings)
}

/// What all members of a group did.
pub(super) fn merged(
    stage: &Stage,
    members: Vec<ScopedJoinHandle<'_, Result<GroupLog, Over>>>,
) -> Result<GroupLog, Over> {
    let mut all = GroupLog::default();
    for member in members {
        all.merge(joined(stage, member)?);
    }
    Ok(all)
}

/// What a group has committed.
pub(super) fn committed(link: &mut Link<'_>, group: &str, topic: &Topic) -> Result<Vec<Committed>, Over> {
    let found = fetch_offsets(link, group, Committer::Anyone, topic)?;
    Ok(found.unwrap_or_else(|refused| {
        link.stage.problem(format!("OffsetFetch of {group}: {refused:?}"));
        Vec::new()
    }))
}

/// Waits until a group has committed all that is there.
pub(super) fn wait_drained(link: &mut Link<'_>, group: &str, topic: &Topic) -> Result<Vec<String>, Over> {
    let stage = link.stage;
    let begun = stage.now();
    loop {
        let ends = ends(link, topic, false)?;
        let committed = committed(link, group, topic)?;
        let behind: Vec<String> = committed
            .iter()
            .filter_map(|one| Some((one, *ends.get(one.key)?)))
            .filter(|(one, end)| one.offset.max(0) != *end)
            .map(|(one, end)| format!("{}: {} of {end}", one.key, one.offset))
            .collect();
        if behind.is_empty() {
            return Ok(Vec::new());
        }
        if stage.now().saturating_sub(begun) > DRAIN_LIMIT {
            return Ok(vec![format!("liveness: group {group} has not read all: {behind:?}")]);
        }
        pause(Duration::from_millis(50));
    }
}
