//! The walk of a shape over bytes.
//!
//! Recursion is as deep as the shapes are nested, never as the input says. The time is linear in the input: an array is
//! entered only when its elements fit into what is left.
#![warn(clippy::indexing_slicing)]

use super::malformed::{Flaw, Reason};
use super::shape::{Field, Kind, Shape};
use super::{MAX_HANDLED_BYTES, WellFormed};

type Walk<T = ()> = Result<T, Box<Flaw>>;

/// A position in the bytes of a message.
pub(super) struct Walker<'a> {
    input: &'a [u8],
    at: usize,
    /// The end of the message, or of the tagged field that is being walked.
    end: usize,
    version: i16,
    flexible: bool,
    memory: usize,
    memory_limit: usize,
    /// What handling and answering the elements so far takes.
    cost: usize,
    /// Bytes after the message that are no flaw.
    surplus: usize,
}

impl<'a> Walker<'a> {
    pub(super) const fn new(input: &'a [u8], version: i16, flexible: bool, memory_limit: usize) -> Self {
        Self {
            input,
            at: 0,
            end: input.len(),
            version,
            flexible,
            memory: 0,
            memory_limit,
            cost: 0,
            surplus: 0,
        }
    }

    pub(super) const fn overlooking(mut self, surplus: usize) -> Self {
        self.surplus = surplus;
        self
    }

    /// Walks the whole input; how much memory decoding it takes at most, and what follows from it.
    pub(super) fn walk(mut self, shape: &'static Shape) -> Walk<WellFormed> {
        self.account(1, shape.memory)?;
        self.walk_struct(shape)?;
        match self.left() {
            left if left > self.surplus => self.fail(Reason::Trailing { left }),
            _ => Ok(WellFormed { decoded_bytes: self.memory, handled_bytes: self.cost }),
        }
    }

    fn walk_struct(&mut self, shape: &'static Shape) -> Walk {
        for field in shape.fields {
            if field.tag.is_none() && field.is_in(self.version) {
                self.walk_field(field)?;
            }
        }
        if self.flexible { self.walk_tagged_section(shape) } else { Ok(()) }
    }

    fn walk_field(&mut self, field: &'static Field) -> Walk {
        let nullable = field.is_nullable(self.version);
        let walked = match field.kind {
            Kind::Array(element) => self.walk_array(*element, nullable, field.cost),
            kind => self.walk_value(kind, nullable),
        };
        walked.map_err(|flaw| flaw.in_field(field.name))
    }

    fn walk_value(&mut self, kind: Kind, nullable: bool) -> Walk {
        match kind {
            Kind::Bool | Kind::Int8 => self.skip(1),
            Kind::Int16 => self.skip(2),
            Kind::Int32 => self.skip(4),
            Kind::Int64 => self.skip(8),
            Kind::Uuid => self.skip(16),
            Kind::String => self.walk_string(nullable),
            Kind::Records | Kind::Bytes => self.walk_bytes(nullable),
            Kind::Struct(shape) if nullable => self.walk_nullable_struct(shape),
            Kind::Struct(shape) => self.walk_struct(shape),
            Kind::Array(element) => self.walk_array(*element, nullable, 0),
        }
    }

    fn walk_string(&mut self, nullable: bool) -> Walk {
        let start = self.at;
        let length = if self.flexible { self.compact_length()? } else { self.int16_length()? };
        let Some(length) = Self::non_null(length, nullable, start)? else { return Ok(()) };
        if length > MAX_STRING {
            return refuse(start, Reason::StringTooLong { length });
        }
        match std::str::from_utf8(self.take(length)?) {
            Ok(_) => Ok(()),
            Err(_) => refuse(start, Reason::NotUtf8),
        }
    }

    fn walk_bytes(&mut self, nullable: bool) -> Walk {
        let prefix = self.at;
        let length = self.length()?;
        match Self::non_null(length, nullable, prefix)? {
            Some(length) => self.skip(length),
            None => Ok(()),
        }
    }

    fn walk_nullable_struct(&mut self, shape: &'static Shape) -> Walk {
        let start = self.at;
        match i8::from_be_bytes(self.take_array()?) {
            -1 => Ok(()),
            1 => self.walk_struct(shape),
            mark => refuse(start, Reason::PresenceMark { mark }),
        }
    }

    fn walk_array(&mut self, element: Kind, nullable: bool, cost: usize) -> Walk {
        let start = self.at;
        let count = self.length()?;
        let Some(count) = Self::non_null(count, nullable, start)? else { return Ok(()) };
        let min_length = element.min_length(self.version, self.flexible, false).max(1);
        let left = self.left();
        if count.saturating_mul(min_length) > left {
            return refuse(start, Reason::Count { count, left });
        }
        self.account(count, element.memory())?;
        self.account_cost(count, cost)?;
        for index in 0..count {
            self.walk_value(element, false).map_err(|flaw| flaw.in_element(index))?;
        }
        Ok(())
    }

