//! T10: what the program is and needs before anybody uses it.

use std::fs;
use std::path::Path;

use chronik_sol::monotonic_seconds;
use rustix::process::Signal;

use super::both::{self, Single};
use super::row::{self, classes_text, strongest_class};
use crate::BenchError;
use crate::compare::args::CompareArgs;
use crate::compare::client::{create, produce_one, until};
use crate::compare::contest::Contest;
use crate::compare::figures::Better;
use crate::compare::ours::{Ours, binary};
use crate::compare::process::{descriptors, resident_bytes, threads};
use crate::compare::restart::restart;
use crate::compare::side::Side;
use crate::compare::stats::median;
use crate::compare::table::Table;
use crate::control::Control;

const NAME: &str = "footprint";

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    vec![full_name(args)]
}

fn full_name(args: &CompareArgs) -> String {
    format!("{} {NAME}", classes_text(strongest_class(args), args))
}

/// Measures both sides.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T10",
        title: "footprint",
        columns: vec![
            "row",
            "program MB ours / peer",
            "RSS MiB started ours / peer",
            "RSS MiB after a record ours / peer",
            "start to first acknowledged record ms ours / peer",
            "open files ours / peer",
            "threads ours / peer",
            "",
        ],
        notes: vec![
            "Ours starts with an empty directory, as often as there are pairs (median); the peer in its own, once, and only \
             where --peer-restart is given; what it uses after other work is not shown."
                .to_owned(),
        ],
        ..Table::default()
    };
    let name = full_name(contest.args);
    if contest.args.wants(&name) {
        row::attempt(contest, table, &name, |contest, table| row(contest, table, &name));
    }
}

fn row(contest: &mut Contest<'_>, table: &mut Table, name: &str) -> Result<(), BenchError> {
    // One of an earlier table would be in the way.
    drop(contest.take_started());
    contest.nobody()?;
    let ours = of_ours(contest)?;
    let (peer, remark) = match contest.peer() {
        None => (Vec::new(), String::new()),
        Some(peer) => both::attempt(contest, &peer, |contest, found| of_peer(contest, &peer, found)),
    };
    table.rows.push(both::cells(name, &ours, &peer, remark));
    table.data.push(both::data(name, &ours, &peer));
    Ok(())
}

fn of_ours(contest: &mut Contest<'_>) -> Result<Vec<Single>, BenchError> {
    let size = program_bytes(&binary(contest.args)?)?;
    if contest.is_given() {
        let class = contest.args.durability;
        let side = contest.ours(class, &[])?;
        contest.alone(&side)?;
        return figures(Some(size), None, None, &side);
    }
    let class = strongest_class(contest.args);
    let mut times = Vec::new();
    let mut last = Vec::new();
    for turn in 0..contest.args.pairs {
        contest.say(&format!("T10: start {} of {}", turn + 1, contest.args.pairs));
        let topic = contest.topic();
        let start = monotonic_seconds();
        let ours = Ours::start(contest.args, &contest.dir, class, &[])?;
        let side = ours.side();
        let started = side.pid.map(resident_bytes).transpose()?;
        first_record(&side.address, &topic)?;
        times.push((monotonic_seconds() - start) * 1e3);
        last = figures(Some(size), started, median(&times), &side)?;
        drop(ours);
    }
    Ok(last)
}

fn of_peer(contest: &mut Contest<'_>, peer: &Side, found: &mut Vec<Single>) -> Result<(), BenchError> {
    let programs = &contest.args.peer_program;
    let sizes: Result<Vec<u64>, BenchError> = programs.iter().map(|path| program_bytes(path)).collect();
    let size = Some(sizes?.into_iter().sum()).filter(|bytes| *bytes > 0);
    found.push(program(size));
    let topic = contest.topic();
    contest.say("T10: start of the peer");
    let ready = |address: &str| until(120.0, || first_record(address, &topic));
    if let Some((peer, seconds)) = restart(contest, peer, Signal::TERM, &[], &ready)? {
        *found = figures(size, None, Some(seconds * 1e3), &peer)?;
    }
    Ok(())
}

fn first_record(address: &str, topic: &str) -> Result<(), BenchError> {
    let mut control = Control::open(address)?;
    match create(&mut control, topic, 1) {
        Err(BenchError::Refused { code: ALREADY_EXISTS, .. }) | Ok(()) => {}
        Err(error) => return Err(error),
    }
    // A new topic may not have its leader at once.
    until(30.0, || produce_one(&mut control, topic))
}

/// The figures of a side that has acknowledged a record, and what it used when it had started.
#[expect(clippy::cast_precision_loss, reason = "bytes and counts")]
fn figures(
    size: Option<u64>,
    started: Option<u64>,
    start_ms: Option<f64>,
    side: &Side,
) -> Result<Vec<Single>, BenchError> {
    let of = |look: fn(u32) -> Result<u64, BenchError>| side.pid.map(look).transpose();
    let mib = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
    Ok(vec![
        program(size),
        lower("rss_started_mib", mib(started)),
        lower("rss_mib", mib(of(resident_bytes)?)),
        lower("first_record_ms", start_ms),
        lower("open_files", of(descriptors)?.map(|count| count as f64)),
        lower("threads", of(threads)?.map(|count| count as f64)),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a program")]
fn program(size: Option<u64>) -> Single {
    lower("program_mb", size.map(|bytes| bytes as f64 / 1e6))
}

fn lower(name: &'static str, value: Option<f64>) -> Single {
    Single { name, value, better: Better::Lower }
}

/// A file, or all files of a directory.
fn program_bytes(path: &Path) -> Result<u64, BenchError> {
    let looking = || BenchError::system(format!("cannot look at {}", path.display()));
    let found = fs::metadata(path).map_err(looking())?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    let entries = fs::read_dir(path).map_err(looking())?;
    entries.map(|entry| program_bytes(&entry.map_err(looking())?.path())).sum()
}

const ALREADY_EXISTS: i16 = 36;
