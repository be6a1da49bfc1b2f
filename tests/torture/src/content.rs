//! The bytes of every record: a function of the seed and of which value it is, so that any read can be judged alone.

use bytes::Bytes;
use chronik_types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use chronik_wire::batch::{BatchBuilder, Batches, NewRecord, Record};

use crate::checker::{Batch, Key, Value};
use crate::plan::ProducerPlan;

/// Bytes at the front of a value that say which one it is: producer, key, number.
const IDENTITY_BYTES: usize = 4 + 4 + 8;
/// Time of value 0; each next one is a millisecond later.
const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;
/// The largest batch of the plan decompresses to far less.
const DECOMPRESSED_LIMIT: usize = 64 * 1024 * 1024;

/// Who sends a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    /// Producer id and epoch of an idempotent producer.
    pub(crate) identity: Option<(i64, i16)>,
    /// Sequence of the first record before it wraps around.
    pub(crate) base_sequence: u64,
}

/// Encodes a batch as a client does.
pub(crate) fn encode_batch(seed: u64, plan: &ProducerPlan, key: Key, batch: Batch, sender: Sender) -> Bytes {
    let mut builder = BatchBuilder::new().codec(plan.compression);
    if let Some((id, epoch)) = sender.identity {
        // Sequences wrap from the largest i32 to 0.
        let sequence = i32::try_from(sender.base_sequence & 0x7FFF_FFFF).unwrap_or(0);
        let (id, epoch) = (ProducerId::new(id), ProducerEpoch::new(epoch));
        builder = builder.producer(id, epoch, Sequence::new(sequence));
    }
    for index in 0..batch.count {
        let value = Value { number: batch.first.number + index, ..batch.first };
        let expected = Expected::new(seed, plan, key, value);
        builder.push(&NewRecord {
            timestamp: expected.timestamp,
            key: expected.key.as_deref(),
            value: Some(&expected.value),
            headers: &expected.headers(),
        });
    }
    // The plan keeps every batch far below the limits of the format.
    builder.build().unwrap_or_default()
}

/// All records of a `records` field with their offsets; a value is `None` when its bytes are not what was sent.
///
/// # Errors
/// When a batch is not whole, its checksum is wrong, or its records cannot be read.
pub(crate) fn decode_records(
    seed: u64,
    producers: &[ProducerPlan],
    key: Key,
    records: Bytes,
) -> Result<Vec<(i64, Option<Value>)>, String> {
    let mut decoded = Vec::new();
    for batch in Batches::new(records) {
        let batch = batch.map_err(|error| error.to_string())?;
        batch.verify_crc().map_err(|error| error.to_string())?;
        let whole = batch.decode(DECOMPRESSED_LIMIT).map_err(|error| error.to_string())?;
        for record in &whole {
            let record = record.map_err(|error| error.to_string())?;
            decoded.push((record.offset.get(), recognise(seed, producers, key, &record)));
        }
    }
    Ok(decoded)
}

/// Which value a record is, when all of it is as it was sent.
fn recognise(seed: u64, producers: &[ProducerPlan], key: Key, record: &Record<'_>) -> Option<Value> {
    let bytes = record.value?;
    let number = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let producer = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let value = Value { producer, number: number(8)? };
    let plan = producers.iter().find(|plan| plan.id == producer)?;
    let expected = Expected::new(seed, plan, key, value);
    let same = bytes == expected.value
        && record.key == expected.key.as_deref()
        && record.timestamp == expected.timestamp
        && record.headers.iter().eq(expected.headers());
    same.then_some(value)
}

/// Length of a value.
pub(crate) fn value_bytes(seed: u64, plan: &ProducerPlan, key: Key, value: Value) -> usize {
    let span = plan.value_bytes.end - plan.value_bytes.start;
    let drawn = plan.value_bytes.start + mix(seed, plan.id, key, value.number) % span.max(1);
    usize::try_from(drawn).unwrap_or(0).max(IDENTITY_BYTES)
}

/// What a record must be.
struct Expected {
    timestamp: TimestampMs,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    header: Option<[u8; 8]>,
}

impl Expected {
    fn new(seed: u64, plan: &ProducerPlan, key: Key, value: Value) -> Self {
        let mut bytes = Vec::with_capacity(value_bytes(seed, plan, key, value) + 8);
        bytes.extend_from_slice(&value.producer.to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(key).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&value.number.to_be_bytes());
        let length = value_bytes(seed, plan, key, value);
        let mut state = mix(seed, value.producer, key, value.number);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Each word twice: compressible, yet never the same block twice.
            bytes.extend_from_slice(&state.to_be_bytes());
            bytes.extend_from_slice(&state.to_be_bytes());
        }
        bytes.truncate(length);
        Self {
            timestamp: TimestampMs::new(FIRST_TIMESTAMP.saturating_add_unsigned(value.number)),
            key: (!value.number.is_multiple_of(7)).then(|| value.number.to_string().into_bytes()),
            value: bytes,
            header: value.number.is_multiple_of(3).then(|| state.to_be_bytes()),
        }
    }

    /// None, or the same header key twice, once with a value and once with null.
    fn headers(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        self.header.iter().flat_map(|value| [(&b"h"[..], Some(&value[..])), (&b"h"[..], None)]).collect()
    }
}

/// A number that looks drawn at random and depends on nothing but its arguments.
pub(crate) fn mix(seed: u64, producer: u32, key: Key, number: u64) -> u64 {
    let mut state = seed ^ (u64::from(producer) << 48) ^ (u64::try_from(key).unwrap_or(0) << 32) ^ number;
    for _ in 0..2 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^= state >> 31;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::producers;

    #[test]
    fn recognises_what_it_encoded_and_nothing_else() {
        let plans = producers();
        for plan in &plans {
            let first = Value { producer: plan.id, number: 5 };
            let batch = Batch { first, count: 4 };
            let sender = Sender { identity: Some((9, 0)), base_sequence: 5 };
            let bytes = encode_batch(3, plan, 20, batch, sender);
            let decoded = decode_records(3, &plans, 20, bytes.clone()).unwrap();
            let expected: Vec<_> = (0..4_i64)
                .map(|n| (n, Some(Value { producer: plan.id, number: 5 + n.unsigned_abs() })))
                .collect();
            assert_eq!(decoded, expected);
            let elsewhere = decode_records(3, &plans, 21, bytes.clone()).unwrap();
            assert!(elsewhere.iter().all(|(_, value)| value.is_none()), "a record of another partition");
            let mut flipped = bytes.to_vec();
            *flipped.last_mut().unwrap() ^= 1;
            assert!(decode_records(3, &plans, 20, flipped.into()).is_err());
        }
    }
}
