//! The configuration as text: the default file, the effective settings, the verdict on a file.
//!
//! All of it is written from the registry of keys, so it cannot say anything else than what is loaded.

use std::path::PathBuf;

use crate::error::{ConfigErrors, Origin};
use crate::kafka::broker_keys;
use crate::load::{Loaded, Sources};
use crate::sections::{Key, SECTIONS, Settings, keys};

const HEADER: &str = "\
# Configuration of chronik, with every setting at its default.
#
# A setting can also come from the environment (CHRONIK_STORAGE__WAL__DIR=/data) or from a flag
# (--set storage.wal.dir=/data). Flags are stronger than the environment, which is stronger than this file. Lists are
# written by comma there.
";

/// A whole configuration file with every setting, its meaning, what it accepts and its default.
#[must_use]
pub fn default_text() -> String {
    let settings = Settings::default();
    let mut out = HEADER.to_owned();
    for section in SECTIONS {
        out.push('\n');
        comment(&mut out, section.about);
        out.push_str(&format!("[{}]\n", section.path));
        for key in section.keys {
            out.push('\n');
            comment(&mut out, key.doc);
            out.push_str(&format!("# Accepts {}.\n", (key.expected)()));
            let names = kafka_names(key);
            if !names.is_empty() {
                out.push_str(&format!("# Kafka: {}\n", names.join(", ")));
            }
            match (key.toml)(&settings) {
                Some(value) => out.push_str(&format!("{} = {value}\n", key.name)),
                None => out.push_str(&format!("# {} =\n", key.name)),
            }
        }
    }
    out
}

/// The effective settings as a file, and behind each where it came from.
#[must_use]
pub fn show_text(loaded: &Loaded) -> String {
    let mut out = String::new();
    for section in SECTIONS {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("[{}]\n", section.path));
        for key in section.keys {
            let line = match (key.toml)(&loaded.settings) {
                Some(value) => format!("{} = {value}", key.name),
                None => format!("# {} =", key.name),
            };
            out.push_str(&format!("{line:<48} # {}\n", loaded.origins.of(&key.path())));
        }
    }
    out
}

/// Checks a file alone, without environment and flags, and says what it sets.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_file(path: PathBuf) -> Result<String, ConfigErrors> {
    let name = path.display().to_string();
    let loaded = Settings::load(Sources { file: Some(path), env: [], sets: Vec::new() })?;
    let set = keys().filter(|key| loaded.origins.of(&key.path()) != Origin::Default).count();
    Ok(format!("{name}: valid, {set} of {} settings are set\n", keys().count()))
}

/// The broker settings of Kafka that stand for this one.
fn kafka_names(key: &Key) -> Vec<&'static str> {
    let path = key.path();
    let ours = broker_keys().filter(|broker| broker.setting == Some(path.as_str()));
    ours.map(|broker| broker.definition.name).collect()
}

fn comment(out: &mut String, lines: &[&str]) {
    for line in lines {
        out.push_str(&format!("#{line}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_default_file_is_the_defaults() {
        let text = default_text();
        let loaded = Settings::parse(Path::new("default.toml"), &text).unwrap();
        assert_eq!(loaded.settings, Settings::default());
        for key in keys() {
            let line = format!("\n{} =", key.name);
            let off = format!("\n# {} =", key.name);
            assert!(text.contains(&line) || text.contains(&off), "{} is missing", key.path());
        }
        assert!(text.contains(
            "# Kafka: log.retention.ms, log.retention.minutes, log.retention.hours\nretention_ms = \"7d\"\n"
        ));
        assert!(text.lines().all(|line| line.chars().count() <= 170));
    }

    #[test]
    fn shows_each_setting_with_its_origin() {
        let mut loaded =
            Settings::parse(Path::new("a.toml"), "[kafka]\nrack = \"r\"\nnode_id = 5\n").unwrap();
        let shown = show_text(&loaded);
        assert!(shown.starts_with("[kafka]\nlisteners = [\"PLAINTEXT://127.0.0.1:9092\"]"), "{shown}");
        let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line("rack"), format!("{:<48} # a.toml:2:8", "rack = \"r\""));
        assert_eq!(line("node_id"), format!("{:<48} # a.toml:3:11", "node_id = 5"));
        assert_eq!(line("# cluster_id"), format!("{:<48} # default", "# cluster_id ="));

        let again = Settings::parse(Path::new("b.toml"), &shown).unwrap();
        loaded.origins = again.origins.clone();
        assert_eq!(again, loaded);
    }

    #[test]
    fn checks_a_file_by_itself() {
        let path = std::env::temp_dir().join(format!("chronik-check-{}.toml", std::process::id()));
        std::fs::write(&path, "[kafka]\nnode_id = 5\n").unwrap();
        let good = check_file(path.clone()).unwrap();
        std::fs::write(&path, "[kafka]\nnode = 5\n").unwrap();
        let bad = check_file(path.clone()).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(good.contains(": valid, 1 of "), "{good}");
        assert!(bad.ends_with(":2:1: kafka.node: unknown key\n  hint: did you mean kafka.node_id?"), "{bad}");
    }
}
