//! `chronik bench`: forwards to the load generator.

use std::{io, process, thread};

use chronik_bench::{BenchArgs, CompareArgs, SolArgs, Stop};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::complain;
use crate::exit::Exit;
use crate::output::print;

/// Runs the load and prints what was measured.
pub(crate) fn run(args: &BenchArgs) -> Exit {
    let stop = Stop::default();
    if let Err(error) = heed_interrupts(stop.clone()) {
        complain(&error);
        return Exit::Failure;
    }
    match chronik_bench::run(args, &stop) {
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

/// Has SIGINT end the window. The second one ends the process, as the first one does by default.
fn heed_interrupts(stop: Stop) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut interrupts = {
        let _context = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let heed = async move {
        interrupts.recv().await;
        eprintln!("chronik: ending the run; once more ends it at once");
        stop.ask();
        interrupts.recv().await;
        process::exit(INTERRUPTED);
    };
    thread::Builder::new().name("interrupts".to_owned()).spawn(move || runtime.block_on(heed)).map(drop)
}

/// What shells show for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Compares with another broker and prints the tables; fails when a run failed or something was lost.
pub(crate) fn compare(args: &CompareArgs) -> Exit {
    let mut printed = Exit::Ok;
    let mut print_next = |text: &str| {
        if printed == Exit::Ok {
            printed = print(text);
        }
    };
    match chronik_bench::compare(args, &mut print_next, &mut io::stderr()) {
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
