//! Positions of records in a partition.

use crate::newtype::integer_newtype;

integer_newtype!(
    /// The offset of a record in its partition. Valid offsets are not negative.
    Offset(i64)
);

impl Offset {
    /// The offset of the first record that a partition ever gets.
    pub const ZERO: Self = Self::new(0);
    /// "No offset" on the wire.
    pub const NONE: Self = Self::new(-1);
    /// The greatest offset that the wire can carry.
    pub const MAX: Self = Self::new(i64::MAX);

    /// The offset after this one; stays at [`Offset::MAX`].
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The offset `records` further on, or `None` beyond the range of the wire.
    #[must_use]
    pub const fn checked_add(self, records: i64) -> Option<Self> {
        match self.0.checked_add(records) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The offset `records` further on, held at the ends of the range.
    #[must_use]
    pub const fn saturating_add(self, records: i64) -> Self {
        Self(self.0.saturating_add(records))
    }

    /// How many offsets lie from `earlier` to this one; negative when this one is the earlier.
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether this can be the offset of a record.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.0 >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::Offset;

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(Offset::ZERO.next(), Offset::new(1));
        assert_eq!(Offset::MAX.next(), Offset::MAX);
        assert_eq!(Offset::MAX.checked_add(1), None);
        assert_eq!(Offset::new(7).checked_add(3), Some(Offset::new(10)));
        assert_eq!(Offset::new(10).distance_from(Offset::new(7)), 3);
        assert!(!Offset::NONE.is_valid());
    }
}
