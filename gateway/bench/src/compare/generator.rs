//! Runs of the load generator: each is a process of its own, on the client's core.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chronik_sol::{Cores, monotonic_seconds};

use super::process;
use super::side::Side;
use crate::{BenchError, Report};

/// A run that is under way. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Generator {
    child: Child,
    files: [PathBuf; 2],
    deadline: f64,
}

impl Generator {
    /// Starts `chronik bench` against a side, with these arguments besides those that each run has.
    pub(crate) fn start(side: &Side, load: &[String], cores: Cores, dir: &Path) -> Result<Self, BenchError> {
        Self::run(Command::new(this_program()?), side, load, cores, dir)
    }

    /// The same, for a load that any other generator on its core interrupts at once, so that the other measures the server
    /// and not this one. Priorities would not do: the kernel lets a process of the least one finish its slice, which is
    /// milliseconds.
    pub(crate) fn start_behind(
        side: &Side,
        load: &[String],
        cores: Cores,
        dir: &Path,
    ) -> Result<Self, BenchError> {
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(this_program()?);
        Self::run(command, side, load, cores, dir)
    }

    fn run(
        mut command: Command,
        side: &Side,
        load: &[String],
        cores: Cores,
        dir: &Path,
    ) -> Result<Self, BenchError> {
        let number = monotonic_seconds().to_bits();
        let file = |kind: &str| dir.join(format!("chronik-bench.{}.{number:x}.{kind}", std::process::id()));
        let files = [file("json"), file("err")];
        let err =
            fs::File::create(&files[1]).map_err(BenchError::system("cannot make a file for messages"))?;
        command.args(["bench", "--bootstrap", &side.address, "--durability", side.class.name()]);
        if let Some(pid) = side.pid {
            command.args(["--server-pid", &pid.to_string()]);
        }
        command.arg("--json-output").arg(&files[0]).args(load);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(err);
        let what = format!("the load generator ({})", command.get_program().display());
        let child = process::spawn_on(cores.client, &mut command, &what)?;
        Ok(Self { child, files, deadline: monotonic_seconds() + LIMIT_SECONDS })
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<Report, BenchError> {
        let watching = || BenchError::system("cannot watch the load generator");
        let status = loop {
            if let Some(status) = self.child.try_wait().map_err(watching())? {
                break status;
            }
            if monotonic_seconds() > self.deadline {
                return Err(BenchError::Late(format!("a run did not end within {LIMIT_SECONDS} seconds")));
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        // A report is written also when something was lost: the gate sees it there.
        let parsed = fs::read(&self.files[0]).ok().and_then(|json| serde_json::from_slice(&json).ok());
        parsed.ok_or_else(|| {
            let said = fs::read_to_string(&self.files[1]).unwrap_or_default();
            BenchError::Unsupported(format!("a run ended with {status} and no report: {}", said.trim()))
        })
    }
}

fn this_program() -> Result<PathBuf, BenchError> {
    std::env::current_exe().map_err(BenchError::system("cannot find this program's file"))
}

impl Drop for Generator {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _killed = self.child.kill();
            let _collected = self.child.wait();
        }
        for file in &self.files {
            let _removed = fs::remove_file(file);
        }
    }
}

const LIMIT_SECONDS: f64 = 600.0;
