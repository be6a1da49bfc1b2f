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
    /// Starts one with an empty directory, and returns when its port is open.
    pub(crate) fn start(
        args: &CompareArgs,
        under: &Path,
        class: Class,
        more: &[&str],
    ) -> Result<Self, BenchError> {
        let dir = under.join("ours");
        fs::create_dir_all(&dir).map_err(BenchError::system(format!("cannot make {}", dir.display())))?;
        Ended { ports: free_ports()?, dir, class }.start_again(args, more)
    }

    /// Ends it, and keeps its directory.
    pub(crate) fn end(mut self, how: Signal) -> Result<Ended, BenchError> {
        self.stop(how)?;
        // Nothing is left for its drop to do: an empty path is removed by nobody.
        Ok(Ended { ports: self.ports, dir: std::mem::take(&mut self.dir), class: self.class })
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
                let log = fs::read_to_string(self.dir.join(LOG)).unwrap_or_default();
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

    fn stop(&mut self, how: Signal) -> Result<(), BenchError> {
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

/// A gateway that has ended, and can be started again. Its directory is removed when dropped.
#[derive(Debug)]
pub(crate) struct Ended {
    ports: [u16; 2],
    dir: PathBuf,
    class: Class,
}

impl Ended {
    /// Starts it in its directory, and returns when its port is open.
    pub(crate) fn start_again(mut self, args: &CompareArgs, more: &[&str]) -> Result<Ours, BenchError> {
        let mut command = command(args, self.class, more, self.ports, &self.dir)?;
        let child = process::spawn_on(args.cores().server, &mut command, "the gateway")?;
        let guard = Some(Guard::ends(child.id(), &self.dir)?);
        let dir = std::mem::take(&mut self.dir);
        let mut ours = Ours { child, guard, ports: self.ports, dir, class: self.class };
        ours.wait_until_it_answers()?;
        Ok(ours)
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // Where ending it fails, the guard still tries.
        if self.guard.is_some() {
            let _ended = self.stop(Signal::TERM);
        }
        remove(&self.dir);
    }
}

/// What cannot be removed is left to the person whose disk it is.
fn remove(dir: &Path) {
    if !dir.as_os_str().is_empty() {
        let _removed = fs::remove_dir_all(dir);
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
    let log = fs::File::create(dir.join(LOG)).map_err(BenchError::system("cannot make a log file"))?;
    let mut command = Command::new(binary(args)?);
    command.arg("serve").args(["--log", "warn"]);
    let mut set = |setting: String| {
        command.arg("--set").arg(setting);
    };
    set(format!("kafka.listeners=PLAINTEXT://127.0.0.1:{kafka}"));
    set(format!("admin.listen=127.0.0.1:{admin}"));
    set(format!("storage.wal.dir={}", dir.join("data").display()));
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

const LOG: &str = "log";
/// A replay of many gigabytes takes its time.
const START_SECONDS: f64 = 120.0;
const END_SECONDS: f64 = 60.0;
