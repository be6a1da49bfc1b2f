//! What is tortured: the gateway, or Apache Kafka, which tells whether the checker asks for too much.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use chronik_harness::{Gateway, GatewayError, GatewayOptions, wait_until};

/// How long a stopped process may take to go away.
const GONE_LIMIT: Duration = Duration::from_secs(60);

/// Which server to start.
#[derive(Debug, Clone)]
pub(crate) enum ServerPlan {
    Gateway(GatewayOptions),
    /// Apache Kafka, by the program that starts it for tests.
    Kafka {
        program: PathBuf,
        port: u16,
        directory: PathBuf,
    },
}

impl ServerPlan {
    /// Where it will serve Kafka.
    pub(crate) fn address(&self) -> SocketAddr {
        let port = match self {
            Self::Gateway(options) => options.kafka_port,
            Self::Kafka { port, .. } => *port,
        };
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

/// A server that was started. Killed when dropped.
#[derive(Debug)]
pub(crate) enum Server {
    Gateway(Gateway),
    Kafka(KafkaPeer),
}

/// A running Apache Kafka.
#[derive(Debug)]
pub(crate) struct KafkaPeer {
    pid: String,
    address: SocketAddr,
}

impl Server {
    /// Starts it; the gateway may not answer yet.
    pub(crate) fn spawn(plan: &ServerPlan) -> Result<Self, GatewayError> {
        match plan {
            ServerPlan::Gateway(options) => Gateway::spawn(options).map(Self::Gateway),
            ServerPlan::Kafka { program, port, directory } => {
                let started = Command::new(program)
                    .args(["start", "--port", &port.to_string(), "--heap", "512m", "--dir"])
                    .arg(directory)
                    // As for the gateway.
                    .args(["--set", "group.min.session.timeout.ms=1000"])
                    .args(["--set", "group.consumer.min.session.timeout.ms=6000"])
                    .args(["--set", "group.consumer.session.timeout.ms=6000"])
                    .args(["--set", "group.consumer.min.heartbeat.interval.ms=1000"])
                    .args(["--set", "group.consumer.heartbeat.interval.ms=1000"])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .status()
                    .map_err(io("cannot start Apache Kafka"))?;
                let log = directory.join("kafka.log").display().to_string();
                if !started.success() {
                    return Err(GatewayError::Ended { status: started, log });
                }
                let pid = std::fs::read_to_string(directory.join("kafka.pid"));
                let pid = pid.map_err(io("cannot read the process id of Apache Kafka"))?.trim().to_owned();
                let address = SocketAddr::from(([127, 0, 0, 1], *port));
                Ok(Self::Kafka(KafkaPeer { pid, address }))
            }
        }
    }

    /// Waits until the port answers.
    pub(crate) fn wait_ready(&mut self, limit: Duration) -> Result<(), GatewayError> {
        match self {
            Self::Gateway(gateway) => gateway.wait_ready(limit),
            // It answered before it was handed over.
            Self::Kafka(_) => Ok(()),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Gateway(gateway) => gateway.address(),
            Self::Kafka(kafka) => kafka.address,
        }
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<(), GatewayError> {
        match self {
            Self::Gateway(gateway) => gateway.kill(),
            Self::Kafka(kafka) => kafka.end("-KILL"),
        }
    }

    /// Ends it with SIGTERM; gives the exit status, where there is one.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Result<Option<ExitStatus>, GatewayError> {
        match self {
            Self::Gateway(gateway) => gateway.terminate(limit).map(Some),
            Self::Kafka(kafka) => kafka.end("-TERM").map(|()| None),
        }
    }
}

impl KafkaPeer {
    fn end(&self, signal: &str) -> Result<(), GatewayError> {
        Command::new("kill").args([signal, &self.pid]).status().map_err(io("cannot stop Apache Kafka"))?;
        let process = PathBuf::from("/proc").join(&self.pid);
        wait_until(GONE_LIMIT, || (!process.exists()).then_some(())).ok_or_else(|| GatewayError::Late {
            what: "stop",
            limit: GONE_LIMIT,
            log: "kafka.log".to_owned(),
        })
    }
}

impl Drop for KafkaPeer {
    fn drop(&mut self) {
        // Nothing to be done when it has ended already.
        let _ = Command::new("kill").args(["-KILL", &self.pid]).stderr(Stdio::null()).status();
    }
}

fn io(context: &str) -> impl Fn(std::io::Error) -> GatewayError + '_ {
    move |source| GatewayError::Io { context: context.to_owned(), source }
}
