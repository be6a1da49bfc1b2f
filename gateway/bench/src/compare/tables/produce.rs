//! Rows that produce: what T1 and T7 have in common.

use super::fill::append_first;
use super::row::{classes_text, timing, validate, words};
use crate::BenchError;
use crate::compare::args::{Class, CompareArgs};
use crate::compare::contest::Contest;
use crate::compare::generator::Generator;
use crate::compare::pairs::{Limit, Pairs, measure};

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Produce {
    pub(crate) record_bytes: usize,
    pub(crate) partitions: usize,
    pub(crate) connections: u32,
    /// `None` fills batches of 64 KiB.
    pub(crate) records_per_batch: Option<u32>,
    pub(crate) codec: &'static str,
    pub(crate) payload: &'static str,
}

/// The load of most rows.
pub(crate) const USUAL: Produce = Produce {
    record_bytes: 1024,
    partitions: 16,
    connections: 4,
    records_per_batch: None,
    codec: "none",
    payload: "random",
};

impl Produce {
    /// What `--rows` looks for, such as `D1 vs D0 1KiB 16p`.
    pub(crate) fn name(&self, ours: Class, args: &CompareArgs) -> String {
        let mut name = format!("{} {} {}p", classes_text(ours, args), self.size(), self.partitions);
        if let Some(records) = self.records_per_batch {
            name.push_str(&format!(" {records}rec/req"));
        }
        if self.connections != USUAL.connections {
            name.push_str(&format!(" {}conn", self.connections));
        }
        if self.codec != "none" {
            name.push_str(&format!(" {}", self.codec));
        }
        name
    }

    /// `1KiB` or `100B`.
    pub(crate) fn size(&self) -> String {
        if self.record_bytes.is_multiple_of(1024) {
            format!("{}KiB", self.record_bytes / 1024)
        } else {
            format!("{}B", self.record_bytes)
        }
    }

    /// Measures it in pairs; each run has a topic of its own.
    pub(crate) fn measure(&self, contest: &mut Contest<'_>, ours: Class) -> Result<Pairs, BenchError> {
        let name = self.name(ours, contest.args);
        let side = contest.ours(ours, &[])?;
        let mut load = self.arguments();
        load.extend(timing(contest));
        load.extend(validate(contest.args));
        measure(contest, &name, &side, self.limit(ours), &mut |contest, side| {
            let topic = contest.topic();
            append_first(contest, side, &topic, self.partitions)?;
            let mut load = load.clone();
            load.extend(["--topic".to_owned(), topic]);
            let generator = Generator::start(side, &load, contest.cores, &contest.dir)?;
            generator.finish()
        })
    }

    fn arguments(&self) -> Vec<String> {
        let mut load = words("--mode produce --create-topic --delete-topic-after --concurrency 64");
        load.extend(words(&format!(
            "--record-size {} --partitions {} --connections {} --compression {} --payload-pattern {}",
            self.record_bytes, self.partitions, self.connections, self.codec, self.payload
        )));
        if let Some(records) = self.records_per_batch {
            load.extend(words(&format!("--records-per-batch {records}")));
        }
        load
    }

    fn limit(&self, class: Class) -> Limit {
        match (class, self.records_per_batch) {
            (Class::D0, Some(1)) => Limit::SmallRequests,
            (Class::D0, _) => Limit::Receive,
            (Class::D1, _) => Limit::Durable,
        }
    }
}
