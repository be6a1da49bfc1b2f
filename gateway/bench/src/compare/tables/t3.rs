//! T3: how long a record takes from the moment when it was due to the moment when a consumer has it.

use super::fill::fill;
use super::row::{self, classes_text, timing, words};
use crate::BenchError;
use crate::cluster;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::figures::{Figure, MAX, P50, P99, P99_9, RECORDS, SERVER_CPU, number, text};
use crate::compare::generator::Generator;
use crate::compare::pairs::{Limit, Pairs, measure as measure_pairs};
use crate::compare::side::Side;
use crate::compare::stats::median;
use crate::compare::table::Table;
use crate::control::Control;

/// Records in a second, partitions.
const LOADS: [(u32, u32); 6] =
    [(1_000, 1), (1_000, 16), (10_000, 1), (10_000, 16), (50_000, 1), (50_000, 16)];

/// 256 MiB: more than ours keeps in memory, as the note says.
const WARM_UP_RECORDS: u64 = 256 << 10;

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    rows(args).map(|(class, load)| name(class, load, args)).collect()
}

fn rows(args: &CompareArgs) -> impl Iterator<Item = (Class, (u32, u32))> {
    args.classes().into_iter().flat_map(|class| LOADS.map(|load| (class, load)))
}

fn name(class: Class, (rate, partitions): (u32, u32), args: &CompareArgs) -> String {
    format!("{} {}k/s {partitions}p", classes_text(class, args), rate / 1000)
}

/// Measures the rows that are wanted.
pub(crate) fn measure(contest: &mut Contest<'_>) -> Result<Table, BenchError> {
    let mut table = Table {
        id: "T3",
        title: "latency from produce to consume",
        columns: vec![
            "row",
            "p50 ms ours / peer",
            "ratio [95 %]",
            "p99 ms ours / peer",
            "ratio [95 %]",
            "p99.9 ms ours / peer",
            "ratio [95 %]",
            "max ms ours / peer",
            "limit p50 ms",
            "records ours",
            "valid",
        ],
        notes: vec![
            "Open loop, records of 1 KiB, from the moment when each was due; a figure is the median over the runs, max is \
             the greatest of all. Both have taken 256 MiB before, so that neither touches new memory. Limit: ping-pong for \
             D0, the durable broker's round trip for D1."
                .to_owned(),
        ],
        ..Table::default()
    };
    for (class, load) in rows(contest.args).collect::<Vec<_>>() {
        let name = name(class, load, contest.args);
        if contest.args.wants(&name) {
            let found = row(contest, class, &name, load)?;
            table.rows.push(cells(&name, &found));
            table.data.push(row::data(&name, &found, &[P50, P99, P99_9, MAX, RECORDS, SERVER_CPU], P50));
        }
    }
    Ok(table)
}

fn row(
    contest: &mut Contest<'_>,
    class: Class,
    name: &str,
    (rate, partitions): (u32, u32),
) -> Result<Pairs, BenchError> {
    let ours = contest.ours(class, &[])?;
    warm_up(contest, &ours)?;
    let mut load = words("--mode round-trip --create-topic --delete-topic-after --record-size 1024");
    load.extend(words(&format!("--rate-limit {rate} --partitions {partitions} --connections 1")));
    load.extend(timing(contest));
    let limit = if class == Class::D0 { Limit::Ping } else { Limit::DurableRoundTrip };
    measure_pairs(contest, name, &ours, limit, &mut |contest, side| {
        let mut load = load.clone();
        load.extend(["--topic".to_owned(), contest.topic()]);
        Generator::start(side, &load, contest.cores, &contest.dir)?.finish()
    })
}

/// Fills the memory that each side keeps records in: touching it for the first time takes the kernel milliseconds.
fn warm_up(contest: &mut Contest<'_>, ours: &Side) -> Result<(), BenchError> {
    for side in std::iter::once(ours.clone()).chain(contest.peer()) {
        contest.alone(&side)?;
        let topic = contest.topic();
        fill(contest, &side, &topic, WARM_UP_RECORDS)?;
        cluster::delete(&mut Control::open(&side.address)?, &topic)?;
    }
    Ok(())
}

fn cells(name: &str, found: &Pairs) -> Vec<String> {
    let counted = found.counted();
    let [p50, p99, p99_9] = [P50, P99, P99_9].map(|metric| metric.over(&counted));
    let worst = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    let max = Figure {
        ours: worst(counted.iter().map(|pair| pair.ours.latency_us.max / 1e3).collect()),
        peer: worst(
            counted.iter().filter_map(|pair| Some(pair.peer.as_ref()?.latency_us.max / 1e3)).collect(),
        ),
        ..Figure::default()
    };
    let limits: Vec<f64> = counted.iter().filter_map(|pair| Some(pair.limit? / 1e3)).collect();
    let records: u64 = counted.iter().map(|pair| pair.ours.latency_us.count).sum();
    vec![
        name.to_owned(),
        p50.both(),
        p50.ratio_text(),
        p99.both(),
        p99.ratio_text(),
        p99_9.both(),
        p99_9.ratio_text(),
        max.both(),
        text(median(&limits)),
        number_of(records),
        found.failure.clone().unwrap_or_else(|| found.validity()),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a count that is shown")]
fn number_of(count: u64) -> String {
    number(count as f64)
}
