use bytes::Bytes;
use chronik_types::{LeaderEpoch, Offset};
use chronik_wire::batch::{BatchBuilder, BatchHeader, HEADER_LEN, NewRecord, patch_in_place};

use super::*;

/// A batch of `records` records that all hold `content`, at a base offset.
fn batch(base_offset: i64, records: usize, content: &[u8]) -> Vec<u8> {
    let record = NewRecord { value: Some(content), ..NewRecord::default() };
    let built: Bytes =
        (0..records).fold(BatchBuilder::new(), |batch, _| batch.record(&record)).build().unwrap();
    let mut bytes = built.to_vec();
    patch_in_place(&mut bytes, Offset::new(base_offset), LeaderEpoch::new(3)).unwrap();
    bytes
}

fn hash(batch: &[u8]) -> u64 {
    content_hash(&batch[HEADER_LEN..])
}

/// Two batches of partition 0 and one of partition 7, acknowledged out of order.
fn log() -> (Ledger, Vec<(i32, Vec<u8>)>) {
    let log = vec![(0, batch(5, 3, b"one")), (0, batch(8, 2, b"two")), (7, batch(0, 3, b"one"))];
    let mut ledger = Ledger::default();
    for (partition, bytes) in log.iter().rev() {
        let header = BatchHeader::parse(bytes).unwrap();
        let records = u64::try_from(header.record_count).unwrap();
        ledger.acknowledged(*partition, header.base_offset.get(), records, hash(bytes));
    }
    (ledger, log)
}

fn verdict(ledger: &Ledger, log: &[(i32, Vec<u8>)]) -> Verified {
    let mut found = ReadBack::new(ledger);
    for (partition, bytes) in log {
        found.batch(*partition, &BatchHeader::parse(bytes).unwrap(), bytes);
    }
    found.verdict()
}

#[test]
fn what_is_read_as_it_was_sent_is_clean() {
    let (ledger, mut log) = log();
    assert_eq!(verdict(&ledger, &log), Verified { records: 8, missing: 0, corrupt: 0 });
    // Batches whose acknowledgement was lost, and those of others.
    log.push((0, batch(10, 4, b"lost")));
    log.push((3, batch(0, 1, b"foreign")));
    assert_eq!(verdict(&ledger, &log), Verified { records: 8, missing: 0, corrupt: 0 });
}

#[test]
fn every_batch_that_is_not_there_is_missed() {
    let (ledger, log) = log();
    for (gone, records) in [(0, 3), (1, 2), (2, 3)] {
        let mut rest = log.clone();
        rest.remove(gone);
        assert_eq!(verdict(&ledger, &rest).missing, records, "{gone}");
    }
}

#[test]
fn a_changed_byte_is_found_anywhere_in_a_batch() {
    let (ledger, log) = log();
    // From the CRC on; before it lie offset and epoch, which the broker sets, and lengths, without which nothing is read.
    for at in 17..log[1].1.len() {
        let mut changed = log.clone();
        changed[1].1[at] ^= 0x10;
        let verdict = verdict(&ledger, &changed);
        assert!(!verdict.is_clean(), "byte {at}: {verdict:?}");
    }
}

#[test]
fn foreign_content_and_exchanged_batches_are_found() {
    let (ledger, log) = log();
    let mut foreign = log.clone();
    foreign[1].1 = batch(8, 2, b"six");
    assert_eq!(verdict(&ledger, &foreign), Verified { records: 8, missing: 0, corrupt: 2 });
    let mut exchanged = log.clone();
    exchanged[0].1 = batch(5, 2, b"two");
    exchanged[1].1 = batch(7, 3, b"one");
    assert!(!verdict(&ledger, &exchanged).is_clean());
    let mut repeated = log;
    repeated.push(repeated[0].clone());
    assert_eq!(verdict(&ledger, &repeated).corrupt, 3);
}

#[test]
fn an_offset_that_was_acknowledged_twice_cannot_hold_both() {
    let (mut ledger, log) = log();
    ledger.acknowledged(0, 6, 1, hash(&log[0].1));
    assert_eq!(verdict(&ledger, &log), Verified { records: 8, missing: 1, corrupt: 0 });
}

#[test]
fn ranges_merge_when_they_touch() {
    let mut ranges = Ranges::default();
    assert!(ranges.insert(10, 20) && ranges.insert(30, 40) && ranges.insert(20, 30));
    assert_eq!((&ranges, ranges.count()), (&Ranges(BTreeMap::from([(10, 40)])), 30));
    for (start, end) in [(5, 11), (10, 11), (39, 50), (0, 100), (15, 16)] {
        assert!(!ranges.insert(start, end), "{start}..{end}");
    }
    assert!(ranges.contains(10) && ranges.contains(39) && !ranges.contains(40) && !ranges.contains(9));
}

#[test]
fn what_is_outside_of_other_ranges_is_counted() {
    let ranges = |parts: &[(i64, i64)]| Ranges(parts.iter().copied().collect());
    let all = ranges(&[(0, 10), (20, 30)]);
    for (other, outside) in [
        (ranges(&[]), 20),
        (ranges(&[(0, 30)]), 0),
        (ranges(&[(5, 25)]), 10),
        (ranges(&[(0, 1), (2, 3), (29, 40)]), 17),
        (ranges(&[(10, 20)]), 20),
    ] {
        assert_eq!(all.count_outside(&other), outside, "{other:?}");
    }
}
