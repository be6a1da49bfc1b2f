//! A gateway of one test, with the proxy in front of it.

use std::path::PathBuf;
use std::time::Duration;

use chronik_harness::client::{ClassicMember, Coded, Flow, TransactionalProducer, create_topic, settled};
use chronik_harness::{ClientError, Connection, Gateway, GatewayOptions, Proxy, free_ports};
use chronik_types::ErrorCode;

/// How long anything may take on a machine that is busy; no verdict depends on it.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Both ways of writing in transactions.
pub(crate) const FLOWS: [Flow; 2] = [Flow::V1, Flow::V2];

/// A running gateway and its directory.
pub(crate) struct Stage {
    pub(crate) proxy: Proxy,
    gateway: Gateway,
    pub(crate) options: GatewayOptions,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// Starts a gateway with further settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let [kafka_port, admin_port] = free_ports().unwrap();
        let mut set: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        if !set.iter().any(|setting| setting.starts_with("storage.wal.segment_bytes")) {
            set.insert(0, "storage.wal.segment_bytes=16MiB".to_owned());
        }
        // The first member of a group waits for no others.
        set.insert(0, "groups.initial_rebalance_delay=0ms".to_owned());
        let options = GatewayOptions {
            binary: PathBuf::from(env!("CARGO_BIN_EXE_chronik")),
            data: directory.path().join("data"),
            log: directory.path().join("log"),
            kafka_port,
            admin_port,
            set,
        };
        let mut gateway = Gateway::spawn(&options).unwrap();
        gateway.wait_ready(LIMIT).unwrap();
        let proxy = Proxy::start(gateway.address()).unwrap();
        Self { proxy, gateway, options, _directory: directory }
    }

    /// One with a topic.
    pub(crate) fn with_topic(topic: &str, partitions: i32) -> Self {
        let stage = Self::start(&[]);
        stage.create_topic(topic, partitions);
        stage
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: i32) {
        let created = create_topic(&mut self.client(), topic, partitions, &[]).unwrap();
        assert_eq!(created, ErrorCode::None, "CreateTopics");
    }

    /// A new connection through the proxy.
    pub(crate) fn client(&self) -> Connection {
        Connection::open(self.proxy.address(), LIMIT).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.gateway.kill().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn stop(&mut self) {
        assert_eq!(self.gateway.terminate(LIMIT).unwrap().code(), Some(0));
    }

    /// Starts it again, after an end of any kind.
    pub(crate) fn start_again(&mut self) {
        self.gateway = Gateway::spawn(&self.options).unwrap();
        self.gateway.wait_ready(LIMIT).unwrap();
    }

    /// `kill -9` and a start.
    pub(crate) fn kill_and_start(&mut self) {
        self.kill();
        self.start_again();
    }

    /// A producer that has taken a transactional id over.
    pub(crate) fn producer(&self, transactional_id: &str, flow: Flow) -> TransactionalProducer {
        let mut producer = TransactionalProducer::new(transactional_id, flow);
        let mut client = self.client();
        assert_eq!(settled(LIMIT, || producer.init(&mut client)).unwrap(), ErrorCode::None);
        producer
    }
}

/// Repeats what can be repeated, and takes no refusal.
#[track_caller]
pub(crate) fn done<T: Coded>(ask: impl FnMut() -> Result<T, ClientError>) -> T {
    let answer = settled(LIMIT, ask).unwrap();
    assert_eq!(answer.error_code(), ErrorCode::None);
    answer
}

/// Joins a classic group, in as many rebalances as it takes.
#[track_caller]
pub(crate) fn join(client: &mut Connection, member: &mut ClassicMember) {
    loop {
        match member.join(client).unwrap() {
            // An assignment without bytes is an error of the client here.
            Ok(joined) => match member.sync(client, &joined).unwrap() {
                ErrorCode::None => break,
                refused => assert_eq!(refused, ErrorCode::RebalanceInProgress, "SyncGroup"),
            },
            Err(refused) => assert_eq!(refused, ErrorCode::MemberIdRequired, "JoinGroup"),
        }
    }
}

/// Adds the partition first where the flow needs it, and writes a batch; its base offset.
#[track_caller]
pub(crate) fn write(
    client: &mut Connection,
    producer: &mut TransactionalProducer,
    topic: &str,
    partition: i32,
    values: &[&str],
) -> i64 {
    if producer.flow == Flow::V1 {
        done(|| producer.add_partitions(client, topic, &[partition]));
    }
    done(|| producer.produce(client, topic, partition, values)).base_offset
}

/// Ends the transaction.
#[track_caller]
pub(crate) fn end(client: &mut Connection, producer: &mut TransactionalProducer, commit: bool) {
    done(|| producer.end(client, commit));
}
