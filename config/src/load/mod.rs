//! Layers defaults, a file, the environment and flags into [`Settings`].
//!
//! Later layers win key by key; a list replaces the list before it. Every layer is read to its end before anything is
//! refused, so that all errors are reported at once. The file is walked as spanned TOML rather than through serde, which
//! would stop at the first thing it does not like.

mod file;
mod overrides;
mod suggest;

use std::path::{Path, PathBuf};

use crate::error::{ConfigError, ConfigErrors, Origin, Origins};
use crate::sections::{Key, SECTIONS, Settings, key};
use crate::values::Raw;
use suggest::nearest_key;

/// The variable that names the configuration file; it is read by the program, and no setting.
pub const CONFIG_VARIABLE: &str = "CHRONIK_CONFIG";

/// The layers above the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources<E> {
    /// The file, if there is one. It has to exist.
    pub file: Option<PathBuf>,
    /// The environment; only variables that begin with `CHRONIK_` are looked at.
    pub env: E,
    /// The flags, `storage.wal.dir=/data`.
    pub sets: Vec<String>,
}

/// Settings, and where each came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The effective settings.
    pub settings: Settings,
    /// Where each came from.
    pub origins: Origins,
}

impl Settings {
    /// Reads all layers and checks the result.
    ///
    /// # Errors
    /// Everything that is not understood or does not fit together, with its place.
    pub fn load<E>(sources: Sources<E>) -> Result<Loaded, ConfigErrors>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let mut layers = Layers::default();
        if let Some(path) = &sources.file {
            match std::fs::read(path) {
                Ok(bytes) => layers.file(path, &bytes),
                Err(error) => layers.errors.push(file_error(path, &format!("cannot be read: {error}"))),
            }
        }
        layers.environment(sources.env);
        layers.flags(&sources.sets);
        layers.finish()
    }

    /// Reads settings out of the text of a file alone; `path` is what errors call it.
    ///
    /// # Errors
    /// Everything that is not understood or does not fit together, with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Loaded, ConfigErrors> {
        let mut layers = Layers::default();
        layers.file(path, text.as_bytes());
        layers.finish()
    }
}

fn file_error(path: &Path, problem: &str) -> ConfigError {
    ConfigError::new(Origin::File { path: path.to_owned(), position: None }, "", problem)
}

/// What has been read so far.
#[derive(Default)]
struct Layers {
    loaded: Loaded,
    errors: Vec<ConfigError>,
}

impl Layers {
    fn file(&mut self, path: &Path, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => file::read(path, text, self),
            Err(error) => {
                let problem = format!("is not UTF-8 at byte {}", error.valid_up_to());
                self.errors.push(file_error(path, &problem));
            }
        }
    }

    /// Takes one value over; `written` is its text.
    fn set(&mut self, key: &Key, raw: &Raw, written: &str, origin: Origin) {
        let path = key.path();
        match (key.apply)(&mut self.loaded.settings, raw) {
            Ok(()) => self.loaded.origins.note(path, origin),
            Err(problem) => {
                let problem = problem.unwrap_or_else(|| match raw {
                    Raw::Text(_) | Raw::Loose(_) => "not understood".to_owned(),
                    other => format!("found {}", other.kind()),
                });
                let error = ConfigError::new(origin, &path, problem);
                self.errors.push(error.value(written).expected((key.expected)()));
            }
        }
    }

    /// Notes that there is no such key.
    fn unknown(&mut self, path: &str, origin: Origin) {
        let hint = nearest_key(path).map(|near| format!("did you mean {near}?")).or_else(|| known_in(path));
        self.errors.push(ConfigError::new(origin, path, "unknown key").hint(hint));
    }

    fn finish(self) -> Result<Loaded, ConfigErrors> {
        let Self { loaded, mut errors } = self;
        let contradictions = crate::check::check(&loaded.settings, &loaded.origins);
        // A value that was refused left its default behind: what that contradicts is nobody's fault.
        let blamed = |error: &ConfigError| error.origin != Origin::Default;
        let trusted = errors.is_empty();
        errors.extend(contradictions.into_iter().filter(|error| trusted || blamed(error)));
        ConfigErrors::check(errors)?;
        Ok(loaded)
    }
}

/// What can stand in the section of `path`, or at the top.
fn known_in(path: &str) -> Option<String> {
    let section = path.rsplit_once('.').and_then(|(name, _)| SECTIONS.iter().find(|s| s.path == name));
    let Some(section) = section else {
        let names: Vec<String> = SECTIONS.iter().map(|section| format!("[{}]", section.path)).collect();
        return Some(format!("the sections are {}", names.join(", ")));
    };
    let names: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
    Some(format!("[{}] has {}", section.path, names.join(", ")))
}

#[cfg(test)]
mod tests;
