//! Judges histories of operations: transactions, single sends and polls, each with what it did and how it ended.
//!
//! The model is that of Jepsen's Kafka workload. A *key* is a partition; every value is sent once, to one key, by one
//! operation. An operation is *ok* when it surely happened, *fail* when it surely did not, and *info* when nobody can
//! tell: the connection ended between question and answer. Only definite refusals are fail. What is not ok may still be
//! known to have happened: when one of its values was read.
//!
//! Allowed, and not looked for: cycles with write-write edges, records of others between two sends of a transaction, and
//! skips between the polls of members of a group. A poll never spans an assignment here, so inside an operation every
//! skip counts.

mod anomaly;
mod cycles;
mod index;
mod order;
mod reads;

#[cfg(test)]
mod tests;

pub(crate) use anomaly::Anomaly;
use index::Index;

use crate::checker::Key;

/// A value that is sent once in an era.
pub(crate) type ValueId = u64;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    /// It surely happened.
    Ok,
    /// It surely did not.
    Fail,
    /// Nobody can tell.
    Info,
}

/// One thing that an operation did, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// One batch: values `first`, `first + 1`, … of which the first got `offset`, when the answer came.
    Send { key: Key, first: ValueId, count: u64, offset: Option<i64> },
    /// What a poll showed, in its order.
    Poll(Vec<(Key, i64, ValueId)>),
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    /// Who did it. A client that is made anew, or that seeks, is another process.
    pub(crate) process: u64,
    /// When it began and ended, on the clock that all processes share.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) completion: Completion,
    /// Its polls are those of a member of a group: between two of them others may have read.
    pub(crate) subscribed: bool,
    pub(crate) steps: Vec<Step>,
}

impl Op {
    /// Every value it sent: key, offset if known, value.
    fn sends(&self) -> impl Iterator<Item = (Key, Option<i64>, ValueId)> + '_ {
        self.steps.iter().flat_map(|step| {
            let (key, first, count, offset) = match step {
                Step::Send { key, first, count, offset } => (*key, *first, *count, *offset),
                Step::Poll(_) => (0, 0, 0, None),
            };
            (0..count).map(move |index| {
                (key, offset.map(|offset| offset.saturating_add_unsigned(index)), first.saturating_add(index))
            })
        })
    }

    /// Everything it read: key, offset, value.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (Key, i64, ValueId)> + '_ {
        self.steps.iter().flat_map(|step| match step {
            Step::Poll(records) => records.iter().copied(),
            Step::Send { .. } => [].iter().copied(),
        })
    }
}

/// Everything that is wrong with these operations. The last of them must have read all that is there.
pub(crate) fn judge(ops: &[Op]) -> Vec<Anomaly> {
    let index = Index::new(ops);
    let mut anomalies = index.contradictions();
    reads::judge(ops, &index, &mut anomalies);
    order::judge(ops, &index, &mut anomalies);
    cycles::judge(ops, &index, &mut anomalies);
    anomalies
}
