//! Keys and values of records, the same in every run.

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use crate::args::{KeyPattern, PayloadPattern};

/// A record's key and value.
pub(crate) type KeyValue = (Option<Vec<u8>>, Vec<u8>);

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 8;

/// Makes records one after the other.
#[derive(Debug)]
pub(crate) struct Payloads {
    keys: KeyPattern,
    values: PayloadPattern,
    value_bytes: usize,
    number: u64,
    random: StdRng,
}

impl Payloads {
    /// Records of `record_size` bytes, of which a key takes [`KEY_BYTES`].
    pub(crate) fn new(keys: KeyPattern, values: PayloadPattern, record_size: usize) -> Self {
        let key_bytes = if keys == KeyPattern::None { 0 } else { KEY_BYTES };
        let value_bytes = record_size.saturating_sub(key_bytes);
        Self { keys, values, value_bytes, number: 0, random: StdRng::seed_from_u64(0x6368_726f_6e69_6b21) }
    }

    /// The next record's key and value.
    pub(crate) fn next(&mut self) -> KeyValue {
        let key = match self.keys {
            KeyPattern::None => None,
            KeyPattern::Sequential => Some(digits(self.number)),
            KeyPattern::Random => Some(digits(self.random.random())),
        };
        let value = match self.values {
            PayloadPattern::Zero => vec![0; self.value_bytes],
            PayloadPattern::Random => {
                let mut value = vec![0; self.value_bytes];
                self.random.fill_bytes(&mut value);
                value
            }
            PayloadPattern::Text => self.words(),
            PayloadPattern::Json => self.object(),
        };
        self.number += 1;
        (key, value)
    }

    /// Whether records differ from each other.
    pub(crate) fn vary(keys: KeyPattern, values: PayloadPattern) -> bool {
        keys != KeyPattern::None || values != PayloadPattern::Zero
    }

    fn words(&mut self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.value_bytes + 16);
        while text.len() < self.value_bytes {
            text.extend_from_slice(self.word().as_bytes());
            text.push(b' ');
        }
        text.truncate(self.value_bytes);
        text
    }

    /// An event of a shop, made as long as asked by its last field. A size too small for that cuts it off.
    fn object(&mut self) -> Vec<u8> {
        let (user, amount) = (self.random.random_range(0..1_000_000), self.random.random_range(1..100_000));
        let (number, event, items) = (self.number, self.word(), self.random.random_range(1..20));
        let start = format!(
            r#"{{"id":{number},"user":"user-{user:06}","event":"{event}","amount":{}.{:02},"items":{items},"note":""#,
            amount / 100,
            amount % 100,
        );
        let note = self.value_bytes.saturating_sub(start.len() + 2);
        let mut object = start.into_bytes();
        let before = object.len();
        while object.len() < before + note {
            object.extend_from_slice(self.word().as_bytes());
            object.push(b' ');
        }
        object.truncate(before + note);
        object.extend_from_slice(b"\"}");
        object.truncate(self.value_bytes);
        object
    }

    fn word(&mut self) -> &'static str {
        WORDS.get(self.random.random_range(0..WORDS.len())).copied().unwrap_or_default()
    }
}

fn digits(number: u64) -> Vec<u8> {
    format!("{:08}", number % 100_000_000).into_bytes()
}

const WORDS: [&str; 48] = [
    "order",
    "paid",
    "shipped",
    "stream",
    "topic",
    "record",
    "offset",
    "batch",
    "leader",
    "follower",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "lazy",
    "dog",
    "the",
    "a",
    "of",
    "and",
    "to",
    "in",
    "with",
    "from",
    "until",
    "customer",
    "invoice",
    "address",
    "street",
    "city",
    "country",
    "payment",
    "card",
    "refund",
    "cart",
    "checkout",
    "sensor",
    "reading",
    "temperature",
    "pressure",
    "alarm",
    "status",
    "ok",
    "failed",
    "retry",
    "partition",
    "group",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_size_asked_for() {
        let patterns =
            [PayloadPattern::Zero, PayloadPattern::Random, PayloadPattern::Text, PayloadPattern::Json];
        for values in patterns {
            for keys in [KeyPattern::None, KeyPattern::Sequential, KeyPattern::Random] {
                for size in [8, 9, 100, 1024] {
                    let (key, value) = Payloads::new(keys, values, size).next();
                    let key = key.unwrap_or_default().len();
                    assert_eq!(key + value.len(), size, "{keys:?} {values:?}");
                }
            }
        }
    }

    #[test]
    fn json_is_json_and_the_same_in_every_run() {
        let object = || Payloads::new(KeyPattern::None, PayloadPattern::Json, 300).next().1;
        assert!(serde_json::from_slice::<serde_json::Value>(&object()).unwrap()["note"].is_string());
        assert_eq!(object(), object());
    }
}
