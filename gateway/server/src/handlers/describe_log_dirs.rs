//! DescribeLogDirs (35), versions 1 to 4 (KIP-113, KIP-827).
//!
//! The storage of this gateway appears as one log directory that holds every partition asked for, with the bytes of its
//! batches. How much room the medium has is not known here, which the protocol writes as -1.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_broker::Topic;
use chronik_types::PartitionIndex;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Context, Request, Response, wire_topic_name};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeLogDirsRequest>,
) -> Response<DescribeLogDirsResponse> {
    let topics: Vec<DescribeLogDirsTopic> = match request.message.topics {
        None => context.broker.topics().iter().map(|topic| describe(topic, all_of(topic))).collect(),
        Some(asked) => {
            let asked = asked.into_iter();
            asked
                .filter_map(|asked| Some(describe(&*context.broker.topic(&asked.topic)?, asked.partitions)))
                .filter(|topic| !topic.partitions.is_empty())
                .collect()
        }
    };
    let directory = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(context.broker.storage().location))
        .with_topics(topics);
    Response::ok(DescribeLogDirsResponse::default().with_results(vec![directory]))
}

fn all_of(topic: &Topic) -> Vec<i32> {
    topic.partitions().iter().map(|partition| partition.index().get()).collect()
}

/// The partitions that exist among those asked for, each once.
fn describe(topic: &Topic, partitions: Vec<i32>) -> DescribeLogDirsTopic {
    let sizes: BTreeMap<i32, u64> = partitions
        .into_iter()
        .filter_map(|index| Some((index, topic.partition(PartitionIndex::new(index))?.size_bytes())))
        .collect();
    let partition = |(index, bytes): (i32, u64)| {
        DescribeLogDirsPartition::default()
            .with_partition_index(index)
            .with_partition_size(i64::try_from(bytes).unwrap_or(i64::MAX))
            .with_offset_lag(0)
    };
    DescribeLogDirsTopic::default()
        .with_name(wire_topic_name(topic.name()))
        .with_partitions(sizes.into_iter().map(partition).collect())
}
