//! T3: how long a record takes from the moment when it was due to the moment when a consumer has it.

use serde_json::json;

use super::fill::fill;
use super::row::{self, classes_text, timing, words};
use crate::BenchError;
use crate::cluster;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::figures::{MAX, P50, P99, P99_9, RECORDS, SERVER_CPU, text};
use crate::compare::generator::Generator;
use crate::compare::merged::Merged;
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
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T3",
        title: "latency from produce to consume",
        columns: vec![
            "row",
            "merged p50 ms ours / peer",
            "ratio [95 %]",
            "merged p99 ms ours / peer",
            "ratio [95 %]",
            "merged p99.9 ms ours / peer",
            "ratio [95 %]",
            "merged max ms ours / peer",
            "merged records ours / peer",
            "limit p50 ms",
            "valid",
        ],
        notes: vec![
            "Open loop, records of 1 KiB, from the moment when each was due. Merged: of one histogram for each side, which has \
             the records of all runs that count. A ratio stands beside them, but is not of them: it is the median of what the \
             pairs' own quantiles give, a pair each. Both have taken 256 MiB before, so that neither touches new memory. Limit: ping-pong for \
             D0, the durable broker's round trip for D1."
                .to_owned(),
        ],
        ..Table::default()
    };
    for (class, load) in rows(contest.args).collect::<Vec<_>>() {
        let name = name(class, load, contest.args);
        if contest.args.wants(&name) {
            row::attempt(contest, table, &name, |contest, table| {
                let found = row(contest, class, &name, load)?;
                add(table, &name, &found)
            });
        }
    }
}

fn row(
    contest: &mut Contest<'_>,
    class: Class,
    name: &str,
    (rate, partitions): (u32, u32),
) -> Result<Pairs, BenchError> {
    let ours = contest.ours(class, &[])?;
    warm_up(contest, &ours)?;
    let mut load =
        words("--mode round-trip --create-topic --delete-topic-after --record-size 1024 --latency-buckets");
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

fn add(table: &mut Table, name: &str, found: &Pairs) -> Result<(), BenchError> {
    let counted = found.counted();
    let merged = Merged::of(&counted)?;
    let [p50, p99, p99_9] = [P50, P99, P99_9].map(|metric| metric.over(&counted).ratio_text());
    let limits: Vec<f64> = counted.iter().filter_map(|pair| Some(pair.limit? / 1e3)).collect();
    table.rows.push(vec![
        name.to_owned(),
        merged.ms(|us| us.p50),
        p50,
        merged.ms(|us| us.p99),
        p99,
        merged.ms(|us| us.p99_9),
        p99_9,
        merged.ms(|us| us.max),
        merged.counts(),
        text(median(&limits)),
        found.remark(),
    ]);
    let mut data = row::data(name, found, &[P50, P99, P99_9, MAX, RECORDS, SERVER_CPU], P50);
    if let Some(object) = data.as_object_mut() {
        object.insert("merged_latency_us".to_owned(), json!(merged));
    }
    table.data.push(data);
    Ok(())
}
