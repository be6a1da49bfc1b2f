//! The vocabulary in which messages are described: fields in wire order, each with its type and its versions.
//!
//! It follows the JSON files in which Apache Kafka defines its messages. Whether lengths are compact and tagged fields
//! follow is not part of a shape: that is one version per API, from which on every struct is flexible (KIP-482).

/// A struct on the wire, and what kafka-protocol makes of it in memory.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The size of the decoded struct, without what it points to.
    pub(crate) memory: usize,
    /// All fields of all versions; those with a tag stand in the tagged section.
    pub(crate) fields: &'static [Field],
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name in Kafka's definition, in snake_case.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) kind: Kind,
    first: i16,
    last: i16,
    first_nullable: i16,
    /// Its tag, if it stands in the tagged section.
    pub(crate) tag: Option<u32>,
    /// Of an array: what handling and answering an element takes, beside decoding it.
    pub(crate) cost: usize,
}

/// The type of a field or of the elements of an array.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// One byte; everything but 0 is true.
    Bool,
    /// One byte.
    Int8,
    /// Two bytes.
    Int16,
    /// Four bytes.
    Int32,
    /// Eight bytes.
    Int64,
    /// Sixteen bytes.
    Uuid,
    /// A length and as much UTF-8.
    String,
    /// A length and as many bytes of record batches.
    Records,
    /// A length and as many bytes that mean something to clients alone.
    Bytes,
    /// A struct in place; when nullable, with a byte in front that says whether it is there.
    Struct(&'static Shape),
    /// A count and as many elements.
    Array(&'static Kind),
}

/// A field that all versions have and that is never null.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, first: 0, last: i16::MAX, first_nullable: i16::MAX, tag: None, cost: 0 }
}

impl Field {
    /// Present from this version on.
    pub(crate) const fn since(mut self, version: i16) -> Self {
        self.first = version;
        self
    }

    /// Present up to this version.
    pub(crate) const fn until(mut self, version: i16) -> Self {
        self.last = version;
        self
    }

    /// May be null from this version on.
    pub(crate) const fn nullable_since(mut self, version: i16) -> Self {
        self.first_nullable = version;
        self
    }

    /// Stands in the tagged section under this tag.
    pub(crate) const fn tagged(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// An array of which each element takes so many bytes beside those of its decoded form, until it is answered.
    pub(crate) const fn costing(mut self, bytes: usize) -> Self {
        self.cost = bytes;
        self
    }

    /// Whether the version has this field.
    pub(crate) const fn is_in(&self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    /// Whether the field may be null in this version.
    pub(crate) const fn is_nullable(&self, version: i16) -> bool {
        self.first_nullable <= version
    }
}

impl Kind {
    /// The size of a decoded value, without what it points to.
    pub(crate) const fn memory(self) -> usize {
        match self {
            Self::Bool | Self::Int8 => 1,
            Self::Int16 => 2,
            Self::Int32 => 4,
            Self::Int64 => 8,
            Self::Uuid => 16,
            Self::String | Self::Records | Self::Bytes => size_of::<bytes::Bytes>(),
            Self::Struct(shape) => shape.memory,
            Self::Array(_) => size_of::<Vec<u8>>(),
        }
    }

    /// The fewest bytes that a value takes on the wire.
    pub(crate) fn min_length(self, version: i16, flexible: bool, nullable: bool) -> usize {
        match self {
            Self::Bool | Self::Int8 => 1,
            Self::Int16 => 2,
            Self::Int32 => 4,
            Self::Int64 => 8,
            Self::Uuid => 16,
            Self::String if !flexible => 2,
            Self::Records | Self::Bytes | Self::Array(_) if !flexible => 4,
            Self::String | Self::Records | Self::Bytes | Self::Array(_) => 1,
            Self::Struct(_) if nullable => 1,
            Self::Struct(shape) => {
                let present = shape.fields.iter().filter(|field| field.tag.is_none() && field.is_in(version));
                let fields: usize = present
                    .map(|field| field.kind.min_length(version, flexible, field.is_nullable(version)))
                    .sum();
                fields + usize::from(flexible)
            }
        }
    }
}
