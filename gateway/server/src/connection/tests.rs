//! The connection over an in-memory pipe, with a service that does what the first byte of a request says.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes};
use chronik_policy::{Answer, CloseReason, Listener, Reservation};
use chronik_types::{ErrorCode, TimestampMs};
use chronik_wire::response::encode_response;
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

/// Answers at once.
const NOW: u8 = b'n';
/// Lets the next request start, and answers when its gate opens.
const LATER: u8 = b'l';
/// Keeps its turn until its gate opens.
const ALONE: u8 = b'a';
/// Closes the connection.
const CLOSE: u8 = b'c';
/// Is not answered.
const SILENT: u8 = b's';
/// Answers at once with 100 KiB.
const LARGE: u8 = b'L';
/// Lets the next request start, and answers with 100 KiB when its gate opens.
const LARGE_LATER: u8 = b'M';

#[derive(Clone, Default)]
struct Script {
    started: Arc<Mutex<Vec<i32>>>,
    gates: Arc<Mutex<HashMap<i32, Arc<Semaphore>>>>,
}

impl Script {
    fn gate(&self, id: i32) -> Arc<Semaphore> {
        Arc::clone(self.gates.lock().entry(id).or_insert_with(|| Arc::new(Semaphore::new(0))))
    }

    fn open(&self, id: i32) {
        self.gate(id).add_permits(1);
    }

    fn started(&self) -> Vec<i32> {
        self.started.lock().clone()
    }
}

impl Service<Call> for Script {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let id = call.header.correlation_id;
        self.started.lock().push(id);
        let gate = self.gate(id);
        Box::pin(async move {
            let Call { body, turn, reservation, connection, .. } = call;
            let reply = match body.first().copied().unwrap_or(NOW) {
                NOW => answer(id, 0),
                LARGE => answer(id, 100 * 1024),
                SILENT => Reply::Nothing,
                CLOSE => Reply::Close(CloseReason::Unhandled),
                LATER => {
                    drop(turn);
                    tokio::select! {
                        _ = gate.acquire() => {}
                        () = connection.closing.cancelled() => {}
                    }
                    drop(reservation);
                    return Ok(answer(id, 0));
                }
                LARGE_LATER => {
                    drop(turn);
                    let _opened = gate.acquire().await;
                    answer(id, 100 * 1024)
                }
                ALONE => {
                    let _opened = gate.acquire().await;
                    answer(id, 0)
                }
                other => panic!("no such instruction: {other}"),
            };
            Ok(reply)
        })
    }
}

fn answer(id: i32, padding: usize) -> Reply {
    let response = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); padding / 6]);
    let segments = encode_response(0, 0, id, &response).unwrap();
    Reply::Answer(Answer::new(segments, ErrorCode::None))
}

