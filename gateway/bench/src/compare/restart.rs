//! Ends a server and starts it again in its directory.

use std::process::{Command, Stdio};
use std::time::Duration;

use chronik_sol::monotonic_seconds;
use rustix::process::Signal;

use super::contest::Contest;
use super::process;
use super::side::Side;
use crate::BenchError;

/// Ends it with this signal, starts it, and waits until it is ready; gives what it has become and the seconds of the start.
/// `None` when nobody said how this server is started.
pub(crate) fn restart(
    contest: &mut Contest<'_>,
    side: &Side,
    signal: Signal,
    settings: &[&str],
    ready: &dyn Fn(&str) -> Result<(), BenchError>,
) -> Result<Option<(Side, f64)>, BenchError> {
    if contest.peer().is_some_and(|peer| peer.address == side.address) {
        return restart_peer(contest, side, signal, ready);
    }
    let Some(ours) = contest.take_started() else { return Ok(None) };
    let ours = ours.end(signal)?;
    let start = monotonic_seconds();
    let side = contest.put_started(ours.start_again(contest.args, settings)?);
    ready(&side.address)?;
    let seconds = monotonic_seconds() - start;
    side.resume(contest.cores)?;
    Ok(Some((side, seconds)))
}

fn restart_peer(
    contest: &mut Contest<'_>,
    side: &Side,
    signal: Signal,
    ready: &dyn Fn(&str) -> Result<(), BenchError>,
) -> Result<Option<(Side, f64)>, BenchError> {
    let (Some(_), Some(pid)) = (&contest.args.peer_restart, side.pid) else { return Ok(None) };
    process::signal(pid, Signal::CONT)?;
    process::signal(pid, signal)?;
    while process::is_running(pid) {
        std::thread::park_timeout(POLL);
    }
    // Whoever started it collects it, or init does, soon: until then a start may take it for alive.
    let limit = monotonic_seconds() + COLLECT_SECONDS;
    while process::exists(pid) && monotonic_seconds() < limit {
        std::thread::park_timeout(POLL);
    }
    let start = monotonic_seconds();
    let Some(pid) = start_peer(contest)? else { return Ok(None) };
    ready(&side.address)?;
    let seconds = monotonic_seconds() - start;
    let side = Side { pid: Some(pid), ..side.clone() };
    side.resume(contest.cores)?;
    Ok(Some((side, seconds)))
}

/// Starts a peer that has ended; gives its process. `None` when nobody said how it is started.
pub(crate) fn start_peer(contest: &mut Contest<'_>) -> Result<Option<u32>, BenchError> {
    let Some(command) = &contest.args.peer_restart else { return Ok(None) };
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = shell.output().map_err(BenchError::system("cannot run /bin/sh"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let pid = said.lines().last().and_then(|line| line.trim().parse().ok());
    let (true, Some(pid)) = (output.status.success(), pid) else {
        let what = format!("--peer-restart ended with {} and printed {:?}", output.status, said.trim());
        return Err(BenchError::Usage(format!("{what}: its last line must be the process id")));
    };
    contest.peer_is_now(pid)?;
    Ok(Some(pid))
}

const POLL: Duration = Duration::from_millis(5);
const COLLECT_SECONDS: f64 = 10.0;
