//! How many records fit into a batch.

use chronik_wire::batch::HEADER_LEN;

/// How many records with keys and values of so many bytes make a batch of `batch_size` bytes at most before compression, all
/// with the same timestamp; at least 1.
pub(crate) fn records_that_fit(batch_size: usize, key: Option<usize>, value: usize) -> usize {
    let mut left = batch_size.saturating_sub(HEADER_LEN);
    let mut records = 0;
    // Records whose offsets within the batch take equally many bytes have one size.
    for until in [1 << 6, 1 << 13, 1 << 20, 1 << 27, 1 << 31] {
        let class = until - records;
        let count = (left / record_bytes(records, key, value)).min(class);
        left -= count * record_bytes(records, key, value);
        records += count;
        if count < class {
            break;
        }
    }
    records.max(1)
}

/// Bytes of a record as it stands in a batch.
fn record_bytes(offset_delta: usize, key: Option<usize>, value: usize) -> usize {
    // Attributes, timestamp delta and the number of headers have one byte each; so has the length of a null.
    let key = key.map_or(1, |key| varint_bytes(key) + key);
    let body = 3 + varint_bytes(offset_delta) + key + varint_bytes(value) + value;
    varint_bytes(body) + body
}

/// Bytes of a number as a zigzag varint.
const fn varint_bytes(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros() + 1;
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use chronik_wire::batch::{BatchBuilder, NewRecord};

    use super::records_that_fit;

    /// The bytes of a real batch.
    fn batch_bytes(records: usize, key: Option<usize>, value: usize) -> usize {
        let (key, value) = (key.map(|bytes| vec![7; bytes]), vec![7; value]);
        let mut builder = BatchBuilder::new();
        for _ in 0..records {
            let (key, value) = (key.as_deref(), Some(value.as_slice()));
            builder.push(&NewRecord { key, value, ..NewRecord::default() });
        }
        builder.build().unwrap().len()
    }

    #[test]
    fn a_batch_is_as_full_as_it_can_be() {
        for (key, value) in
            [(None, 1), (None, 57), (None, 64), (None, 100), (Some(8), 92), (None, 1024), (Some(8), 0)]
        {
            for batch_size in [1_500, 4_096, 65_536, 100_000] {
                let records = records_that_fit(batch_size, key, value);
                let (full, over) = (batch_bytes(records, key, value), batch_bytes(records + 1, key, value));
                assert!(
                    full <= batch_size && over > batch_size,
                    "{key:?} {value} {batch_size}: {full} {over}"
                );
            }
        }
    }

    #[test]
    fn one_record_is_always_sent() {
        assert_eq!(records_that_fit(61, None, 100), 1);
        assert_eq!(records_that_fit(10, Some(8), 9_000_000), 1);
    }
}
