//! T2: reading what was written before, and what that does to producers.

use super::fill::{fill, read_back};
use super::row::{self, classes_text, first_class, timing, validate, words};
use crate::BenchError;
use crate::cluster;
use crate::compare::args::CompareArgs;
use crate::compare::contest::Contest;
use crate::compare::figures::{
    Figure, MEGABYTES, NONE, P50, P99, RECORDS, SERVER_CPU, SYSTEM_CPU, number, text,
};
use crate::compare::generator::Generator;
use crate::compare::pairs::{Limit, Pairs, measure as measure_pairs};
use crate::compare::side::Side;
use crate::compare::table::Table;
use crate::control::Control;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    /// 64 MiB, written last.
    Tail,
    /// More than ours keeps in memory, read round and round; the page cache may hold it.
    Old,
    /// The same, read once at most in each run, which starts with an empty page cache.
    Cold,
}

/// A row of consumers.
struct Reading {
    name: &'static str,
    data: Data,
    consumers: u32,
    /// Whether the kernel throws away what a client would copy.
    discards: bool,
}

impl Reading {
    const fn new(name: &'static str, data: Data, consumers: u32) -> Self {
        Self { name, data, consumers, discards: false }
    }
}

const READINGS: [Reading; 7] = [
    Reading::new("tail 1 consumer", Data::Tail, 1),
    Reading::new("tail 4 consumers", Data::Tail, 4),
    Reading { discards: true, ..Reading::new("tail 1 consumer, discarded", Data::Tail, 1) },
    Reading::new("old 1 consumer", Data::Old, 1),
    Reading::new("old 4 consumers", Data::Old, 4),
    Reading::new("cold 1 consumer", Data::Cold, 1),
    Reading::new("cold 4 consumers", Data::Cold, 4),
];
const ALONE: &str = "producer alone";
const BESIDE: &str = "producer beside a cold consumer";

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    READINGS
        .iter()
        .map(|reading| reading.name)
        .chain([ALONE, BESIDE])
        .map(|name| full_name(name, args))
        .collect()
}

/// The name of a row with the classes, such as `D0 tail 1 consumer`.
fn full_name(name: &str, args: &CompareArgs) -> String {
    format!("{} {name}", classes_text(first_class(args), args))
}

/// Writes the data, then measures the rows that are wanted.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T2",
        title: "catch-up reads",
        columns: vec![
            "row",
            "MB/s ours / peer",
            "ratio [95 %]",
            "CPU-s/GiB process ours / peer",
            "ratio [95 %]",
            "CPU-s/GiB system ours / peer",
            "% of limit",
            "p50 ms ours / peer",
            "p99 ms ours / peer",
            "valid",
        ],
        notes: vec![format!(
            "16 partitions. tail: 64 MiB, just written; old: {} GiB, read round and round; cold: each byte of them once, {}. \
             Consumers read disjoint partitions, copy what arrives and look at the headers of batches; discarded: the kernel \
             throws the records away instead. What both sides hold is verified {}. Limit: the null broker that sends. \
             Producers send 10,000 records of 1 KiB a second; the consumer beside them throws away what it reads, so that it \
             takes little of their core, and is interrupted there by them (SCHED_IDLE). p50 and p99 of reads are those of fetches.",
            contest.args.old_gib,
            if can_drop_caches() {
                "from an empty page cache"
            } else {
                "but the page cache cannot be emptied"
            },
            if contest.args.unverified { "by nobody" } else { "before the rows, record by record" },
        )],
        ..Table::default()
    };
    let args = contest.args;
    if names(args).iter().any(|name| args.wants(name)) {
        row::attempt_all(contest, table, write_and_read);
    }
}

fn write_and_read(contest: &mut Contest<'_>, table: &mut Table) -> Result<(), BenchError> {
    let args = contest.args;
    let ours = contest.ours(first_class(args), &[])?;
    let sides: Vec<Side> = std::iter::once(ours.clone()).chain(contest.peer()).collect();
    let topics = [contest.topic(), contest.topic()];
    for side in &sides {
        write(contest, side, &topics)?;
    }
    measure_rows(contest, table, &ours, &topics);
    clean_up(contest, &sides, &topics)
}

fn measure_rows(contest: &mut Contest<'_>, table: &mut Table, ours: &Side, topics: &[String; 2]) {
    let args = contest.args;
    for reading in READINGS {
        let name = full_name(reading.name, args);
        if args.wants(&name) {
            let topic = if reading.data == Data::Tail { &topics[1] } else { &topics[0] };
            row::attempt(contest, table, &name, |contest, table| {
                let found = read(contest, ours, &name, &reading, topic)?;
                add(table, &name, &found, true);
                Ok(())
            });
        }
    }
    let mut p99 = Vec::new();
    for (name, cold) in [(ALONE, None), (BESIDE, Some(topics[0].as_str()))] {
        let name = full_name(name, args);
        if args.wants(&name) {
            row::attempt(contest, table, &name, |contest, table| {
                let (found, note) = produce(contest, ours, &name, cold)?;
                p99.push(P99.over(&found.counted()));
                add(table, &name, &found, false);
                table.notes.extend(note);
                Ok(())
            });
        }
    }
    if let [alone, beside] = p99.as_slice() {
        table.notes.push(rises(alone, beside));
    }
}

