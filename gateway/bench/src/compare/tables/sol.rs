//! T0: what the machine allows. Measured once, with both servers paused.

use chronik_sol::render;
use serde_json::json;

use crate::BenchError;
use crate::compare::contest::Contest;
use crate::compare::table::Table;

/// Runs all programs for a second each.
pub(crate) fn measure(contest: &mut Contest<'_>) -> Result<Table, BenchError> {
    contest.nobody()?;
    contest.say("T0: what the machine allows");
    let found = contest.programs(PROGRAM_SECONDS)?.all().map_err(BenchError::program)?;
    contest.everybody()?;
    let rows = render(&found)
        .lines()
        .filter_map(|line| line.split_at_checked(chronik_sol::NAME_WIDTH))
        .map(|(name, figures)| vec![name.trim().to_owned(), figures.trim().to_owned()])
        .collect();
    Ok(Table {
        id: "T0",
        title: "what the machine allows",
        columns: vec!["program", "figures"],
        rows,
        data: vec![json!(found)],
        ..Table::default()
    })
}

const PROGRAM_SECONDS: f64 = 1.0;