    fn walk_tagged_section(&mut self, shape: &'static Shape) -> Walk {
        let start = self.at;
        let count = self.varint()?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let left = self.left();
        if count.saturating_mul(MIN_TAGGED_FIELD) > left {
            return refuse(start, Reason::Count { count, left });
        }
        let mut unknown = 0;
        for _ in 0..count {
            let tag = self.varint()?;
            let known = shape.fields.iter().find(|field| field.tag == Some(tag));
            self.walk_tagged_field(known, tag)?;
            unknown += usize::from(known.is_none());
        }
        // kafka-protocol keeps unknown tagged fields in a B-tree, whose first entry allocates a whole node.
        match unknown.checked_sub(1) {
            None => Ok(()),
            Some(further) => {
                self.account(1, FIRST_UNKNOWN_TAG_MEMORY)?;
                self.account(further, FURTHER_UNKNOWN_TAG_MEMORY)
            }
        }
    }

    fn walk_tagged_field(&mut self, known: Option<&'static Field>, tag: u32) -> Walk {
        let start = self.at;
        let size = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let left = self.left();
        if size > left {
            return refuse(start, Reason::Truncated { needed: size, left }).map_err(|flaw| flaw.in_tag(tag));
        }
        let Some(field) = known else { return self.skip(size) };
        if !field.is_in(self.version) {
            return refuse(start, Reason::TaggedVersion).map_err(|flaw| flaw.in_field(field.name));
        }
        // kafka-protocol takes no notice of the size of a tagged field that it knows.
        let outer_end = std::mem::replace(&mut self.end, self.at + size);
        self.walk_field(field)?;
        if self.at != self.end {
            return refuse(start, Reason::TaggedSize).map_err(|flaw| flaw.in_field(field.name));
        }
        self.end = outer_end;
        Ok(())
    }

    /// The length of bytes or the count of an array; `None` is null.
    fn length(&mut self) -> Walk<Option<usize>> {
        if self.flexible {
            return self.compact_length();
        }
        let start = self.at;
        let length = i32::from_be_bytes(self.take_array()?);
        Self::signed_length(length, start)
    }

    fn int16_length(&mut self) -> Walk<Option<usize>> {
        let start = self.at;
        let length = i16::from_be_bytes(self.take_array()?);
        Self::signed_length(i32::from(length), start)
    }

    fn signed_length(length: i32, start: usize) -> Walk<Option<usize>> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => refuse(start, Reason::NegativeLength { length }),
        }
    }

    /// A length plus one, so that zero can stand for null.
    fn compact_length(&mut self) -> Walk<Option<usize>> {
        let stored = self.varint()?;
        Ok(stored.checked_sub(1).map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
    }

    fn non_null(length: Option<usize>, nullable: bool, start: usize) -> Walk<Option<usize>> {
        if length.is_none() && !nullable { refuse(start, Reason::Null) } else { Ok(length) }
    }

    /// An unsigned varint. As in Kafka, padding with zero bits is legal up to five bytes.
    fn varint(&mut self) -> Walk<u32> {
        let start = self.at;
        let mut value: u32 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take_array()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        refuse(start, Reason::Varint)
    }

    fn account(&mut self, count: usize, each: usize) -> Walk {
        self.memory = self.memory.saturating_add(allocation(count, each));
        if self.memory > self.memory_limit {
            return self.fail(Reason::Memory { needed: self.memory, allowed: self.memory_limit });
        }
        Ok(())
    }

    fn account_cost(&mut self, count: usize, each: usize) -> Walk {
        self.cost = self.cost.saturating_add(count.saturating_mul(each));
        if self.cost > MAX_HANDLED_BYTES {
            return self.fail(Reason::Elements { needed: self.cost, allowed: MAX_HANDLED_BYTES });
        }
        Ok(())
    }

    const fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    fn skip(&mut self, length: usize) -> Walk {
        self.take(length).map(|_| ())
    }

    fn take(&mut self, length: usize) -> Walk<&'a [u8]> {
        let left = self.left();
        if length <= left
            && let Some(taken) = self.input.get(self.at..self.at + length)
        {
            self.at += length;
            return Ok(taken);
        }
        self.fail(Reason::Truncated { needed: length, left })
    }

    fn take_array<const N: usize>(&mut self) -> Walk<[u8; N]> {
        let left = self.left();
        match self.take(N)?.first_chunk() {
            Some(chunk) => Ok(*chunk),
            None => self.fail(Reason::Truncated { needed: N, left }),
        }
    }

    fn fail<T>(&self, reason: Reason) -> Walk<T> {
        refuse(self.at, reason)
    }
}

/// What an array of so many elements is estimated to take.
pub(crate) const fn allocation(count: usize, each: usize) -> usize {
    if count == 0 { 0 } else { count.saturating_mul(each).saturating_add(ALLOCATION_OVERHEAD) }
}

fn refuse<T>(offset: usize, reason: Reason) -> Walk<T> {
    Err(Flaw::boxed(offset, reason))
}

/// Kafka refuses longer strings in every encoding, although a compact length could say more.
const MAX_STRING: usize = 0x7fff;
/// A tag and a size of zero.
const MIN_TAGGED_FIELD: usize = 2;
/// A leaf of `BTreeMap<i32, Bytes>`: eleven keys, eleven values, its parent and its length.
const FIRST_UNKNOWN_TAG_MEMORY: usize = 416;
/// A leaf that is half full, and its share of the inner nodes, for each entry.
const FURTHER_UNKNOWN_TAG_MEMORY: usize = 104;
/// What an allocator may round up.
const ALLOCATION_OVERHEAD: usize = 16;
