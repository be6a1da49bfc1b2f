//! The server: all listeners, from the bound socket to the last answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chronik_broker::Broker;
use chronik_config::Settings;
use chronik_policy::{
    Admission, ConnectionLimitSettings, ConnectionLimits, ConnectionMetrics, InForce, Listener,
    RequestMetrics,
};
use chronik_types::{Clock, Entropy};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bind::{BindError, bind};
use crate::connection::{ClosingLog, ConnectionSettings, RequestMemory};
use crate::handlers::{AnswerMemory, Context, MetadataOfAll, SessionCache};
use crate::listener::{Acceptor, Shared};
use crate::stack::{StackParts, stack};

/// How long a frame may take to arrive once it has begun. A client's own request timeout is 30 s.
const FRAME_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of answers that a client may leave unread before its next request is looked at.
const MAX_UNSENT: usize = 1024 * 1024;
/// Bytes of requests of one connection that may be unanswered; one request may be larger.
const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// How Kafka writes "no limit".
const NO_LIMIT: u32 = 0x7fff_ffff;

/// What a server is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The settings of the gateway.
    pub settings: &'a Settings,
    /// What answers the requests.
    pub broker: Arc<Broker>,
    /// Where the metrics of the server are registered.
    pub registry: &'a mut Registry,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for the ids of fetch sessions.
    pub entropy: Entropy,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stopping: CancellationToken,
    tasks: TaskTracker,
    grace: Duration,
}

impl Server {
    /// Opens all listeners of the settings and serves them. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`] names the listener that cannot be opened; then none is.
    pub async fn bind(parts: Parts<'_>) -> Result<Self, BindError> {
        let limits = &parts.settings.limits;
        let mut sockets = Vec::new();
        for listener in &parts.settings.kafka.listeners {
            sockets.push((listener, bind(listener, limits).await?));
        }
        let connection_metrics = Arc::new(ConnectionMetrics::register(parts.registry));
        let request_metrics = RequestMetrics::register(parts.registry);
        let shared = Arc::new(shared(
            parts.settings,
            Arc::clone(&parts.broker),
            Arc::clone(&connection_metrics),
            Arc::clone(&parts.clock),
        ));
        let (stopping, tasks) = (shared.stopping.clone(), shared.tasks.clone());
        let request_bytes = limits.queued_max_request_bytes.get();
        let slots = wide(limits.fetch_session_cache_slots);
        let context = Context {
            fetch_sessions: SessionCache::new(slots, Arc::clone(&parts.clock), parts.entropy, parts.registry),
            metadata_of_all: MetadataOfAll::default(),
            broker: parts.broker,
            settings: parts.settings.clone(),
            answer_memory: AnswerMemory::new(shared.memory.answers().clone()),
            // Some hundred bytes for each partition that somebody asks about, ten times the size of names of a few letters.
            element_memory: Admission::new(request_bytes / 4),
            // Some hundred bytes for each partition that somebody waits for.
            waiting_memory: Admission::new(request_bytes / 4),
            connection_metrics,
        };
        let stack = stack(StackParts {
            clock: parts.clock,
            metrics: request_metrics,
            request_timeout: limits.request_timeout,
            context: Arc::new(context),
        });
        let mut addresses = Vec::new();
        for (listener, socket) in sockets {
            let address = local_address(listener, &socket)?;
            addresses.push(address);
            let listener = Arc::new(advertised(parts.settings, listener, address));
            let acceptor = Acceptor { socket, listener, stack: stack.clone(), shared: Arc::clone(&shared) };
            tasks.spawn(acceptor.run());
        }
        Ok(Self { addresses, stopping, tasks, grace: limits.shutdown_grace })
    }

    /// Where the listeners are bound, in the order of the settings: the way to learn a port that the system chose.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops taking connections and requests, finishes what was taken, and returns when it is done or after the grace.
    /// `true` when all was finished.
    pub async fn shutdown(self) -> bool {
        self.stopping.cancel();
        self.tasks.close();
        tokio::time::timeout(self.grace, self.tasks.wait()).await.is_ok()
    }
}

fn shared(
    settings: &Settings,
    broker: Arc<Broker>,
    metrics: Arc<ConnectionMetrics>,
    clock: Arc<dyn Clock>,
) -> Shared {
    let limits = &settings.limits;
    let connections = ConnectionSettings {
        max_frame: usize::try_from(limits.socket_request_max_bytes.get()).unwrap_or(usize::MAX),
        max_requests: wide(limits.max_in_flight_requests_per_connection),
        max_request_bytes: MAX_REQUEST_BYTES,
        max_unsent: MAX_UNSENT,
        idle: limits.connections_max_idle,
        frame: FRAME_TIMEOUT,
    };
    Shared {
        limits: ConnectionLimits::new(limits_in_force(broker), Arc::clone(&clock)),
        memory: RequestMemory::new(limits.queued_max_request_bytes.get()),
        settings: Arc::new(connections),
        metrics,
        log: ClosingLog::new(Arc::clone(&clock)),
        clock,
        next_id: AtomicU64::new(1),
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    }
}

/// The limits on connections as they are now: an operator can change them while the gateway runs.
fn limits_in_force(broker: Arc<Broker>) -> InForce {
    Box::new(move || {
        let limits = &broker.settings().limits;
        ConnectionLimitSettings {
            total: wide(limits.max_connections),
            per_address: wide(limits.max_connections_per_ip),
            creations_per_second: Some(limits.max_connection_creation_rate).filter(|rate| *rate < NO_LIMIT),
        }
    })
}

fn local_address(listener: &chronik_config::Listener, socket: &TcpListener) -> Result<SocketAddr, BindError> {
    socket.local_addr().map_err(|source| BindError { listener: listener.to_string(), source })
}

/// What clients of a listener are told to connect to. A port that the system chose is told as it is.
fn advertised(settings: &Settings, listener: &chronik_config::Listener, bound: SocketAddr) -> Listener {
    let advertised = &settings.kafka.advertised(listener).address;
    Listener {
        name: listener.name.clone(),
        advertised_host: advertised.host.clone(),
        advertised_port: if advertised.port == 0 { bound.port() } else { advertised.port },
    }
}

fn wide(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
