//! A run from its arguments to its report.

use crate::args::{BenchArgs, Mode};
use crate::cluster;
use crate::control::Control;
use crate::cpu;
use crate::error::{BenchError, name_of};
use crate::meter::{Measured, Meter};
use crate::modes::{consume, produce};
use crate::report::{Report, SCHEMA_VERSION, Verified};
use crate::watch::Watchers;

/// Measures what the arguments ask for.
///
/// # Errors
/// [`BenchError`] when the run could not be started or carried on.
pub fn run(args: &BenchArgs) -> Result<Report, BenchError> {
    if let Some(pid) = args.server_pid {
        cpu::check_server(pid)?;
    }
    let mut control = Control::open(&args.bootstrap)?;
    let leaders = cluster::prepare(&mut control, args)?;
    let mut meter = Meter::new(args, Watchers::default())?;
    let verified = match args.mode {
        Mode::Produce => {
            produce::run(args, &mut control, &leaders, &mut meter, None)?;
            None
        }
        Mode::Consume => {
            let bounds = cluster::bounds(&args.topic, &leaders)?;
            consume::run(args, &leaders, &bounds, &mut meter)?
        }
        Mode::RoundTrip | Mode::Metadata => None,
    };
    let measured = meter.finish()?;
    if args.delete_topic_after {
        cluster::delete(&mut control, &args.topic)?;
    }
    Ok(report(args, measured, verified))
}

fn report(args: &BenchArgs, measured: Measured, verified: Option<Verified>) -> Report {
    let Measured { seconds, counts, cpu, latency, errors } = measured;
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
        client_cpu_seconds: cpu.client,
        server_cpu_seconds: cpu.server,
        machine_busy_seconds: cpu.busy,
        machine_steal_seconds: cpu.steal,
        verified,
        durability: args.durability.clone().unwrap_or_else(|| "unknown".to_owned()),
    }
}
