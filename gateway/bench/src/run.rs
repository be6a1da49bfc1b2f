//! A run from its arguments to its report.

use std::path::Path;
use std::{fs, io};

use crate::args::{BenchArgs, Mode};
use crate::check::check;
use crate::cluster;
use crate::control::Control;
use crate::cpu;
use crate::durability::durability;
use crate::error::{BenchError, name_of};
use crate::ledger::Ledger;
use crate::meter::{Measured, Meter};
use crate::modes::{consume, groups, metadata, produce, round_trip};
use crate::render::render;
use crate::report::{Report, SCHEMA_VERSION, Verified};
use crate::stop::Stop;
use crate::verify::verify;

/// Measures what the arguments ask for, until `stop` asks for its end.
///
/// # Errors
/// [`BenchError`] when the run could not be started or carried on.
pub fn run(args: &BenchArgs, stop: &Stop) -> Result<Report, BenchError> {
    let mut args = args.clone();
    args.warmup = Some(args.warmup());
    if args.mode == Mode::RoundTrip {
        args.rate_limit.get_or_insert(round_trip::DEFAULT_RATE);
    }
    check(&args)?;
    if let Some(pid) = args.server_pid {
        cpu::check_server(pid)?;
    }
    let mut control = Control::open(&args.bootstrap)?;
    let outcome = measure(&args, &mut control, stop).and_then(|report| written(&args, report));
    if args.delete_topic_after {
        let deleted = cluster::delete(&mut control, &args.topic);
        // The first error is the one to tell.
        return outcome.and_then(|report| deleted.map(|()| report));
    }
    outcome
}

fn measure(args: &BenchArgs, control: &mut Control, stop: &Stop) -> Result<Report, BenchError> {
    let leaders = cluster::prepare(control, args)?;
    let durability = args.durability.clone().unwrap_or_else(|| durability(control, &args.topic));
    let mut meter = Meter::new(args, stop)?;
    let mut ledger = (args.validate && args.mode == Mode::Produce).then(Ledger::default);
    let mut group_figures = None;
    let mut verified = match args.mode {
        Mode::Produce => {
            produce::run(args, control, &leaders, &mut meter, ledger.as_mut())?;
            None
        }
        Mode::Consume => {
            let bounds = cluster::bounds(&args.topic, &leaders)?;
            consume::run(args, control, &leaders, &bounds, &mut meter)?
        }
        Mode::RoundTrip => Some(round_trip::run(args, control, &leaders, &mut meter)?),
        Mode::Metadata => {
            metadata::run(args, control, &mut meter)?;
            None
        }
        Mode::Groups => {
            let topic_id = cluster::topic_id(control, &args.topic)?;
            let partitions = leaders.iter().map(|leader| leader.partitions.len()).sum::<usize>();
            let topic = (topic_id, i32::try_from(partitions).unwrap_or(i32::MAX));
            group_figures = Some(groups::run(args, control, topic, &mut meter)?);
            None
        }
    };
    let measured = meter.finish()?;
    if let Some(ledger) = &ledger {
        verified = Some(verify(&args.topic, &leaders, ledger)?);
    }
    Ok(Report { groups: group_figures, ..report(args, measured, verified, durability) })
}

/// Writes the JSON file, if one is asked for.
fn written(args: &BenchArgs, report: Report) -> Result<Report, BenchError> {
    if let Some(path) = args.json_output.as_deref().filter(|path| *path != Path::new(STDOUT)) {
        let json = serde_json::to_string_pretty(&report).map_err(io::Error::from);
        json.and_then(|json| fs::write(path, json + "\n"))
            .map_err(|source| BenchError::Output { path: path.to_owned(), source })?;
    }
    Ok(report)
}

/// The report as it goes to standard output: text, or JSON with `--json-output -`.
#[must_use]
pub fn printed(args: &BenchArgs, report: &Report) -> String {
    match args.json_output.as_deref() {
        Some(path) if path == Path::new(STDOUT) => {
            serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
        }
        _ => render(report),
    }
}

/// The name of standard output where a file is asked for.
const STDOUT: &str = "-";

fn report(args: &BenchArgs, measured: Measured, verified: Option<Verified>, durability: String) -> Report {
    let Measured { seconds, counts, cpu, latency, latency_buckets, errors, rate } = measured;
    let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    Report {
        schema_version: SCHEMA_VERSION,
        mode: serde_json::to_value(args.mode)
            .ok()
            .and_then(|mode| mode.as_str().map(str::to_owned))
            .unwrap_or_default(),
        bootstrap: args.bootstrap.clone(),
        topic: args.topic.clone(),
        settings: serde_json::to_value(args).unwrap_or_default(),
        seconds,
        records: counts.records,
        payload_bytes: counts.payload_bytes,
        wire_bytes: counts.wire_bytes,
        requests: counts.requests,
        errors: errors.values().sum(),
        error_counts: errors.iter().map(|(code, count)| (name_of(*code), *count)).collect(),
        records_per_second: per_second(counts.records),
        megabytes_per_second: per_second(counts.payload_bytes) / 1e6,
        requests_per_second: per_second(counts.requests),
        latency_us: latency,
        latency_buckets_ns: args.latency_buckets.then_some(latency_buckets),
        rate,
        client_cpu_seconds: cpu.client,
        server_cpu_seconds: cpu.server,
        kernel_cpu_seconds: cpu.kernel,
        foreign_cpu_seconds: cpu.foreign,
        machine_busy_seconds: cpu.busy,
        machine_steal_seconds: cpu.steal,
        verified,
        durability,
        groups: None,
    }
}
