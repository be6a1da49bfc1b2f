//! From a frame to a request: the header, and whether the API is served in that version.

use bytes::Bytes;
use chronik_policy::CloseReason;
use chronik_wire::header::{RequestHeader, parse_request_header};

use super::Asked;

/// Takes the header off a frame. What follows it is proven and decoded by the handler.
pub(super) fn open(mut frame: Bytes) -> Result<(RequestHeader, Bytes), (Asked, CloseReason)> {
    let asked = peek(&frame);
    match parse_request_header(&mut frame) {
        Ok(header) => Ok((header, frame)),
        Err(error) => Err((asked, error.into())),
    }
}

/// The API and version that a frame asks for, also when nobody serves them.
fn peek(frame: &[u8]) -> Asked {
    match frame.first_chunk() {
        Some(&[a, b, c, d]) => Asked { api: i16::from_be_bytes([a, b]), version: i16::from_be_bytes([c, d]) },
        None => Asked::NOTHING,
    }
}
