//! Request headers.
//!
//! We parse them ourselves, because kafka-protocol's helper panics on fewer than four bytes and cannot tell an unknown
//! API from a short header.
#![warn(clippy::indexing_slicing)]

use bytes::{Buf, Bytes};
use kafka_protocol::protocol::StrBytes;
use thiserror::Error;

use crate::api::{self, API_VERSIONS, Api};

/// The header of a request of a supported API.
#[derive(Clone, Debug)]
pub struct RequestHeader {
    /// The API.
    pub api: &'static Api,
    /// The version of the API. Supported, but for ApiVersions: see [`RequestHeader::is_supported`].
    pub api_version: i16,
    /// What the answer has to repeat.
    pub correlation_id: i32,
    /// What the client calls itself. It shares the memory of the frame: copy it before keeping it.
    pub client_id: Option<StrBytes>,
}

impl RequestHeader {
    /// Whether the body can be decoded.
    ///
    /// False only for ApiVersions in a version that we do not know. It has to be answered in version 0 with
    /// UNSUPPORTED_VERSION (35) and the supported versions, without a look at the body (KIP-511).
    #[must_use]
    pub const fn is_supported(&self) -> bool {
        self.api.decodes(self.api_version)
    }

    /// The version of the response header.
    #[must_use]
    pub const fn response_header_version(&self) -> i16 {
        self.api.response_header_version(self.api_version)
    }
}

/// A request that cannot be answered. The connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The frame ends within the header.
    #[error("the frame ends within the request header")]
    Truncated,
    /// No such API here.
    #[error("API key {key} (version {version}) is not supported")]
    UnknownApi {
        /// The key.
        key: i16,
        /// The version that was asked for.
        version: i16,
    },
    /// The API is here, but not in this version.
    #[error("version {version} of {api} is not supported")]
    UnsupportedVersion {
        /// The name of the API.
        api: &'static str,
        /// The version that was asked for.
        version: i16,
    },
    /// The client id has a negative length other than -1, or is not UTF-8.
    #[error("the client id of a {api} request is malformed")]
    ClientId {
        /// The name of the API.
        api: &'static str,
    },
    /// The tagged fields of a flexible header run over the frame.
    #[error("the tagged fields in the header of a {api} request are malformed")]
    TaggedFields {
        /// The name of the API.
        api: &'static str,
    },
}

/// Takes the header off a frame and leaves the body.
///
/// # Errors
/// [`HeaderError`]; the frame is then partly consumed.
pub fn parse_request_header(frame: &mut Bytes) -> Result<RequestHeader, HeaderError> {
    let key = frame.try_get_i16().map_err(|_| HeaderError::Truncated)?;
    let version = frame.try_get_i16().map_err(|_| HeaderError::Truncated)?;
    let api = api::lookup(key).ok_or(HeaderError::UnknownApi { key, version })?;
    if !api.decodes(version) && api.key != API_VERSIONS {
        return Err(HeaderError::UnsupportedVersion { api: api.name, version });
    }
    let correlation_id = frame.try_get_i32().map_err(|_| HeaderError::Truncated)?;
    let client_id = parse_client_id(frame, api)?;
    if api.is_flexible(version) {
        skip_tagged_fields(frame).ok_or(HeaderError::TaggedFields { api: api.name })?;
    }
    Ok(RequestHeader { api, api_version: version, correlation_id, client_id })
}

/// The client id keeps its two-byte length even in flexible headers, so that any broker can read it.
fn parse_client_id(frame: &mut Bytes, api: &Api) -> Result<Option<StrBytes>, HeaderError> {
    let malformed = HeaderError::ClientId { api: api.name };
    let length = frame.try_get_i16().map_err(|_| HeaderError::Truncated)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| malformed)?;
    if frame.len() < length {
        return Err(HeaderError::Truncated);
    }
    StrBytes::from_utf8(frame.split_to(length)).map(Some).map_err(|_| malformed)
}

fn skip_tagged_fields(frame: &mut Bytes) -> Option<()> {
    let count = usize::try_from(take_varint(frame)?).ok()?;
    for _ in 0..count {
        take_varint(frame)?;
        let size = usize::try_from(take_varint(frame)?).ok()?;
        if frame.len() < size {
            return None;
        }
        frame.advance(size);
    }
    Some(())
}

