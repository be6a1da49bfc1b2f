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
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response, wire_topic_name};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<DescribeLogDirsRequest>,
) -> Response<DescribeLogDirsResponse> {
    let mut topics = Vec::new();
    match request.message.topics {
        None => {
            for topic in context.broker.topics().iter() {
                topics.push(describe(topic, all_of(topic)).await);
            }
        }
        Some(asked) => {
            for asked in asked {
                consume_budget().await;
                let Some(topic) = context.broker.topic(&asked.topic) else { continue };
                let described = describe(&topic, asked.partitions).await;
                if !described.partitions.is_empty() {
                    topics.push(described);
                }
            }
        }
    }
    let directory = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(context.broker.storage().location))
        .with_topics(topics);
    Response::ok(DescribeLogDirsResponse::default().with_results(vec![directory]))
}

fn all_of(topic: &Topic) -> Vec<i32> {
    topic.partitions().iter().map(|partition| partition.index().get()).collect()
}

/// The partitions that exist among those asked for, each once.
async fn describe(topic: &Topic, partitions: Vec<i32>) -> DescribeLogDirsTopic {
    let mut sizes = BTreeMap::new();
    for index in partitions {
        consume_budget().await;
        if let Some(partition) = topic.partition(PartitionIndex::new(index)) {
            sizes.insert(index, partition.size_bytes());
        }
    }
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
