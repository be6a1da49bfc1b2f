//! A gateway in a process of its own.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait_until;

/// How to start a gateway.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// The `chronik` binary.
    pub binary: PathBuf,
    /// Directory of the write-ahead log.
    pub data: PathBuf,
    /// File that receives what the process prints; appended to.
    pub log: PathBuf,
    /// Port of the Kafka listener on 127.0.0.1.
    pub kafka_port: u16,
    /// Port of the admin listener on 127.0.0.1.
    pub admin_port: u16,
    /// Further settings, as in `storage.wal.durability=os`.
    pub set: Vec<String>,
}

/// Why a gateway could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The process could not be made, watched or signalled.
    #[error("{context}")]
    Io {
        /// What was tried.
        context: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The process ended before its port answered.
    #[error("the gateway ended with {status} before it answered; see {log}")]
    Ended {
        /// Exit status.
        status: ExitStatus,
        /// Its log.
        log: String,
    },
    /// The port did not answer, or the process did not end, in time.
    #[error("the gateway did not {what} within {limit:?}; see {log}")]
    Late {
        /// What it should have done.
        what: &'static str,
        /// How long it had.
        limit: Duration,
        /// Its log.
        log: String,
    },
}

/// A running gateway. Killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

/// Where ports for gateways are looked for: below those that the system gives to connections and to whoever asks for any
/// (from 32768 on), so that the port of a gateway that was killed is still free when it is started again.
const FIRST_PORT: u32 = 12_000;
const PORTS: u32 = 18_000;

/// How many ports this process has looked at.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// Ports of the loopback interface that are free now, all different.
///
/// # Errors
/// When the system has none.
pub fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    // Processes that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(631);
    let mut refused = None;
    for _ in 0..PORTS {
        let Some(slot) = ports.get_mut(held.len()) else { return Ok(ports) };
        let step = begin.wrapping_add(LOOKED_AT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = u16::try_from(FIRST_PORT + step).unwrap_or(u16::MAX);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => {
                *slot = port;
                held.push(listener);
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}

impl Gateway {
    /// Starts the process and returns at once.
    ///
    /// # Errors
    /// When the process or its log file cannot be made.
    pub fn spawn(options: &GatewayOptions) -> Result<Self, GatewayError> {
        Self::spawn_with(options, &[])
    }

    /// The same, with further arguments before the settings.
    ///
    /// # Errors
    /// When the process or its log file cannot be made.
    pub fn spawn_with(options: &GatewayOptions, arguments: &[&str]) -> Result<Self, GatewayError> {
        let io = |context: String| move |source| GatewayError::Io { context, source };
        let open = || File::options().create(true).append(true).open(&options.log);
        let out = open().map_err(io(format!("cannot open {}", options.log.display())))?;
        let err = out.try_clone().map_err(io("cannot share the log file".to_owned()))?;
        let mut command = Command::new(&options.binary);
        command
            .args(arguments)
            .arg("--set")
            .arg(format!("kafka.listeners=PLAINTEXT://127.0.0.1:{}", options.kafka_port))
            .arg("--set")
            .arg(format!("admin.listen=127.0.0.1:{}", options.admin_port))
            .arg("--set")
            .arg(format!("storage.wal.dir={}", options.data.display()));
        for setting in &options.set {
            command.arg("--set").arg(setting);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(io(format!("cannot start {}", options.binary.display())))?;
        let address = SocketAddr::from(([127, 0, 0, 1], options.kafka_port));
        Ok(Self { child, address, log: options.log.clone() })
    }

    /// Waits until the Kafka port answers.
    ///
    /// # Errors
    /// When the process ends first, or `limit` passes.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<(), GatewayError> {
        let log = self.log_name();
        let address = self.address;
        let ready = wait_until(limit, || {
            if TcpStream::connect(address).is_ok() {
                return Some(Ok(()));
            }
            match self.child.try_wait() {
                Ok(Some(status)) => Some(Err(GatewayError::Ended { status, log: log.clone() })),
                Ok(None) => None,
                Err(source) => {
                    Some(Err(GatewayError::Io { context: "cannot watch the gateway".to_owned(), source }))
                }
            }
        });
        ready.unwrap_or(Err(GatewayError::Late { what: "answer", limit, log }))
    }

    /// Where it serves Kafka.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<(), GatewayError> {
        let io = |source| GatewayError::Io { context: "cannot kill the gateway".to_owned(), source };
        self.child.kill().map_err(io)?;
        self.child.wait().map_err(io)?;
        Ok(())
    }

    /// Asks it to stop with SIGTERM and waits for its exit status.
    ///
    /// # Errors
    /// When it is still there after `limit`.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus, GatewayError> {
        let io = |source: std::io::Error| GatewayError::Io {
            context: "cannot stop the gateway".to_owned(),
            source,
        };
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(|errno| io(errno.into()))?;
        match wait_until(limit, || self.child.try_wait().transpose()) {
            Some(status) => status.map_err(io),
            None => Err(GatewayError::Late { what: "stop", limit, log: self.log_name() }),
        }
    }

    fn log_name(&self) -> String {
        Path::new(&self.log).display().to_string()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
