//! What a connection costs in memory, as far as the compiler decides it: its task, and the requests that connections
//! have in flight while nothing happens. 10,000 of them must be cheap; what is here grows by accident, when a future
//! comes to hold something large across a wait.

use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::{BufMut, BytesMut};
use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions};
use chronik_config::Settings;
use chronik_policy::{Admission, ConnectionLimitSettings, RequestMetrics, Reservation, Turn};
use chronik_types::{Entropy, ManualClock, TimestampMs};
use chronik_wire::batch::{BatchBuilder, NewRecord};
use chronik_wire::header::parse_request_header;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{CreateTopicsRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use prometheus_client::registry::Registry;

use super::*;
use crate::handlers::{AnswerMemory, Context, MetadataOfAll, SessionCache, handler_of};
use crate::stack::{StackParts, stack};

mod many_elements;

/// The task of a connection, without what tokio adds.
const MOST_BYTES_OF_A_TASK: usize = 832;
/// A request that waits: of a consumer for records, of a producer for its commit.
const MOST_BYTES_OF_A_REQUEST: usize = 2048;

async fn context(clock: &Arc<dyn Clock>) -> Arc<Context> {
    context_over(clock, MemoryBackend::new(MemoryOptions::default())).await
}

async fn context_over(clock: &Arc<dyn Clock>, backend: MemoryBackend) -> Arc<Context> {
    let options = BrokerOptions::new(Settings::default(), Arc::clone(clock), Entropy::seeded(1));
    let mut registry = Registry::default();
    Arc::new(Context {
        broker: Broker::open(options, Arc::new(backend)).await.unwrap(),
        settings: Settings::default(),
        fetch_sessions: SessionCache::new(10, Arc::clone(clock), Entropy::seeded(1), &mut registry),
        metadata_of_all: MetadataOfAll::default(),
        answer_memory: AnswerMemory::new(Admission::new(1 << 20)),
        element_memory: Admission::new(1 << 20),
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

/// A call in a flexible version.
fn call(key: i16, version: i16, body: &[u8], reservation: Option<Reservation>) -> Call {
    let closing = CancellationToken::new();
    let mut frame = BytesMut::new();
    frame.put_i16(key);
    frame.put_i16(version);
    // A correlation id, no client id, no tags.
    frame.put_i32(1);
    frame.put_i16(-1);
    frame.put_u8(0);
    frame.put_slice(body);
    let mut body = frame.freeze();
    Call {
        connection: Arc::new(Connection::new(1, ([127, 0, 0, 1], 1).into(), listener(), closing)),
        header: parse_request_header(&mut body).unwrap(),
        body,
        received_at: Duration::ZERO,
        turn: Turn::take(&Arc::new(AtomicBool::new(false))),
        reservation,
    }
}

#[tokio::test]
async fn a_request_that_waits_for_storage_is_counted_until_its_answer() {
    let backend = MemoryBackend::new(MemoryOptions::default());
    let faults = backend.faults();
    let context = context_over(&clock(), backend).await;
    let name = TopicName(StrBytes::from_static_str("t"));
    let topic =
        CreatableTopic::default().with_name(name.clone()).with_num_partitions(1).with_replication_factor(1);
    let create = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    let mut batch = BatchBuilder::new();
    batch.push(&NewRecord { timestamp: TimestampMs::new(1), value: Some(b"v"), ..NewRecord::default() });
    let partition = PartitionProduceData::default().with_records(Some(batch.build().unwrap()));
    let data = TopicProduceData::default().with_name(name).with_partition_data(vec![partition]);
    let produce = ProduceRequest::default().with_acks(1).with_timeout_ms(10_000).with_topic_data(vec![data]);
    let (mut creating, mut producing) = (BytesMut::new(), BytesMut::new());
    create.encode(&mut creating, 7).unwrap();
    produce.encode(&mut producing, 9).unwrap();
    for (key, version, body) in [(19, 7, creating), (0, 9, producing)] {
        let memory = Admission::new(1_000);
        let call = call(key, version, &body, memory.try_reserve(600));
        let mut answering = handler_of(key).unwrap()(Arc::clone(&context), call);
        faults.hold();
        let waiting = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx))).await;
        assert!(waiting.is_pending(), "{waiting:?}");
        assert_eq!(memory.available(), 400);
        faults.release();
        let reply = answering.await;
        assert!(matches!(&reply, Reply::Answer(answer) if answer.error.is_none()), "{reply:?}");
        assert_eq!(memory.available(), 1_000);
    }
}

#[tokio::test]
async fn requests_that_wait_are_small() {
    let context = context(&clock()).await;
    for api in chronik_wire::api::all() {
        // The body is not looked at before the first poll.
        let call = call(api.key, api.max_version, &[], None);
        let handler = handler_of(api.key).unwrap();
        let bytes = size_of_val(&*handler(Arc::clone(&context), call));
        println!("{}: {bytes} bytes", api.name);
        assert!(bytes <= MOST_BYTES_OF_A_REQUEST, "{}: {bytes} bytes", api.name);
    }
}

#[tokio::test]
async fn who_names_very_much_waits_until_decoding_it_has_room() {
    let context = context(&clock()).await;
    // Metadata in version 9 of 5,000 topics with three letters: 120 KB more than frames are counted for.
    let names = (0..5_000_u32).flat_map(|number| format!("\x04{:03x}\0", number % 4_096).into_bytes());
    let body: Vec<u8> = b"\x89\x27".iter().copied().chain(names).chain(*b"\0\0\0\0").collect();
    let all = context.element_memory.try_reserve(context.element_memory.available()).unwrap();
    let mut answering = handler_of(3).unwrap()(Arc::clone(&context), call(3, 9, &body, None));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(answering.as_mut().poll(&mut cx).is_pending());
    drop(all);
    let Reply::Answer(answer) = answering.await else { panic!("it is well-formed") };
    assert_eq!(context.element_memory.available(), context.element_memory.capacity());
    let counted = answer.reservation.as_ref().map(Reservation::bytes);
    assert_eq!(counted, Some(answer.wire_len()), "the answer is counted until it is sent");
}
