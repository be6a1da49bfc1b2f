//! T5: many partitions. What they cost to make, to keep, to describe, to write to, and to come back to.

use chronik_sol::monotonic_seconds;
use rustix::process::Signal;

use super::both::{self, Single};
use super::fill::{append_first, read_back};
use super::row::{self, classes_text, strongest_class, timing, validate, words};
use crate::BenchError;
use crate::cluster;
use crate::compare::args::CompareArgs;
use crate::compare::client::{create, partitions, until};
use crate::compare::contest::Contest;
use crate::compare::figures::Better;
use crate::compare::generator::Generator;
use crate::compare::process::resident_bytes;
use crate::compare::restart::restart;
use crate::compare::side::Side;
use crate::compare::stats::median;
use crate::compare::table::Table;
use crate::control::Control;

const COUNTS: [(usize, &str); 3] =
    [(1_000, "1k partitions"), (10_000, "10k partitions"), (100_000, "100k partitions")];

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    rows(args).map(|(_, name)| name).collect()
}

fn rows(args: &CompareArgs) -> impl Iterator<Item = (usize, String)> {
    let classes = classes_text(strongest_class(args), args);
    COUNTS.into_iter().map(move |(count, name)| (count, format!("{classes} {name}")))
}

/// Measures the rows that are wanted. Ours is new for each; the peer joins as far as it carries so many.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T5",
        title: "partitions",
        columns: vec![
            "row",
            "created/s ours / peer",
            "RSS MiB ours / peer",
            "bytes/partition ours / peer",
            "metadata ms ours / peer",
            "produce MB/s ours / peer",
            "start after SIGTERM ms ours / peer",
            "start after SIGKILL and 1 GiB ms ours / peer",
            "",
        ],
        notes: vec![
            "Once for each row. Topics of 1,000 partitions, made one after the other. Metadata: of all topics, the median of \
             five. Produce: records of 1 KiB in batches of 64 KiB round-robin over one topic of 1,000, each of which has a \
             record. Start: until the metadata show all partitions again; after SIGKILL what was acknowledged is read back."
                .to_owned(),
        ],
        ..Table::default()
    };
    let args = contest.args;
    for (count, name) in rows(args).filter(|(_, name)| args.wants(name)) {
        let name = name.as_str();
        row::attempt(contest, table, name, |contest, table| {
            let ours = contest.ours(strongest_class(args), &SETTINGS)?;
            let (ours, mut remark) = attempt(contest, name, &ours, count);
            let peer = match contest.peer() {
                Some(peer) if count <= contest.args.peer_partitions => {
                    let (values, more) = attempt(contest, name, &peer, count);
                    remark.push_str(&more);
                    values
                }
                Some(_) => {
                    remark.push_str("peer: not asked for so many");
                    Vec::new()
                }
                None => Vec::new(),
            };
            table.rows.push(both::cells(name, &ours, &peer, remark));
            table.data.push(both::data(name, &ours, &peer));
            Ok(())
        });
    }
}

#[derive(Debug, Default)]
struct Found {
    created: Option<f64>,
    rss_mib: Option<f64>,
    bytes_each: Option<f64>,
    metadata_ms: Option<f64>,
    megabytes: Option<f64>,
    clean_ms: Option<f64>,
    killed_ms: Option<f64>,
}

fn attempt(contest: &mut Contest<'_>, name: &str, side: &Side, count: usize) -> (Vec<Single>, String) {
    let topics: Vec<String> = (0..count / EACH).map(|_| contest.topic()).collect();
    let (found, remark) = both::attempt(contest, side, |contest, found| {
        fill(contest, name, side, &topics, found)?;
        let is_peer = contest.peer().is_some_and(|peer| peer.address == side.address);
        if is_peer { delete(side, &topics) } else { Ok(()) }
    });
    let lower = |name, value| Single { name, value, better: Better::Lower };
    let higher = |name, value| Single { name, value, better: Better::Higher };
    let values = vec![
        higher("created_per_second", found.created),
        lower("rss_mib", found.rss_mib),
        lower("bytes_per_partition", found.bytes_each),
        lower("metadata_ms", found.metadata_ms),
        higher("megabytes_per_second", found.megabytes),
        lower("clean_start_ms", found.clean_ms),
        lower("killed_start_ms", found.killed_ms),
    ];
    (values, remark)
}

/// The peer goes on without them.
fn delete(side: &Side, topics: &[String]) -> Result<(), BenchError> {
    let mut control = Control::open(&side.address)?;
    topics.iter().try_for_each(|topic| cluster::delete(&mut control, topic))
}

