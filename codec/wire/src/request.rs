//! The front door of requests: nothing reaches kafka-protocol that was not proven well-formed.

use bytes::Bytes;
use kafka_protocol::protocol::Request;

use crate::api;
use crate::wellformed::{Malformed, Reason, check_request, surplus};

/// Decodes the body of a request, that is, what [`parse_request_header`](crate::header::parse_request_header) left.
///
/// Strings and records of the result share the memory of the frame: copy what outlives the request.
///
/// # Errors
/// [`Malformed`] says where and why. Bytes after the end of the message are refused too, but for the few that librdkafka
/// adds to its Metadata and its ListGroups; Kafka overlooks any, but nothing good follows from a peer that counts
/// differently than we do.
pub fn decode_request<T: Request>(version: i16, body: &mut Bytes) -> Result<T, Malformed> {
    let unsupported = || Malformed::new("request", version, 0, Reason::UnsupportedVersion);
    let api = api::lookup(T::KEY).ok_or_else(unsupported)?;
    check_request(api, version, body)?;
    let length = body.len();
    let decoder_failed = |left: usize, message: String| {
        Malformed::new(api.name, version, length.saturating_sub(left), Reason::Decoder { message })
    };
    let request = T::decode(body, version).map_err(|error| decoder_failed(body.len(), error.to_string()))?;
    if body.len() > surplus(api, version) {
        return Err(decoder_failed(body.len(), "bytes are left".to_owned()));
    }
    body.clear();
    Ok(request)
}
