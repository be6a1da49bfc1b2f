//! What arguments have to satisfy together, before anything is connected.

use crate::args::{Acks, BenchArgs, KeyPattern, Mode};
use crate::error::BenchError;
use crate::modes::round_trip;
use crate::payload::KEY_BYTES;

/// Refuses what cannot be run, saying which value and what to do.
pub(crate) fn check(args: &BenchArgs) -> Result<(), BenchError> {
    let positive: [(&str, u64); 9] = [
        ("--concurrency", args.concurrency as u64),
        ("--connections", args.connections as u64),
        ("--record-size", args.record_size as u64),
        ("--batch-size", args.batch_size as u64),
        ("--records-per-batch", args.records_per_batch.map_or(1, |records| records as u64)),
        ("--partitions-per-request", args.partitions_per_request as u64),
        ("--records", args.records.unwrap_or(1)),
        ("--groups", args.groups as u64),
        ("--partitions", u64::try_from(args.partitions).unwrap_or_default()),
    ];
    if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
        return usage(format!("{name} has to be 1 or more"));
    }
    if args.duration.is_zero() {
        return usage("--duration 0 measures nothing: give a time, as in 10s".to_owned());
    }
    check_sizes(args)?;
    check_combinations(args)
}

fn check_sizes(args: &BenchArgs) -> Result<(), BenchError> {
    let size = args.record_size;
    if args.key_pattern != KeyPattern::None && size < KEY_BYTES {
        return usage(format!("--record-size {size} has no room for a key of {KEY_BYTES} bytes"));
    }
    if args.mode == Mode::RoundTrip && size < round_trip::LEAST_RECORD {
        let least = round_trip::LEAST_RECORD;
        return usage(format!(
            "--record-size {size} is too small for a round trip: it takes {least} bytes or more"
        ));
    }
    let batch = args.records_per_batch.unwrap_or(1).saturating_mul(size);
    if batch > GREATEST_BATCH {
        return usage(format!(
            "a batch of {batch} bytes is above {GREATEST_BATCH}: lower --records-per-batch or -s"
        ));
    }
    if args.concurrency > GREATEST_COUNT || args.connections > GREATEST_COUNT {
        return usage(format!("--concurrency and --connections have to be {GREATEST_COUNT} or less"));
    }
    let fetch = [
        ("--max-bytes", args.max_bytes, 1),
        ("--max-partition-bytes", args.max_partition_bytes, 1),
        ("--max-wait-ms", args.max_wait_ms, 0),
        ("--min-bytes", args.min_bytes, 0),
    ];
    match fetch.iter().find(|(_, value, least)| value < least) {
        Some((name, value, least)) => usage(format!("{name} {value} has to be {least} or more")),
        None => Ok(()),
    }
}

fn check_combinations(args: &BenchArgs) -> Result<(), BenchError> {
    let acks = args.acks;
    check_modes(args)?;
    if args.idempotent && acks != Acks::All {
        return usage("--idempotent needs --acks all".to_owned());
    }
    if acks == Acks::None && args.validate {
        return usage(
            "--validate compares what was acknowledged, and --acks 0 acknowledges nothing".to_owned(),
        );
    }
    if acks == Acks::None && args.mode == Mode::RoundTrip {
        return usage("--mode round-trip needs acknowledgements: use --acks all or 1".to_owned());
    }
    if args.validate && matches!(args.mode, Mode::Metadata | Mode::Groups) {
        return usage("--validate compares records, and --mode metadata and groups have none".to_owned());
    }
    if args.mode == Mode::Groups && args.members < 2 {
        return usage("--members has to be 2 or more: one of them leaves".to_owned());
    }
    if args.mode == Mode::Groups && args.groups.saturating_mul(args.members) > GREATEST_COUNT {
        return usage(format!("--groups times --members has to be {GREATEST_COUNT} or less"));
    }
    Ok(())
}

/// Refuses what the mode would ignore.
fn check_modes(args: &BenchArgs) -> Result<(), BenchError> {
    let both = [Mode::Produce, Mode::RoundTrip];
    let only: [(&str, bool, &[Mode], &str); 5] = [
        ("--repeat", args.repeat, &[Mode::Consume], "consume"),
        ("--discard", args.discard, &[Mode::Consume], "consume"),
        ("--partitions-per-request", args.partitions_per_request > 1, &[Mode::Produce], "produce"),
        ("--idempotent", args.idempotent, &both, "produce and round-trip"),
        ("--rate-limit", args.rate_limit.is_some(), &both, "produce and round-trip"),
    ];
    match only.iter().find(|(_, given, modes, _)| *given && !modes.contains(&args.mode)) {
        Some((name, _, _, modes)) => usage(format!("{name} is for --mode {modes}")),
        None => Ok(()),
    }
}

fn usage(what: String) -> Result<(), BenchError> {
    Err(BenchError::Usage(what))
}

/// No broker takes more in a batch.
const GREATEST_BATCH: usize = 1 << 30;
const GREATEST_COUNT: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::check;
    use crate::args::parsed;

    fn refusal(line: &str) -> String {
        check(&parsed(line)).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_is_given_rightly_passes() {
        for line in [
            "",
            "-m consume --repeat --validate",
            "-m consume --discard",
            "--partitions-per-request 3 --idempotent",
            "-m round-trip -s 100 --rate-limit 1000 --idempotent",
            "-m metadata -c 1",
            "-m groups --groups 10 --members 4 --group-protocol consumer --group-load commits",
            "-b h:1 -t x -c 8 -s 100 -d 1m -w 0s -p 3 -r 1 -n 5 --acks -1 --linger-ms 5 --key-pattern random",
        ] {
            assert_eq!(refusal(line), "", "{line}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        for (line, named) in [
            ("-c 0", "--concurrency"),
            ("-d 0s", "--duration 0"),
            ("-s 4 --key-pattern random", "--record-size 4"),
            ("-m round-trip -s 8", "--record-size 8"),
            ("--idempotent --acks 1", "--idempotent"),
            ("--validate --acks 0", "--validate"),
            ("--validate -m metadata", "--validate"),
            ("--repeat", "--repeat"),
            ("-m groups --members 1", "--members"),
            ("-m groups --groups 50000", "--groups times"),
            ("--rate-limit 5 -m consume", "--rate-limit is for --mode produce and round-trip"),
            ("--partitions-per-request 2 -m round-trip", "--partitions-per-request is for --mode produce"),
            ("--discard", "--discard is for --mode consume"),
            ("--discard -m metadata", "--discard is for --mode consume"),
            ("--idempotent -m consume", "--idempotent is for --mode produce and round-trip"),
            ("--idempotent -m groups", "--idempotent is for --mode produce and round-trip"),
            ("--max-bytes 0", "--max-bytes 0"),
        ] {
            assert!(refusal(line).contains(named), "{line}: {}", refusal(line));
        }
    }
}
