//! Records that a side has before a row is measured, and whether it still has them.

use super::row::words;
use crate::BenchError;
use crate::compare::contest::Contest;
use crate::compare::generator::Generator;
use crate::compare::side::Side;

/// Writes records of 1 KiB to a new topic of 16 partitions; an error unless the side took all of them.
pub(super) fn fill(contest: &Contest<'_>, side: &Side, topic: &str, records: u64) -> Result<(), BenchError> {
    write(contest, side, topic, records, "--partitions 16")
}

/// Writes one record to each partition of a topic, which is made unless it is there: the first append to a partition may
/// make files, which is not what rows of many partitions are about.
pub(super) fn append_first(
    contest: &Contest<'_>,
    side: &Side,
    topic: &str,
    partitions: usize,
) -> Result<(), BenchError> {
    // Over one connection they go to one partition after the other.
    let load = format!("--partitions {partitions} --connections 1 --records-per-batch 1");
    write(contest, side, topic, partitions as u64, &load)
}

fn write(
    contest: &Contest<'_>,
    side: &Side,
    topic: &str,
    records: u64,
    more: &str,
) -> Result<(), BenchError> {
    let mut load = words("--mode produce --create-topic --record-size 1024 --duration 600 --warmup 0");
    load.extend(words(&format!("--records {records} --topic {topic} {more}")));
    let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
    if report.is_clean() && report.records >= records {
        return Ok(());
    }
    Err(BenchError::Unsupported(format!(
        "{} took {} of {records} records, with {} errors",
        side.name, report.records, report.errors
    )))
}

/// Reads a topic once and verifies every batch; an error unless it holds so many records.
pub(super) fn read_back(
    contest: &Contest<'_>,
    side: &Side,
    topic: &str,
    records: u64,
) -> Result<(), BenchError> {
    let load = words(&format!("--mode consume --validate --duration 600 --warmup 0 --topic {topic}"));
    let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
    if report.is_clean() && report.records == records {
        return Ok(());
    }
    let found = report.verified.unwrap_or_default();
    Err(BenchError::Unsupported(format!(
        "{} gave back {} of {records} records, {} missing and {} corrupt",
        side.name, report.records, found.missing, found.corrupt
    )))
}
