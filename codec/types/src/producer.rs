//! The identity of an idempotent producer (KIP-98): id, epoch, and the sequence numbers of its records.

use crate::newtype::integer_newtype;

integer_newtype!(
    /// The id that InitProducerId hands out.
    ProducerId(i64)
);

impl ProducerId {
    /// A producer that is not idempotent.
    pub const NONE: Self = Self::new(-1);

    /// Whether batches that carry it are checked for duplicates.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 >= 0
    }
}

integer_newtype!(
    /// The incarnation of a producer id; a greater one fences the smaller ones.
    ProducerEpoch(i16)
);

impl ProducerEpoch {
    /// A producer that is not idempotent.
    pub const NONE: Self = Self::new(-1);
    /// The first epoch of a producer id.
    pub const ZERO: Self = Self::new(0);

    /// The epoch after this one, or `None` when the id is used up and another one is needed.
    ///
    /// As in Kafka, `i16::MAX` itself is never handed to a producer: it is kept for fencing the last holder.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.0 >= i16::MAX - 1 { None } else { Some(Self(self.0 + 1)) }
    }
}

integer_newtype!(
    /// The number of a record within a producer's stream to one partition.
    ///
    /// Sequences run from 0 to `i32::MAX` and start again at 0. `-1` stands for "none". Because they wrap, the
    /// derived order says nothing about which of two sequences came first.
    Sequence(i32)
);

impl Sequence {
    /// A batch without a sequence.
    pub const NONE: Self = Self::new(-1);
    /// The first sequence of a producer epoch, and the one after `i32::MAX`.
    pub const ZERO: Self = Self::new(0);

    /// The sequence `records` further on, across the wrap from `i32::MAX` to 0.
    ///
    /// `records` must not be negative; a negative one leaves the sequence as it is.
    #[must_use]
    pub const fn plus(self, records: i32) -> Self {
        if records <= 0 {
            return self;
        }
        match self.0.checked_add(records) {
            Some(sum) => Self(sum),
            None => Self(records - (i32::MAX - self.0) - 1),
        }
    }

    /// The sequence `records` back, across the wrap from 0 to `i32::MAX`.
    ///
    /// `records` must not be negative; a negative one leaves the sequence as it is.
    #[must_use]
    pub const fn minus(self, records: i32) -> Self {
        if records <= 0 {
            return self;
        }
        if self.0 >= records {
            return Self(self.0 - records);
        }
        // A sequence that is itself negative comes only from damaged bytes: any answer will do, but there must be one.
        Self(i32::MAX.wrapping_sub(records.wrapping_sub(self.0)).wrapping_add(1))
    }

    /// The sequence of the record after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{ProducerEpoch, Sequence};

    #[test]
    fn sequences_wrap_to_zero() {
        let max = Sequence::new(i32::MAX);
        assert_eq!(max.next(), Sequence::ZERO);
        assert_eq!(max.plus(5), Sequence::new(4));
        assert_eq!(Sequence::new(i32::MAX - 2).plus(3), Sequence::ZERO);
        assert_eq!(Sequence::new(i32::MAX - 2).plus(2), max);
        assert_eq!(max.plus(i32::MAX), Sequence::new(i32::MAX - 1));
        assert_eq!(Sequence::NONE.next(), Sequence::ZERO);
        assert_eq!(Sequence::ZERO.minus(1), max);
        assert_eq!(Sequence::new(4).minus(5), max);
    }

    #[test]
    fn impossible_sequences_do_not_panic() {
        for sequence in [i32::MIN, -1, 0, i32::MAX] {
            for records in [i32::MIN, -1, 0, 1, i32::MAX] {
                let sequence = Sequence::new(sequence);
                assert_eq!(
                    sequence.plus(records) == sequence && sequence.minus(records) == sequence,
                    records <= 0
                );
            }
        }
    }

    #[test]
    fn stepping_back_undoes_stepping_on() {
        for start in [0, 1, 17, i32::MAX - 1, i32::MAX] {
            for step in [0, 1, 2, 100, i32::MAX - 1, i32::MAX] {
                let start = Sequence::new(start);
                assert_eq!(start.plus(step).minus(step), start, "{start} by {step}");
            }
        }
        assert_eq!(Sequence::ZERO.minus(1), Sequence::new(i32::MAX));
    }

    #[test]
    fn the_last_epoch_is_kept_for_fencing() {
        assert_eq!(ProducerEpoch::ZERO.next(), Some(ProducerEpoch::new(1)));
        assert_eq!(ProducerEpoch::new(i16::MAX - 2).next(), Some(ProducerEpoch::new(i16::MAX - 1)));
        assert_eq!(ProducerEpoch::new(i16::MAX - 1).next(), None);
        assert_eq!(ProducerEpoch::new(i16::MAX).next(), None);
    }
}
