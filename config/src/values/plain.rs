//! Booleans, numbers, texts, paths, and optional and listed values.

use std::path::PathBuf;

use super::{Raw, SettingValue, quoted};

impl SettingValue for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        match raw {
            Raw::Boolean(value) => Ok(*value),
            Raw::Loose(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
            Raw::Loose(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(None),
        }
    }

    fn toml(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn kafka(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! integers {
    ($($int:ty),+) => {$(
        impl SettingValue for $int {
            fn expected() -> String {
                "an integer".to_owned()
            }

            fn read(raw: &Raw) -> Result<Self, Option<String>> {
                let number = raw.integer().ok_or(None)?;
                Self::try_from(number)
                    .map_err(|_| Some(format!("out of range ({} to {})", Self::MIN, Self::MAX)))
            }

            fn toml(&self) -> Option<String> {
                Some(self.to_string())
            }

            fn kafka(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )+};
}

integers!(i16, i32, i64, u32);

impl SettingValue for f64 {
    fn expected() -> String {
        "a number".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        let number = match raw {
            Raw::Float(number) => *number,
            Raw::Integer(number) => i32::try_from(*number).map(Self::from).map_err(|_| None)?,
            Raw::Loose(text) => text.trim().parse().map_err(|_| None)?,
            Raw::Text(_) | Raw::Boolean(_) | Raw::List(_) | Raw::Other(_) => return Err(None),
        };
        if number.is_finite() { Ok(number) } else { Err(None) }
    }

    fn toml(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }

    fn kafka(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl SettingValue for String {
    fn expected() -> String {
        "text".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        let text = raw.text().ok_or(None)?;
        if text.is_empty() { Err(Some("empty".to_owned())) } else { Ok(text.to_owned()) }
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(self))
    }

    fn kafka(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl SettingValue for PathBuf {
    fn expected() -> String {
        "a path".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        let text = raw.text().ok_or(None)?;
        if text.is_empty() { Err(Some("empty".to_owned())) } else { Ok(Self::from(text)) }
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }

    fn kafka(&self) -> Option<String> {
        Some(self.to_string_lossy().into_owned())
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    fn expected() -> String {
        T::expected()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        T::read(raw).map(Some)
    }

    fn read_kafka(text: &str) -> Result<Self, Option<String>> {
        T::read_kafka(text).map(Some)
    }

    fn toml(&self) -> Option<String> {
        self.as_ref().and_then(SettingValue::toml)
    }

    fn kafka(&self) -> Option<String> {
        self.as_ref().and_then(SettingValue::kafka)
    }
}

impl<T: SettingValue> SettingValue for Vec<T> {
    fn expected() -> String {
        format!("a list, each item {}", T::expected())
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        let items: Vec<Raw> = match raw {
            Raw::List(items) => items.clone(),
            Raw::Loose(text) if text.trim().is_empty() => Vec::new(),
            Raw::Loose(text) => text.split(',').map(|item| Raw::Loose(item.trim().to_owned())).collect(),
            _ => return Err(None),
        };
        items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                T::read(item).map_err(|problem| {
                    let problem = problem.unwrap_or_else(|| format!("found {}", item.kind()));
                    Some(format!("item {}: {problem}", i + 1))
                })
            })
            .collect()
    }

    fn toml(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(SettingValue::toml).collect();
        Some(format!("[{}]", items.join(", ")))
    }

    fn kafka(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(SettingValue::kafka).collect();
        Some(items.join(","))
    }
}
