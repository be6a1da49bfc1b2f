//! Which core a thread runs on.

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::SolError;

/// Cores of the two sides. A side without one runs where the scheduler puts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    /// Of the receiving side.
    pub server: Option<usize>,
    /// Of the sending side.
    pub client: Option<usize>,
}

impl Cores {
    /// The first two cores of the machine, or nothing pinned when it has only one.
    #[must_use]
    pub fn two() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cores < 2 {
            Self { server: None, client: None }
        } else {
            Self { server: Some(0), client: Some(1) }
        }
    }

    /// Both sides on one core.
    #[must_use]
    pub fn same(core: Option<usize>) -> Self {
        let core = Some(core.unwrap_or(0));
        Self { server: core, client: core }
    }
}

/// Moves the calling thread, and the threads that it starts from now on.
///
/// # Errors
/// When there is no such core, or this process may not use it.
pub fn pin_current_thread(core: Option<usize>) -> Result<(), SolError> {
    let Some(core) = core else { return Ok(()) };
    let mut set = CpuSet::new();
    if core >= CpuSet::MAX_CPU {
        return Err(SolError::other("pin a thread", "no such core"));
    }
    set.set(core);
    sched_setaffinity(None, &set).map_err(SolError::at("pin a thread"))
}
