//! The door for programs that serve a connection themselves, without listeners and threads: the instruction counts of
//! `tests/instructions`. Not an interface; there only with the feature `in-process`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chronik_policy::{Admission, Connection, ConnectionMetrics, Listener, RequestMetrics};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::Parts;
use crate::connection::{ConnectionSettings, Driver, RequestMemory};
use crate::handlers::{AnswerMemory, Context, MetadataOfAll, SessionCache};
use crate::stack::{StackParts, stack};

/// Serves one connection over any stream, as a server serves those of its listeners; ends with it. Limits are the usual
/// ones. Needs a tokio runtime.
pub fn connection<IO>(parts: Parts<'_>, io: IO) -> impl Future<Output = ()> + use<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let limits = &parts.settings.limits;
    let memory = limits.queued_max_request_bytes.get();
    let settings = ConnectionSettings {
        max_frame: usize::try_from(limits.socket_request_max_bytes.get()).unwrap_or(usize::MAX),
        max_requests: usize::try_from(limits.max_in_flight_requests_per_connection).unwrap_or(usize::MAX),
        max_request_bytes: 32 * 1024 * 1024,
        max_unsent: 1024 * 1024,
        idle: limits.connections_max_idle,
        frame: Duration::from_secs(60),
    };
    let shared = RequestMemory::new(memory);
    let slots = usize::try_from(limits.fetch_session_cache_slots).unwrap_or(usize::MAX);
    let context = Context {
        fetch_sessions: SessionCache::new(slots, Arc::clone(&parts.clock), parts.entropy, parts.registry),
        metadata_of_all: MetadataOfAll::default(),
        broker: parts.broker,
        settings: parts.settings.clone(),
        answer_memory: AnswerMemory::new(shared.answers().clone()),
        element_memory: Admission::new(memory / 4),
        waiting_memory: Admission::new(memory / 4),
        connection_metrics: Arc::new(ConnectionMetrics::register(parts.registry)),
    };
    let stack = stack(StackParts {
        clock: Arc::clone(&parts.clock),
        metrics: RequestMetrics::register(parts.registry),
        request_timeout: limits.request_timeout,
        context: Arc::new(context),
    });
    let listener = Listener {
        name: "PLAINTEXT".to_owned(),
        advertised_host: "localhost".to_owned(),
        advertised_port: 9092,
    };
    let peer = SocketAddr::from(([127, 0, 0, 1], 0));
    let facts = Connection::new(1, peer, Arc::new(listener), CancellationToken::new());
    let mut driver = Driver::new(io, Arc::new(facts), Arc::new(settings), shared, stack, parts.clock);
    async move {
        driver.serve().await;
    }
}
