//! Encoding of responses, with records left where they are.
//!
//! A response becomes [`Segments`]: its bytes in order, length first, ready for a vectored write. Only Fetch has more than
//! one segment, and it is written by [`hot::fetch`](crate::hot::fetch); kafka-protocol encodes all others but Produce.
#![warn(clippy::indexing_slicing)]

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::protocol::Encodable;
use thiserror::Error;

/// The width of the length before a frame.
const PREFIX: usize = 4;
/// The width of the correlation id.
const CORRELATION_ID: usize = 4;
/// What stands before a message at most: prefix, correlation id, and a tagged section that is empty.
const HEAD: usize = PREFIX + CORRELATION_ID + 1;

/// An encoded response, in pieces that are to be written one after the other.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    segments: Vec<Bytes>,
    length: usize,
}

impl Segments {
    /// None, with room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { segments: Vec::with_capacity(count), length: 0 }
    }

    pub(crate) fn push(&mut self, segment: Bytes) {
        if !segment.is_empty() {
            self.length += segment.len();
            self.segments.push(segment);
        }
    }

    /// The number of bytes, with the length prefix.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces.
    #[must_use]
    pub fn as_slice(&self) -> &[Bytes] {
        &self.segments
    }

    /// The pieces, to be taken apart.
    #[must_use]
    pub fn into_vec(self) -> Vec<Bytes> {
        self.segments
    }
}

/// A response, or a message in one, that cannot be sent. This is a fault of ours, never of the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// kafka-protocol refused it: mostly a field is set that the version does not have.
    #[error("a message of version {version} cannot be encoded: {message}")]
    Refused {
        /// The version.
        version: i16,
        /// Its words.
        message: String,
    },
    /// It is longer than the length prefix can say.
    #[error("a response of {length} bytes is too long to send")]
    TooLong {
        /// Its length.
        length: usize,
    },
}

impl EncodeError {
    fn refused(version: i16, message: impl ToString) -> Self {
        Self::Refused { version, message: message.to_string() }
    }
}

/// Encodes any response: length, header and message in one segment.
///
/// `header_version` is that of [`RequestHeader::response_header_version`](crate::header::RequestHeader::response_header_version).
///
/// # Errors
/// [`EncodeError`] when the message does not fit the version, or is too long to send.
pub fn encode_response<M: Encodable>(
    version: i16,
    header_version: i16,
    correlation_id: i32,
    message: &M,
) -> Result<Segments, EncodeError> {
    let mut buffer = encode_to_buffer(version, header_version, correlation_id, message)?;
    let prefix = frame_length(buffer.len())?.to_be_bytes();
    if let Some(place) = buffer.first_chunk_mut::<PREFIX>() {
        *place = prefix;
    }
    let mut segments = Segments::with_capacity(1);
    segments.push(buffer.freeze());
    Ok(segments)
}

/// Encodes a message alone, for [`response_of`].
///
/// # Errors
/// [`EncodeError`] when the message does not fit the version, or is too long to send.
pub fn encode_message<M: Encodable>(version: i16, message: &M) -> Result<Bytes, EncodeError> {
    let mut buffer = BytesMut::with_capacity(size_with_head(version, message)? - HEAD);
    message.encode(&mut buffer, version).map_err(|error| EncodeError::refused(version, error))?;
    Ok(buffer.freeze())
}

/// A response whose message was encoded before by [`encode_message`]. The message is shared, not copied.
///
/// # Errors
/// [`EncodeError::TooLong`].
pub fn response_of(
    header_version: i16,
    correlation_id: i32,
    message: Bytes,
) -> Result<Segments, EncodeError> {
    let mut head = BytesMut::with_capacity(HEAD);
    head.put_bytes(0, PREFIX);
    head.put_i32(correlation_id);
    if header_version >= 1 {
        head.put_u8(0);
    }
    let prefix = frame_length(head.len().saturating_add(message.len()))?.to_be_bytes();
    if let Some(place) = head.first_chunk_mut::<PREFIX>() {
        *place = prefix;
    }
    let mut segments = Segments::with_capacity(2);
    segments.push(head.freeze());
    segments.push(message);
    Ok(segments)
}

/// Encodes prefix, header and message, with a prefix of zeros.
fn encode_to_buffer<M: Encodable>(
    version: i16,
    header_version: i16,
    correlation_id: i32,
    message: &M,
) -> Result<BytesMut, EncodeError> {
    let mut buffer = BytesMut::with_capacity(size_with_head(version, message)?);
    buffer.put_bytes(0, PREFIX);
    buffer.put_i32(correlation_id);
    if header_version >= 1 {
        buffer.put_u8(0);
    }
    message.encode(&mut buffer, version).map_err(|error| EncodeError::refused(version, error))?;
    Ok(buffer)
}

/// What a message and [`HEAD`] take. What would be too long to send is refused here, before there is memory for it.
fn size_with_head<M: Encodable>(version: i16, message: &M) -> Result<usize, EncodeError> {
    let size = message.compute_size(version).map_err(|error| EncodeError::refused(version, error))?;
    let size = size.saturating_add(HEAD);
    frame_length(size).map(|_| size)
}

/// What the length prefix says of a frame that takes `length` bytes with it.
pub(crate) fn frame_length(length: usize) -> Result<i32, EncodeError> {
    i32::try_from(length.saturating_sub(PREFIX)).map_err(|_| EncodeError::TooLong { length })
}

#[cfg(test)]
mod tests;
