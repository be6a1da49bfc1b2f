//! `chronik bench compare`: this gateway and another broker side by side, as tables.
//!
//! [`args`] says what can be asked. [`contest`] holds the two sides, [`pairs`] runs them in turn, [`gate`] decides what
//! counts, [`figures`] and [`stats`] make medians and intervals of it, [`tables`] has one file for each table.
//! The load comes from `chronik bench` in a process of its own ([`generator`]).

mod args;
mod client;
mod contest;
mod figures;
mod gate;
mod generator;
mod guard;
mod idle;
mod machine;
mod ours;
mod pairs;
mod process;
mod report;
mod restart;
mod side;
mod sol;
mod stats;
mod table;
mod tables;
#[cfg(test)]
mod tests;

use std::io::Write;

pub use args::{Class, CompareArgs, SolArgs, TableName};
pub use sol::sol;

use crate::BenchError;
use contest::Contest;
use machine::Machine;

/// What a comparison gave.
#[derive(Debug)]
pub struct Comparison {
    /// The tables, for the standard output; empty when they went to files only.
    pub text: String,
    /// Every row was measured, and nothing acknowledged was lost.
    pub clean: bool,
}

/// Measures and prints; progress goes to `progress`, a line at a time.
///
/// # Errors
/// When a server cannot be started, reached, paused or pinned, or an output cannot be written. Runs that fail are told in
/// the tables instead, and by [`Comparison::clean`].
pub fn compare(args: &CompareArgs, progress: &mut dyn Write) -> Result<Comparison, BenchError> {
    if args.list {
        return Ok(Comparison { text: tables::names(args), clean: true });
    }
    if args.touch_memory {
        machine::touch_memory();
    }
    let machine = Machine::look(args);
    let mut contest = Contest::open(args, progress)?;
    let mut found = Vec::new();
    let mut wanted = args.table.clone();
    wanted.sort_unstable();
    wanted.dedup();
    for table in wanted {
        found.push(tables::measure(table, &mut contest)?);
    }
    let clean = !contest.failed;
    contest.end()?;
    Ok(Comparison { text: report::publish(args, &machine, &found)?, clean })
}
