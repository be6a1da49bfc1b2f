//! Times as people write them.

use std::time::Duration;

use super::{Raw, SettingValue, quoted};

/// Units by name, the longest first: a time is written in the first that divides it.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `"250ms"`, `"10m"`, `"7d"` or a sum such as `"1h30m"`, in milliseconds; a unit is needed.
pub(crate) fn parse_duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(millis)?)?;
        rest = tail.trim_start();
    }
    Some(total)
}

/// Writes milliseconds in the largest unit that divides them.
pub(crate) fn write_duration(millis: u64) -> String {
    match UNITS.into_iter().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

pub(super) fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl SettingValue for Duration {
    fn expected() -> String {
        "a time with its unit such as \"250ms\", \"30s\", \"10m\", \"24h\" or \"7d\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        if let Some(number) = raw.integer() {
            return Err(Some(format!("{number} has no unit")));
        }
        raw.text().and_then(parse_duration).map(Self::from_millis).ok_or(None)
    }

    fn read_kafka(text: &str) -> Result<Self, Option<String>> {
        let millis: i64 = text.trim().parse().map_err(|_| None)?;
        u64::try_from(millis).map(Self::from_millis).map_err(|_| Some("negative".to_owned()))
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(&write_duration(as_millis(*self))))
    }

    fn kafka(&self) -> Option<String> {
        Some(as_millis(*self).to_string())
    }
}
