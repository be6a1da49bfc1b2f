//! Records that a side has before a row is measured.

use super::row::words;
use crate::BenchError;
use crate::compare::contest::Contest;
use crate::compare::generator::Generator;
use crate::compare::side::Side;

/// Writes records of 1 KiB to a new topic of 16 partitions; an error unless the side took all of them.
pub(super) fn fill(contest: &Contest<'_>, side: &Side, topic: &str, records: u64) -> Result<(), BenchError> {
    let mut load = words("--mode produce --create-topic --partitions 16 --record-size 1024 --duration 600");
    load.extend(words(&format!("--warmup 0 --records {records} --topic {topic}")));
    let report = Generator::start(side, &load, contest.cores, &contest.dir)?.finish()?;
    if report.is_clean() && report.records >= records {
        return Ok(());
    }
    Err(BenchError::Unsupported(format!(
        "{} took {} of {records} records, with {} errors",
        side.name, report.records, report.errors
    )))
}
