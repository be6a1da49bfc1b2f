//! Loading the settings of this process.

use std::path::PathBuf;

use chronik_config::{CONFIG_VARIABLE, ConfigErrors, Loaded, Settings, Sources};

use crate::args::SettingsArguments;

/// Reads defaults, file, environment and flags, the later ones stronger.
///
/// # Errors
/// Everything that is not understood, with its place.
pub(crate) fn load(arguments: &SettingsArguments) -> Result<Loaded, ConfigErrors> {
    let file = arguments.config.clone().or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
    let mut sets = arguments.set.clone();
    sets.extend(arguments.log.iter().map(|filter| format!("log.filter={filter}")));
    // A variable that is not Unicode cannot be one of ours.
    let env =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
    Settings::load(Sources { file, env, sets })
}
