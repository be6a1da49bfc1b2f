//! `[log]`: what the gateway says about itself.

use super::section;
use crate::values::LogFormat;

section! {
    /// What the gateway writes to standard error about itself.
    pub struct LogSettings as SECTION at log {
        /// What is logged: a level (error, warn, info, debug, trace), or levels by target such as "info,chronik=debug".
        filter: String = "info".to_owned();
        /// "text" is for people, "json" for programs, "auto" is text on a terminal and JSON otherwise.
        format: LogFormat = LogFormat::Auto;
    }
}
