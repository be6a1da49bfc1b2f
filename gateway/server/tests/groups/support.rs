//! A broker, in this process or the peer, and clients that speak to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chronik_backend::{MemoryBackend, MemoryOptions, StorageBackend};
use chronik_broker::{Broker, BrokerOptions};
use chronik_config::{Listener, Settings};
use chronik_server::{Parts, Server};
use chronik_types::{Clock, Entropy, SystemClock};
use chronik_wire::api;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A broker.
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) gateway: Option<(Server, Arc<Broker>)>,
}

/// Settings that both brokers have.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.kafka.listeners = vec![Listener::plaintext("127.0.0.1", 0)];
    settings.groups.initial_rebalance_delay = Duration::ZERO;
    settings.groups.min_session_timeout = Duration::from_millis(100);
    settings.groups.max_size = 3;
    settings.groups.offsets_partitions = 4;
    settings.transactions.state_partitions = 4;
    settings
}

impl Target {
    /// The peer, or a gateway of its own for this test; its coordinator is there.
    pub(crate) async fn start() -> Self {
        let target = match std::env::var("GROUPS_PEER") {
            Ok(address) => Self { address, gateway: None },
            Err(_) => Self::gateway(settings()).await,
        };
        target.client().await.await_coordinator().await;
        target
    }

    /// A gateway, where the peer cannot be asked.
    pub(crate) async fn gateway(settings: Settings) -> Self {
        Self::over(settings, Arc::new(MemoryBackend::new(MemoryOptions::default()))).await
    }

    /// A gateway over that backend.
    pub(crate) async fn over(settings: Settings, backend: Arc<dyn StorageBackend>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let options = BrokerOptions::new(settings.clone(), Arc::clone(&clock), Entropy::from_os());
        let broker = Broker::open(options, backend).await.unwrap();
        let mut registry = Registry::default();
        let parts = Parts {
            settings: &settings,
            broker: Arc::clone(&broker),
            registry: &mut registry,
            clock,
            entropy: Entropy::seeded(2),
        };
        let server = Server::bind(parts).await.unwrap();
        let address = server.local_addresses()[0].to_string();
        Self { address, gateway: Some((server, broker)) }
    }

    pub(crate) fn broker(&self) -> &Arc<Broker> {
        &self.gateway.as_ref().expect("a gateway, not the peer").1
    }

    pub(crate) async fn client(&self) -> Client {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, correlation_id: 0 }
    }
}

/// A text as kafka-protocol has it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A name that no other test uses, also not in another run.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (number, run) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
    format!("{prefix}-{run}-{number}")
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    /// Sends a request and reads its answer.
    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        self.send(version, request).await;
        self.receive::<R>(version).await
    }

    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: R) {
        self.correlation_id += 1;
        let api = api::lookup(R::KEY).unwrap();
        let mut body = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(text("test")));
        header.encode(&mut body, if api.is_flexible(version) { 2 } else { 1 }).unwrap();
        request.encode(&mut body, version).unwrap();
        let mut frame = BytesMut::new();
        frame.put_u32(u32::try_from(body.len()).unwrap());
        frame.put(body);
        self.stream.write_all(&frame).await.unwrap();
    }

    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let length = self.stream.read_u32().await.unwrap();
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut frame).await.unwrap();
        let mut frame = Bytes::from(frame);
        assert_eq!(frame.get_i32(), self.correlation_id);
        if api::lookup(R::KEY).unwrap().response_header_version(version) == 1 {
            assert_eq!(frame.get_u8(), 0, "tagged fields in the response header");
        }
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "{} bytes are left", frame.len());
        response
    }

    /// Waits until groups are coordinated: Kafka makes its topic first.
    async fn await_coordinator(&mut self) {
        loop {
            let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text("g")]);
            let response = self.call(4, request).await;
            match response.coordinators[0].error_code {
                0 => break,
                15 => tokio::task::yield_now().await,
                other => panic!("code {other}"),
            }
        }
        // The topic can be there before its coordinator is.
        while self.call(0, HeartbeatRequest::default().with_group_id(GroupId(text("none")))).await.error_code
            == 16
        {}
    }

    pub(crate) async fn create_topic(&mut self, partitions: i32) -> String {
        let name = unique("topic");
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(&name)))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let response = self
            .call(5, CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000))
            .await;
        assert_eq!(response.topics[0].error_code, 0);
        // A broker of Kafka learns of it a little later.
        loop {
            let asked =
                metadata_request::MetadataRequestTopic::default().with_name(Some(TopicName(text(&name))));
            let request = MetadataRequest::default()
                .with_topics(Some(vec![asked]))
                .with_allow_auto_topic_creation(false);
            if self.call(9, request).await.topics[0].error_code == 0 {
                return name;
            }
        }
    }

    /// Joins as a member that is given its id first, if the version does so.
    pub(crate) async fn join(&mut self, version: i16, request: JoinGroupRequest) -> JoinGroupResponse {
        let response = self.call(version, request.clone()).await;
        if response.error_code != 79 {
            return response;
        }
        assert!(version >= 4 && !response.member_id.is_empty());
        self.call(version, request.with_member_id(response.member_id)).await
    }

    /// Joins as the only member of a group and gets an assignment; the member's id.
    pub(crate) async fn only_member(&mut self, group: &str) -> StrBytes {
        self.only_member_with(join(group)).await
    }

    pub(crate) async fn only_member_with(&mut self, request: JoinGroupRequest) -> StrBytes {
        let (group, protocol_type) = (request.group_id.clone(), request.protocol_type.clone());
        let joined = self.join(9, request).await;
        assert_eq!((joined.error_code, joined.generation_id), (0, 1));
        let request = sync(&group, &joined.member_id, 1, &[(&joined.member_id, "mine")]);
        let synced = self.call(5, request.with_protocol_type(Some(protocol_type))).await;
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"mine"[..]));
        joined.member_id
    }
}

/// A subscription to topics, as consumers write it.
pub(crate) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(i32::try_from(topics.len()).unwrap());
    for topic in topics {
        bytes.put_i16(i16::try_from(topic.len()).unwrap());
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

pub(crate) fn protocol(name: &str, metadata: Bytes) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol::default().with_name(text(name)).with_metadata(metadata)
}

/// A consumer without an id joins.
pub(crate) fn join(group: &str) -> JoinGroupRequest {
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol("range", subscription(&["t"]))])
}

pub(crate) fn sync(group: &str, id: &str, generation: i32, assigned: &[(&str, &str)]) -> SyncGroupRequest {
    let assignments = assigned.iter().map(|(id, assignment)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(id))
            .with_assignment(Bytes::copy_from_slice(assignment.as_bytes()))
    });
    SyncGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(text(id))
        .with_generation_id(generation)
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(assignments.collect())
}

pub(crate) fn heartbeat(group: &str, id: &str, generation: i32) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(text(id))
        .with_generation_id(generation)
}

pub(crate) fn leaving(id: &str, instance: Option<&str>) -> leave_group_request::MemberIdentity {
    leave_group_request::MemberIdentity::default()
        .with_member_id(text(id))
        .with_group_instance_id(instance.map(text))
}

pub(crate) fn leave(group: &str, members: Vec<leave_group_request::MemberIdentity>) -> LeaveGroupRequest {
    LeaveGroupRequest::default().with_group_id(GroupId(text(group))).with_members(members)
}
