//! Group requests into slots, and their answers out of frames, by kafka-protocol: they are few and small.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::engine::Slot;
use crate::error::BenchError;
use crate::frames::{CLIENT_ID, Malformed};

/// Encodes a request into an emptied slot.
pub(super) fn put<R: Request, T>(
    slot: &mut Slot<T>,
    correlation_id: i32,
    version: i16,
    request: &R,
) -> Result<(), BenchError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut frame = BytesMut::from(&[0; 4][..]);
    header
        .encode(&mut frame, R::header_version(version))
        .and_then(|()| request.encode(&mut frame, version))
        .map_err(|error| BenchError::Unsupported(format!("a request cannot be encoded: {error}")))?;
    slot.head.extend_from_slice(&frame);
    slot.finish();
    Ok(())
}

/// Decodes what follows the correlation id of an answer.
pub(super) fn take<R: Request>(version: i16, answer: &[u8]) -> Result<R::Response, Malformed> {
    let mut rest = BytesMut::with_capacity(answer.len() + 4);
    // The header is read whole: its tagged fields, if there are any, follow the correlation id.
    rest.extend_from_slice(&[0; 4]);
    rest.extend_from_slice(answer);
    let mut rest = rest.freeze();
    ResponseHeader::decode(&mut rest, <R::Response as HeaderVersion>::header_version(version))
        .and_then(|_| R::Response::decode(&mut rest, version))
        .map_err(|_| Malformed)
}

/// A text as kafka-protocol has it.
pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A blob of the embedded consumer protocol: its version, then the message in it.
pub(super) fn blob(version: i16, message: &impl Encodable) -> Result<Bytes, BenchError> {
    let mut bytes = BytesMut::from(&version.to_be_bytes()[..]);
    message
        .encode(&mut bytes, version)
        .map_err(|error| BenchError::Unsupported(format!("a message cannot be encoded: {error}")))?;
    Ok(bytes.freeze())
}

/// Reads a blob that [`blob`] or another client made.
pub(super) fn unblob<M: Decodable>(bytes: &Bytes) -> Result<M, Malformed> {
    let (version, _) = bytes.split_first_chunk().ok_or(Malformed)?;
    let mut message = bytes.slice(version.len()..);
    M::decode(&mut message, i16::from_be_bytes(*version)).map_err(|_| Malformed)
}
