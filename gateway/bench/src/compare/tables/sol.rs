//! T0: what the machine allows. Measured once, with both servers paused.

use chronik_sol::render;
use serde_json::json;

use super::row::attempt_all;
use crate::BenchError;
use crate::compare::contest::Contest;
use crate::compare::table::Table;

/// Runs all programs for a second each.
pub(crate) fn measure(contest: &mut Contest<'_>, table: &mut Table) {
    *table = Table {
        id: "T0",
        title: "what the machine allows",
        columns: vec!["program", "figures"],
        ..Table::default()
    };
    attempt_all(contest, table, run);
}

fn run(contest: &mut Contest<'_>, table: &mut Table) -> Result<(), BenchError> {
    contest.nobody()?;
    contest.say("T0: what the machine allows");
    let found = contest.programs(PROGRAM_SECONDS)?.all().map_err(BenchError::program)?;
    table.rows = render(&found)
        .lines()
        .filter_map(|line| line.split_at_checked(chronik_sol::NAME_WIDTH))
        .map(|(name, figures)| vec![name.trim().to_owned(), figures.trim().to_owned()])
        .collect();
    table.data.push(json!(found));
    Ok(())
}

const PROGRAM_SECONDS: f64 = 1.0;
