//! `chronik bench compare`: this gateway and another broker side by side, as tables.
//!
//! [`args`] says what can be asked. [`contest`] holds the two sides, [`pairs`] runs them in turn, [`gate`] decides what
//! counts, [`figures`] and [`stats`] make medians and intervals of it, [`tables`] has one file for each table.
//! The load comes from `chronik bench` in a process of its own ([`generator`]).

mod args;
mod client;
mod contest;
mod estimate;
mod figures;
mod gate;
mod generator;
mod guard;
mod idle;
mod machine;
mod merged;
mod ours;
mod pairs;
mod process;
mod report;
mod restart;
mod side;
mod sol;
mod stats;
mod table;
mod tables;
#[cfg(test)]
mod tests;

use std::io::Write;

pub use args::{Class, CompareArgs, SolArgs, TableName};
pub use sol::sol;

use crate::BenchError;
use contest::Contest;
use estimate::WARM_UP_SECONDS;
use generator::Generator;
use machine::Machine;
use report::Publisher;
use restart::start_peer;

/// Measures, and hands each table to `print` as soon as it is there; progress goes to `progress`, a line at a time. Gives
/// whether every row was measured and nothing acknowledged was lost.
///
/// # Errors
/// When nothing can be measured at all, when what was started or paused cannot be put right, or when an output cannot be
/// written. What fails in one table is told in its place, and the others are measured.
pub fn compare(
    args: &CompareArgs,
    print: &mut dyn FnMut(&str),
    progress: &mut dyn Write,
) -> Result<bool, BenchError> {
    if args.list {
        print(&tables::names(args));
        return Ok(true);
    }
    if args.estimate {
        print(&estimate::listing(args));
        return Ok(true);
    }
    if args.touch_memory {
        machine::touch_memory();
    }
    let mut publisher = Publisher::new(args, Machine::look(args), print);
    let mut contest = Contest::open(args, progress)?;
    contest.say(&estimate::sentence(args));
    let wanted = tables::in_order(&args.table);
    for (place, table) in wanted.iter().enumerate() {
        let peer = contest.peer().and_then(|peer| peer.pid);
        publisher.add(tables::measure(*table, &mut contest))?;
        if place + 1 == wanted.len() {
            break;
        }
        revive_peer(&mut contest);
        if contest.peer().and_then(|peer| peer.pid) != peer {
            warm_up_peer(&mut contest);
        }
    }
    let clean = !contest.failed;
    contest.end()?;
    Ok(clean)
}

/// A peer that has died or did not come back is started once more for the next table, if anybody said how.
fn revive_peer(contest: &mut Contest<'_>) {
    if !contest.peer().is_some_and(|peer| peer.has_died()) {
        return;
    }
    contest.failed = true;
    match start_peer(contest) {
        Ok(Some(_)) => contest.say("the peer had ended, and was started again"),
        Ok(None) => contest.say("the peer has ended"),
        Err(error) => {
            contest.fail("the peer has ended, and cannot be started again", &error);
        }
    }
}

/// A peer that a table has started anew is not what it was: a JVM needs a minute of work before it shows what it can do.
fn warm_up_peer(contest: &mut Contest<'_>) {
    let Some(peer) = contest.peer() else { return };
    contest.say("warming up the peer, which was started anew");
    let topic = contest.topic();
    let load = format!("{WARM_UP} --duration {WARM_UP_SECONDS} --topic {topic}")
        .split(' ')
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let run = contest
        .alone(&peer)
        .and_then(|()| Generator::start(&peer, &load, contest.cores, &contest.dir)?.finish());
    if let Err(error) = run {
        contest.fail("the peer cannot be warmed up", &error);
    }
}

const WARM_UP: &str = "--mode produce --create-topic --delete-topic-after --partitions 16 --warmup 0";
