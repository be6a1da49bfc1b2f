//! What may be read and what must be: G1a, precommitted-read, lost-write, unseen.

use std::collections::HashSet;

use super::{Anomaly, Completion, Index, Op, ValueId};

pub(super) fn judge(ops: &[Op], index: &Index, anomalies: &mut Vec<Anomaly>) {
    for op in ops {
        forbidden(op, ops, index, anomalies);
    }
    missing(ops, index, anomalies);
}

/// Values that must not be shown to this operation, whatever became of it.
fn forbidden(op: &Op, ops: &[Op], index: &Index, anomalies: &mut Vec<Anomaly>) {
    let own: HashSet<ValueId> = op.sends().map(|(_, _, value)| value).collect();
    for (key, offset, value) in op.reads() {
        let reader = op.process;
        if own.contains(&value) {
            anomalies.push(Anomaly::PrecommittedRead { key, offset, value, process: reader });
            continue;
        }
        match index.writer(value).and_then(|writer| ops.get(writer)) {
            None => anomalies.push(Anomaly::UnknownValue { key, offset, value, reader }),
            Some(writer) if writer.completion == Completion::Fail => {
                let writer = writer.process;
                anomalies.push(Anomaly::AbortedRead { key, offset, value, writer, reader });
            }
            Some(_) => {}
        }
    }
}

/// Values of operations that must have happened and that nobody read. As one value of a transaction that was read
/// proves all of it, this is also the judge of atomicity.
fn missing(ops: &[Op], index: &Index, anomalies: &mut Vec<Anomaly>) {
    let bounds = index.read_bounds();
    for (number, op) in ops.iter().enumerate() {
        if !index.happened(number) {
            continue;
        }
        let writer = op.process;
        for (key, _, value) in op.sends().filter(|(_, _, value)| !index.is_read(*value)) {
            let offset = index.last_offset(key, value);
            let version = offset.and_then(|offset| index.version(key, offset));
            match offset.filter(|_| version.is_some() && version <= bounds.get(&key).copied()) {
                Some(offset) => anomalies.push(Anomaly::LostWrite { key, offset, value, writer }),
                None => anomalies.push(Anomaly::Unseen { key, value, writer }),
            }
        }
    }
}
