//! Exit codes, those of sysexits.h where it has one.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or stopped as asked.
    Ok,
    /// Could not do what was asked.
    Failure,
    /// Storage failed, or holds what cannot be read: EX_IOERR.
    Storage,
    /// The settings are refused: EX_CONFIG.
    Settings,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Storage => 74,
            Self::Settings => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
