use chronik_wire::batch::RecordBatch;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, RequestHeader};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::*;
use crate::args::{KeyPattern, PayloadPattern};

const PRODUCER: Producer =
    Producer { id: ProducerId::new(0x1122_3344), epoch: ProducerEpoch::new(9), sequence: Sequence::new(77) };

fn batches(codec: CompressionType, records: usize, size: usize) -> Batches {
    let mut payloads = Payloads::new(KeyPattern::Sequential, PayloadPattern::Text, size);
    Batches::new(&mut payloads, codec, TimestampMs::new(1_700_000_000_000), (3, records))
}

/// The bytes that a connection would write.
fn frame(slot: &Slot<()>, batches: &Batches) -> Bytes {
    let mut frame = Vec::new();
    let mut done = 0;
    for &(place, body) in &slot.cuts {
        frame.extend_from_slice(&slot.head[done..place]);
        frame.extend_from_slice(&batches.bytes()[body]);
        done = place;
    }
    frame.extend_from_slice(&slot.head[done..]);
    assert_eq!(frame.len(), slot.size);
    frame.into()
}

fn request(
    version: i16,
    batches: &mut Batches,
    records: usize,
    producer: Option<Producer>,
) -> ProduceRequest {
    let mut slot = Slot::default();
    ProduceLayout::new(version, "topic", -1, 5_000).start(&mut slot, 4711, 2);
    for (partition, variant) in [(6, 0), (2, 1)] {
        let body = batches.body(variant, records).unwrap();
        ProduceLayout::put_batch(&mut slot, batches, (partition, body), producer);
    }
    slot.finish();
    let mut bytes = frame(&slot, batches);
    let length = bytes.split_to(4);
    assert_eq!(u32::from_be_bytes(length[..].try_into().unwrap()) as usize, bytes.len());
    let header = RequestHeader::decode(&mut bytes, 1).unwrap();
    assert_eq!(
        (header.request_api_key, header.request_api_version, header.correlation_id),
        (0, version, 4711)
    );
    let request = ProduceRequest::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty());
    request
}

#[test]
fn frames_read_as_requests_with_right_checksums() {
    // Bodies that are copied into the frame, and bodies that are not.
    for (records, size) in [(1, 20), (3, 5_000)] {
        for codec in CompressionType::ALL {
            let mut batches = batches(codec, 4, size);
            for version in VERSIONS.0..=VERSIONS.1 {
                for producer in [None, Some(PRODUCER)] {
                    let request = request(version, &mut batches, records, producer);
                    assert_eq!((request.acks, request.timeout_ms), (-1, 5_000));
                    let [topic] = &request.topic_data[..] else { panic!("{request:?}") };
                    assert_eq!(&*topic.name.0, "topic");
                    let partitions: Vec<_> = topic.partition_data.iter().map(|data| data.index).collect();
                    assert_eq!(partitions, [6, 2]);
                    for data in &topic.partition_data {
                        let batch = RecordBatch::parse(data.records.clone().unwrap()).unwrap();
                        batch.verify_crc().unwrap();
                        let header = batch.header();
                        assert_eq!(usize::try_from(header.record_count), Ok(records));
                        let sent = (header.producer_id, header.producer_epoch, header.base_sequence);
                        let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
                        assert_eq!(sent, producer.map_or(none, |p| (p.id, p.epoch, p.sequence)));
                        assert_eq!(batch.decode(1 << 20).unwrap().iter().count(), records);
                    }
                }
            }
        }
    }
}

#[test]
fn a_body_is_built_once_and_variants_differ() {
    let mut batches = batches(CompressionType::None, 4, 100);
    let all: Vec<_> = (0..3).map(|variant| batches.body(variant, 4).unwrap()).collect();
    assert_eq!(all, [0, 1, 2]);
    assert_eq!((batches.body(1, 4).unwrap(), batches.body(1, 2).unwrap()), (1, 3));
    let hash = |body| batches.info(body).unwrap().hash;
    assert!(hash(0) != hash(1) && hash(1) != hash(2) && hash(1) != hash(3));
    assert_eq!((batches.info(3).unwrap().records, batches.info(3).unwrap().payload_bytes), (2, 200));
}

#[test]
fn answers_are_read_in_every_version_and_never_beyond_their_end() {
    let partition = |index: i32, code: i16| {
        let answer = PartitionProduceResponse::default().with_index(index).with_error_code(code);
        answer.with_base_offset(i64::from(index) * 1_000)
    };
    let topic =
        TopicProduceResponse::default().with_partition_responses(vec![partition(6, 0), partition(2, 7)]);
    let response = ProduceResponse::default().with_responses(vec![topic]);
    let expected = [
        Acknowledgement { partition: 6, error: 0, base_offset: 6_000 },
        Acknowledgement { partition: 2, error: 7, base_offset: 2_000 },
    ];
    for version in VERSIONS.0..=VERSIONS.1 {
        let mut bytes = Vec::new();
        response.encode(&mut bytes, version).unwrap();
        let mut read = Vec::new();
        read_answer(version, &bytes, |answer| read.push(answer)).unwrap();
        assert_eq!(read, expected, "{version}");
        for cut in 0..bytes.len() {
            assert_eq!(read_answer(version, &bytes[..cut], |_| {}), Err(Malformed), "{version} {cut}");
        }
        bytes.push(0);
        assert_eq!(read_answer(version, &bytes, |_| {}), Err(Malformed));
    }
}
