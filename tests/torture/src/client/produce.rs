//! Produce.

use bytes::Bytes;
use chronik_types::ErrorCode;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use super::topic::{Topic, partition};
use super::{Link, code};
use crate::checker::Key;
use crate::stage::Over;

/// The request for one batch.
pub(crate) fn request(
    transactional_id: Option<&str>,
    topic: &Topic,
    key: Key,
    records: Bytes,
) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition(key)).with_records(Some(records));
    let data = TopicProduceData::default().with_name(topic.wire_name()).with_partition_data(vec![data]);
    let id = transactional_id.map(|id| TransactionalId(StrBytes::from_string(id.to_owned())));
    ProduceRequest::default()
        .with_transactional_id(id)
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![data])
}

/// Sends it once; error and base offset, or nothing when no answer came.
pub(crate) fn produce(
    link: &mut Link<'_>,
    version: i16,
    request: &ProduceRequest,
) -> Result<Option<(ErrorCode, i64)>, Over> {
    let Some(answer) = link.call(version, request)? else { return Ok(None) };
    let partition = answer.responses.first().and_then(|topic| topic.partition_responses.first());
    Ok(Some(match partition {
        Some(partition) => (code(partition.error_code), partition.base_offset),
        None => (ErrorCode::UnknownServerError, -1),
    }))
}

/// Sequence after `count` records: it wraps from the largest i32 to 0.
pub(crate) fn advance(sequence: i32, count: usize) -> i32 {
    let next = i64::from(sequence).saturating_add(i64::try_from(count).unwrap_or(0));
    i32::try_from(next & 0x7FFF_FFFF).unwrap_or(0)
}
