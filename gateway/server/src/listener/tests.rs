//! What a connection costs in memory, as far as the compiler decides it: its task, and the requests that connections
//! have in flight while nothing happens. 10,000 of them must be cheap; what is here grows by accident, when a future
//! comes to hold something large across a wait.

use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::{BufMut, BytesMut};
use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions};
use chronik_config::Settings;
use chronik_policy::{Admission, ConnectionLimitSettings, RequestMetrics, Turn};
use chronik_types::{Entropy, ManualClock, TimestampMs};
use chronik_wire::header::parse_request_header;
use prometheus_client::registry::Registry;

use super::*;
use crate::handlers::{Context, MetadataOfAll, SessionCache, handler_of};
use crate::stack::{StackParts, stack};

/// The task of a connection, without what tokio adds.
const MOST_BYTES_OF_A_TASK: usize = 800;
/// A request that waits: of a consumer for records, of a producer for its commit.
const MOST_BYTES_OF_A_REQUEST: usize = 2048;

async fn context(clock: &Arc<dyn Clock>) -> Arc<Context> {
    let options = BrokerOptions::new(Settings::default(), Arc::clone(clock), Entropy::seeded(1));
    let backend = Arc::new(MemoryBackend::new(MemoryOptions::default()));
    let mut registry = Registry::default();
    Arc::new(Context {
        broker: Broker::open(options, backend).await.unwrap(),
        settings: Settings::default(),
        fetch_sessions: SessionCache::new(10, Arc::clone(clock), Entropy::seeded(1), &mut registry),
        metadata_of_all: MetadataOfAll::default(),
        answer_memory: Admission::new(1 << 20),
        waiting_memory: Admission::new(1 << 20),
        connection_metrics: Arc::new(ConnectionMetrics::register(&mut registry)),
    })
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(TimestampMs::new(0)))
}

fn listener() -> Arc<Listener> {
    let name = "PLAINTEXT".to_owned();
    Arc::new(Listener { name, advertised_host: "localhost".to_owned(), advertised_port: 9092 })
}

#[tokio::test]
async fn the_task_of_a_connection_is_small() {
    let clock = clock();
    let mut registry = Registry::default();
    let limits = ConnectionLimitSettings { total: 1, per_address: 1, creations_per_second: None };
    let stack = stack(StackParts {
        clock: Arc::clone(&clock),
        metrics: RequestMetrics::register(&mut registry),
        request_timeout: Duration::from_secs(30),
        context: context(&clock).await,
    });
    let settings = ConnectionSettings {
        max_frame: 1024,
        max_requests: 1,
        max_request_bytes: 1024,
        max_unsent: 1024,
        idle: Duration::from_secs(1),
        frame: Duration::from_secs(1),
    };
    let shared = Shared {
        limits: ConnectionLimits::new(Box::new(move || limits), Arc::clone(&clock)),
        memory: RequestMemory::new(1 << 20),
        settings: Arc::new(settings),
        metrics: Arc::new(ConnectionMetrics::register(&mut registry)),
        log: ClosingLog::new(Arc::clone(&clock)),
        clock,
        next_id: AtomicU64::new(1),
        stopping: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let acceptor = Acceptor { socket, listener: listener(), stack, shared: Arc::new(shared) };
    let _client = TcpStream::connect(address).await.unwrap();
    let (stream, peer, place) = acceptor.accept().await.unwrap();
    let permit = place.take(peer.ip()).unwrap();
    let bytes = size_of_val(&acceptor.serve(stream, peer, permit));
    println!("the task of a connection: {bytes} bytes");
    assert!(bytes <= MOST_BYTES_OF_A_TASK, "{bytes} bytes");
}

#[tokio::test]
async fn requests_that_wait_are_small() {
    let context = context(&clock()).await;
    let closing = CancellationToken::new();
    let connection = Arc::new(Connection::new(1, ([127, 0, 0, 1], 1).into(), listener(), closing));
    for api in chronik_wire::api::all() {
        let mut frame = BytesMut::new();
        frame.put_i16(api.key);
        frame.put_i16(api.max_version);
        // A correlation id, no client id, no tags; the body is not looked at before the first poll.
        frame.put_i32(1);
        frame.put_i16(-1);
        frame.put_u8(0);
        let mut body = frame.freeze();
        let header = parse_request_header(&mut body).unwrap();
        let call = Call {
            connection: Arc::clone(&connection),
            header,
            body,
            received_at: Duration::ZERO,
            turn: Turn::take(&Arc::new(AtomicBool::new(false))),
            reservation: None,
        };
        let handler = handler_of(api.key).unwrap();
        let bytes = size_of_val(&*handler(Arc::clone(&context), call));
        println!("{}: {bytes} bytes", api.name);
        assert!(bytes <= MOST_BYTES_OF_A_REQUEST, "{}: {bytes} bytes", api.name);
    }
}
