//! Hostile bytes through a real listener, for every API and version that is advertised: nothing panics, memory stays
//! where it is, and the next connection is served.
//!
//! In a process of its own, because it looks at all of the memory and at every panic.
#![cfg(test)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions};
use chronik_config::{ByteSize, Listener, Settings};
use chronik_server::{Parts, Server};
use chronik_state::{Configs, CreateTopic};
use chronik_types::{Clock, Entropy, SystemClock, TopicName};
use chronik_wire::api;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How far the memory of the process may rise.
const MEMORY_LIMIT: usize = 64 * 1024 * 1024;
/// Where the body of a request may start at the earliest: behind the length, key, version and correlation id.
const HEADER: usize = 12;
/// Places in one request that are tried, evenly spread.
const PLACES: usize = 24;

async fn start() -> (Server, Arc<Broker>) {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut Settings)) -> (Server, Arc<Broker>) {
    let mut settings = Settings::default();
    settings.kafka.listeners = vec![Listener::plaintext("127.0.0.1", 0)];
    settings.topics.max_partitions = 20_000;
    change(&mut settings);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let options = BrokerOptions::new(settings.clone(), Arc::clone(&clock), Entropy::seeded(1));
    let broker = Broker::open(options, Arc::new(MemoryBackend::new(MemoryOptions::default()))).await.unwrap();
    let parts = Parts {
        settings: &settings,
        broker: Arc::clone(&broker),
        registry: &mut Registry::default(),
        clock,
        entropy: Entropy::seeded(2),
    };
    (Server::bind(parts).await.unwrap(), broker)
}

/// One captured request for each API and version.
fn seeds() -> BTreeMap<(i16, i16), Vec<u8>> {
    let files = ["exchanges", "groups", "transactions"];
    let read = |name| std::fs::read_to_string(format!("../../tests/golden/{name}.jsonl")).unwrap();
    let text: String = files.map(read).concat();
    let mut seeds = BTreeMap::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let hex = line["request"].as_str().unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        let request: Vec<u8> = bytes.collect();
        let key = i16::from_be_bytes([request[4], request[5]]);
        let version = i16::from_be_bytes([request[6], request[7]]);
        if api::lookup(key).is_some_and(|api| api.decodes(version)) {
            seeds.entry((key, version)).or_insert(request);
        }
    }
    seeds
}

/// Puts the right length in front.
fn framed(mut frame: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// What a hostile client makes of a request.
fn mutations(seed: &[u8], entropy: &Entropy) -> Vec<Vec<u8>> {
    let places: Vec<usize> = (HEADER..seed.len()).step_by(seed.len().div_ceil(PLACES).max(1)).collect();
    let below = |bound: usize| usize::try_from(entropy.below(u64::try_from(bound).unwrap())).unwrap();
    let mut all = vec![framed(seed[..HEADER].to_vec())];
    for at in places {
        all.push(framed(seed[..at].to_vec()));
        for claim in
            [&[0x7f, 0xff, 0xff, 0xff][..], &[0xff, 0xff, 0xff, 0xff, 0x07], &[0xff, 0xff, 0xff, 0xff]]
        {
            let end = (at + claim.len()).min(seed.len());
            let mut lying = seed[..at].to_vec();
            lying.extend_from_slice(claim);
            lying.extend_from_slice(&seed[end..]);
            all.push(framed(lying));
        }
    }
    for _ in 0..PLACES {
        let mut noise = seed.to_vec();
        for _ in 0..=below(4) {
            let at = HEADER + below(noise.len() - HEADER);
            noise[at] = u8::try_from(below(256)).unwrap();
        }
        all.push(framed(noise));
        let mut random = seed[..HEADER].to_vec();
        random.extend((0..below(200)).map(|_| u8::try_from(below(256)).unwrap()));
        all.push(framed(random));
    }
    all
}

/// Sends bytes, says that no more will come, and waits until the gateway has closed the connection too.
async fn attack(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The gateway may close before it has read everything.
    if stream.write_all(bytes).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let _reset = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the gateway hangs");
    }
}

async fn is_served(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x05\xff\xff").await.unwrap();
    let mut head = [0; 8];
    stream.read_exact(&mut head).await.is_ok() && head[4..] == [0, 0, 0, 5]
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The tests look at the memory of the whole process, so that each has it for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bytes_do_no_harm() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        report(panic);
    }));
    let _alone = ALONE.lock().await;
    let (server, _broker) = start().await;
    let address = server.local_addresses()[0];
    assert!(is_served(address).await);
    let seeds = seeds();
    assert!(seeds.len() > 100, "one seed for each API and version");
    let idle = resident_bytes();
    let entropy = Entropy::seeded(7);
    for ((key, version), seed) in &seeds {
        for hostile in mutations(seed, &entropy) {
            attack(address, &hostile).await;
        }
        assert!(is_served(address).await, "after API {key} v{version}");
        let grown = resident_bytes().saturating_sub(idle);
        assert!(grown < MEMORY_LIMIT, "{grown} bytes more after API {key} v{version}");
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "API {key} v{version} panicked");
    }
    for length in [[0x7f, 0xff, 0xff, 0xff], [0xff; 4], [0x06, 0x40, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]] {
        attack(address, &[&length[..], &[0; 64]].concat()).await;
    }
    assert!(is_served(address).await);
    assert!(server.shutdown().await);
}

