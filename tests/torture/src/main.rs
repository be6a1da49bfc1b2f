//! `chronik-torture`: kills the gateway at random moments under real load and checks that nothing acknowledged is lost.
//!
//! Plain and idempotent producers write to three topics while a reader checks what earlier cycles left; each cycle ends
//! with SIGKILL or SIGTERM at a moment drawn from the seed. `checker` says what counts as wrong, `plan` what is done.

mod checker;
mod content;
mod cycle;
mod history;
mod plan;
mod producer;
mod reader;
mod report;
mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use chronik_harness::{GatewayOptions, free_ports};
use clap::Parser;

use crate::checker::Checker;
use crate::cycle::{CycleError, Run};
use crate::plan::KEYS;
use crate::producer::Producer;
use crate::report::Report;

/// Kills the gateway at random moments under load and checks that nothing acknowledged is lost, duplicated or changed.
#[derive(Debug, Parser)]
#[command(name = "chronik-torture")]
struct Arguments {
    /// How often to start and end the gateway.
    #[arg(long, default_value_t = 20)]
    cycles: u64,
    /// Plan of the run; the same seed gives the same plan.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The gateway to run.
    #[arg(long, default_value = "target/release/chronik")]
    binary: PathBuf,
    /// Where to keep the data; a temporary directory when absent. Kept when something is wrong.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Further settings of the gateway, as in `storage.wal.durability=os`.
    #[arg(long)]
    set: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) => {
            report.print();
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            report::print_error(&arguments.binary, &error);
            ExitCode::from(2)
        }
    }
}

/// Runs all cycles, then reads everything once more.
fn run(arguments: &Arguments) -> Result<Report, CycleError> {
    let scratch = tempfile::tempdir()?;
    let root = arguments.data.clone().unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&root)?;
    let [kafka_port, admin_port] = free_ports()?;
    let gateway = GatewayOptions {
        binary: arguments.binary.clone(),
        data: root.join("data"),
        log: root.join("gateway.log"),
        kafka_port,
        admin_port,
        // Small segments, so that rolling, checkpoints and trimming happen all the time.
        set: [vec!["storage.wal.segment_bytes=16MiB".to_owned()], arguments.set.clone()].concat(),
    };
    let run = Run { seed: arguments.seed, gateway, producers: plan::producers() };
    let mut producers: Vec<Producer> =
        run.producers.iter().map(|plan| Producer::new(plan.clone(), arguments.seed)).collect();
    let mut report = Report::new(arguments.seed);
    run.create_topics()?;
    let mut checker = Checker::new(KEYS);
    for number in 0..arguments.cycles {
        let outcome = run.cycle(&plan::cycle(arguments.seed, number), &mut producers, checker)?;
        report.cycle(number, &outcome);
        checker = outcome.checker;
        if !report.is_clean() {
            break;
        }
    }
    let last = run.final_reads(checker)?;
    report.end(last);
    if !report.is_clean() {
        report.keep(scratch, &root);
    }
    Ok(report)
}
