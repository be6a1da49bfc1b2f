//! Kafka's 64-bit times and sizes, in which some number stands for "no limit".

use std::time::Duration;

use super::duration::{parse_duration, write_duration};
use super::size::{ByteSize, parse_size};
use super::{Raw, SettingValue, quoted};

/// How a setting writes "no limit".
const UNLIMITED: &str = "unlimited";

/// Milliseconds that end something, −1 for never (`retention.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeLimit(i64);

/// Bytes that end something, −1 for never (`retention.bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SizeLimit(i64);

/// Milliseconds of which the largest number means "no limit" (`max.compaction.lag.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(i64);

macro_rules! limit {
    ($name:ident, $none:expr, $expected:literal, $parse:path, $write:path) => {
        impl $name {
            /// No limit at all.
            pub const UNLIMITED: Self = Self($none);

            /// Kafka's number, as it stands.
            #[must_use]
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// Kafka's number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl SettingValue for $name {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(raw: &Raw) -> Result<Self, Option<String>> {
                if let Some(number) = raw.integer() {
                    return Ok(Self(number));
                }
                let text = raw.text().ok_or(None)?;
                if text == UNLIMITED {
                    return Ok(Self::UNLIMITED);
                }
                let number = $parse(text).ok_or(None)?;
                i64::try_from(number).map(Self).map_err(|_| Some("too large".to_owned()))
            }

            fn toml(&self) -> Option<String> {
                Some(match u64::try_from(self.0) {
                    _ if *self == Self::UNLIMITED => quoted(UNLIMITED),
                    Ok(number) => quoted(&$write(number)),
                    Err(_) => self.0.to_string(),
                })
            }

            fn kafka(&self) -> Option<String> {
                Some(self.0.to_string())
            }
        }
    };
}

fn write_size(bytes: u64) -> String {
    ByteSize::new(bytes).to_string()
}

limit!(
    TimeLimit,
    -1,
    "a time such as \"12h\" or \"7d\", a number of milliseconds, or \"unlimited\" (-1)",
    parse_duration,
    write_duration
);
limit!(
    SizeLimit,
    -1,
    "a size such as \"512MiB\" or \"2GiB\", a number of bytes, or \"unlimited\" (-1)",
    parse_size,
    write_size
);
limit!(
    Millis,
    i64::MAX,
    "a time such as \"250ms\" or \"7d\", a number of milliseconds, or \"unlimited\"",
    parse_duration,
    write_duration
);

impl TimeLimit {
    /// The time, unless there is no limit.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_millis)
    }
}

impl SizeLimit {
    /// The bytes, unless there is no limit.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}
