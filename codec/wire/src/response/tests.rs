use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{ApiVersionsResponse, FetchResponse, MetadataResponse};
use kafka_protocol::protocol::Decodable;

use super::*;

fn flatten(segments: &Segments) -> Vec<u8> {
    segments.as_slice().concat()
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

#[test]
fn a_message_that_was_encoded_before_gives_the_same_response() {
    let response = ApiVersionsResponse::default().with_throttle_time_ms(7);
    for (version, header_version) in [(0, 0), (3, 0), (3, 1)] {
        let message = encode_message(version, &response).unwrap();
        let shared = message.clone();
        let apart = response_of(header_version, 42, message).unwrap();
        let whole = encode_response(version, header_version, 42, &response).unwrap();
        assert_eq!(apart.as_slice().concat(), whole.as_slice().concat());
        assert_eq!(apart.len(), whole.len());
        assert_eq!(apart.as_slice()[1].as_ptr(), shared.as_ptr(), "not copied");
    }
}

#[test]
fn what_is_too_long_to_send_is_refused_before_there_is_memory_for_it() {
    let records = Bytes::from(vec![0; 64 << 20]);
    let partition = PartitionData::default().with_records(Some(records));
    let topic = FetchableTopicResponse::default().with_partitions(vec![partition; 32]);
    let message = FetchResponse::default().with_responses(vec![topic]);
    let refused = [
        size_with_head(11, &message).map(|_| ()),
        encode_response(11, 0, 1, &message).map(|_| ()),
        encode_message(11, &message).map(|_| ()),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(EncodeError::TooLong { length }) if length > 1 << 31), "{refused:?}");
    }
}
