//! A rebalance storm: every 200 ms a member of each of three groups joins, leaves, stops, stalls or hangs, while producers
//! load their topic. In the end each partition is owned once, and all has been read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::board::Board;
use super::dice::Dice;
use super::group_log::GroupLog;
use super::groups::{DRAIN_LIMIT, Protocol, committed, merged, wait_drained};
use super::joined;
use super::last_reads::{last_poll, read_all};
use super::members::{Gusts, Seat, Whims, storm};
use super::txn_readers::plain;
use crate::client::{Link, Strategy, Terms, Topic, create_topics, delete_topics, topic_id};
use crate::history::{Op, judge};
use crate::stage::{Over, Stage};

const PARTITIONS: i32 = 24;
const PRODUCERS: std::ops::Range<u64> = 480..483;
const SEATS: u64 = 8;
/// Choices of the storm over a group, after those of its seats.
const DICE: u64 = 10;
/// Process of the reads at the end.
const LAST: u64 = 999_000_000;

/// One of the groups.
#[derive(Debug)]
struct Gathering {
    group: &'static str,
    first: u64,
    protocol: Protocol,
    terms: Terms,
}

/// Short sessions where the members ask for them, because the others of a classic group wait for the end of the session
/// of one that stopped.
const GATHERINGS: [Gathering; 3] = [
    Gathering {
        group: "torture-storm-range",
        first: 420,
        protocol: Protocol::Classic,
        terms: Terms {
            strategy: Strategy::Range,
            session: Duration::from_secs(1),
            rebalance: Duration::from_secs(2),
        },
    },
    Gathering {
        group: "torture-storm-cooperative",
        first: 440,
        protocol: Protocol::Classic,
        terms: Terms {
            strategy: Strategy::Cooperative,
            session: Duration::from_secs(1),
            rebalance: Duration::from_secs(2),
        },
    },
    Gathering {
        group: "torture-storm-consumer",
        first: 460,
        protocol: Protocol::Consumer,
        terms: Terms {
            strategy: Strategy::Range,
            session: Duration::from_secs(6),
            rebalance: Duration::from_secs(2),
        },
    },
];

/// Runs one era.
pub(crate) fn run_era(stage: &Stage, era: u64) -> Result<Vec<String>, Over> {
    let topic = &Topic::new(format!("torture-storm-{era}"), PARTITIONS);
    let mut link = Link::new(stage, "storm".to_owned());
    create_topics(&mut link, &[topic])?;
    let id = topic_id(&mut link, topic)?.unwrap_or_default();
    let (mut ops, logs, mut findings) = std::thread::scope(|scope| {
        let producers: Vec<_> =
            PRODUCERS.map(|number| scope.spawn(move || plain(stage, era, topic, number, 10))).collect();
        let gatherings: Vec<_> = GATHERINGS
            .iter()
            .map(|gathering| scope.spawn(move || gathering.run(stage, era, topic, id)))
            .collect();
        let mut ops: Vec<Op> = Vec::new();
        for producer in producers {
            ops.extend(joined(stage, producer)?);
        }
        let (mut logs, mut findings) = (Vec::new(), Vec::new());
        for gathering in gatherings {
            let (log, found) = joined(stage, gathering)?;
            logs.push(log);
            findings.extend(found);
        }
        Ok((ops, logs, findings))
    })?;
    let (reads, differences) = read_all(&mut link, topic)?;
    findings.extend(differences);
    for (gathering, log) in GATHERINGS.iter().zip(logs) {
        let committed = committed(&mut link, gathering.group, topic)?;
        findings.extend(log.judge(gathering.group, &reads, &committed));
        ops.extend(log.ops);
    }
    ops.push(last_poll(&link, LAST, &reads));
    findings.extend(judge(&ops).iter().map(ToString::to_string));
    delete_topics(&mut link, &[topic])?;
    Ok(findings)
}

impl Gathering {
    /// The storm, and the calm after it: what the members did, and what is wrong in the end.
    fn run(
        &self,
        stage: &Stage,
        era: u64,
        topic: &Topic,
        topic_id: uuid::Uuid,
    ) -> Result<(GroupLog, Vec<String>), Over> {
        let Self { group, first, protocol, terms } = *self;
        let (stop, gusts) = (&AtomicBool::new(false), &Gusts::over(first, SEATS));
        let board = &Board::new(first..first + SEATS);
        std::thread::scope(|scope| {
            let seats: Vec<_> = (first..first + SEATS)
                .map(|number| {
                    let whims = Whims::Storm(gusts);
                    let seat = Seat { stage, era, topic, topic_id, group, number, terms, whims, board, stop };
                    scope.spawn(move || match protocol {
                        Protocol::Classic => seat.classic(),
                        Protocol::Consumer => seat.consumer(),
                    })
                })
                .collect();
            storm(stage, gusts, &Dice::new(stage.seed, era, first + DICE))?;
            let mut link = Link::new(stage, format!("storm over {group}"));
            let mut findings = wait_drained(&mut link, group, topic)?;
            findings.extend(board.wait_settled(stage, group, topic, DRAIN_LIMIT)?);
            stop.store(true, Ordering::SeqCst);
            Ok((merged(stage, seats)?, findings))
        })
    }
}
