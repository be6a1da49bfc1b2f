//! The bytes of requests, as clients of today send them.

use bytes::{BufMut, Bytes, BytesMut};
use chronik_broker::Topic;
use chronik_types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use chronik_wire::api;
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{FetchRequest, ProduceRequest, RequestHeader, TopicName};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use uuid::Uuid;

use crate::Failure;

/// The present, in ms since 1970.
pub(crate) const NOW: i64 = 1_750_000_000_000;

/// A whole frame.
pub(crate) fn frame<R: Request>(version: i16, request: &R) -> Result<Bytes, Failure> {
    let api = api::lookup(R::KEY).ok_or("an API that is not supported")?;
    let mut body = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("a-client")));
    header.encode(&mut body, if api.is_flexible(version) { 2 } else { 1 })?;
    request.encode(&mut body, version)?;
    let mut frame = BytesMut::with_capacity(4 + body.len());
    frame.put_u32(u32::try_from(body.len())?);
    frame.put(body);
    Ok(frame.freeze())
}

/// A batch of records of 1 KiB.
pub(crate) fn batch(records: usize) -> Result<Bytes, Failure> {
    Ok(filled(BatchBuilder::new(), records).build()?)
}

/// The batch of an idempotent producer that starts at a sequence.
pub(crate) fn idempotent_batch(id: ProducerId, sequence: usize) -> Result<Bytes, Failure> {
    let sequence = Sequence::new(i32::try_from(sequence)?);
    Ok(filled(BatchBuilder::new().producer(id, ProducerEpoch::ZERO, sequence), 1).build()?)
}

fn filled(mut builder: BatchBuilder, records: usize) -> BatchBuilder {
    let value = [b'v'; 1024];
    for _ in 0..records {
        let timestamp = TimestampMs::new(NOW);
        builder.push(&NewRecord { timestamp, value: Some(&value), ..NewRecord::default() });
    }
    builder
}

/// A produce of one batch for each of the first partitions of a topic.
pub(crate) fn produce(version: i16, topic: &Topic, batches: &[Bytes]) -> Result<Bytes, Failure> {
    let partitions = (0..).zip(batches).map(|(index, records)| {
        PartitionProduceData::default().with_index(index).with_records(Some(records.clone()))
    });
    let data = TopicProduceData::default().with_partition_data(partitions.collect());
    let data =
        if version >= 13 { data.with_topic_id(wire_id(topic)) } else { data.with_name(wire_name(topic)) };
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![data]);
    frame(version, &request)
}

/// A fetch that does not wait, of these partitions of a topic, each from an offset on.
pub(crate) fn fetch(topic: &Topic, session: (i32, i32), partitions: &[(i32, i64)]) -> FetchRequest {
    let wanted = partitions.iter().map(|(index, offset)| {
        FetchPartition::default()
            .with_partition(*index)
            .with_fetch_offset(*offset)
            .with_current_leader_epoch(0)
            .with_partition_max_bytes(64 << 10)
    });
    let topic = FetchTopic::default().with_topic_id(wire_id(topic)).with_partitions(wanted.collect());
    let request = FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_id(session.0)
        .with_session_epoch(session.1);
    if partitions.is_empty() { request } else { request.with_topics(vec![topic]) }
}

/// The name of a topic as kafka-protocol has it.
pub(crate) fn wire_name(topic: &Topic) -> TopicName {
    TopicName(StrBytes::from_string(topic.name().as_str().to_owned()))
}

fn wire_id(topic: &Topic) -> Uuid {
    Uuid::from_bytes(*topic.id().as_bytes())
}
