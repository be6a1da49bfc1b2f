//! Topic names and Kafka's rules for them.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A legal topic name: 1 to 249 characters of `[a-zA-Z0-9._-]`, neither `.` nor `..`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The greatest length of a name, in bytes and characters alike. Kafka leaves room for a partition suffix in a
    /// directory name of 255 bytes.
    pub const MAX_LENGTH: usize = 249;

    /// Checks a name and copies it.
    ///
    /// # Errors
    /// [`InvalidTopicName`] says which rule is broken, in words that may be sent to the client.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(InvalidTopicName::Dots);
        }
        if let Some(character) = name.chars().find(|c| !is_legal(*c)) {
            return Err(InvalidTopicName::Character { character });
        }
        if name.len() > Self::MAX_LENGTH {
            return Err(InvalidTopicName::TooLong { length: name.len() });
        }
        Ok(Self(name.into()))
    }

    /// The name as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with every `.` replaced by `_`. Two names with the same key would share metric names, so Kafka lets
    /// only one of them exist.
    #[must_use]
    pub fn collision_key(&self) -> Cow<'_, str> {
        if self.0.contains('.') { Cow::Owned(self.0.replace('.', "_")) } else { Cow::Borrowed(&self.0) }
    }

    /// Whether both names have the same [`TopicName::collision_key`]. A name collides with itself.
    #[must_use]
    pub fn collides_with(&self, other: &Self) -> bool {
        let unify = |b: u8| if b == b'.' { b'_' } else { b };
        self.0.bytes().map(unify).eq(other.0.bytes().map(unify))
    }

    /// Whether Kafka reports the topic with `is_internal`, because the brokers write it themselves.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(&*self.0, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
    }
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Why a text is not a topic name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidTopicName {
    /// It has no characters.
    #[error("a topic name must not be empty")]
    Empty,
    /// It is `.` or `..`, which file systems read as something else.
    #[error("a topic name must be neither '.' nor '..'")]
    Dots,
    /// It is longer than [`TopicName::MAX_LENGTH`].
    #[error("a topic name has at most {max} characters, this one has {length}", max = TopicName::MAX_LENGTH)]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It has a character outside of the legal ones.
    #[error(
        "a topic name consists of ASCII letters, digits, '.', '_' and '-', this one contains {character:?}"
    )]
    Character {
        /// The first such character.
        character: char,
    },
}

impl TryFrom<&str> for TopicName {
    type Error = InvalidTopicName;

    fn try_from(name: &str) -> Result<Self, InvalidTopicName> {
        Self::new(name)
    }
}

impl std::str::FromStr for TopicName {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, InvalidTopicName> {
        Self::new(name)
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_kafka_accepts() {
        let longest = "a".repeat(249);
        for name in ["a", "A.b_c-9", "...", "__consumer_offsets", "-", longest.as_str()] {
            assert_eq!(TopicName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_what_kafka_refuses() {
        assert_eq!(TopicName::new(""), Err(InvalidTopicName::Empty));
        assert_eq!(TopicName::new("."), Err(InvalidTopicName::Dots));
        assert_eq!(TopicName::new(".."), Err(InvalidTopicName::Dots));
        assert_eq!(TopicName::new(&"a".repeat(250)), Err(InvalidTopicName::TooLong { length: 250 }));
        for name in ["a b", "ä", "a/b", "a\0", "a:b", "a*"] {
            assert!(matches!(TopicName::new(name), Err(InvalidTopicName::Character { .. })), "{name}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        let name = |text| TopicName::new(text).unwrap();
        assert!(name("a.b").collides_with(&name("a_b")));
        assert!(name("a.b_c").collides_with(&name("a_b.c")));
        assert!(!name("a.b").collides_with(&name("a-b")));
        assert!(!name("a.b").collides_with(&name("a.bc")));
        assert_eq!(name("a.b").collision_key(), name("a_b").collision_key());
    }
}
