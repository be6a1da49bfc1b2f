//! When records are due in an open loop: at equal distances from the start, whatever became of those before.

use std::time::Duration;

/// Records that are due, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    start_ns: u64,
    /// Records in a second.
    rate: u64,
    linger_ns: u64,
    /// The number of the next record.
    next: u64,
}

const SECOND_NS: u128 = 1_000_000_000;

impl Schedule {
    /// The first record is due at `start_ns`. A batch waits for its last record, but its first one at most `linger_ns`.
    pub(crate) const fn new(start_ns: u64, rate: u64, linger_ns: u64) -> Self {
        Self { start_ns, rate, linger_ns, next: 0 }
    }

    /// When a record is due.
    pub(crate) fn due_ns(&self, number: u64) -> u64 {
        let after = u128::from(number) * SECOND_NS / u128::from(self.rate);
        self.start_ns.saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }

    /// The time between requests of up to `most` records.
    pub(crate) fn period(&self, most: u64) -> Duration {
        let after = |records| self.due_ns(records).saturating_sub(self.start_ns);
        Duration::from_nanos(after(most).min(after(1).max(self.linger_ns)))
    }

    /// Takes the records of the next request, up to `most`, if it is time to send it: their first number and count.
    pub(crate) fn take(&mut self, now_ns: u64, most: u64) -> Option<(u64, u64)> {
        let first = self.next;
        let due = self.due_until(now_ns).saturating_sub(first).min(most);
        let ripe = due == most || now_ns >= self.due_ns(first).saturating_add(self.linger_ns);
        if due == 0 || !ripe {
            return None;
        }
        self.next += due;
        Some((first, due))
    }

    /// Takes up to `most` of what is due before a moment, however few they are.
    pub(crate) fn take_before(&mut self, end_ns: u64, most: u64) -> Option<(u64, u64)> {
        let first = self.next;
        let due = self.waiting_before(end_ns).min(most);
        self.next += due;
        (due > 0).then_some((first, due))
    }

    /// How many records are due before a moment, from the first one on.
    pub(crate) fn due_before(&self, ns: u64) -> u64 {
        ns.checked_sub(1).map_or(0, |before_ns| self.due_until(before_ns))
    }

    /// How many of these have not been taken.
    pub(crate) fn waiting_before(&self, ns: u64) -> u64 {
        self.due_before(ns).saturating_sub(self.next)
    }

    /// Leaves out all records before this one.
    pub(crate) fn skip_to(&mut self, number: u64) {
        self.next = self.next.max(number);
    }

    /// How many records are due in a millisecond; at least 1.
    pub(crate) fn in_a_millisecond(&self) -> u64 {
        (self.rate / 1_000).max(1)
    }

    /// When [`Schedule::take`] gives the next request of up to `most` records.
    pub(crate) fn next_ns(&self, most: u64) -> u64 {
        let full = self.due_ns(self.next + most.saturating_sub(1));
        full.min(self.due_ns(self.next).saturating_add(self.linger_ns))
    }

    /// How many records are due at a time.
    fn due_until(&self, now_ns: u64) -> u64 {
        let Some(elapsed) = now_ns.checked_sub(self.start_ns) else { return 0 };
        // The number whose due time, rounded down, is not after `now_ns`.
        let number = (u128::from(elapsed) * u128::from(self.rate) + u128::from(self.rate) - 1) / SECOND_NS;
        u64::try_from(number).map_or(u64::MAX, |number| number.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Schedule;

    const MS: u64 = 1_000_000;

    #[test]
    fn records_are_due_at_equal_distances() {
        let mut schedule = Schedule::new(5 * MS, 1_000, 0);
        assert_eq!(schedule.take(5 * MS - 1, 10), None);
        assert_eq!(schedule.take(5 * MS, 10), Some((0, 1)));
        assert_eq!(schedule.take(6 * MS - 1, 10), None);
        assert_eq!((schedule.next_ns(10), schedule.due_ns(1)), (6 * MS, 6 * MS));
        // A stall of 7.5 ms: everything that became due meanwhile, with the times at which it did.
        assert_eq!(schedule.take(13 * MS + MS / 2, 10), Some((1, 8)));
        assert_eq!(schedule.due_ns(8), 13 * MS);
        assert_eq!(schedule.take(13 * MS + MS / 2, 10), None);
        assert_eq!(schedule.period(10), Duration::from_millis(1));
    }

    #[test]
    fn a_batch_waits_until_it_is_full_or_its_first_record_has_lingered() {
        let mut schedule = Schedule::new(0, 1_000, 4 * MS);
        assert_eq!((schedule.take(2 * MS, 3), schedule.next_ns(3)), (Some((0, 3)), 5 * MS));
        assert_eq!(schedule.take(3 * MS, 10), None);
        assert_eq!(schedule.next_ns(10), 7 * MS);
        assert_eq!(schedule.take(7 * MS, 10), Some((3, 5)));
        assert_eq!([3, 10].map(|most| schedule.period(most)), [3, 4].map(Duration::from_millis));
    }

    #[test]
    fn what_was_due_before_a_moment_is_taken_without_lingering() {
        let mut schedule = Schedule::new(5 * MS, 1_000, 4 * MS);
        assert_eq!([0, 5 * MS, 5 * MS + 1, 12 * MS].map(|ns| schedule.due_before(ns)), [0, 0, 1, 7]);
        assert_eq!(schedule.take(7 * MS, 10), None);
        assert_eq!(schedule.take_before(7 * MS, 10), Some((0, 2)));
        assert_eq!(schedule.take_before(7 * MS, 10), None);
        assert_eq!((schedule.take_before(12 * MS, 3), schedule.waiting_before(12 * MS)), (Some((2, 3)), 2));
        schedule.skip_to(6);
        schedule.skip_to(1);
        assert_eq!(schedule.take_before(12 * MS, 3), Some((6, 1)));
    }

    #[test]
    fn due_times_and_counts_agree_for_odd_rates() {
        for rate in [1, 3, 7, 999, 1_000, 123_457, 100_000_000] {
            let mut schedule = Schedule::new(11, rate, 0);
            for number in 0..1_000 {
                let due = schedule.due_ns(number);
                if number > 0 && schedule.due_ns(number - 1) < due {
                    assert_eq!(schedule.take(due - 1, 1), None, "{rate} {number}");
                }
                assert_eq!(schedule.take(due, 1), Some((number, 1)), "{rate} {number}");
            }
        }
    }
}
