//! Whether the gateway can do its work now, and if not, why.

use serde::Serialize;

/// One thing that must hold for the gateway to be ready.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What is looked at, in a word or two.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// What was found, for a person.
    pub detail: String,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// All checks, in the order in which a person would look.
    pub checks: Vec<Check>,
}

impl Readiness {
    /// Whether every check holds.
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// One line per check, `[+]` for those that hold and `[-]` for the others.
    pub fn verbose(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let mark = if check.ok { '+' } else { '-' };
            text.push_str(&format!("[{mark}] {}: {}\n", check.name, check.detail));
        }
        text.push_str(if self.is_ready() { "ready\n" } else { "not ready\n" });
        text
    }
}
