//! One cycle: start, produce and read back at once, end as planned; and the last one, which only reads.

use std::time::Duration;

use chronik_harness::{ClientError, Connection, GatewayError, pause, wait_until};
use chronik_types::Entropy;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::{CreateTopicsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::checker::Checker;
use crate::plan::{CyclePlan, Ending, KEYS, ProducerPlan, TOPICS};
use crate::producer::Producer;
use crate::reader::{TIMEOUT, delete_records, read_back, watermarks};
use crate::server::{Server, ServerPlan};
use crate::shared::Shared;
use crate::stage::Stage;

const CREATE_TOPICS_VERSION: i16 = 5;
const START_LIMIT: Duration = Duration::from_secs(60);
/// What an operator gives a service to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CycleError {
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the broker cannot be reached")]
    Connect(#[from] std::io::Error),
    #[error("topic {topic}: error {code}")]
    Topic { topic: String, code: i16 },
}

/// What is the same in every cycle.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) server: ServerPlan,
    /// How many times longer than planned a cycle lasts.
    pub(crate) stretch: u32,
    /// How long the clients of an era go on after its last cycle, before they come to rest.
    pub(crate) undisturbed: Duration,
    /// Of the workload of single records; none when it is not run.
    pub(crate) producers: Vec<ProducerPlan>,
}

/// What a cycle left.
pub(crate) struct Outcome {
    pub(crate) checker: Checker,
    pub(crate) problems: Vec<String>,
    pub(crate) first_ack: Option<Duration>,
}

impl Run {
    /// Makes the topics, on a gateway that is stopped again.
    ///
    /// # Errors
    /// When the gateway does not start or refuses a topic.
    pub(crate) fn create_topics(&self) -> Result<(), CycleError> {
        let mut server = Server::spawn(&self.server)?;
        server.wait_ready(START_LIMIT)?;
        let mut connection = Connection::open(server.address(), TIMEOUT)?;
        let config = |name: &'static str, value: &'static str| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_static_str(value)))
        };
        let topics = TOPICS.iter().map(|topic| {
            CreatableTopic::default()
                .with_name(TopicName(StrBytes::from_static_str(topic.name)))
                .with_num_partitions(topic.partitions)
                .with_replication_factor(1)
                .with_configs(vec![config("retention.ms", "-1"), config("max.message.bytes", "4194304")])
        });
        let request = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(topics.collect());
        let answer = connection.call(CREATE_TOPICS_VERSION, &request)?;
        match answer.topics.iter().find(|topic| topic.error_code != 0) {
            Some(topic) => Err(CycleError::Topic { topic: topic.name.0.to_string(), code: topic.error_code }),
            None => Ok(server.kill()?),
        }
    }

    /// Runs one cycle.
    ///
    /// # Errors
    /// When the gateway does not start at all.
    pub(crate) fn cycle(
        &self,
        plan: &CyclePlan,
        producers: &mut [Producer],
        checker: Checker,
        stage: &Stage,
    ) -> Result<Outcome, CycleError> {
        let shared = Shared::new(checker);
        let mut server = Server::spawn(&self.server)?;
        stage.broker_starts();
        let address = server.address();
        let ended = std::thread::scope(|scope| {
            for producer in producers {
                let shared = &shared;
                scope.spawn(move || producer.run(address, shared, plan));
            }
            if !self.producers.is_empty() {
                scope.spawn(|| self.read(address, &shared, plan));
            }
            let ended = end(&mut server, plan.ending.stretched(self.stretch), &shared, stage);
            // Whatever happened, the threads must see it.
            shared.end();
            ended
        });
        let first_ack = shared.first_ack().into_iter().chain(stage.first_ack()).min();
        let (mut checker, mut problems) = shared.into_parts();
        checker.judge();
        if let Err(error) = ended {
            problems.push(error.to_string());
        }
        Ok(Outcome { checker, problems, first_ack })
    }

    /// Reads what was there when the cycle began: it has survived the end of the last one.
    fn read(&self, address: std::net::SocketAddr, shared: &Shared, plan: &CyclePlan) {
        let opened = wait_until(START_LIMIT, || {
            if shared.is_ending() {
                return Some(None);
            }
            Connection::open(address, TIMEOUT).ok().map(Some)
        });
        let Some(Some(mut connection)) = opened else { return };
        if let Err(error) = self.read_survivors(&mut connection, shared, plan) {
            shared.connection_failed("reader", &error);
        }
    }

    fn read_survivors(
        &self,
        connection: &mut Connection,
        shared: &Shared,
        plan: &CyclePlan,
    ) -> Result<(), ClientError> {
        let found = watermarks(connection, shared)?;
        let cursors = {
            let checker = shared.checker.lock();
            (0..KEYS).map(|key| checker.next_offset(key)).collect()
        };
        read_back(connection, shared, &self.producers, self.seed, cursors, &found.ends)?;
        if plan.delete_records {
            shared.checker.lock().judge();
            delete_records(connection, shared, &Entropy::seeded(plan.seed))?;
        }
        Ok(())
    }

    /// Reads all that is left twice over, from where the last reads ended and from the start, and stops the gateway.
    ///
    /// # Errors
    /// When it does not start, or a read fails.
    pub(crate) fn final_reads(&self, checker: Checker) -> Result<Outcome, CycleError> {
        let shared = Shared::new(checker);
        let mut server = Server::spawn(&self.server)?;
        server.wait_ready(START_LIMIT)?;
        let mut connection = Connection::open(server.address(), TIMEOUT)?;
        let found = watermarks(&mut connection, &shared)?;
        let cursors = (0..KEYS).map(|key| shared.checker.lock().next_offset(key)).collect();
        read_back(&mut connection, &shared, &self.producers, self.seed, cursors, &found.ends)?;
        read_back(&mut connection, &shared, &self.producers, self.seed, found.starts, &found.ends)?;
        let ended = stop(&mut server, &shared);
        let (checker, mut problems) = shared.into_parts();
        if let Err(error) = ended {
            problems.push(error.to_string());
        }
        Ok(Outcome { checker, problems, first_ack: None })
    }
}

/// Ends the server as planned.
fn end(server: &mut Server, ending: Ending, shared: &Shared, stage: &Stage) -> Result<(), GatewayError> {
    let (Ending::KillAtStart(after) | Ending::Kill(after) | Ending::Terminate(after)) = ending;
    if !matches!(ending, Ending::KillAtStart(_)) {
        server.wait_ready(START_LIMIT)?;
    }
    pause(after);
    shared.end();
    stage.broker_ends();
    let ended = match ending {
        Ending::KillAtStart(_) | Ending::Kill(_) => server.kill(),
        Ending::Terminate(_) => stop(server, shared),
    };
    stage.broker_ends();
    ended
}

/// Stops the server as its operator does.
pub(crate) fn stop(server: &mut Server, shared: &Shared) -> Result<(), GatewayError> {
    if let Some(status) = server.terminate(STOP_LIMIT)?.filter(|status| !status.success()) {
        shared.problem(format!("SIGTERM: the gateway ended with {status}"));
    }
    Ok(())
}
