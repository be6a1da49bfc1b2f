//! Kafka's times and sizes, in which some number stands for "no limit" or "not ours to set".

use std::time::Duration;

use super::duration::{parse_duration, write_duration};
use super::size::{ByteSize, parse_size};
use super::{Raw, SettingValue, quoted};

/// Milliseconds that end something, −1 for never (`retention.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeLimit(i64);

/// Bytes that end something, −1 for never (`retention.bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SizeLimit(i64);

/// Milliseconds of which the largest number means "no limit" (`max.compaction.lag.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(i64);

/// Bytes of a socket's buffer; −1 leaves them to the operating system (`socket.send.buffer.bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketBuffer(i32);

/// `$none = $value` is the number that stands for `$word`.
macro_rules! limit {
    ($name:ident, $int:ty, $none:ident = $value:expr, $word:literal, $expected:literal, $parse:path, $write:path) => {
        impl $name {
            #[doc = concat!("The number that is written \"", $word, "\".")]
            pub const $none: Self = Self($value);

            /// Kafka's number, as it stands.
            #[must_use]
            pub const fn new(value: $int) -> Self {
                Self(value)
            }

            /// Kafka's number.
            #[must_use]
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl SettingValue for $name {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn read(raw: &Raw) -> Result<Self, Option<String>> {
                if let Some(number) = raw.integer() {
                    return <$int>::try_from(number).map(Self).map_err(|_| Some("too large".to_owned()));
                }
                let text = raw.text().ok_or(None)?;
                if text == $word {
                    return Ok(Self::$none);
                }
                let number = $parse(text).ok_or(None)?;
                <$int>::try_from(number).map(Self).map_err(|_| Some("too large".to_owned()))
            }

            fn toml(&self) -> Option<String> {
                Some(match u64::try_from(self.0) {
                    _ if *self == Self::$none => quoted($word),
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
    i64,
    UNLIMITED = -1,
    "unlimited",
    "a time such as \"12h\" or \"7d\", a number of milliseconds, or \"unlimited\" (-1)",
    parse_duration,
    write_duration
);
limit!(
    SizeLimit,
    i64,
    UNLIMITED = -1,
    "unlimited",
    "a size such as \"512MiB\" or \"2GiB\", a number of bytes, or \"unlimited\" (-1)",
    parse_size,
    write_size
);
limit!(
    Millis,
    i64,
    UNLIMITED = i64::MAX,
    "unlimited",
    "a time such as \"250ms\" or \"7d\", a number of milliseconds, or \"unlimited\"",
    parse_duration,
    write_duration
);

limit!(
    SocketBuffer,
    i32,
    SYSTEM = -1,
    "system",
    "a size such as \"100KiB\", a number of bytes, or \"system\" (-1)",
    parse_size,
    write_size
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

impl SocketBuffer {
    /// That many times 1,024 bytes.
    #[must_use]
    pub const fn kib(count: u16) -> Self {
        // Cannot overflow: 16 and 10 bits.
        Self((count as i32) << 10)
    }

    /// The bytes, unless they are left to the system.
    #[must_use]
    pub fn bytes(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }
}
