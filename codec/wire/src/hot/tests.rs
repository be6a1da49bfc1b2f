//! Requests and responses against kafka-protocol: what is read here is what it decodes, and what is written here are the
//! bytes that it encodes.

use bytes::{Bytes, BytesMut};
use chronik_types::{Entropy, TopicId};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{self as wire, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use uuid::Uuid;

use super::fetch::{self, FetchRequest, FetchResponse};
use super::output::MIN_SHARED;
use super::produce::{self, ProduceRequest, ProduceResponse};
use crate::frame::next_frame;
use crate::header::parse_request_header;
use crate::request::decode_request;
use crate::response::{Segments, encode_response};
use crate::wellformed::tests::generator::generate;
use crate::wellformed::tests::golden::{Exchange, exchanges};
use crate::wellformed::{Reason, requests};

fn decoded_produce(version: i16, body: &Bytes) -> Option<ProduceRequest> {
    decode_request::<wire::ProduceRequest>(version, &mut body.clone()).ok().map(ProduceRequest::from)
}

fn decoded_fetch(version: i16, body: &Bytes) -> Option<FetchRequest> {
    decode_request::<wire::FetchRequest>(version, &mut body.clone()).ok().map(FetchRequest::from)
}

/// Checks one body; whether it could be read here, and whether it is a request at all.
fn agree<T: PartialEq + std::fmt::Debug>(
    read: Option<T>,
    decoded: Option<T>,
    version: i16,
    body: &Bytes,
) -> (bool, bool) {
    let outcome = (read.is_some(), decoded.is_some());
    if read.is_some() {
        assert_eq!(read, decoded, "version {version}: {body:02x?}");
    }
    outcome
}

fn agree_on(key: i16, version: i16, body: &Bytes) -> (bool, bool) {
    if key == 0 {
        agree(
            ProduceRequest::decode_small(version, body, usize::MAX),
            decoded_produce(version, body),
            version,
            body,
        )
    } else {
        agree(FetchRequest::read(version, body), decoded_fetch(version, body), version, body)
    }
}

/// Random requests of both APIs in all versions.
fn for_each_request(seed: u64, rounds: usize, mut check: impl FnMut(i16, i16, Vec<u8>, &Entropy)) {
    let entropy = Entropy::seeded(seed);
    for (key, versions, flexible, shape) in
        [(0, 3..=13, 9, &requests::PRODUCE), (1, 4..=18, 12, &requests::FETCH)]
    {
        for version in versions {
            for _ in 0..rounds {
                check(key, version, generate(shape, version, version >= flexible, &entropy).bytes, &entropy);
            }
        }
    }
}

#[test]
fn reads_what_kafka_protocol_decodes() {
    let (mut all, mut here) = (0, 0);
    for_each_request(1, 200, |key, version, bytes, _| {
        let (read, decoded) = agree_on(key, version, &Bytes::from(bytes));
        assert!(decoded);
        all += 1;
        here += usize::from(read);
    });
    assert!(here > all / 3, "{here} of {all}: all but those with tagged fields");
}

#[test]
fn reads_nothing_that_is_refused_elsewhere() {
    let (mut refused, mut accepted) = (0, 0);
    for_each_request(2, 100, |key, version, bytes, entropy| {
        for _ in 0..20 {
            let mut bytes = bytes.clone();
            let at = usize::try_from(entropy.below(bytes.len() as u64)).unwrap();
            match entropy.below(4) {
                0 => bytes.truncate(at),
                1 => bytes[at] ^= 1 << entropy.below(8),
                2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][usize::try_from(entropy.below(5)).unwrap()],
                _ => bytes.insert(at, 0),
            }
            let (read, decoded) = agree_on(key, version, &Bytes::from(bytes));
            refused += usize::from(!decoded);
            accepted += usize::from(read);
        }
    });
    assert!(refused > 10_000 && accepted > 1_000, "{refused} {accepted}");
}

#[test]
fn many_small_elements_are_refused_as_elsewhere() {
    for (version, many) in [(9, 20_000), (9, 3_000), (12, 20_000), (3, 20_000)] {
        // Topics without a name and without partitions: few bytes on the wire, many in memory.
        let mut bytes =
            if version >= 9 { b"\0\xff\xff\0\0\0\0".to_vec() } else { b"\xff\xff\0\0\0\0\0\0".to_vec() };
        if version >= 9 {
            let count: u32 = many + 1;
            let bits = |shift: u32| u8::try_from((count >> shift) & 0x7f).unwrap();
            bytes.extend([0x80 | bits(0), 0x80 | bits(7), bits(14)]);
            (0..many).for_each(|_| bytes.extend([1, 1, 0]));
            bytes.push(0);
        } else {
            bytes.extend(many.to_be_bytes());
            (0..many).for_each(|_| bytes.extend([0; 6]));
        }
        let (read, decoded) = agree_on(0, version, &Bytes::from(bytes));
        assert_eq!(read, decoded, "{many} topics in version {version}");
    }
}

