//! Addresses in the journal.

use std::fmt;

/// A logical byte address in the journal: strictly increasing with the order of entries, never used twice, not even
/// after a crash or a trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    /// The address before every entry.
    pub const ZERO: Self = Self(0);

    /// Wraps a raw address.
    pub const fn new(address: u64) -> Self {
        Self(address)
    }

    /// The raw address.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A span of data that came inline with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataRef {
    /// Address of the first byte. Data of one entry is contiguous: byte `n` of it lies at `at + n`, so a part of it
    /// (one batch) is addressed by plain addition.
    pub at: Position,
    /// Length in bytes.
    pub len: u32,
}

impl DataRef {
    /// The part of this span that starts `offset` bytes in; `None` when it does not lie within.
    pub fn slice(self, offset: u32, len: u32) -> Option<Self> {
        let end = offset.checked_add(len)?;
        (end <= self.len).then(|| Self { at: Position::new(self.at.get() + u64::from(offset)), len })
    }
}
