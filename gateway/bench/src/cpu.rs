//! CPU time of this process, of the broker and of the machine.

use std::fs;
use std::ops::Sub;

use rustix::time::{ClockId, clock_gettime};

use crate::error::BenchError;

/// Counters that only grow, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTimes {
    /// This process.
    pub(crate) client: f64,
    /// The process of the broker, when it is known.
    pub(crate) server: Option<f64>,
    /// All CPUs: user, nice, system and interrupts.
    pub(crate) busy: Option<f64>,
    /// What the hypervisor withheld.
    pub(crate) steal: Option<f64>,
}

impl CpuTimes {
    /// The counters now. What cannot be read is `None`.
    pub(crate) fn now(server_pid: Option<u32>) -> Self {
        let (busy, steal) = fs::read_to_string("/proc/stat").ok().and_then(|text| machine(&text)).unzip();
        Self { client: own(), server: server_pid.and_then(|pid| process(pid).ok().flatten()), busy, steal }
    }
}

impl Sub for CpuTimes {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        let difference = |now: Option<f64>, then: Option<f64>| Some(now? - then?);
        Self {
            client: self.client - earlier.client,
            server: difference(self.server, earlier.server),
            busy: difference(self.busy, earlier.busy),
            steal: difference(self.steal, earlier.steal),
        }
    }
}

/// Refuses a process whose CPU time cannot be read.
pub(crate) fn check_server(pid: u32) -> Result<(), BenchError> {
    let unknown =
        || BenchError::Usage(format!("--server-pid {pid}: /proc/{pid}/stat has no CPU time; leave it out"));
    match process(pid) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(unknown()),
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

fn process(pid: u32) -> std::io::Result<Option<f64>> {
    fs::read_to_string(format!("/proc/{pid}/stat")).map(|text| user_and_system(&text))
}

/// Fields 14 and 15 of `/proc/PID/stat`. The name before them may hold spaces and parentheses.
fn user_and_system(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(seconds(ticks))
}

/// Busy and stolen time of the first line of `/proc/stat`: user nice system idle iowait irq softirq steal.
fn machine(stat: &str) -> Option<(f64, f64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
    Some((seconds(user + nice + system + irq + softirq), seconds(steal)))
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_any_name() {
        let stat = "12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 7 8 20 0 1";
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(user_and_system(stat), Some(300.0 / ticks));
        assert_eq!(user_and_system("12 (a"), None);
    }

    #[test]
    fn waiting_is_not_busy() {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(machine("cpu  1 2 3 1000 1000 4 5 6 0 0\ncpu0 9"), Some((15.0 / ticks, 6.0 / ticks)));
        assert_eq!(machine("intr 1 2 3"), None);
    }

    #[test]
    fn this_process_is_seen_from_both_sides() {
        let now = CpuTimes::now(Some(std::process::id()));
        assert!(now.client > 0.0 && now.server.is_some() && now.busy.is_some());
        assert!(check_server(u32::MAX).is_err());
        assert!(resident_bytes(std::process::id()).is_some_and(|bytes| bytes > 0));
    }
}
