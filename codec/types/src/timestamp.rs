//! Wall-clock instants as Kafka carries them, and who stamped a record.

use std::time::Duration;

use crate::newtype::integer_newtype;

integer_newtype!(
    /// Milliseconds since 1970-01-01T00:00:00Z.
    TimestampMs(i64)
);

impl TimestampMs {
    /// A record or an answer without a timestamp.
    pub const NONE: Self = Self::new(-1);

    /// The instant `duration` later, held at the end of the range.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The instant `duration` earlier, held at the start of the range.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Whose clock stamped the records of a batch (`message.timestamp.type`, KIP-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at the moment of the append.
    LogAppendTime,
}

impl TimestampType {
    /// The value of `message.timestamp.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }

    /// The type that [`TimestampType::name`] gives as `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::CreateTime, Self::LogAppendTime].into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_held_at_the_ends() {
        let t = TimestampMs::new(1_000);
        assert_eq!(t.saturating_add(Duration::from_secs(2)), TimestampMs::new(3_000));
        assert_eq!(t.saturating_sub(Duration::from_secs(2)), TimestampMs::new(-1_000));
        assert_eq!(t.saturating_add(Duration::MAX), TimestampMs::new(i64::MAX));
        assert_eq!(t.since(TimestampMs::new(400)), Duration::from_millis(600));
        assert_eq!(t.since(TimestampMs::new(1_400)), Duration::ZERO);
    }

    #[test]
    fn names_round_trip() {
        for kind in [TimestampType::CreateTime, TimestampType::LogAppendTime] {
            assert_eq!(TimestampType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(TimestampType::from_name("createtime"), None);
    }
}
