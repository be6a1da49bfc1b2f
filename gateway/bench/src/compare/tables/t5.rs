//! T5: many partitions. What they cost to make, to keep, to describe, to write to, and to come back to.

use chronik_sol::monotonic_seconds;
use rustix::process::Signal;

use super::both::{self, Single};
use super::row::{timing, words};
use crate::BenchError;
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
pub(crate) fn names() -> Vec<String> {
    COUNTS.iter().map(|(_, name)| (*name).to_owned()).collect()
}

/// Measures the rows that are wanted. Ours is new for each; the peer keeps the topics of the rows before, and joins as far
/// as it carries them.
pub(crate) fn measure(contest: &mut Contest<'_>) -> Result<Table, BenchError> {
    let mut table = Table {
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
             five. Produce: records of 1 KiB in batches of 64 KiB round-robin over one topic of 1,000. Start: until the \
             metadata show all partitions again."
                .to_owned(),
        ],
        ..Table::default()
    };
    for (count, name) in COUNTS.into_iter().filter(|(_, name)| contest.args.wants(name)) {
        let class = contest.args.classes().first().copied().unwrap_or(contest.args.peer_durability);
        let ours = contest.ours(class, &SETTINGS)?;
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
    }
    contest.everybody()?;
    Ok(table)
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
    let mut found = Found::default();
    // What was found before something failed stays in the row.
    let remark = match fill(contest, name, side, count, &mut found) {
        Ok(()) => String::new(),
        Err(error) => {
            contest.failed = true;
            format!("{}: {error} ", side.name)
        }
    };
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

#[expect(clippy::cast_precision_loss, reason = "bytes of memory and counts")]
fn fill(
    contest: &mut Contest<'_>,
    name: &str,
    side: &Side,
    count: usize,
    found: &mut Found,
) -> Result<(), BenchError> {
    let say =
        |contest: &mut Contest<'_>, what: &str| contest.say(&format!("T5 {name}: {}: {what}", side.name));
    contest.alone(side)?;
    let memory = |side: &Side| side.pid.map(resident_bytes).transpose();
    let mut control = Control::open(&side.address)?;
    let before = memory(side)?;
    let earlier = partitions(&mut control)?;
    say(contest, "creating");
    let topics: Vec<String> = (0..count / EACH).map(|_| contest.topic()).collect();
    let start = monotonic_seconds();
    for topic in &topics {
        create(&mut control, topic, i32::try_from(EACH).unwrap_or(i32::MAX))?;
    }
    let all = earlier + count;
    until(START_SECONDS, || expect(&side.address, all))?;
    found.created = Some(count as f64 / (monotonic_seconds() - start));
    let after = memory(side)?;
    found.rss_mib = after.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let each = |(before, after): (u64, u64)| after.saturating_sub(before) as f64 / count as f64;
    found.bytes_each = before.zip(after).map(each);
    say(contest, "describing");
    let mut asked = Vec::new();
    for _ in 0..5 {
        let start = monotonic_seconds();
        partitions(&mut control)?;
        asked.push((monotonic_seconds() - start) * 1e3);
    }
    found.metadata_ms = median(&asked);
    say(contest, "producing");
    let Some(topic) = topics.first() else { return Ok(()) };
    // It is there already: with this argument the load waits until all its partitions are served.
    let there = format!("--create-topic --partitions {EACH}");
    let produce = words(&format!("--mode produce {there} --record-size 1024 --topic {topic}"));
    let mut load = produce.clone();
    load.extend(timing(contest));
    let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
    found.megabytes = report.is_clean().then_some(report.megabytes_per_second);
    say(contest, "starting again after SIGTERM");
    let ready = |address: &str| until(START_SECONDS, || expect(address, all));
    let Some((side, seconds)) = restart(contest, side, Signal::TERM, &SETTINGS, &ready)? else {
        return Ok(());
    };
    found.clean_ms = Some(seconds * 1e3);
    say_next(contest, name, &side, "starting again after SIGKILL");
    let mut load = produce;
    load.extend(words("--records 1048576 --warmup 0 --duration 600"));
    Generator::start(&side, &load, contest.cores, &contest.dir)?.finish()?;
    let killed = restart(contest, &side, Signal::KILL, &SETTINGS, &ready)?;
    found.killed_ms = killed.map(|(_, seconds)| seconds * 1e3);
    Ok(())
}

fn say_next(contest: &mut Contest<'_>, name: &str, side: &Side, what: &str) {
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
const START_SECONDS: f64 = 300.0;
