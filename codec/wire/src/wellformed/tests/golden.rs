//! What Apache Kafka and its Java client really sent: `exchanges.jsonl`, `groups.jsonl` and `transactions.jsonl` of
//! `tests/golden`.

use kafka_protocol::protocol::Request;

use super::*;
use crate::frame::next_frame;
use crate::header::{HeaderError, parse_request_header};
use crate::request::decode_request;
use crate::response::encode_response;

pub(crate) struct Exchange {
    pub(crate) label: String,
    pub(crate) request: BytesMut,
    pub(crate) response: Option<Bytes>,
}

pub(crate) fn exchanges() -> Vec<Exchange> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    let read = |name| std::fs::read_to_string(format!("{folder}/{name}.jsonl")).unwrap();
    let text: String = ["exchanges", "groups", "transactions"].map(read).concat();
    let exchange = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Exchange {
            label: format!("{} v{} {}", line["name"], line["version"], line["case"]),
            request: hex(line["request"].as_str().unwrap()),
            response: line["response"].as_str().map(|digits| hex(digits).freeze()),
        }
    };
    text.lines().map(exchange).collect()
}

fn hex(digits: &str) -> BytesMut {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn request_round_trips<T: Request + std::fmt::Debug + PartialEq>(label: &str, version: i16, body: &Bytes) {
    let request = decode_request::<T>(version, &mut body.clone());
    let mut again = BytesMut::new();
    request.unwrap_or_else(|refused| panic!("{label}: {refused}")).encode(&mut again, version).unwrap();
    assert_eq!(again, body, "{label}");
}

#[test]
fn golden_requests_pass_and_decode() {
    let mut decoded = std::collections::BTreeSet::new();
    for Exchange { label, mut request, response } in exchanges() {
        let mut body = next_frame(&mut request, 1 << 20).unwrap().unwrap();
        assert!(request.is_empty(), "{label}");
        let header = match parse_request_header(&mut body) {
            Ok(header) => header,
            Err(refused) => {
                assert!(matches!(refused, HeaderError::UnsupportedVersion { .. }), "{label}: {refused}");
                assert!(response.is_none(), "{label}: Kafka answers it");
                continue;
            }
        };
        assert_eq!(header.client_id.as_deref(), Some("golden"), "{label}");
        if header.is_supported() {
            decoded.insert((header.api.key, header.api_version));
            for_request_type!(header.api.key, request_round_trips(&label, header.api_version, &body));
        } else {
            assert_eq!(header.api.key, api::API_VERSIONS, "{label}");
        }
    }
    for api in api::all() {
        for version in api.min_decodable..=api.max_version {
            assert!(decoded.contains(&(api.key, version)), "no golden request of {} v{version}", api.name);
        }
    }
}

fn response_round_trips<T: Request>(label: &str, version: i16, header_version: i16, frame: &Bytes) {
    let header = 8 + usize::try_from(header_version).unwrap();
    let mut body = frame.slice(header..);
    let correlation_id = i32::from_be_bytes(*frame[4..].first_chunk().unwrap());
    let response = T::Response::decode(&mut body, version).unwrap_or_else(|error| panic!("{label}: {error}"));
    assert!(body.is_empty(), "{label}");
    let encoded = encode_response(version, header_version, correlation_id, &response).unwrap();
    assert_eq!(encoded.as_slice(), [frame], "{label}");
}

#[test]
fn golden_responses_are_encoded_to_the_same_bytes() {
    for Exchange { label, mut request, response } in exchanges() {
        let Some(frame) = response else { continue };
        let mut body = next_frame(&mut request, 1 << 20).unwrap().unwrap();
        let header = parse_request_header(&mut body).unwrap();
        let version = if header.is_supported() { header.api_version } else { 0 };
        let header_version = header.api.response_header_version(version);
        for_request_type!(header.api.key, response_round_trips(&label, version, header_version, &frame));
    }
}

fn is_accepted<T: Request>(version: i16, body: &Bytes) -> Result<(), Malformed> {
    decode_request::<T>(version, &mut body.clone()).map(drop)
}

/// Fourteen client programs write requests in ways of their own; none may be taken for an attack.
#[test]
fn requests_of_real_clients_pass() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/clients.jsonl");
    let mut clients = std::collections::BTreeSet::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let label = format!("{}: api {} v{}", line["client"], line["api"], line["version"]);
        let mut body = next_frame(&mut hex(line["request"].as_str().unwrap()), 1 << 20).unwrap().unwrap();
        match parse_request_header(&mut body) {
            Ok(header) => {
                let accepted = for_request_type!(header.api.key, is_accepted(header.api_version, &body));
                accepted.unwrap_or_else(|refused| panic!("{label}: {refused}"));
                clients.insert(line["client"].to_string());
            }
            // Kafka offers more than we do; there a client asks for less.
            Err(HeaderError::UnknownApi { .. } | HeaderError::UnsupportedVersion { .. }) => {}
            Err(refused) => panic!("{label}: {refused}"),
        }
    }
    assert!(clients.len() > 12, "{clients:?}");
}
