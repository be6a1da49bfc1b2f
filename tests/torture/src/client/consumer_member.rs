//! A member of a group of the consumer protocol (KIP-848): the coordinator assigns, and takes partitions away only after
//! their owner has said that it let go of them.

use std::collections::BTreeSet;

use chronik_types::ErrorCode;
use kafka_protocol::messages::ConsumerGroupHeartbeatRequest;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::protocol::StrBytes;

use super::member::millis;
use super::offsets::group_id;
use super::topic::{Topic, key, partition};
use super::{Link, Standing, Terms, code};
use crate::checker::Key;
use crate::stage::Over;

const HEARTBEAT_VERSION: i16 = 1;
/// Epoch of a member that wants to join.
const JOINING: i32 = 0;
/// Epoch of a member that leaves.
const LEAVING: i32 = -1;
/// Epoch of a static member that leaves for a while.
const LEAVING_FOR_A_WHILE: i32 = -2;

/// What a heartbeat brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Accepted; the partitions that the coordinator wants it to own from now on, when that changed.
    Accepted(Option<BTreeSet<Key>>),
    /// The membership is over; the member joins anew.
    Expelled,
    /// No answer, or a refusal that passes.
    Nothing,
}

/// A member of one group.
#[derive(Debug)]
pub(crate) struct ConsumerMember {
    group: String,
    topic: Topic,
    topic_id: uuid::Uuid,
    terms: Terms,
    pub(crate) standing: Standing,
    /// What it owns, as it tells the coordinator.
    pub(crate) owned: BTreeSet<Key>,
    /// The last answer did not come: the next request tells everything.
    full: bool,
}

impl ConsumerMember {
    /// One that has not joined; `member_id` and `instance` say who it is.
    pub(crate) fn new(
        group: &str,
        topic: Topic,
        topic_id: uuid::Uuid,
        (member_id, instance): (String, Option<String>),
        terms: Terms,
    ) -> Self {
        let standing = Standing { member_id, generation: JOINING, instance };
        Self { group: group.to_owned(), topic, topic_id, terms, standing, owned: BTreeSet::new(), full: true }
    }

    /// One heartbeat. Joins when it is not a member.
    pub(crate) fn heartbeat(&mut self, link: &mut Link<'_>) -> Result<Beat, Over> {
        let request = self.request();
        let Some(answer) = link.call(HEARTBEAT_VERSION, &request)? else {
            self.full = true;
            return Ok(Beat::Nothing);
        };
        match code(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::FencedInstanceId => {
                self.forget();
                return Ok(Beat::Expelled);
            }
            // The session of its predecessor has to end first.
            ErrorCode::UnreleasedInstanceId if self.standing.generation == JOINING => {
                return Ok(Beat::Nothing);
            }
            later if later.is_retriable() => return Ok(Beat::Nothing),
            refused => {
                link.stage.problem(format!("{}: ConsumerGroupHeartbeat: {refused:?}", link.who));
                return Ok(Beat::Nothing);
            }
        }
        self.full = false;
        self.standing.generation = answer.member_epoch;
        let assignment = answer.assignment.map(|assignment| {
            let own = assignment.topic_partitions.iter().filter(|topic| topic.topic_id == self.topic_id);
            own.flat_map(|topic| &topic.partitions).map(|partition| key(*partition)).collect()
        });
        Ok(Beat::Accepted(assignment))
    }

    /// Asks to join, and goes away without learning what comes of it.
    pub(crate) fn join_and_die(&self, link: &mut Link<'_>) -> Result<(), Over> {
        link.send_and_die(HEARTBEAT_VERSION, &self.request())
    }

    /// Wants to be told again what it should own.
    pub(crate) fn ask_for_all(&mut self) {
        self.full = true;
    }

    /// Leaves the group; a static member may leave its place to its successor.
    pub(crate) fn leave(&mut self, link: &mut Link<'_>, for_good: bool) -> Result<(), Over> {
        let stays = !for_good && self.standing.instance.is_some();
        self.standing.generation = if stays { LEAVING_FOR_A_WHILE } else { LEAVING };
        // Of what it leaves it owns nothing any more.
        self.owned.clear();
        let request = self.request();
        let _ = link.call(HEARTBEAT_VERSION, &request)?;
        self.forget();
        Ok(())
    }

    /// Begins a new life under the same id.
    pub(crate) fn forget(&mut self) {
        self.standing.generation = JOINING;
        self.owned.clear();
        self.full = true;
    }

    fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let mut request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(StrBytes::from_string(self.standing.member_id.clone()))
            .with_member_epoch(self.standing.generation)
            .with_instance_id(self.standing.instance.clone().map(StrBytes::from_string))
            .with_topic_partitions(Some(self.owned_partitions()));
        if self.full {
            request = request
                .with_rebalance_timeout_ms(millis(self.terms.rebalance))
                .with_subscribed_topic_names(Some(vec![self.topic.wire_name()]));
        }
        request
    }

    fn owned_partitions(&self) -> Vec<TopicPartitions> {
        if self.owned.is_empty() {
            return Vec::new();
        }
        let partitions = self.owned.iter().map(|key| partition(*key)).collect();
        vec![TopicPartitions::default().with_topic_id(self.topic_id).with_partitions(partitions)]
    }
}
