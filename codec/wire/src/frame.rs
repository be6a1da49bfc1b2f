//! Frames: a length of four bytes, big-endian, and as many bytes.
//!
//! This module owns no socket. The connection reads into a `BytesMut` and asks [`next_frame`] for what is complete; how
//! much room it makes follows what has arrived, not what the peer claims.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::api;

/// The greatest frame before a client has authenticated: Kafka's default for `sasl.server.max.receive.size`.
pub const MAX_FRAME_BEFORE_AUTHENTICATION: usize = 512 * 1024;

/// The greatest frame of an API that is not supported. It is read only to be refused with its key and version.
const MAX_UNSUPPORTED: usize = 64 * 1024;
/// The width of the length.
const PREFIX: usize = 4;

/// A length that no honest client sends. The connection must be closed: what follows cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length is negative.
    #[error("the frame length {length} is negative")]
    Negative {
        /// The length.
        length: i32,
    },
    /// The length is above the limit of the listener.
    #[error("the frame length {length} is above the limit of {limit} bytes")]
    TooLarge {
        /// The length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The length is above what this API can need.
    #[error("the frame length {length} of a {api} request is above the limit of {limit} bytes")]
    TooLargeForApi {
        /// The name of the API, or `unsupported`.
        api: &'static str,
        /// The length.
        length: usize,
        /// The limit.
        limit: usize,
    },
}

/// Takes the next complete frame off the buffer, without its length and without copying.
///
/// `limit` is the greatest length allowed now; for an API with a smaller limit of its own that one holds, as soon as its
/// key has arrived. `Ok(None)` means that bytes are missing and nothing was taken.
///
/// # Errors
/// [`FrameError`] as soon as the length shows it, before the frame has arrived.
pub fn next_frame(buffer: &mut BytesMut, limit: usize) -> Result<Option<Bytes>, FrameError> {
    let Some(length) = complete_frame(buffer, limit)? else { return Ok(None) };
    buffer.advance(PREFIX);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// The length of the frame at the start of the buffer, without its prefix, once all of it is there. Takes nothing; the
/// limits are those of [`next_frame`].
///
/// # Errors
/// [`FrameError`] as soon as the length shows it, before the frame has arrived.
pub fn complete_frame(buffer: &[u8], limit: usize) -> Result<Option<usize>, FrameError> {
    let length = claimed_length(buffer, limit)?;
    Ok(length.filter(|length| buffer.len() >= PREFIX.saturating_add(*length)))
}

fn claimed_length(buffer: &[u8], limit: usize) -> Result<Option<usize>, FrameError> {
    let Some((prefix, rest)) = buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let length = i32::from_be_bytes(*prefix);
    let length = usize::try_from(length).map_err(|_| FrameError::Negative { length })?;
    if length > limit {
        return Err(FrameError::TooLarge { length, limit });
    }
    let Some(key) = rest.first_chunk() else { return Ok(Some(length)) };
    let (api, limit) = match api::lookup(i16::from_be_bytes(*key)) {
        Some(api) => (api.name, api.max_request_bytes),
        None => ("unsupported", Some(MAX_UNSUPPORTED)),
    };
    if let Some(limit) = limit
        && length > limit
    {
        return Err(FrameError::TooLargeForApi { api, length, limit });
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100 * 1024 * 1024;

    fn buffer(bytes: &[u8]) -> BytesMut {
        BytesMut::from(bytes)
    }

    #[test]
    fn takes_frames_one_by_one_and_leaves_the_rest() {
        let mut input = buffer(b"\0\0\0\x03abc\0\0\0\0\0\0\0\x02de\0\0");
        assert_eq!(next_frame(&mut input, LIMIT), Ok(Some(Bytes::from_static(b"abc"))));
        assert_eq!(next_frame(&mut input, LIMIT), Ok(Some(Bytes::new())));
        assert_eq!(next_frame(&mut input, LIMIT), Ok(Some(Bytes::from_static(b"de"))));
        assert_eq!(next_frame(&mut input, LIMIT), Ok(None));
        assert_eq!(&input[..], b"\0\0");
    }

    #[test]
    fn waits_at_every_cut() {
        let whole = b"\0\0\0\x05\x7f\xffxyz";
        for cut in 0..whole.len() {
            let mut input = buffer(&whole[..cut]);
            assert_eq!(next_frame(&mut input, LIMIT), Ok(None), "{cut}");
            assert_eq!(&input[..], &whole[..cut]);
            input.extend_from_slice(&whole[cut..]);
            assert_eq!(next_frame(&mut input, LIMIT).unwrap().unwrap(), &whole[4..]);
        }
    }

    #[test]
    fn refuses_impossible_lengths_at_once() {
        assert_eq!(next_frame(&mut buffer(&[0xff; 4]), LIMIT), Err(FrameError::Negative { length: -1 }));
        let mut input = buffer(&524_289_u32.to_be_bytes());
        let refused = FrameError::TooLarge { length: 524_289, limit: MAX_FRAME_BEFORE_AUTHENTICATION };
        assert_eq!(next_frame(&mut input, MAX_FRAME_BEFORE_AUTHENTICATION), Err(refused));
        assert_eq!(next_frame(&mut input, LIMIT), Ok(None));
    }

    #[test]
    fn refuses_what_the_api_cannot_need_once_its_key_is_there() {
        let mut input = buffer(b"\x01\0\0\0\0");
        assert_eq!(next_frame(&mut input, LIMIT), Ok(None));
        input.extend_from_slice(&[18]);
        let refused = next_frame(&mut input, LIMIT).unwrap_err();
        assert_eq!(
            refused,
            FrameError::TooLargeForApi { api: "ApiVersions", length: 16 << 20, limit: 128 * 1024 }
        );
        assert_eq!(next_frame(&mut buffer(b"\x01\0\0\0\0\0"), LIMIT), Ok(None), "Produce carries records");
        let refused = next_frame(&mut buffer(b"\x01\0\0\0\0\x04"), LIMIT).unwrap_err();
        assert_eq!(
            refused,
            FrameError::TooLargeForApi { api: "unsupported", length: 16 << 20, limit: 64 * 1024 }
        );
    }
}
