//! A gateway for one test, and one connection to it.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions, ProduceBatch, ProduceRequest};
use chronik_config::{Listener, Settings};
use chronik_server::{Parts, Server};
use chronik_types::{Clock, Entropy, ManualClock, PartitionIndex, TimestampMs};
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{ApiKey, CreateTopicsRequest, RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time in every test.
pub(crate) const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);

pub(crate) struct Gateway {
    pub(crate) broker: Arc<Broker>,
    _server: Server,
    connection: TcpStream,
    correlation_id: i32,
}

impl Gateway {
    /// With the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With changed settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.kafka.listeners = vec![Listener::plaintext("127.0.0.1", 0)];
        change(&mut settings);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let entropy = Entropy::seeded(1);
        let backend = Arc::new(MemoryBackend::new(MemoryOptions::default()));
        let options = BrokerOptions::new(settings.clone(), Arc::clone(&clock), entropy.clone());
        let broker = Broker::open(options, backend).await.unwrap();
        let mut registry = Registry::default();
        let parts = Parts {
            settings: &settings,
            broker: Arc::clone(&broker),
            registry: &mut registry,
            clock,
            entropy,
        };
        let server = Server::bind(parts).await.unwrap();
        let connection = TcpStream::connect(server.local_addresses()[0]).await.unwrap();
        Self { broker, _server: server, connection, correlation_id: 0 }
    }

    /// Sends a request in that version and waits for its answer. Panics when the connection is closed instead.
    pub(crate) async fn ask<Q: Request>(&mut self, version: i16, request: Q) -> Q::Response {
        let key = ApiKey::try_from(Q::KEY).unwrap();
        self.correlation_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("test")));
        let mut frame = BytesMut::new();
        header.encode(&mut frame, key.request_header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        self.connection.write_u32(u32::try_from(frame.len()).unwrap()).await.unwrap();
        self.connection.write_all(&frame).await.unwrap();

        let length = self.connection.read_u32().await.expect("an answer, not a closed connection");
        let mut answer = vec![0; usize::try_from(length).unwrap()];
        self.connection.read_exact(&mut answer).await.unwrap();
        let mut answer = Bytes::from(answer);
        let header = ResponseHeader::decode(&mut answer, key.response_header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        let response = Q::Response::decode(&mut answer, version).unwrap();
        assert!(!answer.has_remaining(), "bytes after the answer");
        response
    }

    /// Sends a whole frame and waits for the whole frame of its answer.
    pub(crate) async fn exchange(&mut self, frame: &[u8]) -> Vec<u8> {
        self.connection.write_all(frame).await.unwrap();
        let length = self.connection.read_u32().await.expect("an answer, not a closed connection");
        let mut answer = length.to_be_bytes().to_vec();
        answer.resize(4 + usize::try_from(length).unwrap(), 0);
        self.connection.read_exact(&mut answer[4..]).await.unwrap();
        answer
    }

    /// Creates a topic, which has to succeed.
    pub(crate) async fn create(&mut self, topic: &str, partitions: i32) -> CreatableTopicResult {
        let request = CreateTopicsRequest::default().with_topics(vec![new_topic(topic, partitions, 1)]);
        let mut response = self.ask(7, request).await;
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
        response.topics.remove(0)
    }

    /// Appends a batch of that many records to a partition, and returns its base offset.
    pub(crate) async fn append(&self, topic: &str, partition: i32, records: i32) -> i64 {
        self.append_batch(topic, partition, records, BatchBuilder::new()).await
    }

    /// The same with a batch that has been begun.
    pub(crate) async fn append_batch(
        &self,
        topic: &str,
        partition: i32,
        records: i32,
        mut batch: BatchBuilder,
    ) -> i64 {
        for _ in 0..records {
            batch.push(&NewRecord { timestamp: NOW, value: Some(b"value"), ..NewRecord::default() });
        }
        let topic = self.broker.topic(topic).unwrap();
        let partition = Arc::clone(topic.partition(PartitionIndex::new(partition)).unwrap());
        let batches = vec![ProduceBatch { partition, records: batch.build().unwrap() }];
        let submitted =
            self.broker.submit(ProduceRequest { batches, zstd_allowed: true, transaction: None }).await;
        submitted.committed(&self.broker).await.remove(0).unwrap().base_offset.get()
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    text(name).into()
}

pub(crate) fn new_topic(name: &str, partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replication_factor)
}