/// R13 of the fault list: what an idle connection costs, here with the client's side of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_small() {
    const CONNECTIONS: usize = 500;
    let _alone = ALONE.lock().await;
    let (server, _broker) = start().await;
    let address = server.local_addresses()[0];
    let idle = resident_bytes();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A request, so that there was a buffer to give back.
        stream.write_all(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x05\xff\xff").await.unwrap();
        let mut head = [0; 8];
        stream.read_exact(&mut head).await.unwrap();
        open.push(stream);
    }
    let grown = resident_bytes().saturating_sub(idle);
    assert!(grown < CONNECTIONS * 20 * 1024 + 4 * 1024 * 1024, "{grown} bytes for {CONNECTIONS} connections");
    drop(open);
    assert!(server.shutdown().await);
}

/// S3 of the fault list: half-open connections that claim 100 MiB cost what has arrived, not what was claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_of_large_frames_cost_nothing() {
    let _alone = ALONE.lock().await;
    let (server, _broker) = start().await;
    let address = server.local_addresses()[0];
    let idle = resident_bytes();
    let mut open = Vec::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&(99_u32 << 20).to_be_bytes()).await.unwrap();
        stream.write_all(b"\0\0\0\x09\0\0\0\x01").await.unwrap();
        open.push(stream);
    }
    assert!(is_served(address).await);
    let grown = resident_bytes().saturating_sub(idle);
    assert!(grown < MEMORY_LIMIT, "{grown} bytes for 500 claims");
    drop(open);
    assert!(server.shutdown().await);
}

/// Eight bytes on the wire are a partition without records, for which much more would be planned and answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_partitions_without_records_cost_what_has_arrived() {
    const PARTITIONS: u32 = 2_000_000;
    let _alone = ALONE.lock().await;
    let (server, _broker) = start().await;
    let address = server.local_addresses()[0];
    let idle = resident_bytes();
    let mut produce = b"\0\0\0\0\0\0\0\x03\0\0\0\x01\xff\xff".to_vec();
    produce.extend(b"\xff\xff\0\x01\0\0\x75\x30\0\0\0\x01\0\x01t");
    produce.extend(PARTITIONS.to_be_bytes());
    (0..PARTITIONS).for_each(|_| produce.extend(b"\0\0\0\0\xff\xff\xff\xff"));
    let produce = framed(produce);
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if stream.write_all(&produce).await.is_ok() {
            let mut answer = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
            assert!(closed.expect("the gateway hangs").is_err() || answer.is_empty());
        }
        // The frames, of which the allocator may keep some for the next; 500 MB would follow each of them.
        let grown = resident_bytes().saturating_sub(idle);
        assert!(grown < MEMORY_LIMIT + 8 * produce.len(), "{grown} bytes more");
    }
    assert!(is_served(address).await);
    assert!(server.shutdown().await);
}

/// DescribeConfigs of so many topics, in version 3, with all that can be told of a setting.
fn describe_configs(times: usize) -> Vec<u8> {
    let mut frame = b"\0\0\0\0\0\x20\0\x03\0\0\0\x01\xff\xff".to_vec();
    frame.extend(u32::try_from(times).unwrap().to_be_bytes());
    for topic in 0..times {
        // A topic, all of its settings.
        frame.extend(b"\x02\0\x04");
        frame.extend(format!("t{topic:03}").as_bytes());
        frame.extend(b"\xff\xff\xff\xff");
    }
    // Synonyms and documentation too.
    frame.extend(b"\x01\x01");
    framed(frame)
}

/// Clients that ask for much, one request after the other, and read nothing of it: what is held for all of them is bounded,
/// others are served meanwhile, and those that wait for memory get it from those that let theirs lie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_do_not_fill_the_memory() {
    const CONNECTIONS: usize = 300;
    const TOPICS: usize = 60;
    let _alone = ALONE.lock().await;
    let (server, broker) =
        start_with(|settings| settings.limits.queued_max_request_bytes = ByteSize::mib(16)).await;
    let address = server.local_addresses()[0];
    for topic in 0..TOPICS {
        let create = CreateTopic {
            topic_id: broker.new_topic_id(),
            name: TopicName::new(&format!("t{topic:03}")).unwrap(),
            partitions: 1,
            replication_factor: 1,
            configs: Configs::default(),
            assignments: Vec::new(),
            limits: broker.topic_limits(),
        };
        broker.create_topic(create).await.unwrap();
    }
    let request = describe_configs(TOPICS);
    let mut honest = TcpStream::connect(address).await.unwrap();
    let whole = answer_length(&mut honest, &request).await;
    assert!(whole > 250 * 1024, "{whole} bytes are no large answer");
    let idle = resident_bytes();
    let pipelined: Vec<u8> = std::iter::repeat_n(request, 8).flatten().collect();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&pipelined).await.unwrap();
        open.push(stream);
    }
    for stream in &open {
        // An answer begins, or the connection is closed because there is no memory to wait in.
        let ready = tokio::time::timeout(Duration::from_secs(60), stream.readable()).await;
        ready.expect("an answer waits for ever").unwrap();
        let grown = resident_bytes().saturating_sub(idle);
        assert!(grown < MEMORY_LIMIT, "{grown} bytes for answers of {whole} bytes");
    }
    assert!(is_served(address).await);
    drop(open);
    assert_eq!(answer_length(&mut honest, &describe_configs(TOPICS)).await, whole);
    assert!(server.shutdown().await);
}

async fn answer_length(stream: &mut TcpStream, request: &[u8]) -> usize {
    stream.write_all(request).await.unwrap();
    let length = usize::try_from(stream.read_u32().await.unwrap()).unwrap();
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    length
}
