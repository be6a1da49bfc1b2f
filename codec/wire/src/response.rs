//! Encoding of responses, with records left where they are.
//!
//! A response becomes [`Segments`]: its bytes in order, length first, ready for a vectored write. Only Fetch has more than
//! one segment. It is encoded by kafka-protocol with a stand-in of one byte for the records of each partition; then the
//! stand-ins are found again by walking the encoded bytes with the shape of the response, and replaced.
#![warn(clippy::indexing_slicing)]

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::protocol::Encodable;
use thiserror::Error;

use crate::wellformed::{self, RecordsSpan, responses};

/// Payloads shorter than this are copied: a segment of its own costs more than the copy.
const MIN_SHARED: usize = 1024;
/// The width of the length before a frame.
const PREFIX: usize = 4;
/// The first version of Fetch with compact lengths.
const FETCH_FLEXIBLE_FROM: i16 = 12;

/// An encoded response, in pieces that are to be written one after the other.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    segments: Vec<Bytes>,
    length: usize,
}

impl Segments {
    fn push(&mut self, segment: Bytes) {
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

/// A response that cannot be sent. This is a fault of ours, never of the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// kafka-protocol refused it: mostly a field is set that the version does not have.
    #[error("a response of version {version} cannot be encoded: {message}")]
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
/// [`EncodeError`] when the message does not fit the version.
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
    let mut segments = Segments::default();
    segments.push(buffer.freeze());
    Ok(segments)
}

/// Encodes a Fetch response with the records of its partitions as they lie in memory.
///
/// `records` holds one entry for each partition of the response, in the order of `response.responses` and their
/// `partitions`: the batches of that partition, in order, in as many pieces as they come. An empty entry is encoded as
/// no records (not as null, which some clients do not expect). What the `records` fields of `response` hold is ignored.
/// Pieces below 1 KiB are copied, all others are shared.
///
/// # Errors
/// [`EncodeError`] when the message does not fit the version, or `records` does not fit the message.
pub fn encode_fetch_response(
    version: i16,
    correlation_id: i32,
    mut response: FetchResponse,
    records: &[Vec<Bytes>],
) -> Result<Segments, EncodeError> {
    let partitions = response.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
    let mut stand_ins = 0;
    for partition in partitions {
        partition.records = Some(STAND_IN);
        stand_ins += 1;
    }
    if stand_ins != records.len() {
        let message = format!("{} records for {stand_ins} partitions", records.len());
        return Err(EncodeError::refused(version, message));
    }
    let flexible = version >= FETCH_FLEXIBLE_FROM;
    let encoded = encode_to_buffer(version, i16::from(flexible), correlation_id, &response)?.freeze();
    let header = PREFIX + CORRELATION_ID + usize::from(flexible);
    let message = encoded.get(header..).unwrap_or_default();
    let spans = wellformed::locate_records(&responses::FETCH, version, flexible, message)
        .map_err(|malformed| EncodeError::refused(version, malformed))?;
    if spans.len() != records.len() {
        return Err(EncodeError::refused(version, "the partitions of the response cannot be told apart"));
    }
    let splice = Splice { encoded: &encoded, header, flexible };
    let length = splice.length(&spans, records);
    Ok(splice.run(frame_length(length)?, &spans, records))
}

/// The place of the records while a Fetch response is encoded.
const STAND_IN: Bytes = Bytes::from_static(&[0]);
/// The width of the correlation id.
const CORRELATION_ID: usize = 4;

/// An encoded response with a stand-in for each payload.
struct Splice<'a> {
    encoded: &'a [u8],
    /// Where the message starts; spans count from there.
    header: usize,
    flexible: bool,
}

impl Splice<'_> {
    /// The length of the whole with the payloads in place, its own prefix included.
    fn length(&self, spans: &[RecordsSpan], records: &[Vec<Bytes>]) -> usize {
        let taken: usize = spans.iter().map(|span| span.end - span.prefix).sum();
        let put: usize =
            records.iter().map(|pieces| total(pieces)).map(|length| length + self.prefix_width(length)).sum();
        self.encoded.len() - taken + put
    }

    fn run(&self, frame_length: i32, spans: &[RecordsSpan], records: &[Vec<Bytes>]) -> Segments {
        let mut segments = Segments::default();
        let mut current = BytesMut::with_capacity(self.encoded.len() + spans.len() * PREFIX);
        current.put_i32(frame_length);
        let mut done = PREFIX;
        for (span, pieces) in spans.iter().zip(records) {
            current.put_slice(self.slice(done, self.header + span.prefix));
            done = self.header + span.end;
            self.put_prefix(&mut current, total(pieces));
            for piece in pieces {
                if piece.len() < MIN_SHARED {
                    current.put_slice(piece);
                } else {
                    segments.push(current.split().freeze());
                    segments.push(piece.clone());
                }
            }
        }
        current.put_slice(self.slice(done, self.encoded.len()));
        segments.push(current.freeze());
        segments
    }

    fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.encoded.get(from..to).unwrap_or_default()
    }

    /// How many bytes the length of a payload takes.
    const fn prefix_width(&self, length: usize) -> usize {
        if !self.flexible {
            return 4;
        }
        match length.saturating_add(1) {
            0..0x80 => 1,
            0x80..0x4000 => 2,
            0x4000..0x20_0000 => 3,
            0x20_0000..0x1000_0000 => 4,
            _ => 5,
        }
    }

    /// Writes the length of a payload. The frame as a whole was found to fit `i32` before, so the payload does.
    fn put_prefix(&self, buffer: &mut BytesMut, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if !self.flexible {
            buffer.put_u32(length);
            return;
        }
        let mut rest = length.saturating_add(1);
        while rest >= 0x80 {
            buffer.put_u8(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
            rest >>= 7;
        }
        buffer.put_u8(u8::try_from(rest).unwrap_or(0));
    }
}

/// Encodes prefix, header and message, with a prefix of zeros.
fn encode_to_buffer<M: Encodable>(
    version: i16,
    header_version: i16,
    correlation_id: i32,
    message: &M,
) -> Result<BytesMut, EncodeError> {
    let size = message.compute_size(version).map_err(|error| EncodeError::refused(version, error))?;
    let mut buffer = BytesMut::with_capacity(PREFIX + CORRELATION_ID + 1 + size);
    buffer.put_bytes(0, PREFIX);
    buffer.put_i32(correlation_id);
    if header_version >= 1 {
        buffer.put_u8(0);
    }
    message.encode(&mut buffer, version).map_err(|error| EncodeError::refused(version, error))?;
    Ok(buffer)
}

/// What the length prefix says of a frame that takes `length` bytes with it.
fn frame_length(length: usize) -> Result<i32, EncodeError> {
    i32::try_from(length.saturating_sub(PREFIX)).map_err(|_| EncodeError::TooLong { length })
}

fn total(pieces: &[Bytes]) -> usize {
    pieces.iter().map(Bytes::len).sum()
}

#[cfg(test)]
mod tests;