/// Writes what is read: the old data, and the tail.
fn write(contest: &mut Contest<'_>, side: &Side, topics: &[String; 2]) -> Result<(), BenchError> {
    contest.alone(side)?;
    contest.say(&format!("T2: writing {} GiB to {}", contest.args.old_gib, side.name));
    let records = [contest.args.old_gib << 20, TAIL_RECORDS];
    for (topic, records) in topics.iter().zip(records) {
        fill(contest, side, topic, records)?;
    }
    if !contest.args.unverified {
        for (topic, records) in topics.iter().zip(records) {
            read_back(contest, side, topic, records)?;
        }
    }
    Ok(())
}

fn read(
    contest: &mut Contest<'_>,
    ours: &Side,
    name: &str,
    reading: &Reading,
    topic: &str,
) -> Result<Pairs, BenchError> {
    let Reading { data, consumers, discards, .. } = *reading;
    let mut load = words(&format!("--mode consume --connections {consumers}"));
    load.extend(words(&format!("--concurrency {consumers} --topic {topic}")));
    load.extend(discards.then(|| "--discard".to_owned()));
    if data == Data::Cold {
        // Whatever is read a second time, be it after a warm-up, is not cold any more: a run ends with the data.
        load.extend(words(&format!("--duration {} --warmup 0", contest.args.seconds)));
    } else {
        load.push("--repeat".to_owned());
        load.extend(timing(contest));
    }
    measure_pairs(contest, name, ours, Limit::Send, &mut |contest, side| {
        if data == Data::Cold {
            drop_caches();
        }
        Generator::start(side, &load, contest.cores, &contest.dir)?.finish()
    })
}

/// Latency of a steady producer; with `cold`, while a consumer reads that topic once from its start. Notes where that ended
/// too early.
fn produce(
    contest: &mut Contest<'_>,
    ours: &Side,
    name: &str,
    cold: Option<&str>,
) -> Result<(Pairs, Option<String>), BenchError> {
    let mut load =
        words("--mode produce --create-topic --delete-topic-after --partitions 16 --record-size 1024");
    load.extend(words("--rate-limit 10000 --connections 1"));
    load.extend(validate(contest.args));
    load.extend(timing(contest));
    let seconds = contest.args.seconds + contest.args.warmup + 1.0;
    let mut shortest = seconds;
    let found = measure_pairs(contest, name, ours, Limit::Ping, &mut |contest, side| {
        let consumer = match cold {
            None => None,
            Some(topic) => {
                drop_caches();
                let mut read = words("--mode consume --discard --connections 1 --concurrency 1 --warmup 0");
                read.extend(words(&format!("--duration {seconds} --topic {topic}")));
                Some(Generator::start_behind(side, &read, contest.cores, &contest.dir)?)
            }
        };
        let mut load = load.clone();
        load.extend(["--topic".to_owned(), contest.topic()]);
        let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
        let companion = consumer.map(Generator::finish).transpose()?;
        if let Some(companion) = &companion {
            shortest = shortest.min(companion.seconds);
        }
        Ok(report)
    })?;
    // The producer's window begins and ends within the consumer's, by about half a second.
    let note = (shortest < seconds - 0.5).then(|| {
        format!("{name}: the consumer had read all after {shortest:.1} s of {seconds:.1}; more data (--old-gib) is needed.")
    });
    Ok((found, note))
}

fn add(table: &mut Table, name: &str, found: &Pairs, reads: bool) {
    let counted = found.counted();
    let [bytes, process, system, p50, p99] =
        [MEGABYTES, SERVER_CPU, SYSTEM_CPU, P50, P99].map(|metric| metric.over(&counted));
    let share = reads.then(|| MEGABYTES.share_of_limit(&counted)).flatten();
    table.rows.push(vec![
        name.to_owned(),
        bytes.both(),
        if reads { bytes.ratio_text() } else { NONE.to_owned() },
        process.both(),
        process.ratio_text(),
        system.both(),
        text(share),
        p50.both(),
        p99.both(),
        found.remark(),
    ]);
    table.data.push(row::data(
        name,
        found,
        &[MEGABYTES, RECORDS, SERVER_CPU, SYSTEM_CPU, P50, P99],
        MEGABYTES,
    ));
}

fn rises(alone: &Figure, beside: &Figure) -> String {
    let rise = |alone: Option<f64>, beside: Option<f64>| match (alone, beside) {
        (Some(alone), Some(beside)) if alone > 0.0 => format!("{} times", number(beside / alone)),
        _ => NONE.to_owned(),
    };
    format!(
        "A cold consumer beside it makes a producer's p99 {} as long with ours, {} with the peer.",
        rise(alone.ours, beside.ours),
        rise(alone.peer, beside.peer)
    )
}

fn clean_up(contest: &Contest<'_>, sides: &[Side], topics: &[String]) -> Result<(), BenchError> {
    contest.everybody()?;
    for side in sides {
        let mut control = Control::open(&side.address)?;
        for topic in topics {
            cluster::delete(&mut control, topic)?;
        }
    }
    Ok(())
}

fn can_drop_caches() -> bool {
    std::fs::OpenOptions::new().write(true).open(DROP_CACHES).is_ok()
}

/// Empties the page cache of what is on disk already; without the right to do so nothing happens, and the note says so.
fn drop_caches() {
    rustix::fs::sync();
    let _refused = std::fs::write(DROP_CACHES, "1");
}

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";
const TAIL_RECORDS: u64 = 64 << 10;
