//! Writing a response from front to back, with payloads that stay where they are.
#![warn(clippy::indexing_slicing)]

use bytes::{BufMut, Bytes, BytesMut};
use chronik_types::TopicId;

use crate::response::{EncodeError, Segments, frame_length};

/// Payloads shorter than this are copied: a segment of its own costs more than the copy.
pub(super) const MIN_SHARED: usize = 1024;
/// The width of the length before a frame.
const PREFIX: usize = 4;

/// A response that is being written.
#[derive(Debug)]
pub(super) struct Output {
    /// Everything but the payloads that are shared.
    written: BytesMut,
    /// Those payloads, with what was written before each.
    shared: Vec<(usize, Bytes)>,
    shared_bytes: usize,
    flexible: bool,
    by_id: bool,
}

impl Output {
    /// A response with its header; `size` is a guess at the bytes that will be written.
    pub(super) fn new(correlation_id: i32, flexible: bool, by_id: bool, size: usize) -> Self {
        let mut written = BytesMut::with_capacity(size + 16);
        written.put_i32(0);
        written.put_i32(correlation_id);
        let mut output = Self { written, shared: Vec::new(), shared_bytes: 0, flexible, by_id };
        output.end_of_struct();
        output
    }

    /// Fixed fields, already in their order.
    pub(super) fn put(&mut self, fields: &[u8]) {
        self.written.put_slice(fields);
    }

    pub(super) fn int16(&mut self, value: i16) {
        self.written.put_i16(value);
    }

    pub(super) fn int32(&mut self, value: i32) {
        self.written.put_i32(value);
    }

    pub(super) fn int64(&mut self, value: i64) {
        self.written.put_i64(value);
    }

    /// A topic as the version names it.
    pub(super) fn topic(&mut self, name: &str, id: TopicId) {
        if self.by_id {
            self.put(id.as_bytes());
        } else {
            self.string(Some(name));
        }
    }

    /// A string or null. One that is longer than Kafka allows becomes null; topic names never are.
    pub(super) fn string(&mut self, text: Option<&str>) {
        let text = text.and_then(|text| Some((text, i16::try_from(text.len()).ok()?)));
        match text {
            Some((text, length)) => {
                if self.flexible {
                    self.length(Some(text.len()))
                } else {
                    self.written.put_i16(length)
                }
                self.put(text.as_bytes());
            }
            None if self.flexible => self.length(None),
            None => self.written.put_i16(-1),
        }
    }

    /// The count of an array, or the length of records; `None` is null. What does not fit is noticed at the end, because
    /// then the frame does not fit either.
    pub(super) fn length(&mut self, length: Option<usize>) {
        if !self.flexible {
            let length = length.map_or(-1, |length| i32::try_from(length).unwrap_or(i32::MAX));
            return self.written.put_i32(length);
        }
        let mut rest = length.map_or(0, |length| u32::try_from(length + 1).unwrap_or(u32::MAX));
        while rest >= 0x80 {
            self.written.put_u8(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
            rest >>= 7;
        }
        self.written.put_u8(u8::try_from(rest).unwrap_or(0));
    }

    /// Records in pieces.
    pub(super) fn records(&mut self, pieces: Vec<Bytes>) {
        self.length(Some(pieces.iter().map(Bytes::len).sum()));
        for piece in pieces {
            if piece.len() < MIN_SHARED {
                self.put(&piece);
            } else {
                self.shared_bytes += piece.len();
                self.shared.push((self.written.len(), piece));
            }
        }
    }

    /// The end of a struct: without tagged fields.
    pub(super) fn end_of_struct(&mut self) {
        if self.flexible {
            self.written.put_u8(0);
        }
    }

    /// The whole frame.
    pub(super) fn finish(mut self) -> Result<Segments, EncodeError> {
        let length = frame_length(self.written.len() + self.shared_bytes)?.to_be_bytes();
        if let Some(place) = self.written.first_chunk_mut::<PREFIX>() {
            *place = length;
        }
        let written = self.written.freeze();
        if self.shared.is_empty() {
            let mut segments = Segments::with_capacity(1);
            segments.push(written);
            return Ok(segments);
        }
        let mut from = 0;
        let mut segments = Segments::with_capacity(2 * self.shared.len() + 1);
        for (to, payload) in self.shared {
            segments.push(written.slice(from..to));
            segments.push(payload);
            from = to;
        }
        segments.push(written.slice(from..));
        Ok(segments)
    }
}
