//! Processes of this machine, by their id: cores, pausing, CPU time, memory.

use std::fs;
use std::io;

use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::{BenchError, cpu};

/// Moves all threads of a process to one core, or lets them run on all.
pub(crate) fn pin(pid: u32, core: Option<usize>) -> Result<(), BenchError> {
    let set = core_set(core);
    // A thread that starts meanwhile has the set of the thread that starts it: the second look finds the rest.
    for _ in 0..2 {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .map_err(BenchError::system(format!("cannot find process {pid}")))?;
        for task in tasks.flatten() {
            let Some(thread) =
                task.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
            else {
                continue;
            };
            match sched_setaffinity(Some(thread), &set) {
                // The thread has ended meanwhile.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(errno) => {
                    let what = format!("cannot choose the core of process {pid}");
                    return Err(BenchError::System { what, source: errno.into() });
                }
            }
        }
    }
    Ok(())
}

/// One core, or all.
pub(crate) fn core_set(core: Option<usize>) -> CpuSet {
    let mut set = CpuSet::new();
    match core {
        Some(core) => set.set(core.min(CpuSet::MAX_CPU - 1)),
        None => (0..CpuSet::MAX_CPU).for_each(|core| set.set(core)),
    }
    set
}

/// Starts a program that runs on this core from its first moment, and so sees how many it has.
pub(crate) fn spawn_on(core: Option<usize>, command: &mut Command, what: &str) -> Result<Child, BenchError> {
    // A child runs where the thread that starts it runs.
    let refused = |errno: rustix::io::Errno| BenchError::System {
        what: "cannot choose the core of a program".to_owned(),
        source: errno.into(),
    };
    let before = sched_getaffinity(None).map_err(refused)?;
    sched_setaffinity(None, &core_set(core)).map_err(refused)?;
    let spawned = command.spawn();
    sched_setaffinity(None, &before).map_err(refused)?;
    spawned.map_err(BenchError::system(format!("cannot start {what}")))
}

/// Sends a signal.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<(), BenchError> {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let sent = process.map_or(Err(io::ErrorKind::NotFound.into()), |pid| {
        kill_process(pid, signal).map_err(io::Error::from)
    });
    sent.map_err(BenchError::system(format!("cannot signal process {pid}")))
}

/// Whether there is such a process, ended or not.
pub(crate) fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or_default()
}

/// Whether any thread of it has not ended: a process that nobody has collected yet is there, but does not run.
pub(crate) fn is_running(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().flatten().any(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

/// Resident memory in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, BenchError> {
    cpu::resident_bytes(pid)
        .ok_or_else(|| BenchError::Unsupported(format!("/proc/{pid}/statm shows no resident memory")))
}

/// Number of threads.
pub(crate) fn threads(pid: u32) -> Result<u64, BenchError> {
    status(pid, "Threads:")
}

/// Number of open file descriptors.
pub(crate) fn descriptors(pid: u32) -> Result<u64, BenchError> {
    let open = fs::read_dir(format!("/proc/{pid}/fd"))
        .map_err(BenchError::system(format!("cannot look at the files of process {pid}")))?;
    Ok(open.count() as u64)
}

fn status(pid: u32, key: &str) -> Result<u64, BenchError> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(BenchError::system(format!("cannot look at process {pid}")))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok());
    number.ok_or_else(|| BenchError::Unsupported(format!("/proc/{pid}/status has no {key} with a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_looked_at() {
        let pid = std::process::id();
        assert!(is_running(pid));
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(threads(pid).unwrap() >= 1);
        assert!(descriptors(pid).unwrap() >= 3);
    }
}
