//! The layers of the environment and of the flags.

use toml::de::DeValue;

use super::{CONFIG_VARIABLE, Layers, file, key};
use crate::error::{ConfigError, Origin};
use crate::values::Raw;

/// What a variable of ours begins with.
const PREFIX: &str = "CHRONIK_";

impl Layers {
    /// `CHRONIK_STORAGE__WAL__DIR=/data`: sections and key are divided by two underscores.
    pub(super) fn environment(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let mut ours: Vec<_> =
            env.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && name != CONFIG_VARIABLE).collect();
        ours.sort();
        for (name, value) in ours {
            let path = name.trim_start_matches(PREFIX).replace("__", ".").to_ascii_lowercase();
            let origin = Origin::Environment(name);
            match key(&path) {
                Some(key) => self.set(key, &loose(&value), &value, origin),
                None => self.unknown(&path, origin),
            }
        }
    }

    /// `storage.wal.dir=/data`.
    pub(super) fn flags(&mut self, sets: &[String]) {
        for set in sets {
            let origin = Origin::Flag(set.clone());
            let Some((path, value)) = set.split_once('=') else {
                let error = ConfigError::new(origin, set, "has no value");
                self.errors.push(error.expected("section.key=value"));
                continue;
            };
            let path = path.trim();
            match key(path) {
                Some(key) => self.set(key, &loose(value), value, origin),
                None => self.unknown(path, origin),
            }
        }
    }
}

/// Text from outside a file: an array or a string in TOML's notation is taken as such, all else as plain text.
fn loose(text: &str) -> Raw {
    let text = text.trim();
    if text.starts_with(['[', '"', '\'']) {
        match DeValue::parse(text).map(|value| file::raw(value.get_ref())) {
            Ok(Raw::Text(inner)) => return Raw::Loose(inner),
            Ok(list @ Raw::List(_)) => return list,
            _ => {}
        }
    }
    Raw::Loose(text.to_owned())
}
