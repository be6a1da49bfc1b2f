//! T4: connections that do nothing, and one in a hundred that does.

use super::both::{self, Single};
use super::row::{self, classes_text, first_class, timing, validate, words};
use crate::BenchError;
use crate::compare::args::CompareArgs;
use crate::compare::contest::Contest;
use crate::compare::figures::Better;
use crate::compare::generator::Generator;
use crate::compare::idle::Idle;
use crate::compare::process::resident_bytes;
use crate::compare::side::Side;
use crate::compare::table::Table;

const COUNTS: [(usize, &str); 3] = [(1_000, "1k idle"), (10_000, "10k idle"), (50_000, "50k idle")];

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    rows(args).map(|(_, name)| name).collect()
}

fn rows(args: &CompareArgs) -> impl Iterator<Item = (usize, String)> {
    let classes = classes_text(first_class(args), args);
    COUNTS.into_iter().map(move |(count, name)| (count, format!("{classes} {name}")))
}

/// Measures the rows that are wanted; for each, ours is new and the peer is as it was.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T4",
        title: "connections",
        columns: vec![
            "row",
            "RSS MiB ours / peer",
            "KiB/connection ours / peer",
            "accepted/s ours / peer",
            "p99 ms of 1 % active ours / peer",
            "",
        ],
        notes: vec![
            "Once for each row. KiB/connection: what the connections add to the resident memory before them, which is that of \
             a new process for ours and of a used one for the peer: memory that a used heap has anyway does not show. \
             accepted/s: connected, and asked for the versions, 32 at a time. Active: 1,000 records of 1 KiB a second, over one connection for each \
             hundred idle ones."
                .to_owned(),
        ],
        ..Table::default()
    };
    let args = contest.args;
    for (count, name) in rows(args).filter(|(_, name)| args.wants(name)) {
        let name = name.as_str();
        if !Idle::is_possible(count) {
            let none = vec!["-".to_owned(); table.columns.len() - 2];
            let remark = format!("not measured: needs {count} open files, see ulimit -Hn");
            table.rows.push([vec![name.to_owned()], none, vec![remark]].concat());
            continue;
        }
        row::attempt(contest, table, name, |contest, table| {
            let ours = contest.ours(first_class(args), &["limits.max_connections=200000"])?;
            let (ours, mut remark) = attempt(contest, name, &ours, count);
            let peer = match contest.peer() {
                None => Vec::new(),
                Some(peer) => {
                    let (values, more) = attempt(contest, name, &peer, count);
                    remark.push_str(&more);
                    values
                }
            };
            table.rows.push(both::cells(name, &ours, &peer, remark));
            table.data.push(both::data(name, &ours, &peer));
            Ok(())
        });
    }
}

fn attempt(contest: &mut Contest<'_>, name: &str, side: &Side, count: usize) -> (Vec<Single>, String) {
    contest.say(&format!("T4 {name}: {}", side.name));
    let (found, remark) = both::attempt(contest, side, |contest, found: &mut Found| {
        contest.alone(side)?;
        idle(contest, side, count, found)
    });
    let lower = |name, value| Single { name, value, better: Better::Lower };
    let values = vec![
        lower("rss_mib", found.rss_mib),
        lower("kib_per_connection", found.kib_each),
        Single { name: "accepted_per_second", value: found.accepted, better: Better::Higher },
        lower("active_p99_ms", found.p99_ms),
    ];
    (values, remark)
}

#[derive(Debug, Default)]
struct Found {
    rss_mib: Option<f64>,
    kib_each: Option<f64>,
    accepted: Option<f64>,
    p99_ms: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory and counts")]
fn idle(contest: &mut Contest<'_>, side: &Side, count: usize, found: &mut Found) -> Result<(), BenchError> {
    let memory = || side.pid.map(resident_bytes).transpose();
    let before = memory()?;
    let idle = Idle::open(&side.address, count)?;
    let after = memory()?;
    let bytes_each = |(before, after): (u64, u64)| after.saturating_sub(before) as f64 / idle.count() as f64;
    found.rss_mib = after.map(|bytes| bytes as f64 / f64::from(1 << 20));
    found.kib_each = before.zip(after).map(|both| bytes_each(both) / 1024.0);
    found.accepted = Some(idle.count() as f64 / idle.seconds);
    found.p99_ms = Some(active(contest, side, count)?);
    Ok(())
}

/// p99 in milliseconds of a producer with one connection for each hundred.
fn active(contest: &mut Contest<'_>, side: &Side, count: usize) -> Result<f64, BenchError> {
    let connections = (count / 100).max(1);
    let mut load =
        words("--mode produce --create-topic --delete-topic-after --partitions 16 --record-size 1024");
    load.extend(words(&format!("--rate-limit 1000 --connections {connections} --concurrency {connections}")));
    load.extend(validate(contest.args));
    load.extend(timing(contest));
    load.extend(["--topic".to_owned(), contest.topic()]);
    let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
    if report.is_clean() {
        return Ok(report.latency_us.p99 / 1e3);
    }
    let lost = report.verified.unwrap_or_default();
    Err(BenchError::Unsupported(format!(
        "the active connections saw {} errors, {} records missing and {} corrupt",
        report.errors, lost.missing, lost.corrupt
    )))
}
