//! CreatePartitions (37), versions 0 to 3 (KIP-195, KIP-599).
//!
//! Raises the partition count of topics; explicit assignments are checked, kept and reported back. Codes:
//! UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, INVALID_REQUEST for a topic that is named
//! twice, POLICY_VIOLATION beyond the limits of this gateway.

use std::collections::HashMap;
use std::sync::Arc;

use chronik_state::CreatePartitions;
use chronik_types::{ErrorCode, NodeId};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};

use super::new_topics::{check_partition_limit, check_replicas};
use super::refused::{Refused, error_fields};
use super::together::together;
use super::{Context, Request, Response};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<CreatePartitionsRequest>,
) -> Response<CreatePartitionsResponse> {
    let CreatePartitionsRequest { topics, validate_only, .. } = request.message;
    let mut times: HashMap<TopicName, usize> = HashMap::with_capacity(topics.len());
    topics.iter().for_each(|topic| *times.entry(topic.name.clone()).or_default() += 1);
    // A name that was there before has its answer already.
    let distinct = topics.into_iter().filter_map(|topic| Some((times.remove(&topic.name)?, topic)));
    let context = &*context;
    let results = together(distinct.map(async |(times, topic)| {
        let created = if times > 1 {
            Err(Refused::request("Duplicate topic name."))
        } else {
            create(context, &topic, validate_only).await
        };
        let (code, message) = error_fields(created.as_ref().err());
        let result = CreatePartitionsTopicResult::default().with_name(topic.name);
        result.with_error_code(code).with_error_message(message)
    }))
    .await;
    let errors: Vec<i16> = results.iter().map(|result| result.error_code).collect();
    Response::with_errors(CreatePartitionsResponse::default().with_results(results), errors)
}

async fn create(
    context: &Context,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refused> {
    let topic = context.broker.topic(&asked.name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let current = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
    if asked.count == current {
        let message = format!("Topic already has {current} partition(s).");
        return Err(Refused::new(ErrorCode::InvalidPartitions, message));
    }
    if asked.count < current {
        let message = format!(
            "Topic {} has {current} partition(s) and cannot be reduced to {}.",
            topic.name(),
            asked.count
        );
        return Err(Refused::new(ErrorCode::InvalidPartitions, message));
    }
    check_partition_limit(context, asked.count)?;
    let create = CreatePartitions {
        topic_id: topic.id(),
        total: asked.count,
        assignments: assignments(context, asked, asked.count - current, topic.replication_factor())?,
        limits: context.broker.topic_limits(),
    };
    if validate_only {
        return Ok(context.broker.check_create_partitions(&create)?);
    }
    context.broker.create_partitions(create).await?;
    Ok(())
}

fn assignments(
    context: &Context,
    asked: &CreatePartitionsTopic,
    additional: i32,
    replication_factor: i16,
) -> Result<Vec<Vec<NodeId>>, Refused> {
    let Some(assignments) = &asked.assignments else { return Ok(Vec::new()) };
    if i32::try_from(assignments.len()) != Ok(additional) {
        let message = format!("{additional} partition(s) are added, and {} are assigned.", assignments.len());
        return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    let factor = usize::try_from(replication_factor).ok();
    assignments.iter().map(|assignment| check_replicas(context, &assignment.broker_ids, factor)).collect()
}
