//! The front door of requests: nothing reaches kafka-protocol that was not proven well-formed.

use bytes::Bytes;
use kafka_protocol::protocol::Request;

use crate::api;
use crate::api::Api;
use crate::wellformed::{Malformed, Reason, WellFormed, check_request, surplus};

/// Proves the body of a request well-formed, without decoding it: says what it would take.
///
/// # Errors
/// Those of [`decode_request`].
pub fn weigh_request<T: Request>(version: i16, body: &[u8]) -> Result<WellFormed, Malformed> {
    check_request(api_of::<T>(version)?, version, body)
}

/// Decodes the body of a request, that is, what [`parse_request_header`](crate::header::parse_request_header) left.
///
/// Strings and records of the result share the memory of the frame: copy what outlives the request.
///
/// # Errors
/// [`Malformed`] says where and why. Bytes after the end of the message are refused too, but for the few that librdkafka
/// adds to its Metadata and its ListGroups; Kafka overlooks any, but nothing good follows from a peer that counts
/// differently than we do.
pub fn decode_request<T: Request>(version: i16, body: &mut Bytes) -> Result<T, Malformed> {
    weigh_request::<T>(version, body)?;
    decode_weighed(version, body)
}

/// [`decode_request`] of what [`weigh_request`] has just passed.
///
/// # Errors
/// When kafka-protocol sees it otherwise.
pub fn decode_weighed<T: Request>(version: i16, body: &mut Bytes) -> Result<T, Malformed> {
    let api = api_of::<T>(version)?;
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

fn api_of<T: Request>(version: i16) -> Result<&'static Api, Malformed> {
    let unsupported = || Malformed::new("request", version, 0, Reason::UnsupportedVersion);
    api::lookup(T::KEY).ok_or_else(unsupported)
}