/// A request for one topic with so many partitions, each with these records.
fn produce_of(version: i16, partitions: usize, records: Option<&Bytes>) -> Bytes {
    let data = PartitionProduceData::default().with_records(records.cloned());
    let topic = TopicProduceData::default().with_partition_data(vec![data; partitions]);
    let mut bytes = BytesMut::new();
    wire::ProduceRequest::default().with_topic_data(vec![topic]).encode(&mut bytes, version).unwrap();
    bytes.freeze()
}

#[test]
fn very_many_partitions_are_not_decoded() {
    let timestamp = chronik_types::TimestampMs::new(0);
    let record = crate::batch::NewRecord { timestamp, ..Default::default() };
    let smallest = crate::batch::BatchBuilder::new().record(&record).build().unwrap();
    for version in 3..=13 {
        for records in [None, Some(&Bytes::new())] {
            let many = produce_of(version, 400_000, records);
            assert!(ProduceRequest::decode(version, many).is_err(), "version {version}");
            assert!(ProduceRequest::decode(version, produce_of(version, 100, records)).is_ok());
        }
        let body = produce_of(version, 20_000, Some(&smallest));
        assert!(ProduceRequest::decode_small(version, &body, usize::MAX).is_some(), "version {version}");
        assert!(decoded_produce(version, &body).is_some(), "version {version}");
    }
}

#[test]
fn what_takes_much_is_weighed_before_it_is_decoded() {
    for version in 3..=13 {
        let body = produce_of(version, 20, None);
        let weighed = ProduceRequest::weigh(version, &body).unwrap();
        assert!(weighed.handled_bytes >= 20 * size_of::<produce::PartitionResponse>(), "{weighed:?}");
        assert!(ProduceRequest::decode_small(version, &body, weighed.handled_bytes).is_some());
        assert!(ProduceRequest::decode_small(version, &body, weighed.handled_bytes - 1).is_none());
    }
}

#[test]
fn more_partitions_than_a_cluster_has_are_refused() {
    let body = |count: usize| {
        let partition = FetchPartition::default();
        let topic = FetchTopic::default().with_partitions(vec![partition; count]);
        let mut bytes = BytesMut::new();
        wire::FetchRequest::default().with_topics(vec![topic]).encode(&mut bytes, 4).unwrap();
        bytes.freeze()
    };
    assert!(FetchRequest::decode(4, body(200_000)).is_ok());
    let refused = FetchRequest::decode(4, body(400_000)).unwrap_err();
    assert!(matches!(refused.reason, Reason::Elements { .. }), "{refused}");
    assert_eq!(refused.path, "topics[0].partitions");
}

#[test]
fn a_request_that_is_taken_over_needs_no_second_lists() {
    let mut produce = wire::ProduceRequest::default();
    produce.topic_data = vec![TopicProduceData::default(); 3];
    produce.topic_data[1].partition_data = vec![PartitionProduceData::default(); 5];
    let lists = [produce.topic_data.as_ptr().addr(), produce.topic_data[1].partition_data.as_ptr().addr()];
    let taken = ProduceRequest::from(produce);
    assert_eq!([taken.topics.as_ptr().addr(), taken.topics[1].partitions.as_ptr().addr()], lists);
    let mut fetch = wire::FetchRequest::default();
    fetch.topics = vec![FetchTopic::default(); 3];
    fetch.topics[1].partitions = vec![FetchPartition::default(); 50];
    let lists = [fetch.topics.as_ptr().addr(), fetch.topics[1].partitions.as_ptr().addr()];
    let taken = FetchRequest::from(fetch);
    assert_eq!([taken.topics.as_ptr().addr(), taken.topics[1].partitions.as_ptr().addr()], lists);
}

#[test]
fn requests_of_kafkas_client_are_read_here() {
    let mut read = [0, 0];
    for Exchange { label, mut request, .. } in exchanges() {
        let mut body = next_frame(&mut request, 1 << 20).unwrap().unwrap();
        let Ok(header) = parse_request_header(&mut body) else { continue };
        if let key @ 0..=1 = header.api.key {
            let (here, decoded) = agree_on(key, header.api_version, &body);
            assert!(decoded, "{label}");
            read[usize::try_from(key).unwrap()] += usize::from(here);
        }
    }
    assert!(read.iter().all(|read| *read > 10), "{read:?}");
}

