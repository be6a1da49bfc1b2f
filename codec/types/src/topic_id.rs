//! Topic ids (KIP-516): 16 bytes that tell a topic from a later one with the same name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::Entropy;

/// The id of a topic; all zeros means "none". Printed as Kafka prints its `Uuid`: URL-safe base64 without padding.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId([u8; 16]);

impl TopicId {
    /// No topic id: the peer names the topic instead.
    pub const NONE: Self = Self([0; 16]);

    /// Takes the 16 bytes as they go over the wire, most significant first.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes as they go over the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Makes a new id, a version 4 UUID.
    ///
    /// As in Kafka its text never starts with `-`, so that it can be an argument of a command line tool. It is never
    /// one of Kafka's reserved ids either, since these are not of version 4.
    #[must_use]
    pub fn random(entropy: &Entropy) -> Self {
        loop {
            let bytes = (entropy.next_u128() & !VERSION_AND_VARIANT_MASK) | VERSION_4;
            let id = Self(bytes.to_be_bytes());
            if !id.starts_with_dash() {
                return id;
            }
        }
    }

    /// Whether this is [`TopicId::NONE`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    fn starts_with_dash(&self) -> bool {
        self.0.first().is_some_and(|first| first >> 2 == DASH)
    }
}

/// What is not a topic id in text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a topic id is written as 22 characters of URL-safe base64 that hold 16 bytes")]
pub struct InvalidTopicId;

impl FromStr for TopicId {
    type Err = InvalidTopicId;

    fn from_str(text: &str) -> Result<Self, InvalidTopicId> {
        let text = text.strip_suffix("==").unwrap_or(text);
        if text.len() != TEXT_LENGTH {
            return Err(InvalidTopicId);
        }
        let mut value: u128 = 0;
        for (at, byte) in text.bytes().enumerate() {
            let digit = DIGITS.iter().position(|d| *d == byte).ok_or(InvalidTopicId)?;
            let digit = u128::try_from(digit).map_err(|_| InvalidTopicId)?;
            if at + 1 < TEXT_LENGTH {
                value = (value << 6) | digit;
            } else if digit & 0b1111 == 0 {
                value = (value << 2) | (digit >> 4);
            } else {
                return Err(InvalidTopicId);
            }
        }
        Ok(Self(value.to_be_bytes()))
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let leading = (0..TEXT_LENGTH - 1).map(|at| (value >> (122 - 6 * at)) & 0b11_1111);
        let last = std::iter::once((value & 0b11) << 4);
        for digit in leading.chain(last) {
            let digit = usize::try_from(digit).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'A');
            fmt::Write::write_char(f, char::from(digit))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

/// 16 bytes are 21 digits of six bits and one of two.
const TEXT_LENGTH: usize = 22;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The index of `-` among the digits.
const DASH: u8 = 62;
const VERSION_AND_VARIANT_MASK: u128 = 0x0000_0000_0000_f000_c000_0000_0000_0000;
const VERSION_4: u128 = 0x0000_0000_0000_4000_8000_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_kafka_prints_it() {
        // Uuid.METADATA_TOPIC_ID and Uuid.ZERO_UUID of Apache Kafka.
        assert_eq!(TopicId::from_bytes(1u128.to_be_bytes()).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId::NONE.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(TopicId::from_bytes([0xff; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn text_round_trips() {
        let entropy = Entropy::seeded(7);
        for _ in 0..100 {
            let id = TopicId::random(&entropy);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn refuses_text_that_holds_no_16_bytes() {
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAA+AAAAAAAAAA"]
        {
            assert_eq!(text.parse::<TopicId>(), Err(InvalidTopicId), "{text}");
        }
    }

    #[test]
    fn random_ids_are_version_4_and_never_start_with_a_dash() {
        let entropy = Entropy::seeded(1);
        for _ in 0..2_000 {
            let id = TopicId::random(&entropy);
            assert!(!id.to_string().starts_with('-'));
            assert_eq!((id.as_bytes()[6] >> 4, id.as_bytes()[8] >> 6), (4, 0b10));
        }
    }
}
