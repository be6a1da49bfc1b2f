//! CPU time of this process, of the broker and of the machine.
//!
//! Times of processes are those of the scheduler, which counts in nanoseconds. The machine's busy time in `/proc/stat` is
//! counted by the clock's ticks: at low load it is wrong by more than a broker uses. So the machine's time is the sum
//! over all processes. Interrupts count with whomever they interrupt; those of an idle core are not seen.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Sub;

use rustix::time::{ClockId, clock_gettime};

use crate::error::BenchError;

/// Counters at a moment; their difference says what was used between two.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuTimes {
    client: f64,
    steal: Option<f64>,
    server_pid: Option<u32>,
    processes: BTreeMap<u32, Process>,
}

/// What was used between two moments, in seconds. What cannot be known is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuUsed {
    /// This process.
    pub(crate) client: f64,
    /// The process of the broker.
    pub(crate) server: Option<f64>,
    /// The threads of the kernel itself, such as those that write back.
    pub(crate) kernel: Option<f64>,
    /// Processes that are neither the broker nor loads like this one; `None` where the broker is not known.
    pub(crate) foreign: Option<f64>,
    /// All processes and the kernel's threads.
    pub(crate) busy: Option<f64>,
    /// What the hypervisor withheld.
    pub(crate) steal: Option<f64>,
}

impl CpuTimes {
    /// The counters now. It takes half a millisecond for a hundred processes.
    pub(crate) fn now(server_pid: Option<u32>) -> Self {
        let machine = fs::read_to_string("/proc/stat").ok().and_then(|text| Machine::parse(&text));
        Self {
            client: own(),
            steal: machine.map(|machine| seconds(machine.steal)),
            server_pid,
            processes: processes(),
        }
    }

    fn server(&self) -> Option<(u32, &Process)> {
        let pid = self.server_pid?;
        Some((pid, self.processes.get(&pid)?))
    }
}

impl Sub for CpuTimes {
    type Output = CpuUsed;

    fn sub(self, earlier: Self) -> CpuUsed {
        let server = earlier.server().zip(self.server());
        let server = server.filter(|((_, then), (_, now))| then.started == now.started);
        let own_pid = std::process::id();
        let own = self.processes.get(&own_pid).cloned();
        let is_load = |pid: u32, process: &Process| {
            pid == own_pid || own.as_ref().is_some_and(|own| own.is_beside(pid, process))
        };
        let is_foreign = |pid: u32, process: &Process| {
            !process.kernel && !is_load(pid, process) && self.server_pid != Some(pid)
        };
        let used = |which: &dyn Fn(u32, &Process) -> bool| used(&earlier.processes, &self.processes, which);
        let has_kernel = self.processes.values().any(|process| process.kernel);
        let kernel = has_kernel.then(|| used(&|_, process| process.kernel));
        let user = (!self.processes.is_empty()).then(|| used(&|_, process| !process.kernel));
        CpuUsed {
            client: self.client - earlier.client,
            server: server.map(|((_, then), (_, now))| seconds(now.own.saturating_sub(then.own))),
            kernel,
            foreign: server.map(|_| used(&is_foreign)),
            busy: user.map(|user| user + kernel.unwrap_or_default()),
            steal: self.steal.zip(earlier.steal).map(|(now, then)| now - then),
        }
    }
}

/// A line of `/proc/PID/stat`. Times are in ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    name: String,
    parent: u32,
    /// A thread of the kernel.
    kernel: bool,
    /// User and system time.
    own: u64,
    /// The same of its children that have ended and were waited for.
    waited: u64,
    /// Since the machine was started; tells two processes of one id apart.
    started: u64,
}

impl Process {
    /// The name before the fields may hold spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let (start, fields) = stat.rsplit_once(')')?;
        let (_, name) = start.split_once('(')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // Fields are numbered from 1 in proc(5); the first one here is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            name: name.to_owned(),
            parent: u32::try_from(field(4)?).ok()?,
            kernel: field(9)? & PF_KTHREAD != 0,
            own: field(14)? + field(15)?,
            waited: field(16)? + field(17)?,
            started: field(22)?,
        })
    }

    /// Whether another process is a load that whoever started this one has started too, or is that one: the program is
    /// the same.
    fn is_beside(&self, pid: u32, other: &Self) -> bool {
        self.name == other.name && (other.parent == self.parent || pid == self.parent)
    }
}

/// `PF_KTHREAD` of the kernel's `sched.h`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// All processes that can be seen.
fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // It may have ended since.
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, Process::parse(&stat)?))
        })
        .collect()
}

/// Seconds that some of the processes used between two moments. Of one that has ended meanwhile, its parent tells, if that
/// waited for it; otherwise nobody does.
fn used(
    then: &BTreeMap<u32, Process>,
    now: &BTreeMap<u32, Process>,
    which: &dyn Fn(u32, &Process) -> bool,
) -> f64 {
    let chosen = |processes: &BTreeMap<u32, Process>, ticks: &dyn Fn(u32, &Process) -> u64| -> u64 {
        let chosen = processes.iter().filter(|(pid, process)| which(**pid, process));
        chosen.map(|(pid, process)| ticks(*pid, process)).sum()
    };
    let of_those_there = chosen(now, &|pid, process| {
        let before = then.get(&pid).filter(|before| before.started == process.started);
        process.own.saturating_sub(before.map_or(0, |before| before.own))
    });
    // What a parent has waited for holds the whole life of a child: the part before the first moment is in the first sum.
    let whole = |_: u32, process: &Process| process.own + process.waited;
    let of_all = chosen(now, &whole).saturating_sub(chosen(then, &whole));
    // Both leave out what nobody tells, and neither holds more than there was.
    seconds(of_those_there.max(of_all))
}

/// Refuses a process whose CPU time cannot be read.
pub(crate) fn check_server(pid: u32) -> Result<(), BenchError> {
    let unknown =
        || BenchError::Usage(format!("--server-pid {pid}: /proc/{pid}/stat has no CPU time; leave it out"));
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) if Process::parse(&stat).is_some() => Ok(()),
        Ok(_) => Err(unknown()),
        Err(source) => Err(BenchError::System {
            what: format!(
                "--server-pid {pid} names no process of this machine; leave it out if the broker is elsewhere"
            ),
            source,
        }),
    }
}

/// The resident memory of a process in bytes, if it can be read.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(u64::try_from(rustix::param::page_size()).ok()?))
}

fn own() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) steal: u64,
    /// All of them together.
    pub(crate) all: u64,
}

impl Machine {
    pub(crate) fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> =
            line.split_ascii_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
        Some(Self { steal: *ticks.get(7)?, all: ticks.iter().sum() })
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests;