fn fill(
    contest: &mut Contest<'_>,
    name: &str,
    side: &Side,
    topics: &[String],
    found: &mut Found,
) -> Result<(), BenchError> {
    contest.alone(side)?;
    let all = create_all(contest, name, side, topics, found)?;
    let Some(topic) = topics.first() else { return Ok(()) };
    say(contest, name, side, "producing");
    append_first(contest, side, topic, EACH)?;
    let mut load = timing(contest);
    load.extend(validate(contest.args));
    found.megabytes = Some(produce(contest, side, topic, load)?);
    say(contest, name, side, "starting again after SIGTERM");
    let ready = |address: &str| until(START_SECONDS, || expect(address, all));
    let Some((side, seconds)) = restart(contest, side, Signal::TERM, &SETTINGS, &ready)? else {
        return Ok(());
    };
    found.clean_ms = Some(seconds * 1e3);
    say(contest, name, &side, "starting again after SIGKILL");
    produce(contest, &side, topic, words(&format!("--records {GIB_RECORDS} --warmup 0 --duration 600")))?;
    let written = records(topic, &side)?;
    if let Some((side, seconds)) = restart(contest, &side, Signal::KILL, &SETTINGS, &ready)? {
        found.killed_ms = Some(seconds * 1e3);
        // The metadata may show leaders that do not lead yet.
        until(START_SECONDS, || records(topic, &side))?;
        read_back(contest, &side, topic, written)?;
    }
    Ok(())
}

/// Makes the topics; gives how many partitions there are then.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory and counts")]
fn create_all(
    contest: &mut Contest<'_>,
    name: &str,
    side: &Side,
    topics: &[String],
    found: &mut Found,
) -> Result<usize, BenchError> {
    let memory = |side: &Side| side.pid.map(resident_bytes).transpose();
    let mut control = Control::open(&side.address)?;
    let before = memory(side)?;
    let all = partitions(&mut control)? + topics.len() * EACH;
    let count = (topics.len() * EACH) as f64;
    say(contest, name, side, "creating");
    let start = monotonic_seconds();
    for topic in topics {
        create(&mut control, topic, i32::try_from(EACH).unwrap_or(i32::MAX))?;
    }
    until(START_SECONDS, || expect(&side.address, all))?;
    found.created = Some(count / (monotonic_seconds() - start));
    let after = memory(side)?;
    found.rss_mib = after.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let each = |(before, after): (u64, u64)| after.saturating_sub(before) as f64 / count;
    found.bytes_each = before.zip(after).map(each);
    say(contest, name, side, "describing");
    let mut asked = Vec::new();
    for _ in 0..5 {
        let start = monotonic_seconds();
        partitions(&mut control)?;
        asked.push((monotonic_seconds() - start) * 1e3);
    }
    found.metadata_ms = median(&asked);
    Ok(all)
}

/// Writes records of 1 KiB; gives MB/s.
fn produce(
    contest: &Contest<'_>,
    side: &Side,
    topic: &str,
    mut load: Vec<String>,
) -> Result<f64, BenchError> {
    // It is there already: with the first argument the load waits until all its partitions are served.
    load.extend(words(&format!("--create-topic --partitions {EACH} --record-size 1024 --topic {topic}")));
    let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
    if report.is_clean() {
        return Ok(report.megabytes_per_second);
    }
    let lost = report.verified.unwrap_or_default();
    Err(BenchError::Unsupported(format!(
        "{} errors while writing, {} records missing and {} corrupt",
        report.errors, lost.missing, lost.corrupt
    )))
}

/// Records that the log holds, by its offsets.
fn records(topic: &str, side: &Side) -> Result<u64, BenchError> {
    let leaders = cluster::leaders(&mut Control::open(&side.address)?, topic)?;
    let refused =
        |code| BenchError::Refused { what: format!("describe {topic}"), code, detail: String::new() };
    let leaders = leaders.map_err(refused)?;
    let bounds = cluster::bounds(topic, &leaders)?;
    Ok(bounds.values().map(|bounds| bounds.end.abs_diff(bounds.start)).sum())
}

fn say(contest: &mut Contest<'_>, name: &str, side: &Side, what: &str) {
    contest.say(&format!("T5 {name}: {}: {what}", side.name));
}

/// An error until the metadata show so many partitions.
fn expect(address: &str, count: usize) -> Result<(), BenchError> {
    let found = partitions(&mut Control::open(address)?)?;
    if found >= count {
        return Ok(());
    }
    Err(BenchError::Late(format!("{found} of {count} partitions have a leader")))
}

const SETTINGS: [&str; 3] =
    ["topics.max_topics=100000", "topics.max_partitions_per_topic=100000", "topics.max_partitions=1000000"];
const EACH: usize = 1_000;
/// A GiB in records of 1 KiB.
const GIB_RECORDS: u64 = 1 << 20;
const START_SECONDS: f64 = 300.0;
