//! From the topics of a request to batches for the broker, and where each result belongs.

use chronik_broker::{Broker, ProduceBatch, Topic};
use chronik_types::{PartitionIndex, TopicId};
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use std::sync::Arc;

use super::{Refusal, is_acks};

/// The version from which topics go by id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;

/// The partitions of a request, in its order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) topics: Vec<TopicPlan>,
}

/// The partitions of one topic.
#[derive(Debug)]
pub(super) struct TopicPlan {
    /// As it was asked for; `partition_data` has been taken out.
    pub(super) asked: TopicProduceData,
    pub(super) partitions: Vec<PartitionPlan>,
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
        let refusal = if !is_acks(request.acks) {
            Some(Refusal::Acks)
        } else if request.transactional_id.is_some() {
            Some(Refusal::Transactional)
        } else {
            None
        };
        let mut batches = Vec::new();
        let mut topics = Vec::with_capacity(request.topic_data.len());
        for mut asked in request.topic_data {
            let data = std::mem::take(&mut asked.partition_data);
            let topic = match refusal {
                Some(refusal) => Err(refusal),
                None => find(broker, version, &asked),
            };
            let partitions =
                data.into_iter().map(|data| plan_partition(&topic, data, &mut batches)).collect();
            topics.push(TopicPlan { asked, partitions });
        }
        (Self { topics }, batches)
    }
}

fn find(broker: &Broker, version: i16, asked: &TopicProduceData) -> Result<Arc<Topic>, Refusal> {
    if version >= TOPIC_IDS_SINCE {
        broker.topic_by_id(TopicId::from_bytes(*asked.topic_id.as_bytes())).ok_or(Refusal::UnknownTopicId)
    } else {
        broker.topic(&asked.name).ok_or(Refusal::UnknownTopic)
    }
}

fn plan_partition(
    topic: &Result<Arc<Topic>, Refusal>,
    data: PartitionProduceData,
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
