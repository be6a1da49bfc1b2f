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
