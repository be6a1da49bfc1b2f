//! From a frame to a request: the header, and whether the API is served in that version.

use bytes::Bytes;
use chronik_policy::{CloseReason, Header};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::{Decodable, HeaderVersion};

use super::Asked;

/// Takes the header off a frame. What follows it is proven and decoded by the handler.
pub(super) fn open(frame: Bytes) -> Result<(Header, Bytes), (Asked, CloseReason)> {
    let Some((api, version)) = peek(&frame) else {
        return Err((Asked::NOTHING, CloseReason::Malformed("it is shorter than a header".to_owned())));
    };
    let asked = Asked { api, version };
    let Ok(key) = ApiKey::try_from(api) else { return Err((asked, CloseReason::Unsupported)) };
    let mut body = frame;
    let header = RequestHeader::decode(&mut body, key.request_header_version(version))
        .map_err(|error| (asked, CloseReason::Malformed(error.to_string())))?;
    let header = Header { api: key, version, correlation_id: header.correlation_id, client_id: header.client_id };
    Ok((header, body))
}

fn peek(frame: &[u8]) -> Option<(i16, i16)> {
    let [a, b, c, d] = *frame.first_chunk::<4>()?;
    Some((i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d])))
}
