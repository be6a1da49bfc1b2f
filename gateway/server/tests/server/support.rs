//! A gateway in this process, and a client that speaks to it over TCP.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chronik_backend::memory::Faults;
use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions, Topic};
use chronik_config::{Listener, Settings};
use chronik_server::{Parts, Server};
use chronik_state::{Configs, CreateTopic};
use chronik_types::{Clock, Entropy, SystemClock, TimestampMs, TopicName};
use chronik_wire::api;
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running gateway. It ends with the test.
pub(crate) struct Gateway {
    pub(crate) server: Server,
    pub(crate) broker: Arc<Broker>,
    pub(crate) faults: Faults,
    pub(crate) registry: Registry,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts one with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.kafka.listeners = vec![Listener::plaintext("127.0.0.1", 0)];
        change(&mut settings);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let backend = MemoryBackend::new(MemoryOptions::default());
        let faults = backend.faults();
        let options = BrokerOptions::new(settings.clone(), Arc::clone(&clock), Entropy::seeded(1));
        let broker = Broker::open(options, Arc::new(backend)).await.unwrap();
        let mut registry = Registry::default();
        let parts = Parts {
            settings: &settings,
            broker: Arc::clone(&broker),
            registry: &mut registry,
            clock,
            entropy: Entropy::seeded(2),
        };
        let server = Server::bind(parts).await.unwrap();
        Self { server, broker, faults, registry }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addresses()[0]
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    pub(crate) async fn topic(&self, name: &str, partitions: i32) -> Arc<Topic> {
        let create = CreateTopic {
            topic_id: self.broker.new_topic_id(),
            name: TopicName::new(name).unwrap(),
            partitions,
            replication_factor: 1,
            configs: Configs::default(),
            assignments: Vec::new(),
            limits: self.broker.topic_limits(),
        };
        self.broker.create_topic(create).await.unwrap()
    }

    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let id = self.send(version, request).await;
        let (answered, response) = self.receive::<R>(version).await;
        assert_eq!(answered, id);
        response
    }

    /// Sends a request; returns its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.correlation_id += 1;
        let frame = frame(version, self.correlation_id, request);
        self.stream.write_all(&frame).await.unwrap();
        self.correlation_id
    }

    /// Reads the answer to a request of this kind.
    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let mut frame = self.receive_frame().await.expect("the connection was closed");
        let id = frame.get_i32();
        if api::lookup(R::KEY).unwrap().response_header_version(version) == 1 {
            assert_eq!(frame.get_u8(), 0, "tagged fields in the response header");
        }
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "{} bytes are left", frame.len());
        (id, response)
    }

    /// The next frame, or `None` at the end of the connection.
    pub(crate) async fn receive_frame(&mut self) -> Option<Bytes> {
        let length = self.stream.read_u32().await.ok()?;
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut frame).await.ok()?;
        Some(frame.into())
    }

    /// Waits until the gateway closes the connection, which has to come without another answer.
    pub(crate) async fn expect_close(&mut self) {
        let mut byte = [0];
        let read = self.stream.read(&mut byte).await;
        assert!(matches!(read, Ok(0) | Err(_)), "the gateway answered instead of closing");
    }
}

/// A whole request frame.
pub(crate) fn frame<R: Request>(version: i16, correlation_id: i32, request: &R) -> Bytes {
    let api = api::lookup(R::KEY).unwrap();
    let mut body = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    header.encode(&mut body, if api.is_flexible(version) { 2 } else { 1 }).unwrap();
    request.encode(&mut body, version).unwrap();
    let mut frame = BytesMut::new();
    frame.put_u32(u32::try_from(body.len()).unwrap());
    frame.put(body);
    frame.freeze()
}

/// A batch of one record for each value.
pub(crate) fn batch(values: &[&[u8]]) -> Bytes {
    builder(values).build().unwrap()
}

pub(crate) fn builder(values: &[&[u8]]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for value in values {
        let timestamp = SystemClock::new().now();
        assert!(timestamp > TimestampMs::new(0));
        builder.push(&NewRecord { timestamp, value: Some(value), ..NewRecord::default() });
    }
    builder
}

/// A name as kafka-protocol has it.
pub(crate) fn name(name: &str) -> kafka_protocol::messages::TopicName {
    kafka_protocol::messages::TopicName(StrBytes::from_string(name.to_owned()))
}

pub(crate) fn wire_id(topic: &Topic) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*topic.id().as_bytes())
}
