//! Writes random messages by their shape.

use chronik_types::Entropy;

use crate::wellformed::shape::{Field, Kind, Shape};

/// A message, and where its lengths stand.
pub(crate) struct Generated {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lengths: Vec<Length>,
    /// How deeply structs are nested in it.
    pub(super) depth: usize,
}

/// A length or count in a message.
pub(crate) struct Length {
    pub(crate) at: usize,
    pub(crate) width: usize,
    pub(super) kind: LengthKind,
}

#[derive(Clone, Copy)]
pub(crate) enum LengthKind {
    Int16,
    Int32,
    Varint,
}

/// A random message of that shape, as kafka-protocol would encode it: no tagged field with its default value.
pub(crate) fn generate(shape: &'static Shape, version: i16, flexible: bool, entropy: &Entropy) -> Generated {
    let message = Generated { bytes: Vec::new(), lengths: Vec::new(), depth: 0 };
    let mut writer = Writer { message, version, flexible, entropy, depth: 0 };
    writer.structure(shape);
    writer.message
}

struct Writer<'a> {
    message: Generated,
    version: i16,
    flexible: bool,
    entropy: &'a Entropy,
    depth: usize,
}

impl Writer<'_> {
    fn structure(&mut self, shape: &'static Shape) {
        self.depth += 1;
        self.message.depth = self.message.depth.max(self.depth);
        for field in shape.fields {
            if field.tag.is_none() && field.is_in(self.version) {
                self.value(field.kind, field.is_nullable(self.version));
            }
        }
        if self.flexible {
            self.tagged_section(shape);
        }
        self.depth -= 1;
    }

    fn value(&mut self, kind: Kind, nullable: bool) {
        let null = nullable && self.one_in(4);
        match kind {
            Kind::Bool => {
                let value = u8::from(self.one_in(2));
                self.message.bytes.push(value);
            }
            Kind::Int8 => self.random(1),
            Kind::Int16 => self.random(2),
            Kind::Int32 => self.random(4),
            Kind::Int64 => self.random(8),
            Kind::Uuid => self.random(16),
            Kind::String => self.string(null),
            Kind::Records | Kind::Bytes => self.opaque(null),
            Kind::Struct(shape) if nullable => {
                self.message.bytes.push(if null { 0xff } else { 1 });
                if !null {
                    self.structure(shape);
                }
            }
            Kind::Struct(shape) => self.structure(shape),
            Kind::Array(element) => {
                let count = self.small();
                self.length(LengthKind::Int32, (!null).then_some(count));
                for _ in 0..if null { 0 } else { count } {
                    self.value(*element, false);
                }
            }
        }
    }

    fn string(&mut self, null: bool) {
        let text = ["", "t", "über", "a-longer.topic_name"][usize::try_from(self.entropy.below(4)).unwrap()];
        self.length(LengthKind::Int16, (!null).then_some(text.len()));
        if !null {
            self.message.bytes.extend_from_slice(text.as_bytes());
        }
    }

    fn opaque(&mut self, null: bool) {
        let length = self.small() * 40;
        self.length(LengthKind::Int32, (!null).then_some(length));
        if !null {
            self.random(length);
        }
    }

    fn tagged_section(&mut self, shape: &'static Shape) {
        let mut known: Vec<&Field> = shape.fields.iter().filter(|field| field.tag.is_some()).collect();
        known.sort_by_key(|field| field.tag);
        known.retain(|field| field.is_in(self.version) && self.one_in(2));
        let unknown = self.one_in(6);
        self.length_as(LengthKind::Varint, known.len() + usize::from(unknown));
        for field in known {
            let mut inner = Writer {
                message: Generated { bytes: Vec::new(), lengths: Vec::new(), depth: 0 },
                version: self.version,
                flexible: self.flexible,
                entropy: self.entropy,
                depth: self.depth,
            };
            // Never null: that is the default of those fields that may be, and kafka-protocol leaves defaults out.
            inner.value(field.kind, false);
            self.varint(field.tag.unwrap());
            self.length_as(LengthKind::Varint, inner.message.bytes.len());
            let shift = self.message.bytes.len();
            self.message.bytes.append(&mut inner.message.bytes);
            let lengths = inner.message.lengths.into_iter();
            self.message.lengths.extend(lengths.map(|length| Length { at: length.at + shift, ..length }));
        }
        if unknown {
            self.varint(900);
            self.length_as(LengthKind::Varint, 3);
            self.random(3);
        }
    }

    /// A length in the encoding of the version.
    fn length(&mut self, plain: LengthKind, length: Option<usize>) {
        match (self.flexible, plain, length) {
            (true, _, length) => self.length_as(LengthKind::Varint, length.map_or(0, |length| length + 1)),
            (false, kind, Some(length)) => self.length_as(kind, length),
            // Null stands for no bytes, so it is no length that could lie by its size alone; it is overwritten too.
            (false, LengthKind::Int16, None) => self.mark(LengthKind::Int16, &[0xff; 2]),
            (false, kind, None) => self.mark(kind, &[0xff; 4]),
        }
    }

    fn length_as(&mut self, kind: LengthKind, length: usize) {
        match kind {
            LengthKind::Int16 => self.mark(kind, &u16::try_from(length).unwrap().to_be_bytes()),
            LengthKind::Int32 => self.mark(kind, &u32::try_from(length).unwrap().to_be_bytes()),
            LengthKind::Varint => {
                let at = self.message.bytes.len();
                self.varint(u32::try_from(length).unwrap());
                let width = self.message.bytes.len() - at;
                self.message.lengths.push(Length { at, width, kind });
            }
        }
    }

    fn mark(&mut self, kind: LengthKind, bytes: &[u8]) {
        let at = self.message.bytes.len();
        self.message.lengths.push(Length { at, width: bytes.len(), kind });
        self.message.bytes.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.message.bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        self.message.bytes.push(u8::try_from(value).unwrap());
    }

    fn random(&mut self, length: usize) {
        let start = self.message.bytes.len();
        self.message.bytes.resize(start + length, 0);
        self.entropy.fill(&mut self.message.bytes[start..]);
    }

    fn small(&self) -> usize {
        usize::try_from(self.entropy.below(4)).unwrap()
    }

    fn one_in(&self, many: u64) -> bool {
        self.entropy.below(many) == 0
    }
}
