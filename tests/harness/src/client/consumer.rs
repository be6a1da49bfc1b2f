//! A member of a consumer group (KIP-848), which reads one topic. It gives up partitions as soon as it is told to.

use chronik_types::ErrorCode;
use kafka_protocol::messages::ConsumerGroupHeartbeatRequest;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{Standing, code, group_id, text, topic_name};
use crate::{ClientError, Connection};

const HEARTBEAT_VERSION: i16 = 1;
/// Long, so that no member that a busy machine holds up is taken for dead.
const REBALANCE_TIMEOUT_MS: i32 = 30_000;
/// The epoch of a member that joins.
const JOIN: i32 = 0;
/// The epoch of a member that leaves.
const LEAVE: i32 = -1;
/// The epoch of a static member that leaves and will be back.
const LEAVE_FOR_A_WHILE: i32 = -2;

/// A member of one group.
#[derive(Debug, Clone)]
pub struct ConsumerMember {
    group: String,
    topic: String,
    topic_id: Uuid,
    /// Who it is now; its generation is its member epoch.
    pub standing: Standing,
    /// What it may read.
    pub assigned: Vec<i32>,
}

impl ConsumerMember {
    /// One that has not joined yet. It makes its id itself; no other member of the group may have the same.
    #[must_use]
    pub fn new(group: &str, topic: &str, member_id: &str) -> Self {
        let standing =
            Standing { member_id: member_id.to_owned(), generation_id: JOIN, ..Standing::nobody() };
        let (group, topic) = (group.to_owned(), topic.to_owned());
        Self { group, topic, topic_id: Uuid::nil(), standing, assigned: Vec::new() }
    }

    /// Joins, as one that has nothing.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn join(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        self.standing.generation_id = JOIN;
        self.assigned.clear();
        self.heartbeat(connection)
    }

    /// One heartbeat, which says what it has; afterwards it has what it was told to have.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn heartbeat(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        let epoch = self.standing.generation_id;
        let owned =
            TopicPartitions::default().with_topic_id(self.topic_id).with_partitions(self.assigned.clone());
        let owned = if self.assigned.is_empty() { Vec::new() } else { vec![owned] };
        let answer =
            connection.call(HEARTBEAT_VERSION, &self.request(epoch).with_topic_partitions(Some(owned)))?;
        let said = code(answer.error_code);
        if said == ErrorCode::None {
            self.standing.generation_id = answer.member_epoch;
            if let Some(assignment) = answer.assignment {
                self.assigned.clear();
                for topic in assignment.topic_partitions {
                    self.topic_id = topic.topic_id;
                    self.assigned.extend(topic.partitions);
                }
            }
        }
        Ok(said)
    }

    /// Leaves the group.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn leave(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        self.leave_with(connection, LEAVE)
    }

    /// Leaves as a static member that will be back.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn leave_for_a_while(&mut self, connection: &mut Connection) -> Result<ErrorCode, ClientError> {
        self.leave_with(connection, LEAVE_FOR_A_WHILE)
    }

    fn leave_with(&mut self, connection: &mut Connection, epoch: i32) -> Result<ErrorCode, ClientError> {
        let said = code(connection.call(HEARTBEAT_VERSION, &self.request(epoch))?.error_code);
        if said == ErrorCode::None {
            self.standing.generation_id = JOIN;
            self.assigned.clear();
        }
        Ok(said)
    }

    /// A member that joins says everything of itself, later only what may have changed.
    fn request(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        let joins = epoch == JOIN;
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(text(&self.standing.member_id))
            .with_member_epoch(epoch)
            .with_instance_id(self.standing.group_instance_id.as_deref().map(text))
            .with_rebalance_timeout_ms(if joins { REBALANCE_TIMEOUT_MS } else { -1 })
            .with_subscribed_topic_names(joins.then(|| vec![topic_name(&self.topic)]))
            .with_subscribed_topic_regex(joins.then(StrBytes::default))
    }
}
