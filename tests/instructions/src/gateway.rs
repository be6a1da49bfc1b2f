//! A gateway over memory, and one client, in one thread.
//!
//! The connection is a socket pair, so that reading and writing are system calls, which callgrind does not look into,
//! as with TCP. Whoever polls the client also polls the connection and commits what storage has queued.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use chronik_backend::{MemoryBackend, MemoryOptions};
use chronik_broker::{Broker, BrokerOptions, Topic};
use chronik_config::Settings;
use chronik_server::{Parts, in_process};
use chronik_state::{Configs, CreateTopic};
use chronik_types::{Clock, Entropy, ManualClock, TimestampMs, TopicName};
use chronik_wire::api;
use kafka_protocol::protocol::{Decodable, Request};
use prometheus_client::registry::Registry;

use crate::Failure;
use crate::frames::{NOW, frame};

/// A gateway with one connection, and the client of it.
pub(crate) struct Session {
    backend: Arc<MemoryBackend>,
    broker: Arc<Broker>,
    connection: Pin<Box<dyn Future<Output = ()>>>,
    client: UnixStream,
    /// What has arrived of the response.
    received: Vec<u8>,
    filled: usize,
    last_response: Bytes,
}

/// The length in front of each frame.
const PREFIX: usize = 4;
/// More than any response.
const LARGEST_RESPONSE: usize = 256 * 1024;

impl Session {
    /// Opens the gateway and connects. Needs a tokio runtime.
    pub(crate) async fn open() -> Result<Self, Failure> {
        let settings = Settings::default();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(TimestampMs::new(NOW)));
        let backend = Arc::new(MemoryBackend::by_hand(MemoryOptions::default()));
        let options = BrokerOptions::new(settings.clone(), Arc::clone(&clock), Entropy::seeded(1));
        let broker = committing(&backend, Broker::open(options, Arc::clone(&backend) as _)).await?;
        let (client, server) = UnixStream::pair()?;
        client.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        let parts = Parts {
            settings: &settings,
            broker: Arc::clone(&broker),
            registry: &mut Registry::default(),
            clock,
            entropy: Entropy::seeded(2),
        };
        let connection = in_process::connection(parts, tokio::net::UnixStream::from_std(server)?);
        Ok(Self {
            backend,
            broker,
            connection: Box::pin(connection),
            client,
            received: vec![0; LARGEST_RESPONSE],
            filled: 0,
            last_response: Bytes::new(),
        })
    }

    /// Creates a topic.
    pub(crate) async fn topic(&self, name: &str, partitions: i32) -> Result<Arc<Topic>, Failure> {
        let create = CreateTopic {
            topic_id: self.broker.new_topic_id(),
            name: TopicName::new(name)?,
            partitions,
            replication_factor: 1,
            configs: Configs::default(),
            assignments: Vec::new(),
            limits: self.broker.topic_limits(),
        };
        Ok(committing(&self.backend, self.broker.create_topic(create)).await?)
    }

    /// Sends a request and decodes its response.
    pub(crate) async fn call<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<R::Response, Failure> {
        let request = frame(version, request)?;
        self.exchange_all(&[request]).await?;
        decode::<R>(version, self.last_response()?)
    }

    /// The response to the last request, without its length.
    pub(crate) fn last_response(&mut self) -> Result<Bytes, Failure> {
        Ok(std::mem::take(&mut self.last_response))
    }

    /// Sends each request when the one before it was answered.
    pub(crate) async fn exchange_all(&mut self, requests: &[Bytes]) -> Result<(), Failure> {
        let mut requests: VecDeque<&[u8]> = requests.iter().map(|request| &request[..]).collect();
        let Some(first) = requests.pop_front() else { return Ok(()) };
        self.client.write_all(first)?;
        poll_fn(|cx| self.poll_exchange(&mut requests, cx)).await
    }

    fn poll_exchange(
        &mut self,
        requests: &mut VecDeque<&[u8]>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err("the gateway closed the connection".into()));
        }
        // Whoever waits for the commit has been woken by it.
        if self.backend.commit() {
            return Poll::Pending;
        }
        match self.receive() {
            Ok(false) => Poll::Pending,
            Ok(true) => match requests.pop_front() {
                Some(next) => match self.client.write_all(next) {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error.into())),
                },
                None => {
                    self.last_response = Bytes::copy_from_slice(&self.received[PREFIX..self.filled]);
                    Poll::Ready(Ok(()))
                }
            },
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Reads what is there of the response; whether it is complete.
    fn receive(&mut self) -> Result<bool, Failure> {
        if self.is_complete() {
            self.filled = 0;
        }
        loop {
            match self.client.read(&mut self.received[self.filled..]) {
                Ok(0) => return Err("the gateway closed the connection".into()),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            if self.is_complete() {
                return Ok(true);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.filled >= PREFIX && self.filled == PREFIX + (&self.received[..PREFIX]).get_u32() as usize
    }
}

/// Waits for something that waits for storage.
async fn committing<T>(backend: &MemoryBackend, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => {
            backend.commit();
            Poll::Pending
        }
    })
    .await
}

/// Decodes a response to a request of that kind.
pub(crate) fn decode<R: Request>(version: i16, mut response: Bytes) -> Result<R::Response, Failure> {
    let api = api::lookup(R::KEY).ok_or("an API that is not supported")?;
    response.advance(4 + if api.response_header_version(version) == 1 { 1 } else { 0 });
    Ok(R::Response::decode(&mut response, version)?)
}
