//! One of the two that are compared.

use chronik_sol::Cores;
use rustix::process::Signal;

use super::args::Class;
use super::process;
use crate::BenchError;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// For progress and messages.
    pub(crate) name: &'static str,
    pub(crate) address: String,
    /// Its process, when it is on this machine and known.
    pub(crate) pid: Option<u32>,
    pub(crate) class: Class,
}

impl Side {
    /// Whether its process is known, and has ended.
    pub(crate) fn has_died(&self) -> bool {
        self.pid.is_some_and(|pid| !process::is_running(pid))
    }

    /// Stops its process until [`Side::resume`]. A guard must stand by.
    pub(crate) fn pause(&self) -> Result<(), BenchError> {
        self.pid.map_or(Ok(()), |pid| process::signal(pid, Signal::STOP))
    }

    /// Lets its process go on, on the server's core.
    pub(crate) fn resume(&self, cores: Cores) -> Result<(), BenchError> {
        let Some(pid) = self.pid else { return Ok(()) };
        process::signal(pid, Signal::CONT)?;
        process::pin(pid, cores.server)
    }
}
