//! What a run does, drawn from its seed: topics, producers, and for each cycle how it ends.

use std::ops::Range;
use std::time::Duration;

use chronik_types::{CompressionType, Entropy};

use crate::checker::Key;

/// A topic of the run.
#[derive(Debug, Clone)]
pub(crate) struct TopicPlan {
    pub(crate) name: &'static str,
    pub(crate) partitions: i32,
}

/// A producer of the run; it lives through all cycles.
#[derive(Debug, Clone)]
pub(crate) struct ProducerPlan {
    pub(crate) id: u32,
    pub(crate) idempotent: bool,
    pub(crate) compression: CompressionType,
    /// Bytes of a record's value.
    pub(crate) value_bytes: Range<u64>,
    /// Records of a batch.
    pub(crate) records: Range<u64>,
    /// Partitions it sends to.
    pub(crate) keys: Range<Key>,
    /// Partitions of one request.
    pub(crate) keys_per_request: Range<u64>,
    /// Requests without an answer at a time.
    pub(crate) in_flight: usize,
}

/// How a cycle ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SIGKILL, this long after the process was made: it may still be starting.
    KillAtStart(Duration),
    /// SIGKILL, this long after the port answered.
    Kill(Duration),
    /// SIGTERM, this long after the port answered; it must end by itself with exit code 0.
    Terminate(Duration),
}

impl Ending {
    /// The same, so many times later.
    pub(crate) fn stretched(self, times: u32) -> Self {
        match self {
            Self::KillAtStart(after) => Self::KillAtStart(after),
            Self::Kill(after) => Self::Kill(after * times),
            Self::Terminate(after) => Self::Terminate(after * times),
        }
    }
}

/// One cycle.
#[derive(Debug, Clone)]
pub(crate) struct CyclePlan {
    pub(crate) ending: Ending,
    /// Bytes that each producer may send in this cycle.
    pub(crate) budget_bytes: usize,
    /// Whether what has been read back is deleted at the end of the reads.
    pub(crate) delete_records: bool,
    /// Seed of the producers' choices.
    pub(crate) seed: u64,
}

/// All topics; the index of a partition over all of them is its key.
pub(crate) const TOPICS: [TopicPlan; 3] = [
    TopicPlan { name: "torture-one", partitions: 1 },
    TopicPlan { name: "torture-some", partitions: 16 },
    TopicPlan { name: "torture-many", partitions: 200 },
];

/// Keys of the run.
pub(crate) const KEYS: usize = 217;

/// Topic and partition of a key.
pub(crate) fn place(key: Key) -> (&'static str, i32) {
    let mut rest = i32::try_from(key).unwrap_or(i32::MAX);
    for topic in &TOPICS {
        if rest < topic.partitions {
            return (topic.name, rest);
        }
        rest -= topic.partitions;
    }
    ("torture-none", rest)
}

/// Key of a topic and partition.
pub(crate) fn key_of(topic: &str, partition: i32) -> Option<Key> {
    let mut first = 0;
    for plan in &TOPICS {
        if plan.name == topic {
            let within = (0..plan.partitions).contains(&partition).then_some(partition)?;
            return Some(first + usize::try_from(within).ok()?);
        }
        first += usize::try_from(plan.partitions).ok()?;
    }
    None
}

/// The producers of every run: all codecs, 100 B to 1 MiB, plain and idempotent.
pub(crate) fn producers() -> Vec<ProducerPlan> {
    use CompressionType::{Gzip, Lz4, None, Snappy, Zstd};
    let small = |id, idempotent, compression| ProducerPlan {
        id,
        idempotent,
        compression,
        value_bytes: 100..400,
        records: 1..200,
        keys: 1..KEYS,
        keys_per_request: 1..6,
        in_flight: 5,
    };
    vec![
        small(0, false, None),
        small(1, true, None),
        small(2, true, Gzip),
        small(3, true, Snappy),
        small(4, true, Lz4),
        small(5, true, Zstd),
        // One record per request on one partition: the latency path, and the longest runs of sequence numbers.
        ProducerPlan { records: 1..2, keys: 0..1, keys_per_request: 1..2, ..small(6, true, None) },
        ProducerPlan { value_bytes: 100..1_000_000, records: 1..2, keys: 1..17, ..small(7, true, None) },
        ProducerPlan { value_bytes: 1_000..20_000, records: 1..40, keys: 1..17, ..small(8, false, Zstd) },
    ]
}

/// The cycle with this number.
pub(crate) fn cycle(seed: u64, number: u64) -> CyclePlan {
    let entropy = Entropy::seeded(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number));
    let millis = |range: Range<u64>| Duration::from_millis(between(&entropy, range));
    let ending = match entropy.below(10) {
        0 => Ending::KillAtStart(millis(1..60)),
        1 => Ending::Terminate(millis(20..800)),
        _ => Ending::Kill(millis(20..1500)),
    };
    CyclePlan {
        ending,
        budget_bytes: 4 * 1024 * 1024,
        delete_records: entropy.below(4) == 0,
        seed: entropy.next_u64(),
    }
}

/// A number of the range.
pub(crate) fn between(entropy: &Entropy, range: Range<u64>) -> u64 {
    range.start + entropy.below((range.end - range.start).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_places_match() {
        for key in 0..KEYS {
            let (topic, partition) = place(key);
            assert_eq!(key_of(topic, partition), Some(key));
        }
        assert_eq!(place(KEYS).0, "torture-none");
        assert_eq!(key_of("torture-one", 1), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_cycle() {
        assert_eq!(format!("{:?}", cycle(7, 3)), format!("{:?}", cycle(7, 3)));
        assert_ne!(format!("{:?}", cycle(7, 3)), format!("{:?}", cycle(8, 3)));
    }
}
