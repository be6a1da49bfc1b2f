//! From the partitions of a request to batches for the broker, and what is refused before.

use std::sync::Arc;

use chronik_broker::{Broker, ProduceBatch, Topic};
use chronik_types::{PartitionIndex, TopicId};
use chronik_wire::hot::produce::{ProducePartition, ProduceRequest, ProduceTopic, TOPIC_IDS_SINCE};
use kafka_protocol::protocol::StrBytes;

use super::{Refusal, is_acks};

/// The partitions of a request, in its order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) topics: Vec<TopicPlan>,
    /// Those of all topics.
    pub(super) partitions: Vec<PartitionPlan>,
}

/// A topic as it was asked for.
#[derive(Debug)]
pub(super) struct TopicPlan {
    pub(super) name: StrBytes,
    pub(super) id: TopicId,
    /// How many of [`Plan::partitions`] are its own.
    pub(super) partitions: usize,
}

/// What becomes of one partition: refused here, or the next of the broker's results.
#[derive(Debug)]
pub(super) struct PartitionPlan {
    pub(super) index: i32,
    pub(super) refused: Option<Refusal>,
}

impl Plan {
    /// Sorts out what the broker can be asked for.
    pub(super) fn of(broker: &Broker, version: i16, request: ProduceRequest) -> (Self, Vec<ProduceBatch>) {
        let refusal = (!is_acks(request.acks)).then_some(Refusal::Acks);
        let count = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        let (mut batches, mut partitions) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let plan_topic = |asked: ProduceTopic| {
            let topic = match refusal {
                Some(refusal) => Err(refusal),
                None => find(broker, version, &asked),
            };
            let count = asked.partitions.len();
            let data = asked.partitions.into_iter();
            partitions.extend(data.map(|data| plan_partition(&topic, data, &mut batches)));
            TopicPlan { name: asked.name, id: asked.id, partitions: count }
        };
        let topics = request.topics.into_iter().map(plan_topic).collect();
        (Self { topics, partitions }, batches)
    }
}

fn find(broker: &Broker, version: i16, asked: &ProduceTopic) -> Result<Arc<Topic>, Refusal> {
    let topic = if version >= TOPIC_IDS_SINCE {
        broker.topic_by_id(asked.id).ok_or(Refusal::UnknownTopicId)?
    } else {
        broker.topic(&asked.name).ok_or(Refusal::UnknownTopic)?
    };
    if topic.name().is_internal() { Err(Refusal::InternalTopic) } else { Ok(topic) }
}

fn plan_partition(
    topic: &Result<Arc<Topic>, Refusal>,
    data: ProducePartition,
    batches: &mut Vec<ProduceBatch>,
) -> PartitionPlan {
    let partition = match topic {
        Ok(topic) => topic.partition(PartitionIndex::new(data.index)).ok_or(Refusal::UnknownPartition),
        Err(refusal) => Err(*refusal),
    };
    let refused = match partition {
        Ok(partition) => {
            // No records at all are refused by the broker like records that are empty.
            let records = data.records.unwrap_or_default();
            batches.push(ProduceBatch { partition: Arc::clone(partition), records });
            None
        }
        Err(refusal) => Some(refusal),
    };
    PartitionPlan { index: data.index, refused }
}
