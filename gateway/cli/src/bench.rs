//! `chronik bench`: forwards to the load generator.

use chronik_bench::{BenchArgs, CompareArgs, SolArgs};

use crate::complain;
use crate::exit::Exit;
use crate::output::print;

/// Runs the load and prints what was measured.
pub(crate) fn run(args: &BenchArgs) -> Exit {
    match chronik_bench::run(args) {
        Ok(report) => {
            let printed = print(&chronik_bench::printed(args, &report));
            if report.is_clean() { printed } else { Exit::Failure }
        }
        Err(error) => {
            complain(&error);
            Exit::Failure
        }
    }
}

/// Compares with another broker and prints the tables; fails when a run failed or something was lost.
pub(crate) fn compare(args: &CompareArgs) -> Exit {
    let mut printed = Exit::Ok;
    let mut print_next = |text: &str| {
        if printed == Exit::Ok {
            printed = print(text);
        }
    };
    match chronik_bench::compare(args, &mut print_next, &mut std::io::stderr()) {
        Ok(clean) => {
            if clean {
                printed
            } else {
                Exit::Failure
            }
        }
        Err(error) => {
            complain(&error);
            Exit::Failure
        }
    }
}

/// Prints what the machine allows.
pub(crate) fn sol(args: &SolArgs) -> Exit {
    match chronik_bench::sol(args) {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&error);
            Exit::Failure
        }
    }
}
