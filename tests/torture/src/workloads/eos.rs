//! Consume, transform, produce: a group of workers between an input and an output.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::board::Board;
use super::eos_worker::{EosWorker, Workplace};
use super::group_log::GroupLog;
use super::groups::{DRAIN_LIMIT, committed, merged, wait_drained};
use super::joined;
use super::last_reads::{last_poll, read_all, wait_stable};
use super::txn_readers::{plain, reader};
use crate::client::{Link, Read, Topic, create_topics, delete_topics};
use crate::history::{Op, judge};
use crate::judges::{Input, Output, conservation};
use crate::stage::{Over, Stage};

const INPUTS: i32 = 6;
const OUTPUTS: i32 = 4;
const SEATS: std::ops::Range<u64> = 600..603;
const GROUP: &str = "torture-eos";
/// Process of the reads at the end.
const LAST: u64 = 999_000_000;

/// Runs one era.
pub(crate) fn run_era(stage: &Stage, era: u64) -> Result<Vec<String>, Over> {
    let input = Topic::new(format!("torture-eos-in-{era}"), INPUTS);
    let output = Topic::new(format!("torture-eos-out-{era}"), OUTPUTS);
    let mut link = Link::new(stage, "eos".to_owned());
    create_topics(&mut link, &[&input, &output])?;
    let stop = AtomicBool::new(false);
    let board = Board::new(SEATS);
    let place =
        Workplace { stage, era, input: &input, output: &output, group: GROUP, board: &board, stop: &stop };
    let (Clients { mut ops, early, log }, mut findings) = run_clients(&mut link, place)?;
    findings.extend(wait_stable(&mut link, &output)?);
    let (inputs, differences) = read_all(&mut link, &input)?;
    findings.extend(differences);
    let (outputs, differences) = read_all(&mut link, &output)?;
    findings.extend(differences);
    findings.extend(conserved(stage, &inputs, &outputs));
    findings.extend(vanished(&early, &outputs));
    let committed = committed(&mut link, GROUP, &input)?;
    findings.extend(log.judge(GROUP, &inputs, &committed));
    ops.extend(log.ops);
    ops.push(last_poll(&link, LAST, &inputs));
    findings.extend(judge(&ops).iter().map(ToString::to_string));
    delete_topics(&mut link, &[&input, &output])?;
    Ok(findings)
}

/// What the clients of an era did.
struct Clients {
    /// The producer of the input.
    ops: Vec<Op>,
    /// The reader of the output.
    early: Vec<Op>,
    /// The workers.
    log: GroupLog,
}

fn run_clients(link: &mut Link<'_>, place: Workplace<'_>) -> Result<(Clients, Vec<String>), Over> {
    let Workplace { stage, era, input, output, group, board, stop } = place;
    std::thread::scope(|scope| {
        let producer = scope.spawn(move || plain(stage, era, input, 20, 20));
        let reader = scope.spawn(move || reader(stage, era, output, 20));
        let workers: Vec<_> =
            SEATS.map(|number| scope.spawn(move || EosWorker::new(place, number).run())).collect();
        let ops = joined(stage, producer)?;
        let early = joined(stage, reader)?.ops;
        let mut findings = wait_drained(link, group, input)?;
        findings.extend(board.wait_settled(stage, group, input, DRAIN_LIMIT)?);
        stop.store(true, Ordering::SeqCst);
        Ok((Clients { ops, early, log: merged(stage, workers)? }, findings))
    })
}

/// K6, when all inputs have been consumed.
fn conserved(stage: &Stage, inputs: &[Read], outputs: &[Read]) -> Vec<String> {
    let expected: BTreeSet<Input> = inputs.iter().map(|read| (read.key, read.offset)).collect();
    let mut made = Vec::with_capacity(outputs.len());
    for read in outputs {
        match read.item.source {
            Some(input) => made.push(Output { key: read.key, offset: read.offset, input }),
            None => stage.problem(format!("K6: {read:?} in the output is no output")),
        }
    }
    conservation(&expected, &made).iter().map(ToString::to_string).collect()
}

/// What a read_committed reader saw on the way must be there in the end.
fn vanished(early: &[Op], outputs: &[Read]) -> Vec<String> {
    let last: BTreeSet<_> = outputs.iter().map(|read| (read.key, read.offset, read.item.value)).collect();
    let seen = early.iter().flat_map(Op::reads).filter(|read| !last.contains(read));
    seen.map(|(key, offset, value)| {
        format!("G1a: output key {key} offset {offset}: {value} was read, and is gone")
    })
    .collect()
}