fn take_varint(frame: &mut Bytes) -> Option<u32> {
    let mut value: u32 = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = frame.try_get_u8().ok()?;
        if shift == 28 && byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<(RequestHeader, Bytes), HeaderError> {
        let mut frame = Bytes::copy_from_slice(bytes);
        parse_request_header(&mut frame).map(|header| (header, frame))
    }

    #[test]
    fn parses_plain_and_flexible_headers() {
        let (header, body) = parse(b"\0\x03\0\x08\0\0\0\x07\0\x02idBODY").unwrap();
        assert_eq!((header.api.name, header.api_version, header.correlation_id), ("Metadata", 8, 7));
        assert_eq!((header.client_id.as_deref(), &body[..]), (Some("id"), &b"BODY"[..]));

        let (header, body) = parse(b"\0\x03\0\x0c\0\0\0\x07\xff\xff\x01\x05\x02..BODY").unwrap();
        assert_eq!((header.client_id, header.api_version), (None, 12));
        assert_eq!(&body[..], b"BODY");
    }

    #[test]
    fn refuses_every_truncation() {
        let whole = b"\0\x03\0\x0c\0\0\0\x07\0\x02id\x02\x05\x02..\x81\x01\0";
        assert!(parse(whole).unwrap().1.is_empty());
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn tells_unknown_apis_and_versions_apart() {
        let refused = |bytes: &[u8]| parse(bytes).unwrap_err();
        assert_eq!(refused(b"\0\x04\0\0\0\0\0\0\0\0"), HeaderError::UnknownApi { key: 4, version: 0 });
        assert_eq!(refused(b"\xff\xff\0\0\0\0\0\0\0\0"), HeaderError::UnknownApi { key: -1, version: 0 });
        let version = |version| HeaderError::UnsupportedVersion { api: "Produce", version };
        assert_eq!(refused(b"\0\0\0\x02\0\0\0\0\0\0"), version(2));
        assert_eq!(refused(b"\0\0\x7f\xff\0\0\0\0\0\0"), version(i16::MAX));
        assert_eq!(refused(b"\0\0\xff\xff\0\0\0\0\0\0"), version(-1));
    }

    #[test]
    fn lets_unknown_versions_of_api_versions_through() {
        let (header, _) = parse(b"\0\x12\0\x09\0\0\0\x01\0\0\0whatever").unwrap();
        assert!(!header.is_supported());
        assert_eq!((header.correlation_id, header.response_header_version()), (1, 0));
        let (header, _) = parse(b"\0\x12\0\x04\0\0\0\x01\0\0\0").unwrap();
        assert!(header.is_supported());
    }

    #[test]
    fn refuses_hostile_client_ids_and_tags() {
        let refused = |bytes: &[u8]| parse(bytes).unwrap_err();
        let api = "Metadata";
        assert_eq!(refused(b"\0\x03\0\x08\0\0\0\0\xff\xfe"), HeaderError::ClientId { api });
        assert_eq!(refused(b"\0\x03\0\x08\0\0\0\0\0\x01\xff"), HeaderError::ClientId { api });
        assert_eq!(refused(b"\0\x03\0\x08\0\0\0\0\x7f\xffab"), HeaderError::Truncated);
        let tags = HeaderError::TaggedFields { api };
        assert_eq!(refused(b"\0\x03\0\x0c\0\0\0\0\0\0\xff\xff\xff\xff\x0f"), tags);
        assert_eq!(refused(b"\0\x03\0\x0c\0\0\0\0\0\0\xff\xff\xff\xff\x1f"), tags);
        assert_eq!(refused(b"\0\x03\0\x0c\0\0\0\0\0\0\x01\0\x09"), tags);
    }

    #[test]
    fn random_bytes_never_panic() {
        let entropy = chronik_types::Entropy::seeded(1);
        let mut parsed = 0;
        for round in 0..4_000 {
            let mut bytes = vec![0; round % 40];
            entropy.fill(&mut bytes);
            // Half of them name an API and a version that exist, so that the rest of the header is reached.
            if round % 2 == 0 && bytes.len() >= 10 {
                bytes[..4].copy_from_slice(b"\0\x03\0\x0c");
                bytes[8..10].copy_from_slice(b"\xff\xff");
            }
            parsed += usize::from(parse(&bytes).is_ok());
        }
        assert!(parsed > 0, "some are headers");
    }
}
