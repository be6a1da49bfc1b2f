//! What a client wants of one partition.

use std::cmp::Ordering;
use std::sync::Arc;

use chronik_broker::{Broker, Partition};
use chronik_types::{ErrorCode, PartitionIndex, TopicId};
use chronik_wire::hot::fetch::FetchPartition;
use kafka_protocol::protocol::StrBytes;

/// A topic as the client names it: by name, or from version 13 on by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TopicRef {
    pub(super) id: TopicId,
    pub(super) name: StrBytes,
}

/// A partition that a client reads, and from where.
#[derive(Clone, Debug)]
pub(super) struct Interest {
    pub(super) topic: TopicRef,
    pub(super) index: i32,
    pub(super) wants: Wants,
    /// The partition, or why there is none.
    pub(super) partition: Result<Arc<Partition>, ErrorCode>,
}

/// What is read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wants {
    pub(super) fetch_offset: i64,
    pub(super) max_bytes: i32,
    pub(super) current_leader_epoch: i32,
    pub(super) last_fetched_epoch: i32,
}

/// By id, then by name; one of them is empty in all that are compared.
impl Ord for TopicRef {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |id: &TopicId| u128::from_be_bytes(*id.as_bytes());
        number(&self.id).cmp(&number(&other.id)).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for TopicRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopicRef {
    /// The same, without holding on to the frame of the request that it came in.
    pub(super) fn detached(&self) -> Self {
        let name =
            if self.name.is_empty() { StrBytes::new() } else { StrBytes::from_string(self.name.to_string()) };
        Self { id: self.id, name }
    }

    /// Finds a partition of the topic.
    pub(super) fn partition(&self, broker: &Broker, index: i32) -> Result<Arc<Partition>, ErrorCode> {
        let topic = if self.id.is_none() {
            broker.topic(&self.name).ok_or(ErrorCode::UnknownTopicOrPartition)?
        } else {
            broker.topic_by_id(self.id).ok_or(ErrorCode::UnknownTopicId)?
        };
        topic.partition(PartitionIndex::new(index)).cloned().ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

impl From<&FetchPartition> for Wants {
    fn from(asked: &FetchPartition) -> Self {
        Self {
            fetch_offset: asked.fetch_offset,
            max_bytes: asked.max_bytes,
            current_leader_epoch: asked.current_leader_epoch,
            last_fetched_epoch: asked.last_fetched_epoch,
        }
    }
}
