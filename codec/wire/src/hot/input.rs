//! Reading a request from front to back. `None` always means: leave it to the pass that can say what is wrong.
#![warn(clippy::indexing_slicing)]

use bytes::Bytes;
use chronik_types::TopicId;
use kafka_protocol::protocol::StrBytes;

use crate::wellformed::{allocation, allowed_memory};

/// The rest of a request body.
pub(super) struct Input<'a> {
    body: &'a Bytes,
    rest: &'a [u8],
    flexible: bool,
    /// Memory that decoding may still take, by the estimate of the well-formedness check.
    memory_left: usize,
    /// Memory that its elements may still take, by the same estimate: decoded, handled and answered.
    cost_left: usize,
}

impl<'a> Input<'a> {
    /// A body whose decoded form takes at least `memory` bytes. Its elements may take `most_cost` until they are answered.
    pub(super) fn new(body: &'a Bytes, flexible: bool, memory: usize, most_cost: usize) -> Option<Self> {
        let memory_left = allowed_memory(body.len());
        let mut input = Self { body, rest: body, flexible, memory_left, cost_left: most_cost };
        input.account(1, memory)?;
        Some(input)
    }

    /// Whether all of it was read.
    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn int8(&mut self) -> Option<i8> {
        self.take().map(|bytes| i8::from_be_bytes(*bytes))
    }

    pub(super) fn int16(&mut self) -> Option<i16> {
        self.take().map(|bytes| i16::from_be_bytes(*bytes))
    }

    pub(super) fn int32(&mut self) -> Option<i32> {
        self.take().map(|bytes| i32::from_be_bytes(*bytes))
    }

    pub(super) fn int64(&mut self) -> Option<i64> {
        self.take().map(|bytes| i64::from_be_bytes(*bytes))
    }

    /// A topic as the version names it: by id or by name.
    pub(super) fn topic(&mut self, by_id: bool) -> Option<(StrBytes, TopicId)> {
        if by_id {
            return Some((StrBytes::default(), TopicId::from_bytes(*self.take()?)));
        }
        Some((self.string()?, TopicId::NONE))
    }

    /// A string that is not null.
    pub(super) fn string(&mut self) -> Option<StrBytes> {
        let length = self.string_length()??;
        StrBytes::from_utf8(self.bytes(length)?).ok()
    }

    /// A string that may be null.
    pub(super) fn nullable_string(&mut self) -> Option<Option<StrBytes>> {
        match self.string_length()? {
            Some(length) => StrBytes::from_utf8(self.bytes(length)?).ok().map(Some),
            None => Some(None),
        }
    }

    fn string_length(&mut self) -> Option<Option<usize>> {
        let length = if self.flexible { self.compact_length()? } else { signed(i32::from(self.int16()?))? };
        length.is_none_or(|length| length <= 0x7fff).then_some(length)
    }

    /// Records, which may be null. They share the memory of the body.
    pub(super) fn records(&mut self) -> Option<Option<Bytes>> {
        match self.length()? {
            Some(length) => self.bytes(length).map(Some),
            None => Some(None),
        }
    }

    /// The count of an array that is not null, whose elements take `memory` bytes each when they are decoded.
    pub(super) fn count(&mut self, memory: usize) -> Option<usize> {
        let count = self.length()??;
        // An element takes a byte at least.
        if count > self.rest.len() {
            return None;
        }
        self.account(count, memory)?;
        Some(count)
    }

    /// [`Input::count`] of elements of which each takes `cost` bytes beside, until it is answered.
    pub(super) fn count_costing(&mut self, memory: usize, cost: usize) -> Option<usize> {
        let count = self.count(memory)?;
        self.cost_left = self.cost_left.checked_sub(count.checked_mul(cost)?)?;
        Some(count)
    }

    /// The end of a struct: without tagged fields.
    pub(super) fn end_of_struct(&mut self) -> Option<()> {
        if self.flexible { (*self.take::<1>()? == [0]).then_some(()) } else { Some(()) }
    }

    fn bytes(&mut self, length: usize) -> Option<Bytes> {
        let start = self.body.len() - self.rest.len();
        self.rest = self.rest.get(length..)?;
        Some(self.body.slice(start..start + length))
    }

    fn length(&mut self) -> Option<Option<usize>> {
        if self.flexible { self.compact_length() } else { signed(self.int32()?) }
    }

    fn compact_length(&mut self) -> Option<Option<usize>> {
        let mut stored: u32 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = *self.take()?;
            if shift == 28 && byte > 0x0f {
                return None;
            }
            stored |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(stored.checked_sub(1).and_then(|length| usize::try_from(length).ok()));
            }
        }
        None
    }

    fn account(&mut self, count: usize, each: usize) -> Option<()> {
        self.memory_left = self.memory_left.checked_sub(allocation(count, each))?;
        Some(())
    }
}

/// A length of which -1 is null.
fn signed(length: i32) -> Option<Option<usize>> {
    match usize::try_from(length) {
        Ok(length) => Some(Some(length)),
        Err(_) => (length == -1).then_some(None),
    }
}
