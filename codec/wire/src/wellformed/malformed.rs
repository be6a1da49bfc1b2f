//! What is wrong with a message, for the one line that the log gets.

use std::fmt;

use thiserror::Error;

/// A message that is not what its API and version say, or that would take too much memory to decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The name of the API.
    pub api: &'static str,
    /// The version that the message claims.
    pub version: i16,
    /// The field, as in `topics[3].partitions[0].records`; empty for the message as a whole.
    pub path: String,
    /// Where in the body it was noticed.
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

impl Malformed {
    pub(crate) const fn new(api: &'static str, version: i16, offset: usize, reason: Reason) -> Self {
        Self { api, version, path: String::new(), offset, reason }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}: ", self.api, self.version)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{} (at byte {} of the body)", self.reason, self.offset)
    }
}

impl std::error::Error for Malformed {}

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The API is not in the table, or not in this version.
    #[error("this version is not supported")]
    UnsupportedVersion,
    /// The bytes end within a value.
    #[error("needs {needed} bytes where {left} are left")]
    Truncated {
        /// How many bytes the value claims.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// An array claims more elements than the rest of the bytes can hold.
    #[error("claims {count} elements where {left} bytes are left")]
    Count {
        /// The claim.
        count: usize,
        /// How many bytes there are.
        left: usize,
    },
    /// A length or count below -1.
    #[error("has the negative length {length}")]
    NegativeLength {
        /// The length.
        length: i32,
    },
    /// Null, where this version of the message has none.
    #[error("is null, which it must not be")]
    Null,
    /// Neither of the two marks that stand before a struct that may be null.
    #[error("has {mark} where 1 (present) or -1 (null) is expected")]
    PresenceMark {
        /// The byte that was there.
        mark: i8,
    },
    /// A string that is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// A string above 32767 bytes, the most that Kafka takes in any encoding.
    #[error("is a string of {length} bytes, more than 32767")]
    StringTooLong {
        /// Its length.
        length: usize,
    },
    /// A variable-length integer above 32 bits or 5 bytes.
    #[error("has a variable-length integer that exceeds 32 bits")]
    Varint,
    /// A tagged field that is shorter or longer than its value.
    #[error("has a tagged size that differs from its value")]
    TaggedSize,
    /// A tagged field that a later version introduced.
    #[error("is a tagged field that this version does not have")]
    TaggedVersion,
    /// Decoding would take more memory than is allowed: [`allowed_memory`](super::allowed_memory), and what the caller adds.
    #[error("would take {needed} bytes of memory to decode where {allowed} are allowed")]
    Memory {
        /// The estimate so far.
        needed: usize,
        /// The limit.
        allowed: usize,
    },
    /// Handling and answering so many elements would take more memory than any one request may.
    #[error("has so many elements that they would take {needed} bytes of memory where {allowed} are allowed")]
    Elements {
        /// The estimate so far.
        needed: usize,
        /// The limit.
        allowed: usize,
    },
    /// The message ends before the bytes do.
    #[error("has {left} bytes after its end")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// kafka-protocol refused what was proven well-formed: the two disagree about the message.
    #[error("cannot be decoded: {message}")]
    Decoder {
        /// Its words.
        message: String,
    },
}

/// A [`Malformed`] on its way out of the walk; each level adds its name.
#[derive(Debug)]
pub(super) struct Flaw {
    /// The innermost segment first.
    path: Vec<Segment>,
    offset: usize,
    reason: Reason,
}

#[derive(Debug)]
enum Segment {
    Field(&'static str),
    Element(usize),
    Tag(u32),
}

impl Flaw {
    pub(super) fn boxed(offset: usize, reason: Reason) -> Box<Self> {
        Box::new(Self { path: Vec::new(), offset, reason })
    }

    pub(super) fn in_field(mut self: Box<Self>, name: &'static str) -> Box<Self> {
        self.path.push(Segment::Field(name));
        self
    }

    pub(super) fn in_element(mut self: Box<Self>, index: usize) -> Box<Self> {
        self.path.push(Segment::Element(index));
        self
    }

    pub(super) fn in_tag(mut self: Box<Self>, tag: u32) -> Box<Self> {
        self.path.push(Segment::Tag(tag));
        self
    }

    pub(super) fn in_message(self, api: &'static str, version: i16) -> Malformed {
        let mut path = String::new();
        for segment in self.path.iter().rev() {
            let dot = if path.is_empty() { "" } else { "." };
            path += &match segment {
                Segment::Field(name) => format!("{dot}{name}"),
                Segment::Element(index) => format!("[{index}]"),
                Segment::Tag(tag) => format!("{dot}tag {tag}"),
            };
        }
        Malformed { api, version, path, offset: self.offset, reason: self.reason }
    }
}
