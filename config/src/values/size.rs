//! Sizes in bytes as people write them.

use std::fmt;

use super::{Raw, SettingValue, quoted};

/// A number of bytes, written `"256MiB"`, `"64kB"` or as a plain integer of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Units by name, the ones that divide most evenly first: a size is written in the first that fits.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// That many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many times 1,024 bytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// That many times 1,048,576 bytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// That many times 1,073,741,824 bytes.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// The bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The bytes as a length in memory, held at the largest one.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The bytes as Kafka's 32-bit sizes, held at the largest one.
    #[must_use]
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: u64| self.0 >= unit && self.0.is_multiple_of(unit);
        match UNITS.into_iter().filter(|(name, _)| name.ends_with("iB")).find(|(_, unit)| fits(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// Reads `"8MiB"`, `"8 MiB"`, `"1.5GiB"`; a unit is needed.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(split)?;
    let (_, unit) = UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    let number = number.trim();
    let Some((whole, part)) = number.split_once('.') else {
        return number.parse::<u64>().ok()?.checked_mul(unit);
    };
    // A fraction is kept exact: 1.5GiB is whole bytes, 1.0001KiB is not and is refused.
    if part.is_empty() || part.len() > 9 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let digits: u64 = format!("{whole}{part}").parse().ok()?;
    let bytes = u128::from(digits) * u128::from(unit);
    if bytes % u128::from(scale) != 0 {
        return None;
    }
    u64::try_from(bytes / u128::from(scale)).ok()
}

impl SettingValue for ByteSize {
    fn expected() -> String {
        "a size such as \"64KiB\", \"256MiB\" or \"2GiB\", or a number of bytes".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        if let Some(number) = raw.integer() {
            return u64::try_from(number).map(Self).map_err(|_| Some("negative".to_owned()));
        }
        raw.text().and_then(parse_size).map(Self).ok_or(None)
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }

    fn kafka(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}
