//! The gateway that is compared: one that runs already, or one that is started here for a row and ended after it.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chronik_sol::monotonic_seconds;
use rustix::process::Signal;

use super::args::{Class, CompareArgs};
use super::guard::Guard;
use super::process;
use super::side::Side;
use crate::BenchError;

/// A gateway that was started here. Ended, and its directory removed, when dropped.
#[derive(Debug)]
pub(crate) struct Ours {
    child: Child,
    guard: Option<Guard>,
    ports: [u16; 2],
    dir: PathBuf,
    class: Class,
}

impl Ours {
    /// Starts one with an empty directory, and returns when it answers; with the seconds until then.
    pub(crate) fn start(args: &CompareArgs, class: Class, more: &[&str]) -> Result<(Self, f64), BenchError> {
        let dir = args.dir.join(format!("chronik-compare.{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(BenchError::system(format!("cannot make {}", dir.display())))?;
        let ports = free_ports()?;
        Self::spawn(args, class, more, ports, dir)
    }

    fn spawn(
        args: &CompareArgs,
        class: Class,
        more: &[&str],
        ports: [u16; 2],
        dir: PathBuf,
    ) -> Result<(Self, f64), BenchError> {
        let child = command(args, class, more, ports, &dir)?;
        let started = monotonic_seconds();
        let child = { child }.spawn().map_err(BenchError::system("cannot start the gateway"))?;
        let guard = Some(Guard::ends(child.id(), &dir)?);
        let mut ours = Self { child, guard, ports, dir, class };
        ours.wait_until_it_answers()?;
        Ok((ours, monotonic_seconds() - started))
    }

    /// Kills it, starts it again in its directory, and gives the seconds until it answers.
    pub(crate) fn restart(
        mut self,
        args: &CompareArgs,
        signal: Signal,
        more: &[&str],
    ) -> Result<(Self, f64), BenchError> {
        self.end(signal)?;
        let (ports, dir, class) = (self.ports, self.dir.clone(), self.class);
        // The directory stays: this one has ended already, and nothing is left for its drop to do.
        self.dir = PathBuf::new();
        drop(self);
        Self::spawn(args, class, more, ports, dir)
    }

    /// As a side of a comparison.
    pub(crate) fn side(&self) -> Side {
        Side {
            name: "chronik",
            address: SocketAddr::from(([127, 0, 0, 1], self.ports[0])).to_string(),
            pid: Some(self.child.id()),
            class: self.class,
        }
    }

    fn wait_until_it_answers(&mut self) -> Result<(), BenchError> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports[0]));
        let limit = monotonic_seconds() + START_SECONDS;
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().map_err(BenchError::system("cannot watch the gateway"))?;
            if let Some(status) = ended {
                let log = fs::read_to_string(self.dir.with_extension("log")).unwrap_or_default();
                return Err(BenchError::Late(format!("the gateway ended with {status}:\n{log}")));
            }
            if monotonic_seconds() > limit {
                return Err(BenchError::Late(format!(
                    "the gateway did not answer within {START_SECONDS} seconds"
                )));
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }

    fn end(&mut self, how: Signal) -> Result<(), BenchError> {
        let pid = self.child.id();
        process::signal(pid, Signal::CONT)?;
        process::signal(pid, how)?;
        let limit = monotonic_seconds() + END_SECONDS;
        let watching = || BenchError::system("cannot watch the gateway");
        while self.child.try_wait().map_err(watching())?.is_none() {
            if monotonic_seconds() > limit {
                self.child.kill().map_err(watching())?;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if let Some(guard) = self.guard.take() {
            guard.dismiss();
        }
        Ok(())
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // The guard acts when it was not dismissed; what cannot be removed is left to the person whose disk it is.
        if self.guard.is_some() {
            let _ended = self.end(Signal::TERM);
        }
        if !self.dir.as_os_str().is_empty() {
            let _removed = fs::remove_dir_all(&self.dir);
            let _removed = fs::remove_file(self.dir.with_extension("log"));
        }
    }
}

fn command(
    args: &CompareArgs,
    class: Class,
    more: &[&str],
    [kafka, admin]: [u16; 2],
    dir: &Path,
) -> Result<Command, BenchError> {
    let durability = match class {
        Class::D0 => "os",
        Class::D1 => "fsync",
    };
    let log =
        fs::File::create(dir.with_extension("log")).map_err(BenchError::system("cannot make a log file"))?;
    let mut command = Command::new(binary(args)?);
    command.arg("serve").args(["--log", "warn"]);
    let mut set = |setting: String| {
        command.arg("--set").arg(setting);
    };
    set(format!("kafka.listeners=PLAINTEXT://127.0.0.1:{kafka}"));
    set(format!("admin.listen=127.0.0.1:{admin}"));
    set(format!("storage.wal.dir={}", dir.display()));
    set(format!("storage.wal.durability={durability}"));
    // Topics of earlier runs are deleted: their place on the disk is wanted soon.
    set("topics.retention_check_interval=1s".to_owned());
    more.iter().for_each(|setting| set((*setting).to_owned()));
    args.ours.iter().for_each(|setting| set(setting.clone()));
    let err = log.try_clone().map_err(BenchError::system("cannot make a log file"))?;
    command.stdin(Stdio::null()).stdout(log).stderr(err);
    Ok(command)
}

/// The program of the gateway.
pub(crate) fn binary(args: &CompareArgs) -> Result<PathBuf, BenchError> {
    match &args.binary {
        Some(binary) => Ok(binary.clone()),
        None => std::env::current_exe().map_err(BenchError::system("cannot find this program's file")),
    }
}

fn free_ports() -> Result<[u16; 2], BenchError> {
    let bind = || TcpListener::bind("127.0.0.1:0").map_err(BenchError::system("no port is free"));
    // Both are held until both are chosen, or they may be the same.
    let (first, second) = (bind()?, bind()?);
    let port = |listener: &TcpListener| {
        listener.local_addr().map(|address| address.port()).map_err(BenchError::system("no port is free"))
    };
    Ok([port(&first)?, port(&second)?])
}

/// A replay of many gigabytes takes its time.
const START_SECONDS: f64 = 120.0;
const END_SECONDS: f64 = 60.0;