/// Follows tokio's clock, which tests can stop.
#[derive(Debug)]
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> TimestampMs {
        TimestampMs::new(0)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

struct Peer {
    io: DuplexStream,
    script: Script,
    memory: RequestMemory,
    stopping: CancellationToken,
    task: JoinHandle<Ended>,
}

fn settings() -> ConnectionSettings {
    ConnectionSettings {
        max_frame: 1024 * 1024,
        max_requests: 4,
        max_request_bytes: 1024 * 1024,
        max_unsent: 256 * 1024,
        idle: Duration::from_secs(600),
        frame: Duration::from_secs(60),
    }
}

fn connect(settings: ConnectionSettings) -> Peer {
    let (io, server) = duplex(16 * 1024);
    let (script, stopping) = (Script::default(), CancellationToken::new());
    let memory = RequestMemory::new(4 * 1024 * 1024);
    let listener = Listener {
        name: "PLAINTEXT".to_owned(),
        advertised_host: "localhost".to_owned(),
        advertised_port: 9092,
    };
    let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
    let facts = Arc::new(Connection::new(1, peer, Arc::new(listener), stopping.child_token()));
    let clock = Arc::new(TokioClock(tokio::time::Instant::now()));
    let mut driver = Driver::new(server, facts, Arc::new(settings), memory.clone(), script.clone(), clock);
    Peer { io, script, memory, stopping, task: tokio::spawn(async move { driver.serve().await }) }
}

fn request(id: i32, instruction: u8, padding: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.put_i32(i32::try_from(11 + padding).unwrap());
    frame.put_i16(3);
    frame.put_i16(1);
    frame.put_i32(id);
    frame.put_i16(-1);
    frame.put_u8(instruction);
    frame.put_bytes(0, padding);
    frame
}

impl Peer {
    async fn send(&mut self, id: i32, instruction: u8) {
        self.io.write_all(&request(id, instruction, 0)).await.unwrap();
    }

    async fn receive(&mut self) -> i32 {
        let length = self.io.read_u32().await.unwrap();
        let id = self.io.read_i32().await.unwrap();
        let mut rest = vec![0; usize::try_from(length).unwrap() - 4];
        self.io.read_exact(&mut rest).await.unwrap();
        id
    }

    async fn started(&self, count: usize) {
        while self.script.started().len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// Lets the connection do what it can do.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn answers_leave_in_the_order_of_the_requests() {
    let mut peer = connect(settings());
    peer.send(1, LATER).await;
    peer.send(2, NOW).await;
    peer.send(3, LATER).await;
    peer.started(3).await;
    peer.script.open(3);
    peer.settle().await;
    peer.script.open(1);
    assert_eq!([peer.receive().await, peer.receive().await, peer.receive().await], [1, 2, 3]);
}

#[tokio::test]
async fn a_request_that_keeps_its_turn_holds_back_the_next_one() {
    let mut peer = connect(settings());
    peer.send(1, ALONE).await;
    peer.send(2, NOW).await;
    peer.started(1).await;
    peer.settle().await;
    assert_eq!(peer.script.started(), [1]);
    peer.script.open(1);
    assert_eq!([peer.receive().await, peer.receive().await], [1, 2]);
}

#[tokio::test]
async fn a_request_without_an_answer_holds_nobody_up() {
    let mut peer = connect(settings());
    peer.send(1, SILENT).await;
    peer.send(2, NOW).await;
    assert_eq!(peer.receive().await, 2);
}

#[tokio::test]
async fn frames_may_come_in_any_pieces() {
    let mut peer = connect(settings());
    let mut both = request(1, NOW, 5);
    both.extend(request(2, NOW, 0));
    for byte in both {
        peer.io.write_all(&[byte]).await.unwrap();
        peer.settle().await;
    }
    assert_eq!([peer.receive().await, peer.receive().await], [1, 2]);
}

#[tokio::test]
async fn large_frames_arrive_whole() {
    let mut peer = connect(settings());
    for (id, padding) in [(1, 900_000), (2, 20_000), (3, 0), (4, 1_000_000)] {
        peer.io.write_all(&request(id, NOW, padding)).await.unwrap();
        assert_eq!(peer.receive().await, id);
    }
}

#[tokio::test]
async fn impossible_lengths_end_the_connection_after_the_answers_so_far() {
    for length in [-1, i32::MIN, i32::MAX, 1024 * 1024 + 1] {
        let mut peer = connect(settings());
        peer.send(1, NOW).await;
        peer.io.write_i32(length).await.unwrap();
        assert_eq!(peer.receive().await, 1);
        assert_eq!(peer.io.read(&mut [0]).await.unwrap(), 0);
        assert!(matches!(peer.task.await.unwrap(), Ended::Frame(_)));
    }
}

#[tokio::test]
async fn a_refused_request_ends_the_connection_after_the_answers_to_earlier_ones() {
    let mut peer = connect(settings());
    peer.send(1, LATER).await;
    peer.send(2, CLOSE).await;
    peer.send(3, NOW).await;
    peer.started(2).await;
    peer.settle().await;
    peer.script.open(1);
    assert_eq!(peer.receive().await, 1);
    assert_eq!(peer.io.read(&mut [0]).await.unwrap(), 0);
    let ended = peer.task.await.unwrap();
    assert!(
        matches!(ended, Ended::Refused { api: 3, version: 1, reason: CloseReason::Unhandled }),
        "{ended}"
    );
}

#[tokio::test]
async fn an_unknown_api_ends_the_connection() {
    let mut peer = connect(settings());
    let mut frame = request(1, NOW, 0);
    frame[4..6].copy_from_slice(&999_i16.to_be_bytes());
    peer.io.write_all(&frame).await.unwrap();
    assert_eq!(peer.io.read(&mut [0]).await.unwrap(), 0);
    assert!(matches!(peer.task.await.unwrap(), Ended::Refused { api: 999, version: 1, .. }));
}

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    let mut peer = connect(settings());
    for id in 1..=10 {
        peer.send(id, LATER).await;
    }
    peer.started(4).await;
    peer.settle().await;
    assert_eq!(peer.script.started(), [1, 2, 3, 4]);
    for id in 1..=10 {
        peer.script.open(id);
        assert_eq!(peer.receive().await, id);
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_not_served_beyond_the_limit() {
    let mut peer = connect(settings());
    for id in 1..=20 {
        peer.send(id, LARGE).await;
    }
    peer.started(3).await;
    peer.settle().await;
    // 16 KiB of the first answer are in the pipe; three answers exceed 256 KiB.
    assert_eq!(peer.script.started(), [1, 2, 3]);
    for id in 1..=20 {
        assert_eq!(peer.receive().await, id);
    }
}

#[tokio::test]
async fn a_large_frame_waits_for_memory_and_is_not_read_meanwhile() {
    let peer = connect(settings());
    let large = peer.memory.of(200_000).clone();
    let capacity = large.available();
    let all: Reservation = large.try_reserve(capacity).unwrap();
    let frame = request(1, NOW, 200_000);
    let (mut client, server) = tokio::io::split(peer.io);
    let sending = tokio::spawn(async move { server_write(server, frame).await });
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!sending.is_finished(), "the frame was read though there was no memory for it");
    drop(all);
    let _writer = sending.await.unwrap();
    assert_eq!(client.read_u32().await.unwrap(), 10);
    assert_eq!(large.available(), capacity, "answered, so that its memory is free");
}

async fn server_write<W: AsyncWrite + Unpin>(mut io: W, frame: Vec<u8>) -> W {
    io.write_all(&frame).await.unwrap();
    io
}

#[tokio::test]
async fn what_is_decoded_counts_for_what_decoding_can_take() {
    let mut peer = connect(settings());
    let large = peer.memory.of(200_000).clone();
    let capacity = large.available();
    peer.io.write_all(&request(1, LATER, 100_000)).await.unwrap();
    peer.started(1).await;
    assert!(capacity - large.available() > 800_000, "Metadata of 100 kB");
    peer.script.open(1);
    peer.receive().await;
    assert_eq!(large.available(), capacity);
}

#[tokio::test]
async fn small_requests_get_through_while_large_ones_wait_for_memory() {
    let mut peer = connect(settings());
    let large = peer.memory.of(200_000).clone();
    let _all = large.try_reserve(large.available()).unwrap();
    peer.send(1, NOW).await;
    assert_eq!(peer.receive().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_stands_still_gives_way_to_those_who_wait() {
    let mut stalled = connect(settings());
    stalled.io.write_all(&request(1, NOW, 500_000)[..100_000]).await.unwrap();
    stalled.settle().await;
    let large = stalled.memory.of(500_000).clone();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!stalled.task.is_finished(), "nobody waits for the memory that it holds");
    let _waited = large.reserve(usize::MAX).await;
    assert!(matches!(stalled.task.await.unwrap(), Ended::Stalled));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_trickles_gives_way_to_those_who_wait() {
    let mut slow = connect(settings());
    slow.io.write_all(&request(1, NOW, 500_000)[..100_000]).await.unwrap();
    slow.settle().await;
    let large = slow.memory.of(500_000).clone();
    let waiting = tokio::spawn(async move { large.reserve(usize::MAX).await });
    // Far from 60 seconds.
    for _ in 0..3 {
        let _closed = slow.io.write_all(&[0]).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    assert!(waiting.is_finished());
    assert!(matches!(slow.task.await.unwrap(), Ended::Stalled));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_keeps_the_pace_arrives_though_others_wait() {
    let mut peer = connect(ConnectionSettings { max_frame: 4 * 1024 * 1024, ..settings() });
    let large = peer.memory.of(3_000_000).clone();
    let frame = request(1, NOW, 3_000_000);
    let (begin, rest) = frame.split_at(100_000);
    peer.io.write_all(begin).await.unwrap();
    peer.settle().await;
    let waiting = tokio::spawn(async move { large.reserve(usize::MAX).await });
    // Seven seconds; eight are allowed.
    for piece in rest.chunks(400_000) {
        tokio::time::sleep(Duration::from_millis(875)).await;
        peer.io.write_all(piece).await.unwrap();
    }
    assert_eq!(peer.receive().await, 1);
    let _all = waiting.await.unwrap();
}

#[tokio::test]
async fn a_stop_finishes_what_was_accepted() {
    let mut peer = connect(settings());
    peer.send(1, LATER).await;
    peer.started(1).await;
    peer.stopping.cancel();
    assert_eq!(peer.receive().await, 1);
    assert_eq!(peer.io.read(&mut [0]).await.unwrap(), 0);
    assert!(matches!(peer.task.await.unwrap(), Ended::ByGateway));
}

#[tokio::test]
async fn a_client_that_sends_no_more_still_gets_its_answers() {
    let mut peer = connect(settings());
    peer.send(1, LATER).await;
    peer.started(1).await;
    peer.io.shutdown().await.unwrap();
    assert_eq!(peer.receive().await, 1);
    assert!(matches!(peer.task.await.unwrap(), Ended::ByClient));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_end_and_waiting_ones_do_not() {
    let idle = connect(settings());
    let mut waiting = connect(settings());
    waiting.send(1, LATER).await;
    waiting.started(1).await;
    assert!(matches!(idle.task.await.unwrap(), Ended::Idle(_)));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    waiting.script.open(1);
    assert_eq!(waiting.receive().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_frame_has_to_arrive_in_time() {
    let mut peer = connect(settings());
    for byte in request(1, NOW, 100).iter().take(50) {
        if peer.io.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!(matches!(peer.task.await.unwrap(), Ended::FrameTimeout(_)));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_there_and_has_to_wait_for_its_turn_is_not_late() {
    let mut peer = connect(settings());
    peer.io.write_all(&[request(1, ALONE, 0), request(2, NOW, 0)].concat()).await.unwrap();
    peer.started(1).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    peer.script.open(1);
    assert_eq!([peer.receive().await, peer.receive().await], [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_frame_begins_when_it_is_read() {
    let mut peer = connect(settings());
    let second = request(2, NOW, 0);
    peer.io.write_all(&[&request(1, ALONE, 0), &second[..8]].concat()).await.unwrap();
    peer.started(1).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    peer.script.open(1);
    assert_eq!(peer.receive().await, 1);
    tokio::time::sleep(Duration::from_secs(50)).await;
    peer.io.write_all(&second[8..10]).await.unwrap();
    peer.settle().await;
    assert!(!peer.task.is_finished(), "there were 60 seconds for the rest");
    assert!(matches!(peer.task.await.unwrap(), Ended::FrameTimeout(_)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_does_not_owe_what_it_has_sent() {
    let mut peer = connect(settings());
    let requests: Vec<u8> = (1..=3).flat_map(|id| request(id, LARGE, 0)).chain(request(4, NOW, 0)).collect();
    peer.io.write_all(&requests).await.unwrap();
    peer.started(3).await;
    for id in 1..=4 {
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(peer.receive().await, id);
    }
}

#[tokio::test]
async fn a_frame_with_memory_does_not_wait_for_answers_to_be_read() {
    let mut peer = connect(settings());
    let free = peer.memory.of(200_000).available();
    for id in 1..=2 {
        peer.send(id, LARGE).await;
    }
    peer.send(3, LARGE_LATER).await;
    let large = request(4, NOW, 200_000);
    peer.io.write_all(&large[..100_000]).await.unwrap();
    peer.started(3).await;
    peer.settle().await;
    // From here on more is unread than is allowed, and the memory is reserved.
    peer.script.open(3);
    peer.settle().await;
    peer.io.write_all(&large[100_000..]).await.unwrap();
    peer.started(4).await;
    assert_eq!(peer.memory.of(200_000).available(), free, "answered, so that its memory is free");
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffer() {
    let (mut client, mut server) = duplex(64 * 1024);
    let mut reader = FrameReader::new(1024 * 1024, RequestMemory::new(1024 * 1024));
    client.write_all(&request(1, NOW, 10_000)).await.unwrap();
    let first = poll_fn(|cx| reader.poll_frame(&mut server, cx)).await.unwrap();
    assert!(matches!(first, Incoming::Frame(_)));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(reader.poll_frame(&mut server, &mut cx).is_pending());
    assert_eq!(reader.capacity(), 0);
}

/// What a connection has in its buffer that has sent a frame of 100 kB, and then small ones.
async fn buffered_after_a_large_frame(memory: &RequestMemory) -> usize {
    let (mut client, mut server) = duplex(1024 * 1024);
    let mut reader = FrameReader::new(1024 * 1024, memory.clone());
    client.write_all(&request(1, NOW, 100_000)).await.unwrap();
    let _large = poll_fn(|cx| reader.poll_frame(&mut server, cx)).await.unwrap();
    let free = memory.ahead().available();
    let small: Vec<u8> = (0..100).flat_map(|id| request(id, NOW, 1_000)).collect();
    client.write_all(&small).await.unwrap();
    let _small = poll_fn(|cx| reader.poll_frame(&mut server, cx)).await.unwrap();
    let (buffered, counted) = (reader.capacity(), free - memory.ahead().available());
    assert!(
        buffered <= memory::SMALL_FRAME.max(counted),
        "{buffered} bytes in the buffer, {counted} counted"
    );
    for _ in 1..100 {
        let _small = poll_fn(|cx| reader.poll_frame(&mut server, cx)).await.unwrap();
    }
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(reader.poll_frame(&mut server, &mut cx).is_pending());
    buffered
}

#[tokio::test]
async fn what_is_read_ahead_is_counted() {
    let memory = RequestMemory::new(4 * 1024 * 1024);
    let free = memory.ahead().available();
    assert!(buffered_after_a_large_frame(&memory).await > 90_000, "one read is enough for a large frame");
    assert_eq!(memory.ahead().available(), free, "an idle connection holds nothing");
    let _all = memory.ahead().try_reserve(free).unwrap();
    assert!(buffered_after_a_large_frame(&memory).await <= memory::SMALL_FRAME, "as much as is not counted");
}

#[tokio::test]
async fn a_small_frame_holds_no_more_memory_than_it_needs() {
    let (mut client, mut server) = duplex(64 * 1024);
    let mut reader = FrameReader::new(1024 * 1024, RequestMemory::new(1024 * 1024));
    let requests: Vec<u8> = (0..3).flat_map(|id| request(id, NOW, 100)).collect();
    client.write_all(&requests).await.unwrap();
    let mut frames = Vec::new();
    for _ in 0..3 {
        match poll_fn(|cx| reader.poll_frame(&mut server, cx)).await.unwrap() {
            Incoming::Frame(frame) => frames.push(frame.bytes),
            Incoming::End => panic!("there are three"),
        }
    }
    let expected: Vec<_> = (0..3).map(|id| request(id, NOW, 100).split_off(4)).collect();
    assert_eq!(frames, expected);
    assert!(frames.iter().all(Bytes::is_unique), "each has memory of its own");
}

#[tokio::test]
async fn what_a_client_does_not_read_is_counted_until_it_does() {
    let mut peer = connect(settings());
    let answers = peer.memory.answers().clone();
    let free = answers.available();
    peer.send(1, LARGE).await;
    peer.started(1).await;
    peer.settle().await;
    // 16 KiB of 100 are in the pipe.
    assert!((70_000..100_000).contains(&(free - answers.available())), "{}", free - answers.available());
    assert_eq!(peer.receive().await, 1);
    peer.settle().await;
    assert_eq!(answers.available(), free);
}

#[tokio::test]
async fn without_memory_for_what_is_unread_the_next_request_waits() {
    let mut peer = connect(settings());
    let answers = peer.memory.answers().clone();
    let all = answers.try_reserve(answers.available()).unwrap();
    for id in 1..=2 {
        peer.send(id, LARGE).await;
    }
    peer.started(1).await;
    peer.settle().await;
    assert_eq!(peer.script.started(), [1], "there would be room for three below the limit of a connection");
    assert_eq!(peer.receive().await, 1);
    assert_eq!(peer.receive().await, 2);
    drop(all);
}

#[tokio::test(start_paused = true)]
async fn unread_answers_give_way_when_memory_is_scarce() {
    let mut peer = connect(settings());
    let answers = peer.memory.answers().clone();
    peer.send(1, LARGE).await;
    peer.settle().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!peer.task.is_finished(), "nobody needs the memory that it holds");
    let _rest = answers.try_reserve(answers.available()).unwrap();
    assert!(matches!(peer.task.await.unwrap(), Ended::Unread));
    drop(peer.io);
}

#[tokio::test(start_paused = true)]
async fn answers_that_trickle_give_way_when_memory_is_scarce() {
    let mut peer = connect(settings());
    let answers = peer.memory.answers().clone();
    peer.send(1, LARGE).await;
    peer.settle().await;
    let _rest = answers.try_reserve(answers.available()).unwrap();
    for _ in 0..4 {
        let mut some = [0; 10];
        let _closed = peer.io.read_exact(&mut some).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    assert!(matches!(peer.task.await.unwrap(), Ended::Unread));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_the_pace_gets_its_answers_though_memory_is_scarce() {
    let mut peer = connect(ConnectionSettings { max_unsent: 8 * 1024 * 1024, ..settings() });
    let answers = peer.memory.answers().clone();
    for id in 1..=4 {
        peer.send(id, LARGE).await;
    }
    peer.settle().await;
    let _rest = answers.try_reserve(answers.available()).unwrap();
    // Eleven seconds for 400 KiB; after the grace, 256 KiB have to be taken in each.
    for id in 1..=4 {
        tokio::time::sleep(Duration::from_millis(2_700)).await;
        assert_eq!(peer.receive().await, id);
    }
    peer.settle().await;
    assert!(!peer.task.is_finished());
}
