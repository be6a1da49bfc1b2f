//! T7: compressed batches. A broker that looks inside pays for the codec, one that does not pays for the bytes.

use serde_json::json;

use super::produce::{Produce, USUAL};
use super::row;
use crate::Report;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::figures::{Better, MEGABYTES, Metric, SERVER_CPU, SYSTEM_CPU};
use crate::compare::pairs::Pairs;
use crate::compare::table::Table;

const CODECS: [&str; 4] = ["lz4", "zstd", "snappy", "gzip"];

/// 10^6 bytes of sockets in a second.
const WIRE: Metric = Metric { name: "wire_megabytes_per_second", of: wire_megabytes, better: Better::Higher };

/// Names of all rows.
pub(crate) fn names(args: &CompareArgs) -> Vec<String> {
    rows(args).map(|(class, row)| row.name(class, args)).collect()
}

fn rows(args: &CompareArgs) -> impl Iterator<Item = (Class, Produce)> {
    let row = |codec| Produce { codec, payload: "json", ..USUAL };
    args.classes().into_iter().flat_map(move |class| CODECS.map(|codec| (class, row(codec))))
}

/// Measures the rows that are wanted.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T7",
        title: "compressed batches: 1 KiB of JSON",
        columns: vec![
            "row",
            "wire MB/s ours / peer",
            "logical MB/s ours / peer",
            "ratio [95 %]",
            "CPU-s per logical GiB process ours / peer",
            "ratio [95 %]",
            "CPU-s per logical GiB system ours / peer",
            "ratio [95 %]",
            "valid",
        ],
        notes: vec!["Logical: before compression.".to_owned()],
        ..Table::default()
    };
    for (class, row) in rows(contest.args).collect::<Vec<_>>() {
        let name = row.name(class, contest.args);
        if !contest.args.wants(&name) {
            continue;
        }
        row::attempt(contest, table, &name, |contest, table| {
            let found = row.measure(contest, class)?;
            add(table, &name, row, &found);
            Ok(())
        });
    }
}

fn add(table: &mut Table, name: &str, row: Produce, found: &Pairs) {
    let counted = found.counted();
    let [wire, logical, process, system] =
        [WIRE, MEGABYTES, SERVER_CPU, SYSTEM_CPU].map(|metric| metric.over(&counted));
    table.rows.push(vec![
        name.to_owned(),
        wire.both(),
        logical.both(),
        logical.ratio_text(),
        process.both(),
        process.ratio_text(),
        system.both(),
        system.ratio_text(),
        found.remark(),
    ]);
    let mut data = row::data(name, found, &[WIRE, MEGABYTES, SERVER_CPU, SYSTEM_CPU], WIRE);
    if let Some(object) = data.as_object_mut() {
        object.insert("codec".to_owned(), json!(row.codec));
    }
    table.data.push(data);
}

#[expect(clippy::cast_precision_loss, reason = "bytes of some seconds")]
fn wire_megabytes(run: &Report) -> Option<f64> {
    (run.seconds > 0.0).then(|| run.wire_bytes as f64 / 1e6 / run.seconds)
}
