//! A row of a table that is measured in pairs.

use serde_json::{Value, json};

use crate::BenchError;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::figures::Metric;
use crate::compare::pairs::Pairs;
use crate::compare::table::Table;

/// Both classes: `D1`, or `D1 vs D0` when they differ.
pub(crate) fn classes_text(ours: Class, args: &CompareArgs) -> String {
    match args.peer {
        Some(_) if args.peer_durability != ours => {
            format!("{} vs {}", ours.name(), args.peer_durability.name())
        }
        _ => ours.name().to_owned(),
    }
}

/// The class of ours for a table that has only one: that of the peer's, or the one that is run or wanted.
pub(crate) fn first_class(args: &CompareArgs) -> Class {
    args.classes().first().copied().unwrap_or(args.peer_durability)
}

/// The strongest class of ours that is wanted, for what is not about the class of the peer: starts, memory, partitions.
pub(crate) fn strongest_class(args: &CompareArgs) -> Class {
    args.classes().last().copied().unwrap_or(args.peer_durability)
}

/// Asks a run to read back what was acknowledged, unless nobody wants that.
pub(crate) fn validate(args: &CompareArgs) -> Option<String> {
    (!args.unverified).then(|| "--validate".to_owned())
}

/// The arguments of the load generator that each run has.
pub(crate) fn timing(contest: &Contest<'_>) -> Vec<String> {
    let args = contest.args;
    words(&format!("--duration {} --warmup {}", args.seconds, args.warmup))
}

/// Splits at spaces.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Measures a row into its table. What fails is told in its place, and the rows after it are measured.
pub(crate) fn attempt(
    contest: &mut Contest<'_>,
    table: &mut Table,
    name: &str,
    measure: impl FnOnce(&mut Contest<'_>, &mut Table) -> Result<(), BenchError>,
) {
    if let Err(error) = measure(contest, table) {
        let failure = contest.fail(&format!("{} {name}", table.id), &error);
        table.add_failed(name, failure);
    }
}

/// Does what all rows of a table need. What fails is told under the rows that there are.
pub(crate) fn attempt_all(
    contest: &mut Contest<'_>,
    table: &mut Table,
    measure: impl FnOnce(&mut Contest<'_>, &mut Table) -> Result<(), BenchError>,
) {
    if let Err(error) = measure(contest, table) {
        let failure = contest.fail(table.id, &error);
        table.failure = Some(match table.failure.take() {
            Some(earlier) => format!("{earlier}; {failure}"),
            None => failure,
        });
    }
}

/// All figures of a row, with the runs that they come from.
pub(crate) fn data(name: &str, found: &Pairs, metrics: &[Metric], share_of: Metric) -> Value {
    let counted = found.counted();
    let figures: serde_json::Map<String, Value> =
        metrics.iter().map(|metric| (metric.name.to_owned(), json!(metric.over(&counted)))).collect();
    json!({
        "name": name,
        "figures": figures,
        "percent_of_limit": share_of.share_of_limit(&counted),
        "validity": found.validity(),
        "failure": found.failure,
        "pairs": found.pairs,
    })
}
