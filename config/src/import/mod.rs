//! Turns a Kafka broker's `server.properties` into a configuration file of ours.
//!
//! Every name that stands for a setting of ours becomes that setting; every other one is listed as a comment with what it
//! means here. What comes out loads: a value that does not fit is not taken over, and its line says why. Listeners need
//! more than a new name and are in [`listeners`].

mod listeners;
mod meaning;
mod properties;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::error::Origins;
use crate::kafka::{BrokerConfigKey, broker_key, broker_keys};
use crate::sections::{SECTIONS, Settings, key};
use meaning::meaning;
use properties::Property;

/// A file that is not in the format of Java's properties.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: a \\u escape needs four hexadecimal digits")]
pub struct ImportError {
    /// The line with the broken escape, from 1.
    pub line: usize,
}

/// The configuration file for the broker with these `server.properties`. `hostname` is what Kafka advertises for a listener
/// without an address: the name of the machine.
///
/// # Errors
/// A broken escape; all else has an answer in the text.
pub fn import_properties(text: &str, hostname: &str) -> Result<String, ImportError> {
    let properties = properties::parse(text).map_err(|line| ImportError { line })?;
    let mut import = Import { settings: Settings::default(), taken: BTreeMap::new(), left: Vec::new() };
    listeners::import(&properties, hostname, &mut import);
    for property in properties.iter().filter(|property| !listeners::KEYS.contains(&property.key.as_str())) {
        import.property(property, &properties);
    }
    import.resolve(&properties);
    Ok(import.text())
}

/// What has been imported so far.
struct Import {
    settings: Settings,
    /// Settings of ours, and the properties they come from.
    taken: BTreeMap<&'static str, String>,
    /// Properties that were not taken over: line, property, why.
    left: Vec<(usize, String, String)>,
}

impl Import {
    fn take(&mut self, setting: &'static str, from: &Property) {
        self.taken.insert(setting, shown(from));
    }

    fn leave(&mut self, property: &Property, why: &str) {
        self.left.push((property.line, shown(property), why.to_owned()));
    }

    fn property(&mut self, property: &Property, all: &[Property]) {
        let Some(key) = broker_key(&property.key) else {
            return self.leave(property, meaning(&property.key));
        };
        let Some(setting) = key.setting else {
            return self.leave(property, &meaning::without_effect(key.definition.doc));
        };
        if let Some(stronger) = stronger(key, all) {
            return self.leave(property, &format!("{stronger} is set too, and is stronger."));
        }
        let value =
            if property.key == "log.dirs" { first_dir(&property.value) } else { property.value.as_str() };
        match self.apply(key, value) {
            Ok(()) => self.take(setting, property),
            Err(why) => self.leave(property, &format!("{setting} does not take it: {why}")),
        }
        if value != property.value {
            self.leave(property, "There is one log for all partitions, so only the first directory is used.");
        }
    }

    fn apply(&mut self, key: &BrokerConfigKey, value: &str) -> Result<(), String> {
        key.definition.check(value).map_err(|refusal| refusal.message)?;
        let Some(own) = key.own() else { return Ok(()) };
        (own.apply_kafka)(&mut self.settings, &key.unit.to_setting(value))
            .map_err(|why| why.unwrap_or_else(|| format!("expected {}", (own.expected)())))
    }

    /// Takes back what contradicts itself, until the rest fits together.
    fn resolve(&mut self, properties: &[Property]) {
        let defaults = Settings::default();
        while let Some(error) = crate::check::check(&self.settings, &Origins::default()).first() {
            // The blamed setting if it was imported, otherwise any: the defaults alone do not contradict themselves.
            let blamed =
                self.taken.keys().find(|setting| **setting == error.key).or(self.taken.keys().next_back());
            let Some(setting) = blamed.copied() else { return };
            let default = key(setting).and_then(|key| (key.kafka)(&defaults));
            if let Some(own) = key(setting) {
                // An optional setting has no default to go back to, and no rule to break.
                let _ = default.map(|value| (own.apply_kafka)(&mut self.settings, &value));
            }
            self.taken.remove(setting);
            let why = format!("{setting} cannot be set like this: {}", error.problem);
            for property in properties.iter().filter(|property| stands_for(&property.key, setting)) {
                self.leave(property, &why);
            }
        }
    }

    fn text(&self) -> String {
        let mut out = format!(
            "# Imported from the configuration of a Kafka broker: {} settings were taken over, {} lines were not\n\
             # and are listed at the end. Kafka's own files are not read: topics and records have to be copied.\n",
            self.taken.len(),
            self.left.len()
        );
        if self.left.iter().any(|(_, property, _)| meaning::is_security(property)) {
            out.push_str("#\n# WARNING: the broker protected its listeners or its data; here nobody is asked who he is.\n");
        }
        for section in SECTIONS {
            let keys = section.keys.iter().map(|key| (key, key.path()));
            let mut keys =
                keys.filter_map(|(key, path)| Some((key, self.taken.get(path.as_str())?))).peekable();
            if keys.peek().is_some() {
                out.push_str(&format!("\n[{}]\n", section.path));
            }
            for (key, from) in keys {
                let value = (key.toml)(&self.settings).unwrap_or_default();
                out.push_str(&format!("# {from}\n{} = {value}\n", key.name));
            }
        }
        let mut left = self.left.clone();
        left.sort();
        if !left.is_empty() {
            out.push_str("\n# Not taken over:\n");
        }
        for (line, property, why) in left {
            out.push_str(&format!("#\n# line {line}: {property}\n#   {why}\n"));
        }
        out
    }
}

/// Whether the property leads to that setting.
fn stands_for(property: &str, setting: &str) -> bool {
    broker_key(property).is_some_and(|key| key.setting == Some(setting))
}

/// The stronger synonym of `key` that is set as well; the table has the strongest first.
fn stronger(key: &BrokerConfigKey, all: &[Property]) -> Option<&'static str> {
    broker_keys()
        .filter(|other| other.setting == key.setting)
        .take_while(|other| other.definition.name != key.definition.name)
        .map(|other| other.definition.name)
        .find(|name| all.iter().any(|property| property.key == *name))
}

fn first_dir(value: &str) -> &str {
    value.split(',').next().unwrap_or(value).trim()
}

/// A property on one line, without secrets.
fn shown(property: &Property) -> String {
    let value = if meaning::is_secret(&property.key) { "(hidden)" } else { property.value.as_str() };
    let text = format!("{}={value}", property.key);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
