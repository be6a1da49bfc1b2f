//! Randomness as an injected value, so that a seed reproduces a run.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// A shared source of random numbers. Clones draw from the same stream.
///
/// The generator is a stream cipher (ChaCha), so that seeded from the operating system it is also good for nonces.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<StdRng>>);

impl Entropy {
    /// A source that nobody can predict, seeded by the operating system.
    #[must_use]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// A source that gives the same numbers for the same seed: for tests and simulation.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// 64 random bits.
    #[must_use]
    pub fn next_u64(&self) -> u64 {
        self.0.lock().next_u64()
    }

    /// 128 random bits.
    #[must_use]
    pub fn next_u128(&self) -> u128 {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        u128::from_be_bytes(bytes)
    }

    /// A number below `bound`, or 0 when `bound` is 0. The bias of at most `bound / 2^64` matters to nobody here.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// Overwrites all of `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state would tell every number to come.
        f.write_str("Entropy")
    }
}

#[cfg(test)]
mod tests {
    use super::Entropy;

    #[test]
    fn a_seed_reproduces_the_stream() {
        let draw = |entropy: Entropy| (0..8).map(|_| entropy.next_u64()).collect::<Vec<_>>();
        assert_eq!(draw(Entropy::seeded(3)), draw(Entropy::seeded(3)));
        assert_ne!(draw(Entropy::seeded(3)), draw(Entropy::seeded(4)));
        assert_ne!(draw(Entropy::from_os()), draw(Entropy::from_os()));
    }

    #[test]
    fn clones_share_one_stream() {
        let (one, two) = (Entropy::seeded(3), Entropy::seeded(3));
        let clone = one.clone();
        let drawn = [one.next_u64(), clone.next_u64()];
        assert_eq!(drawn, [two.next_u64(), two.next_u64()]);
    }
}
