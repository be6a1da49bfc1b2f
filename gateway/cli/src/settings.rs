//! Loading the settings of this process.

use std::path::PathBuf;

use chronik_config::{CONFIG_VARIABLE, ConfigErrors, Loaded, Settings, Sources};

use crate::args::SettingsArguments;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// Something in a layer is refused.
    #[error("{0}")]
    Refused(#[from] ConfigErrors),
    /// A variable of the environment cannot be read.
    #[error("environment {variable}: the value is not UTF-8")]
    NotText {
        /// Its name.
        variable: String,
    },
}

/// Reads defaults, file, environment and flags, the later ones stronger.
///
/// # Errors
/// Everything that is not understood, with its place.
pub(crate) fn load(arguments: &SettingsArguments) -> Result<Loaded, SettingsError> {
    let file = arguments.config.clone().or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
    let mut sets = arguments.set.clone();
    sets.extend(arguments.log.iter().map(|filter| format!("log.filter={filter}")));
    Ok(Settings::load(Sources { file, env: environment()?, sets })?)
}

/// The variables that concern the settings.
fn environment() -> Result<Vec<(String, String)>, SettingsError> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        // A name that is not text cannot be one of ours.
        let Some(variable) = name.into_string().ok().filter(|name| name.starts_with("CHRONIK_")) else {
            continue;
        };
        match value.into_string() {
            Ok(value) => variables.push((variable, value)),
            Err(_) => return Err(SettingsError::NotText { variable }),
        }
    }
    Ok(variables)
}
