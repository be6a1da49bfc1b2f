//! The workloads whose histories are made of operations: what runs in an era, a number of cycles with topics of its own.
//!
//! Each is run by a director: it makes the topics, lets its clients loose until the era calms down, waits until all that
//! must come has come, reads everything again, and asks the judges.

mod board;
mod dice;
mod eos;
mod eos_worker;
mod group_log;
mod groups;
mod last_reads;
mod members;
mod storm;
mod transactions;
mod txn_readers;
mod txn_worker;

use std::thread::ScopedJoinHandle;

use clap::ValueEnum;

use self::groups::Protocol;
use crate::stage::{Over, Stage};

/// What may be tortured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Producers outside of transactions, all codecs and sizes, and deletes.
    Records,
    /// Transactional producers that write, read, abort, vanish and are fenced.
    Transactions,
    /// Members of a classic group that commit what they read.
    Groups,
    /// The same with the consumer protocol of KIP-848.
    ConsumerGroups,
    /// Consume, transform, produce.
    Eos,
    /// Groups of both protocols whose members come and go all the time.
    Storm,
}

impl Workload {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Records, Self::Transactions, Self::Groups, Self::ConsumerGroups, Self::Eos, Self::Storm];

    /// Runs one era; gives what its judges found.
    ///
    /// # Errors
    /// When the run is over before its end.
    pub(crate) fn run_era(self, stage: &Stage, era: u64) -> Result<Vec<String>, Over> {
        match self {
            // It goes from cycle to cycle by itself.
            Self::Records => Ok(Vec::new()),
            Self::Transactions => transactions::run_era(stage, era),
            Self::Groups => groups::run_era(stage, era, Protocol::Classic),
            Self::ConsumerGroups => groups::run_era(stage, era, Protocol::Consumer),
            Self::Eos => eos::run_era(stage, era),
            Self::Storm => storm::run_era(stage, era),
        }
    }
}

/// What a client did. One that panicked has shown why already, and ends the run.
fn joined<T>(stage: &Stage, client: ScopedJoinHandle<'_, Result<T, Over>>) -> Result<T, Over> {
    client.join().unwrap_or_else(|_| {
        stage.end();
        Err(Over)
    })
}
