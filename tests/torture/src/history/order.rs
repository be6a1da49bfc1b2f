//! The order of reads and of sends: inside an operation, and from one operation of a process to the next.

use std::collections::HashMap;

use super::{Anomaly, Completion, Index, Op, Step};
use crate::checker::Key;

/// Where a process stands in a key: the last offset of an earlier operation.
type Places = HashMap<(u64, Key), i64>;

pub(super) fn judge(ops: &[Op], index: &Index, anomalies: &mut Vec<Anomaly>) {
    let mut order: Vec<&Op> = ops.iter().collect();
    order.sort_by_key(|op| op.began);
    let (mut polled, mut sent) = (Places::new(), Places::new());
    for op in order {
        polls(op, index, &mut polled, anomalies);
        sends(op, &mut sent, anomalies);
    }
}

fn polls(op: &Op, index: &Index, polled: &mut Places, anomalies: &mut Vec<Anomaly>) {
    let process = op.process;
    let mut within: HashMap<Key, i64> = HashMap::new();
    for (key, second, _) in op.reads() {
        let inside = within.insert(key, second);
        // A client that gave up a transaction goes back to where it began, so only what is ok has a successor.
        let before = polled
            .get(&(process, key))
            .copied()
            .filter(|_| !op.subscribed && op.completion == Completion::Ok);
        let Some(first) = inside.or(before) else { continue };
        let inside = inside.is_some();
        match distance(index, key, first, second) {
            Some(1) | None => {}
            Some(more) if more > 1 => {
                anomalies.push(Anomaly::PollSkip { inside, key, process, first, second });
            }
            Some(_) => anomalies.push(Anomaly::NonmonotonicPoll { inside, key, process, first, second }),
        }
    }
    if op.completion == Completion::Ok {
        polled.extend(within.into_iter().map(|(key, offset)| ((process, key), offset)));
    }
}

fn sends(op: &Op, sent: &mut Places, anomalies: &mut Vec<Anomaly>) {
    if op.completion == Completion::Fail {
        return;
    }
    let process = op.process;
    let mut within: HashMap<Key, i64> = HashMap::new();
    for step in &op.steps {
        let Step::Send { key, count, offset: Some(second), .. } = step else { continue };
        let last = second.saturating_add_unsigned(count.saturating_sub(1));
        let inside = within.insert(*key, last);
        let Some(first) = inside.or_else(|| sent.get(&(process, *key)).copied()) else { continue };
        if *second <= first {
            let inside = inside.is_some();
            anomalies.push(Anomaly::NonmonotonicSend { inside, key: *key, process, first, second: *second });
        }
    }
    sent.extend(within.into_iter().map(|(key, offset)| ((process, key), offset)));
}

/// Steps from one offset to the other in the version order.
fn distance(index: &Index, key: Key, first: i64, second: i64) -> Option<i64> {
    let place = |offset| index.version(key, offset).and_then(|version| i64::try_from(version).ok());
    Some(place(second)? - place(first)?)
}
