//! The choices of one client, drawn from the seed.

use std::time::Duration;

use chronik_harness::pause;
use chronik_types::Entropy;

use crate::checker::Key;
use crate::client::Topic;

/// A source of choices.
#[derive(Debug)]
pub(crate) struct Dice(Entropy);

impl Dice {
    /// The choices of this client in this era.
    pub(crate) fn new(seed: u64, era: u64, client: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(era << 32).wrapping_add(client);
        Self(Entropy::seeded(mixed))
    }

    pub(crate) fn one_in(&self, times: u64) -> bool {
        self.0.below(times) == 0
    }

    /// At least `first`, below `end`.
    pub(crate) fn between(&self, first: u64, end: u64) -> u64 {
        first + self.0.below(end.saturating_sub(first).max(1))
    }

    pub(crate) fn key(&self, topic: &Topic) -> Key {
        let bound = u64::try_from(topic.partitions).unwrap_or(1);
        Key::try_from(self.0.below(bound)).unwrap_or(0)
    }

    /// A client that thinks for up to this many milliseconds.
    pub(crate) fn dawdle(&self, below_ms: u64) {
        pause(Duration::from_millis(self.0.below(below_ms)));
    }
}
