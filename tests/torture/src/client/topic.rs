//! Topics of an era.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest, MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Link, code};
use crate::checker::Key;
use crate::stage::Over;
use chronik_types::ErrorCode;

const CREATE_TOPICS_VERSION: i16 = 5;
const DELETE_TOPICS_VERSION: i16 = 4;
const METADATA_VERSION: i16 = 12;
const LIST_OFFSETS_VERSION: i16 = 7;
const LATEST: i64 = -1;

/// A topic whose partitions are keys.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) partitions: i32,
}

impl Topic {
    pub(crate) fn new(name: String, partitions: i32) -> Self {
        Self { name, partitions }
    }

    pub(crate) fn wire_name(&self) -> TopicName {
        TopicName(StrBytes::from_string(self.name.clone()))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        (0..self.partitions).filter_map(|partition| Key::try_from(partition).ok())
    }
}

/// Partition of a key.
pub(crate) fn partition(key: Key) -> i32 {
    i32::try_from(key).unwrap_or(i32::MAX)
}

/// Key of a partition.
pub(crate) fn key(partition: i32) -> Key {
    Key::try_from(partition).unwrap_or(Key::MAX)
}

/// Makes topics and waits until the broker shows them.
pub(crate) fn create_topics(link: &mut Link<'_>, topics: &[&Topic]) -> Result<(), Over> {
    for topic in topics {
        let creatable = CreatableTopic::default()
            .with_name(topic.wire_name())
            .with_num_partitions(topic.partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(vec![creatable]);
        let (answer, first) = link.insist(CREATE_TOPICS_VERSION, &request)?;
        for created in &answer.topics {
            match code(created.error_code) {
                ErrorCode::None => {}
                // An attempt without an answer may have made it.
                ErrorCode::TopicAlreadyExists if !first => {}
                other => link.stage.problem(format!("CreateTopics {}: {other:?}", topic.name)),
            }
        }
    }
    let stage = link.stage;
    stage.patiently("Metadata of a topic that was created", || {
        for topic in topics {
            if topic_id(link, topic)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
}

/// Deletes topics.
pub(crate) fn delete_topics(link: &mut Link<'_>, topics: &[&Topic]) -> Result<(), Over> {
    for topic in topics {
        let names = vec![topic.wire_name()];
        let request = DeleteTopicsRequest::default().with_timeout_ms(30_000).with_topic_names(names);
        let (answer, first) = link.insist(DELETE_TOPICS_VERSION, &request)?;
        for deleted in &answer.responses {
            match code(deleted.error_code) {
                ErrorCode::None => {}
                ErrorCode::UnknownTopicOrPartition if !first => {}
                other => link.stage.problem(format!("DeleteTopics {}: {other:?}", topic.name)),
            }
        }
    }
    Ok(())
}

/// Id of a topic, when all its partitions can be used.
pub(crate) fn topic_id(link: &mut Link<'_>, topic: &Topic) -> Result<Option<uuid::Uuid>, Over> {
    use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
    let asked = MetadataRequestTopic::default().with_name(Some(topic.wire_name()));
    let request = MetadataRequest::default().with_topics(Some(vec![asked]));
    let (answer, _) = link.insist(METADATA_VERSION, &request)?;
    let found = answer.topics.first().filter(|found| {
        let led = found.partitions.iter().filter(|partition| partition.error_code == 0);
        found.error_code == 0 && i32::try_from(led.count()) == Ok(topic.partitions)
    });
    Ok(found.map(|found| found.topic_id))
}

/// Ends of all partitions: last stable offsets, or high watermarks.
pub(crate) fn ends(link: &mut Link<'_>, topic: &Topic, read_committed: bool) -> Result<Vec<i64>, Over> {
    let partitions = topic.keys().map(|key| {
        ListOffsetsPartition::default().with_partition_index(partition(key)).with_timestamp(LATEST)
    });
    let asked =
        ListOffsetsTopic::default().with_name(topic.wire_name()).with_partitions(partitions.collect());
    let request = ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_isolation_level(i8::from(read_committed))
        .with_topics(vec![asked]);
    let stage = link.stage;
    stage.patiently("ListOffsets", || {
        let (answer, _) = link.insist(LIST_OFFSETS_VERSION, &request)?;
        let mut offsets: Vec<Option<i64>> = topic.keys().map(|_| None).collect();
        for found in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            match code(found.error_code) {
                ErrorCode::None => {
                    if let Some(offset) = offsets.get_mut(key(found.partition_index)) {
                        *offset = Some(found.offset);
                    }
                }
                other if other.is_retriable() => {}
                other => stage.problem(format!("ListOffsets {}: {other:?}", topic.name)),
            }
        }
        Ok(offsets.into_iter().collect())
    })
}