fn flatten(segments: &Segments) -> Bytes {
    assert_eq!(segments.len(), segments.as_slice().iter().map(Bytes::len).sum::<usize>());
    segments.as_slice().concat().into()
}

fn encoded<M: Encodable>(version: i16, flexible_since: i16, message: &M) -> Bytes {
    flatten(&encode_response(version, i16::from(version >= flexible_since), 42, message).unwrap())
}

/// Writes a response of kafka-protocol with the writer from here.
fn write_produce(version: i16, correlation_id: i32, response: &wire::ProduceResponse) -> Bytes {
    let count = response.responses.iter().map(|topic| topic.partition_responses.len()).sum();
    let mut writer = ProduceResponse::new(version, correlation_id, response.responses.len(), count);
    for topic in &response.responses {
        let id = TopicId::from_bytes(*topic.topic_id.as_bytes());
        writer.topic(&topic.name, id, topic.partition_responses.len());
        for partition in &topic.partition_responses {
            writer.partition(&produce::PartitionResponse {
                index: partition.index,
                error_code: partition.error_code,
                base_offset: partition.base_offset,
                log_append_time_ms: partition.log_append_time_ms,
                log_start_offset: partition.log_start_offset,
                error_message: partition.error_message.as_ref().map(|text| text.to_string()),
            });
        }
    }
    flatten(&writer.finish().unwrap())
}

fn write_fetch(
    version: i16,
    correlation_id: i32,
    response: &wire::FetchResponse,
    pieces: impl Fn(&Bytes) -> Vec<Bytes>,
) -> Segments {
    let count = response.responses.iter().map(|topic| topic.partitions.len()).sum();
    let of_all = (response.error_code, response.session_id);
    let mut writer = FetchResponse::new(version, correlation_id, of_all, response.responses.len(), count);
    for topic in &response.responses {
        let id = TopicId::from_bytes(*topic.topic_id.as_bytes());
        writer.topic(&topic.topic, id, topic.partitions.len());
        for partition in &topic.partitions {
            let diverging = &partition.diverging_epoch;
            let aborted = |one: &AbortedTransaction| fetch::AbortedTransaction {
                producer_id: one.producer_id.0,
                first_offset: one.first_offset,
            };
            let aborted: Option<Vec<_>> =
                partition.aborted_transactions.as_ref().map(|all| all.iter().map(aborted).collect());
            let head = fetch::PartitionResponse {
                index: partition.partition_index,
                error_code: partition.error_code,
                high_watermark: partition.high_watermark,
                last_stable_offset: partition.last_stable_offset,
                log_start_offset: partition.log_start_offset,
                diverging: (*diverging != EpochEndOffset::default())
                    .then_some((diverging.epoch, diverging.end_offset)),
                aborted_transactions: aborted.as_deref(),
            };
            writer.partition(head, partition.records.as_ref().map(&pieces).unwrap_or_default());
        }
    }
    writer.finish().unwrap()
}

fn topic_name(version: i16, entropy: &Entropy) -> (TopicName, Uuid) {
    if version >= 13 {
        return (TopicName::default(), Uuid::from_u128(entropy.next_u128()));
    }
    let name = ["t", "a-longer.topic_name", ""][usize::try_from(entropy.below(3)).unwrap()];
    (TopicName(StrBytes::from_static_str(name)), Uuid::nil())
}

fn any_i64(entropy: &Entropy) -> i64 {
    entropy.next_u64().cast_signed()
}

#[test]
fn produce_responses_are_the_bytes_of_kafka_protocol() {
    let entropy = Entropy::seeded(3);
    for round in 0..600 {
        let version = 3 + i16::try_from(round % 11).unwrap();
        let partition = |_| {
            let mut partition = PartitionProduceResponse::default()
                .with_index(i32::try_from(entropy.below(1 << 20)).unwrap())
                .with_error_code(i16::try_from(entropy.below(100)).unwrap())
                .with_base_offset(any_i64(&entropy))
                .with_log_append_time_ms(any_i64(&entropy))
                .with_log_start_offset(if version >= 5 { any_i64(&entropy) } else { -1 });
            if version >= 8 && entropy.below(2) == 0 {
                let text = "no ".repeat(usize::try_from(entropy.below(90)).unwrap());
                partition.error_message = Some(StrBytes::from_string(text));
            }
            partition
        };
        let topics = (0..entropy.below(4)).map(|_| {
            let (name, id) = topic_name(version, &entropy);
            let count = [0, 1, 3, 200][usize::try_from(entropy.below(4)).unwrap()];
            let partitions = (0..count).map(partition).collect();
            TopicProduceResponse::default()
                .with_name(name)
                .with_topic_id(id)
                .with_partition_responses(partitions)
        });
        let response = wire::ProduceResponse::default().with_responses(topics.collect());
        assert_eq!(
            write_produce(version, 42, &response),
            encoded(version, 9, &response),
            "version {version}"
        );
    }
}

