//! Spliced responses are compared with what kafka-protocol encodes when it is given the records.

use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{ApiVersionsResponse, MetadataResponse, ProducerId, TopicName};
use kafka_protocol::protocol::{Decodable, StrBytes};

use super::*;

fn flatten(segments: &Segments) -> Vec<u8> {
    segments.as_slice().concat()
}

/// A response of two topics with `partitions` each, with everything in it that a version can carry.
fn response(version: i16, records: &[Vec<Bytes>]) -> FetchResponse {
    let mut response = FetchResponse::default().with_throttle_time_ms(9);
    if version >= 7 {
        response = response.with_session_id(77);
    }
    if version >= 16 {
        let endpoint = NodeEndpoint::default().with_host(StrBytes::from_static_str("host")).with_port(9092);
        response = response.with_node_endpoints(vec![endpoint]);
    }
    let partition = |(index, pieces): (i32, &Vec<Bytes>)| {
        let mut partition = PartitionData::default()
            .with_partition_index(index)
            .with_high_watermark(100)
            .with_last_stable_offset(99)
            .with_records(Some(Bytes::from(pieces.concat())));
        if index % 2 == 0 {
            let aborted = AbortedTransaction::default().with_producer_id(ProducerId(4)).with_first_offset(5);
            partition = partition.with_aborted_transactions(Some(vec![aborted]));
        }
        if version >= 12 && index % 3 == 0 {
            partition = partition
                .with_diverging_epoch(EpochEndOffset::default().with_epoch(3).with_end_offset(4))
                .with_current_leader(LeaderIdAndEpoch::default().with_leader_epoch(8));
        }
        partition
    };
    let topics = records.chunks(2).map(|chunk| {
        let topic =
            FetchableTopicResponse::default().with_partitions((0..).zip(chunk).map(partition).collect());
        if version >= 13 { topic } else { topic.with_topic(TopicName(StrBytes::from_static_str("topic"))) }
    });
    response.with_responses(topics.collect())
}

fn payload(length: usize, seed: u8) -> Bytes {
    (0..length).map(|at| u8::try_from(at % 251).unwrap() ^ seed).collect()
}

#[test]
fn spliced_bytes_equal_the_ordinary_encoding_in_every_version() {
    let shared = payload(1 << 20, 1);
    let records = [
        vec![shared.clone()],
        vec![],
        vec![payload(61, 2), payload(1023, 3), payload(1024, 4), payload(5000, 5)],
        vec![payload(126, 6)],
        vec![payload(127, 7)],
        vec![payload(16_383, 8)],
        vec![shared.slice(10..210_000)],
    ];
    for version in 4..=18 {
        let response = response(version, &records);
        let header_version = i16::from(version >= 12);
        let ordinary = encode_response(version, header_version, 42, &response).unwrap();
        let spliced = encode_fetch_response(version, 42, response, &records).unwrap();
        assert_eq!(ordinary.as_slice().len(), 1);
        assert!(flatten(&spliced) == flatten(&ordinary), "version {version}");
        assert_eq!(spliced.len(), flatten(&spliced).len());
        for piece in records.iter().flatten().filter(|piece| piece.len() >= MIN_SHARED) {
            let lent = spliced.as_slice().iter().any(|segment| segment.as_ptr() == piece.as_ptr());
            assert!(lent, "a piece of {} bytes was copied", piece.len());
        }
    }
}

#[test]
fn a_response_without_partitions_is_one_segment() {
    let spliced = encode_fetch_response(12, 1, FetchResponse::default(), &[]).unwrap();
    let ordinary = encode_response(12, 1, 1, &FetchResponse::default()).unwrap();
    assert_eq!(spliced.as_slice(), ordinary.as_slice());
}

#[test]
fn records_that_do_not_match_the_partitions_are_refused() {
    let records = [vec![payload(100, 0)], vec![payload(100, 0)]];
    for wrong in [&records[..1], &[]] {
        let refused = encode_fetch_response(12, 1, response(12, &records), wrong).unwrap_err();
        assert!(matches!(refused, EncodeError::Refused { .. }), "{refused}");
    }
}

#[test]
fn header_and_length_come_first() {
    let plain = encode_response(0, 0, 0x0102_0304, &ApiVersionsResponse::default()).unwrap();
    assert_eq!(flatten(&plain), b"\0\0\0\x0a\x01\x02\x03\x04\0\0\0\0\0\0");
    let flexible = encode_response(12, 1, 7, &MetadataResponse::default()).unwrap();
    let bytes = flatten(&flexible);
    assert_eq!(
        bytes[..9],
        [&(u32::try_from(bytes.len()).unwrap() - 4).to_be_bytes()[..], &[0, 0, 0, 7, 0]].concat()
    );
    let mut body = Bytes::copy_from_slice(&bytes[9..]);
    assert_eq!(MetadataResponse::decode(&mut body, 12).unwrap(), MetadataResponse::default());
}

#[test]
fn a_field_that_the_version_lacks_is_refused() {
    let response = FetchResponse::default().with_session_id(1);
    let refused = encode_response(4, 0, 1, &response).unwrap_err();
    assert!(matches!(refused, EncodeError::Refused { version: 4, .. }), "{refused}");
}
