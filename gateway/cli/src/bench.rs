//! `chronik bench`: forwards to the load generator.

use chronik_bench::BenchArgs;

use crate::complain;
use crate::exit::Exit;

/// Runs the load and prints what was measured.
pub(crate) fn run(args: &BenchArgs) -> Exit {
    match chronik_bench::run(args) {
        Ok(report) => {
            println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            if report.is_clean() { Exit::Ok } else { Exit::Failure }
        }
        Err(error) => {
            complain(&error);
            Exit::Failure
        }
    }
}
