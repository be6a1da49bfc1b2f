//! OffsetDelete (47), version 0. KIP-496.
//!
//! Codes, for all: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP for a group whose members are no consumers; for one
//! partition: UNKNOWN_TOPIC_OR_PARTITION, GROUP_SUBSCRIBED_TO_TOPIC.

use std::sync::Arc;

use chronik_types::{ErrorCode, PartitionIndex, TopicPartition};
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::group_words::group_id;
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<OffsetDeleteRequest>,
) -> Response<OffsetDeleteResponse> {
    let OffsetDeleteRequest { group_id: group, topics, .. } = request.message;
    let found: Vec<Option<TopicPartition>> =
        topics.iter().flat_map(|topic| partitions(&context, topic)).collect();
    let known = found.iter().copied().flatten().collect();
    let deleted = match context.broker.delete_offsets(group_id(&group), known).await {
        Ok(deleted) => deleted,
        Err(error) => {
            let error = error.error_code();
            return Response {
                message: OffsetDeleteResponse::default().with_error_code(error.code()),
                error,
            };
        }
    };
    let mut deleted = deleted.into_iter();
    let mut codes = found.into_iter().map(|at| match at {
        None => ErrorCode::UnknownTopicOrPartition,
        Some(_) => match deleted.next() {
            Some(Err(error)) => error.error_code(),
            Some(Ok(())) | None => ErrorCode::None,
        },
    });
    let topics: Vec<_> = topics.into_iter().map(|topic| answer(topic, &mut codes)).collect();
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code).collect();
    Response::with_errors(OffsetDeleteResponse::default().with_topics(topics), errors)
}

/// The partitions of a topic that was asked for, where they exist.
fn partitions(context: &Context, asked: &OffsetDeleteRequestTopic) -> Vec<Option<TopicPartition>> {
    let topic = context.broker.topic(&asked.name);
    let find = |index: i32| Some(topic.as_ref()?.partition(PartitionIndex::new(index))?.topic_partition());
    asked.partitions.iter().map(|one| find(one.partition_index)).collect()
}

fn answer(
    asked: OffsetDeleteRequestTopic,
    codes: &mut impl Iterator<Item = ErrorCode>,
) -> OffsetDeleteResponseTopic {
    let partitions = asked.partitions.into_iter().zip(codes).map(|(one, code)| {
        OffsetDeleteResponsePartition::default()
            .with_partition_index(one.partition_index)
            .with_error_code(code.code())
    });
    let partitions = partitions.collect();
    OffsetDeleteResponseTopic::default().with_name(asked.name).with_partitions(partitions)
}
