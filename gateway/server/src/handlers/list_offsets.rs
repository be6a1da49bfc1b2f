//! ListOffsets (2), versions 1 to 10. KIP-79, KIP-207, KIP-320, KIP-734, KIP-405, KIP-1005.
//!
//! A partition that is asked for twice is refused the second time. Codes: 3, 35 (a special timestamp that the version does
//! not have), 42, 74, 75, and what reading can fail with.

use std::collections::HashSet;
use std::sync::Arc;

use chronik_broker::{ListedOffset, OffsetSpec};
use chronik_types::{ErrorCode, IsolationLevel, PartitionIndex};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use tokio::task::coop::consume_budget;

use super::{Context, Request, Response, leader_epoch};

/// Answers a request.
pub(super) async fn handle(
    context: Arc<Context>,
    request: Request<ListOffsetsRequest>,
) -> Response<ListOffsetsResponse> {
    let Request { message, version, .. } = request;
    let isolation = IsolationLevel::from_id(message.isolation_level);
    let mut topics = Vec::with_capacity(message.topics.len());
    let mut seen = HashSet::new();
    for ListOffsetsTopic { name, partitions: asked, .. } in message.topics {
        let mut partitions = Vec::with_capacity(asked.len());
        for asked in asked {
            // A search by time reads a batch, so that long requests have to let others run.
            consume_budget().await;
            let is_first = seen.insert((name.clone(), asked.partition_index));
            let found = match isolation.filter(|_| is_first) {
                Some(isolation) => find(&context, version, &name, &asked, isolation).await,
                None => Err(ErrorCode::InvalidRequest),
            };
            partitions.push(response(version, asked.partition_index, found));
        }
        topics.push(ListOffsetsTopicResponse::default().with_name(name).with_partitions(partitions));
    }
    let errors: Vec<i16> =
        topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code).collect();
    Response::with_errors(ListOffsetsResponse::default().with_topics(topics), errors)
}

async fn find(
    context: &Context,
    version: i16,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: IsolationLevel,
) -> Result<ListedOffset, ErrorCode> {
    let spec = OffsetSpec::from_wire(asked.timestamp)
        .filter(|spec| version >= known_since(*spec))
        .ok_or(ErrorCode::UnsupportedVersion)?;
    let topic = context.broker.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic
        .partition(PartitionIndex::new(asked.partition_index))
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    leader_epoch::check(partition, asked.current_leader_epoch)?;
    context.broker.list_offset(partition, spec, isolation).await.map_err(|error| error.error_code())
}

/// The first version in which a client can mean this.
const fn known_since(spec: OffsetSpec) -> i16 {
    match spec {
        OffsetSpec::Latest | OffsetSpec::Earliest | OffsetSpec::At(_) => 1,
        OffsetSpec::MaxTimestamp => 7,
        OffsetSpec::EarliestLocal => 8,
        OffsetSpec::LatestTiered => 9,
        OffsetSpec::EarliestPendingUpload => 11,
    }
}

fn response(
    version: i16,
    index: i32,
    found: Result<ListedOffset, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let (listed, error) = match found {
        Ok(listed) => (listed, ErrorCode::None),
        Err(error) => (ListedOffset::NONE, error),
    };
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_error_code(error.code())
        .with_timestamp(listed.timestamp.get())
        .with_offset(listed.offset.get());
    if version >= 4 { response.with_leader_epoch(listed.leader_epoch.get()) } else { response }
}
