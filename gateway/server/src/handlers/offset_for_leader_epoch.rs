//! OffsetForLeaderEpoch (23), versions 2 to 4. KIP-101, KIP-320.
//!
//! Codes: 3, 74, 75.

use std::sync::Arc;

use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionIndex};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response, leader_epoch};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<OffsetForLeaderEpochRequest>,
) -> Response<OffsetForLeaderEpochResponse> {
    let mut topics = Vec::new();
    for asked in request.message.topics {
        topics.push(topic(&context, asked).await);
    }
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code).collect();
    Response::with_errors(OffsetForLeaderEpochResponse::default().with_topics(topics), errors)
}

async fn topic(context: &Context, asked: OffsetForLeaderTopic) -> OffsetForLeaderTopicResult {
    let mut partitions = Vec::with_capacity(asked.partitions.len());
    for one in &asked.partitions {
        consume_budget().await;
        let (error, (epoch, end)) = match find(context, &asked.topic, one) {
            Ok(found) => (ErrorCode::None, found),
            Err(error) => (error, (LeaderEpoch::NONE, Offset::NONE)),
        };
        let answer = EpochEndOffset::default()
            .with_partition(one.partition)
            .with_error_code(error.code())
            .with_leader_epoch(epoch.get())
            .with_end_offset(end.get());
        partitions.push(answer);
    }
    OffsetForLeaderTopicResult::default().with_topic(asked.topic).with_partitions(partitions)
}

fn find(
    context: &Context,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<(LeaderEpoch, Offset), ErrorCode> {
    let topic = context.broker.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition =
        topic.partition(PartitionIndex::new(asked.partition)).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    leader_epoch::check(partition, asked.current_leader_epoch)?;
    Ok(context.broker.offset_for_leader_epoch(partition, LeaderEpoch::new(asked.leader_epoch)))
}
