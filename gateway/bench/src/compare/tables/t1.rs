//! T1: produce throughput and what it costs.

use super::produce::{Produce, USUAL};
use super::row;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::figures::{
    MEGABYTES, Metric, NONE, P99, RECORDS, REQUESTS, SERVER_CPU, SYSTEM_CPU, number,
};
use crate::compare::pairs::Pairs;
use crate::compare::table::Table;

/// Record sizes and partition counts, then the shapes that stress requests and connections.
const ROWS: [Produce; 9] = [
    USUAL,
    Produce { partitions: 1, ..USUAL },
    Produce { partitions: 1000, ..USUAL },
    Produce { record_bytes: 100, partitions: 16, ..USUAL },
    Produce { record_bytes: 100, partitions: 1, ..USUAL },
    Produce { record_bytes: 100, partitions: 1000, ..USUAL },
    Produce { records_per_batch: Some(1), connections: 64, ..USUAL },
    Produce { connections: 16, ..USUAL },
    Produce { connections: 64, ..USUAL },
];

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    rows(args).map(|(class, row)| row.name(class, args)).collect()
}

fn rows(args: &CompareArgs) -> impl Iterator<Item = (Class, Produce)> {
    args.classes().into_iter().flat_map(|class| ROWS.map(|row| (class, row)))
}

/// Measures the rows that are wanted.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T1",
        title: "produce",
        columns: vec![
            "row",
            "MB/s ours / peer",
            "ratio [95 %]",
            "records/s ours / peer",
            "CPU-s/GiB process ours / peer",
            "ratio [95 %]",
            "CPU-s/GiB system ours / peer",
            "ratio [95 %]",
            "% of limit",
            "p99 ms ours / peer",
            "valid",
        ],
        notes: vec![
            "64 requests in flight over 4 connections and batches of 64 KiB unless the row says otherwise. Each partition has \
             a record before it is measured. Limit: the null broker for D0, the durable one for D1."
                .to_owned(),
        ],
        ..Table::default()
    };
    for (class, row) in rows(contest.args).collect::<Vec<_>>() {
        let name = row.name(class, contest.args);
        if !contest.args.wants(&name) {
            continue;
        }
        row::attempt(contest, table, &name, |contest, table| {
            let found = row.measure(contest, class)?;
            table.rows.push(cells(&name, &row, class, &found));
            let metrics = [MEGABYTES, RECORDS, REQUESTS, SERVER_CPU, SYSTEM_CPU, P99];
            table.data.push(row::data(&name, &found, &metrics, share_of(&row, class)));
            Ok(())
        });
    }
}

/// The unit in which the row's limit is.
fn share_of(row: &Produce, class: Class) -> Metric {
    if class == Class::D0 && row.records_per_batch == Some(1) { REQUESTS } else { MEGABYTES }
}

fn cells(name: &str, row: &Produce, class: Class, found: &Pairs) -> Vec<String> {
    let counted = found.counted();
    let [bytes, records, process, system, p99] =
        [MEGABYTES, RECORDS, SERVER_CPU, SYSTEM_CPU, P99].map(|metric| metric.over(&counted));
    let share = share_of(row, class).share_of_limit(&counted);
    vec![
        name.to_owned(),
        bytes.both(),
        bytes.ratio_text(),
        records.both(),
        process.both(),
        process.ratio_text(),
        system.both(),
        system.ratio_text(),
        share.map_or_else(|| NONE.to_owned(), number),
        p99.both(),
        found.remark(),
    ]
}
