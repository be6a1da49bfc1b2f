//! `chronik bench sol`: the speed-of-light programs by themselves.

use chronik_sol::{Cores, Programs, Settings, render};

use super::args::SolArgs;
use crate::BenchError;

/// Runs all programs; gives what to print.
///
/// # Errors
/// When the machine refuses what they need.
pub fn sol(args: &SolArgs) -> Result<String, BenchError> {
    let cores = if args.unpinned { Cores { server: None, client: None } } else { Cores::two() };
    let settings = Settings { seconds: args.seconds, dir: args.dir.clone(), cores };
    let found = Programs::open(settings).and_then(|programs| programs.all()).map_err(BenchError::program)?;
    if !args.json {
        return Ok(render(&found));
    }
    serde_json::to_string_pretty(&found)
        .map(|json| json + "\n")
        .map_err(|error| BenchError::Unsupported(format!("the figures cannot be written as JSON: {error}")))
}