#[test]
fn fetch_responses_are_the_bytes_of_kafka_protocol_and_large_records_are_shared() {
    let entropy = Entropy::seeded(4);
    let log: Bytes = (0..300_000).map(|at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    for round in 0..900 {
        let version = 4 + i16::try_from(round % 15).unwrap();
        let partition = |_| {
            let lengths = [0, 61, 126, 127, 1_023, 1_024, 16_382, 16_383, 210_000];
            let length = lengths[usize::try_from(entropy.below(9)).unwrap()];
            let aborted = |_| {
                AbortedTransaction::default()
                    .with_producer_id(any_i64(&entropy).into())
                    .with_first_offset(any_i64(&entropy))
            };
            let aborted = (0..entropy.below(4)).map(aborted).collect();
            let mut partition = PartitionData::default()
                .with_partition_index(i32::try_from(entropy.below(1 << 20)).unwrap())
                .with_error_code(i16::try_from(entropy.below(100)).unwrap())
                .with_high_watermark(any_i64(&entropy))
                .with_last_stable_offset(any_i64(&entropy))
                .with_log_start_offset(if version >= 5 { any_i64(&entropy) } else { -1 })
                .with_aborted_transactions((entropy.below(2) == 0).then_some(aborted))
                .with_records(Some(log.slice(..length)));
            if version >= 12 && entropy.below(3) == 0 {
                partition.diverging_epoch.epoch = 3;
                partition.diverging_epoch.end_offset = any_i64(&entropy);
            }
            partition
        };
        let topics = (0..entropy.below(4)).map(|_| {
            let (name, id) = topic_name(version, &entropy);
            let partitions = (0..entropy.below(4)).map(partition).collect();
            FetchableTopicResponse::default().with_topic(name).with_topic_id(id).with_partitions(partitions)
        });
        let mut response = wire::FetchResponse::default().with_responses(topics.collect());
        if version >= 7 {
            (response.session_id, response.error_code) = (77, 6);
        }
        let halves = |records: &Bytes| {
            let half = records.len() / 2;
            vec![records.slice(..half), records.slice(half..)]
        };
        let written = write_fetch(version, 42, &response, halves);
        assert!(flatten(&written) == encoded(version, 12, &response), "version {version}");
        let records = response.responses.iter().flat_map(|topic| &topic.partitions).flat_map(|p| &p.records);
        for piece in records.flat_map(halves).filter(|piece| piece.len() >= MIN_SHARED) {
            let is_lent =
                |segment: &Bytes| segment.as_ptr() == piece.as_ptr() && segment.len() == piece.len();
            assert!(written.as_slice().iter().any(is_lent), "a piece of {} bytes was copied", piece.len());
        }
    }
}

#[test]
fn responses_of_kafka_are_written_to_the_same_bytes() {
    let mut written = [0, 0];
    for Exchange { label, mut request, response } in exchanges() {
        let Some(frame) = response else { continue };
        let mut body: Bytes = next_frame(&mut request, 1 << 20).unwrap().unwrap();
        let header = parse_request_header(&mut body).unwrap();
        let (version, id) = (header.api_version, header.correlation_id);
        let mut body = frame.slice(8 + usize::try_from(header.response_header_version()).unwrap()..);
        let ours = match header.api.key {
            0 => write_produce(version, id, &wire::ProduceResponse::decode(&mut body, version).unwrap()),
            1 => {
                let response = wire::FetchResponse::decode(&mut body, version).unwrap();
                flatten(&write_fetch(version, id, &response, |records| vec![records.clone()]))
            }
            _ => continue,
        };
        assert_eq!(ours, frame, "{label}");
        written[usize::try_from(header.api.key).unwrap()] += 1;
    }
    assert!(written.iter().all(|written| *written > 10), "{written:?}");
}

#[test]
fn a_body_that_cannot_be_read_is_refused_by_name() {
    let refused = ProduceRequest::decode(9, Bytes::from_static(b"\0\0")).unwrap_err();
    assert!(refused.to_string().contains("Produce"), "{refused}");
    let refused = FetchRequest::decode(12, BytesMut::zeroed(3).freeze()).unwrap_err();
    assert!(refused.to_string().contains("Fetch"), "{refused}");
}
