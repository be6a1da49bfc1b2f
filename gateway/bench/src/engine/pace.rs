//! Waiting for moments at equal distances without being late for them.
//!
//! To set a timer and to wake up by it takes a virtual machine tens of microseconds, and a generator that begins to do so
//! when a record is due counts them as the broker's latency. So the alarm goes off a little before that, the next one is
//! set at once, and the rest is spent looking. Between two alarms nothing touches a timer: answers that come meanwhile
//! wake a wait without an end.

use std::time::Duration;

/// When to wake up for what is due at equal distances.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    period: Duration,
    /// How much earlier than a moment that is due the alarm goes off.
    lead: Duration,
    /// When the alarm goes off, on the caller's clock.
    alarm: Option<Duration>,
}

/// What a wait has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Set the alarm to go off after this time.
    pub(super) set: Option<Duration>,
    /// Look, and do not wait; the alarm ends a wait otherwise.
    pub(super) look: bool,
}

/// The lead is not longer than it takes to wake up, and only this part of the time is spent looking.
const LONGEST_LEAD: Duration = Duration::from_micros(60);
const LOOKING: u32 = 16;

impl Pace {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, lead: LONGEST_LEAD.min(period / LOOKING), alarm: None }
    }

    /// How to wait at `now` for something that is due after `left`.
    pub(super) fn plan(&mut self, now: Duration, left: Duration) -> Plan {
        let look = left <= self.lead;
        // While nothing is left but to look, there is time to set the alarm for what is due next.
        let wanted = if look { left + self.period } else { left } - self.lead;
        // One that goes off earlier than wanted does as well: it is set again then.
        let is_set = self.alarm.is_some_and(|alarm| alarm > now && alarm <= now + wanted + self.lead / 2);
        if is_set {
            return Plan { set: None, look };
        }
        self.alarm = Some(now + wanted);
        Plan { set: Some(wanted), look }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const LEAD: Duration = Duration::from_micros(60);

    #[test]
    fn one_alarm_serves_each_period() {
        let mut pace = Pace::new(MS);
        let mut now = Duration::ZERO;
        assert_eq!(pace.plan(now, MS), Plan { set: Some(MS - LEAD), look: false });
        for _ in 0..3 {
            // An answer comes: the alarm that is set will do.
            assert_eq!(pace.plan(now + MS / 2, MS / 2), Plan { set: None, look: false });
            // It goes off; the next one is set before the record is sent.
            now += MS - LEAD;
            assert_eq!(pace.plan(now, LEAD), Plan { set: Some(MS), look: true });
            assert_eq!(pace.plan(now + LEAD / 2, LEAD / 2), Plan { set: None, look: true });
            now += LEAD;
            // Sent a microsecond late.
            let late = Duration::from_micros(1);
            assert_eq!(pace.plan(now + late, MS - late), Plan { set: None, look: false });
        }
    }

    #[test]
    fn what_is_due_earlier_or_later_moves_the_alarm() {
        let mut pace = Pace::new(MS);
        assert_eq!(pace.plan(Duration::ZERO, 4 * MS), Plan { set: Some(4 * MS - LEAD), look: false });
        assert_eq!(pace.plan(MS, MS), Plan { set: Some(MS - LEAD), look: false });
        // It has gone off although nothing is due yet.
        assert_eq!(pace.plan(2 * MS, 2 * MS), Plan { set: Some(2 * MS - LEAD), look: false });
    }

    #[test]
    fn looking_takes_a_small_part_of_a_short_period() {
        let mut pace = Pace::new(Duration::from_micros(16));
        let lead = Duration::from_micros(1);
        assert!(!pace.plan(Duration::ZERO, 2 * lead).look);
        assert!(pace.plan(Duration::ZERO, lead).look);
    }
}
