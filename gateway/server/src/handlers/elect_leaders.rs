//! ElectLeaders (43), versions 0 to 2 (KIP-183, KIP-460).
//!
//! A partition is always led by the gateway that Metadata names, so that there is nothing to elect: every partition that
//! exists answers ELECTION_NOT_NEEDED. A request for all partitions leaves these out, as Kafka does.

use std::sync::Arc;

use chronik_types::{ErrorCode, PartitionIndex};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use kafka_protocol::protocol::StrBytes;

use super::refused::Refused;
use super::{Context, Request, Response};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ElectLeadersRequest>,
) -> Response<ElectLeadersResponse> {
    let ElectLeadersRequest { election_type, topic_partitions, .. } = request.message;
    // Version 0 knows only the election of preferred leaders.
    if ![PREFERRED, UNCLEAN].contains(&election_type) {
        let refused = Refused::request(format!("Unknown election type {election_type}"));
        return whole(topic_partitions.unwrap_or_default(), &refused);
    }
    let results: Vec<_> =
        topic_partitions.unwrap_or_default().into_iter().map(|topic| elect(&context, topic)).collect();
    let errors: Vec<i16> =
        results.iter().flat_map(|topic| &topic.partition_result).map(|result| result.error_code).collect();
    Response::with_errors(ElectLeadersResponse::default().with_replica_election_results(results), errors)
}

fn elect(context: &Context, asked: TopicPartitions) -> ReplicaElectionResult {
    let topic = context.broker.topic(&asked.topic);
    let result = |partition: i32| {
        let refused = match &topic {
            None => ErrorCode::UnknownTopicOrPartition,
            Some(topic) if topic.partition(PartitionIndex::new(partition)).is_none() => {
                ErrorCode::UnknownTopicOrPartition
            }
            Some(_) => ErrorCode::ElectionNotNeeded,
        };
        // Not a text of its own for each: a request may name millions.
        partition_result(partition, refused.code(), StrBytes::from_static_str(refused.message()))
    };
    let results = asked.partitions.iter().copied().map(result).collect();
    ReplicaElectionResult::default().with_topic(asked.topic).with_partition_result(results)
}

/// Refuses the whole request, in every place that it has for an error.
fn whole(asked: Vec<TopicPartitions>, refused: &Refused) -> Response<ElectLeadersResponse> {
    let (code, message) = (refused.code.code(), refused.text());
    let results = asked
        .into_iter()
        .map(|topic| {
            let partitions = topic.partitions.iter();
            let results =
                partitions.map(|partition| partition_result(*partition, code, message.clone())).collect();
            ReplicaElectionResult::default().with_topic(topic.topic).with_partition_result(results)
        })
        .collect();
    let message = ElectLeadersResponse::default()
        .with_error_code(refused.code.code())
        .with_replica_election_results(results);
    Response { message, error: refused.code }
}

fn partition_result(partition: i32, code: i16, message: StrBytes) -> PartitionResult {
    PartitionResult::default()
        .with_partition_id(partition)
        .with_error_code(code)
        .with_error_message(Some(message))
}
