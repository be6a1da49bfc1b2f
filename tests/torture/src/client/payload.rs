//! The bytes of a record of the operation workloads: which value it is, what it was made from, and filling that depends
//! on both, so that any read can be judged alone.

use bytes::Bytes;
use chronik_types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};
use chronik_wire::batch::{BatchBuilder, NewRecord, Record};

use crate::checker::Key;
use crate::content::mix;
use crate::history::ValueId;
use crate::judges::Input;

/// What all records of an era have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) seed: u64,
    /// Time of every record. A recent one: Kafka takes producers for expired whose last record is a day old when it
    /// reads their state back after a crash.
    pub(crate) timestamp: TimestampMs,
}

/// A record to be sent, or one that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) value: ValueId,
    /// The input that a transformation made it from.
    pub(crate) source: Option<Input>,
}

/// Who sends a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
    pub(crate) transactional: bool,
}

/// Encodes a batch.
pub(crate) fn encode(stamp: Stamp, key: Key, items: &[Item], author: Author) -> Bytes {
    let mut builder = BatchBuilder::new().producer(
        ProducerId::new(author.producer_id),
        ProducerEpoch::new(author.epoch),
        Sequence::new(author.sequence),
    );
    if author.transactional {
        builder = builder.transactional();
    }
    for item in items {
        let bytes = bytes_of(stamp.seed, key, *item);
        builder.push(&NewRecord {
            timestamp: stamp.timestamp,
            key: Some(&item.value.to_be_bytes()),
            value: Some(&bytes),
            headers: &[],
        });
    }
    // A few hundred bytes stay far below the limits of the format.
    builder.build().unwrap_or_default()
}

/// Which item a record is, when all of it is as it was sent.
pub(crate) fn recognise(stamp: Stamp, key: Key, record: &Record<'_>) -> Option<Item> {
    let bytes = record.value?;
    let word = |at: usize| Some(i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let value = word(0)?.cast_unsigned();
    let source = Key::try_from(word(8)?).ok().zip(word(16));
    let item = Item { value, source };
    let same = bytes == bytes_of(stamp.seed, key, item)
        && record.key == Some(&value.to_be_bytes())
        && record.timestamp == stamp.timestamp
        && record.headers.is_empty();
    same.then_some(item)
}

fn bytes_of(seed: u64, key: Key, item: Item) -> Vec<u8> {
    let source = item.source.map(|(key, offset)| (i64::try_from(key).unwrap_or(i64::MAX), offset));
    let (source_key, source_offset) = source.unwrap_or((-1, -1));
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&item.value.to_be_bytes());
    bytes.extend_from_slice(&source_key.to_be_bytes());
    bytes.extend_from_slice(&source_offset.to_be_bytes());
    let filling = mix(seed, 0, key, item.value);
    for _ in 0..1 + filling % 4 {
        bytes.extend_from_slice(&filling.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronik_wire::batch::Batches;

    fn stamp(seed: u64) -> Stamp {
        Stamp { seed, timestamp: TimestampMs::new(1_700_000_000_000) }
    }

    #[test]
    fn recognises_what_it_encoded_and_nothing_else() {
        let items = [Item { value: 7, source: None }, Item { value: 8, source: Some((3, 99)) }];
        let author = Author { producer_id: 5, epoch: 1, sequence: 0, transactional: true };
        let batch = Batches::new(encode(stamp(1), 4, &items, author)).next().unwrap().unwrap();
        assert!(batch.header().attributes.is_transactional());
        let whole = batch.decode(1 << 20).unwrap();
        let read = |seed, key| -> Vec<Option<Item>> {
            whole.iter().map(|record| recognise(stamp(seed), key, &record.unwrap())).collect()
        };
        assert_eq!(read(1, 4), items.map(Some));
        assert_eq!(read(1, 5), [None, None], "another partition");
        assert_eq!(read(2, 4), [None, None], "another run");
    }
}
