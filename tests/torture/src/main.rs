//! `chronik-torture`: kills the gateway at random moments under real load and checks that nothing acknowledged is lost.
//!
//! Each cycle ends with SIGKILL or SIGTERM at a moment drawn from the seed. Meanwhile plain and idempotent producers
//! write to three topics while a reader checks what earlier cycles left (`producer`, `reader`, judged by `checker`); and
//! for an *era* of cycles at a time, transactions, groups, and consume-transform-produce run on topics of their own
//! (`workloads`, judged by `history` and `judges`). `plan` says what is done when.

mod checker;
mod client;
mod content;
mod cycle;
mod era;
mod history;
mod judges;
mod plan;
mod producer;
mod reader;
mod report;
mod server;
mod shared;
mod stage;
mod workloads;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chronik_harness::{GatewayOptions, free_ports};
use clap::Parser;

use crate::checker::Checker;
use crate::cycle::{CycleError, Run};
use crate::plan::KEYS;
use crate::producer::Producer;
use crate::report::Report;
use crate::server::ServerPlan;
use crate::workloads::Workload;

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
    /// What to torture it with; everything when absent.
    #[arg(long, value_enum)]
    workload: Vec<Workload>,
    /// Torture Apache Kafka instead, as `tests/lib/kafka-peer` starts it.
    #[arg(long)]
    kafka: bool,
    /// How many times longer a cycle lasts than planned; for servers that are slow to start.
    #[arg(long, default_value_t = 1)]
    stretch: u32,
    /// How many seconds clients go on after the last cycle of an era, while nothing is killed.
    #[arg(long, default_value_t = 0)]
    undisturbed: u64,
    /// Further settings of the gateway, as in `storage.wal.durability=os`.
    #[arg(long)]
    set: Vec<String>,
}

impl Arguments {
    fn workloads(&self) -> Vec<Workload> {
        if self.workload.is_empty() { Workload::ALL.to_vec() } else { self.workload.clone() }
    }
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
    let (records, others): (Vec<_>, Vec<_>) =
        arguments.workloads().into_iter().partition(|workload| *workload == Workload::Records);
    let producers = if records.is_empty() { Vec::new() } else { plan::producers() };
    let run = Run {
        seed: arguments.seed,
        server: server(arguments, &root)?,
        producers,
        stretch: arguments.stretch,
        undisturbed: Duration::from_secs(arguments.undisturbed),
    };
    let mut producers: Vec<Producer> =
        run.producers.iter().map(|plan| Producer::new(plan.clone(), arguments.seed)).collect();
    let mut report = Report::new(arguments.seed);
    if !records.is_empty() {
        run.create_topics()?;
    }
    let mut checker = Checker::new(KEYS);
    let mut number = 0;
    loop {
        let cycles = number..arguments.cycles.min(number + era::CYCLES);
        number = cycles.end;
        checker = era::run(&run, &others, cycles, &mut producers, checker, &mut report)?;
        if number >= arguments.cycles || !report.is_clean() {
            break;
        }
    }
    if !records.is_empty() {
        let last = run.final_reads(checker)?;
        report.end(last);
    }
    if !report.is_clean() {
        report.keep(scratch, &root);
    }
    Ok(report)
}

fn server(arguments: &Arguments, root: &Path) -> Result<ServerPlan, CycleError> {
    let [kafka_port, admin_port] = free_ports()?;
    if arguments.kafka {
        let program = PathBuf::from("tests/lib/kafka-peer");
        return Ok(ServerPlan::Kafka { program, port: kafka_port, directory: root.join("kafka") });
    }
    // Small segments, so that rolling, checkpoints and trimming happen all the time; and sessions of the consumer
    // protocol as short as those of classic groups, so that the place of a member that crashed is soon given away.
    // Those of classic groups in a storm are shorter still.
    let mut set: Vec<String> = [
        "storage.wal.segment_bytes=16MiB",
        "groups.initial_rebalance_delay=0s",
        "groups.min_session_timeout=1s",
        "groups.consumer_min_session_timeout=6s",
        "groups.consumer_session_timeout=6s",
        "groups.consumer_min_heartbeat_interval=1s",
        "groups.consumer_heartbeat_interval=1s",
    ]
    .map(str::to_owned)
    .to_vec();
    if !arguments.workloads().contains(&Workload::Records) {
        // The others write less.
        set.extend(["storage.wal.segment_bytes=1MiB", "topics.max_message_bytes=512KiB"].map(str::to_owned));
    }
    set.extend(arguments.set.iter().cloned());
    Ok(ServerPlan::Gateway(GatewayOptions {
        binary: arguments.binary.clone(),
        data: root.join("data"),
        log: root.join("gateway.log"),
        kafka_port,
        admin_port,
        set,
    }))
}
