//! `chronik config …`: settings for people to look at. Nothing is started and no file is written.

use std::path::Path;

use chronik_config::{check_file, default_text, import_properties, show_text};

use crate::args::{ConfigCommand, SettingsArguments};
use crate::exit::Exit;
use crate::output::print;
use crate::{complain, settings};

/// Runs one of the commands.
pub(crate) fn run(command: &ConfigCommand, arguments: &SettingsArguments) -> Exit {
    match command {
        ConfigCommand::Default => print(&default_text()),
        ConfigCommand::Check { file } => match check_file(file.clone()) {
            Ok(text) => print(&text),
            Err(errors) => refused(&errors),
        },
        ConfigCommand::Show => match settings::load(arguments) {
            Ok(loaded) => print(&show_text(&loaded)),
            Err(errors) => refused(&errors),
        },
        ConfigCommand::Import { file } => import(file),
    }
}

fn refused(error: &dyn std::error::Error) -> Exit {
    eprintln!("{error}");
    Exit::Settings
}

fn import(file: &Path) -> Exit {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("chronik: cannot read {}: {error}", file.display());
            return Exit::Failure;
        }
    };
    match import_properties(&text, &hostname()) {
        Ok(imported) => print(&imported),
        Err(error) => {
            complain(&error);
            Exit::Settings
        }
    }
}

/// Kafka advertises the name of the machine where the file names no address.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}
