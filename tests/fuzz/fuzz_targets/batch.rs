//! Batches: split, checked, patched and stamped. A second look at the same bytes has the CRC put right, so that the rules
//! behind it are reached.
#![no_main]

use bytes::Bytes;
use chronik_types::{LeaderEpoch, Offset, TimestampMs, TimestampType};
use chronik_wire::batch::{
    AppendRules, Batches, EndTxnMarker, HEADER_LEN, PREFIX_LEN, RecordBatch, crc32c, patch_in_place,
    patched_prefix, single_batch,
};
use libfuzzer_sys::fuzz_target;

const NOW: TimestampMs = TimestampMs::new(1_700_000_000_000);
const OFFSET: Offset = Offset::new(1 << 40);
const EPOCH: LeaderEpoch = LeaderEpoch::new(7);

const RULES: AppendRules = AppendRules {
    max_message_bytes: 1_048_588,
    timestamp_type: TimestampType::CreateTime,
    timestamp_before_max_ms: i64::MAX,
    timestamp_after_max_ms: 3_600_000,
    zstd_allowed: true,
};

fuzz_target!(|input: &[u8]| {
    let mut total = 0;
    for batch in Batches::new(Bytes::copy_from_slice(input)).flatten() {
        total += batch.bytes().len();
        check(&batch);
    }
    assert!(total <= input.len());

    let mut repaired = input.to_vec();
    if let Some((head, covered)) = repaired.split_at_mut_checked(21) {
        head[17..].copy_from_slice(&crc32c(covered).to_be_bytes());
        if let Ok(batch) = single_batch(repaired.into()) {
            batch.verify_crc().expect("the CRC was put right");
            check(&batch);
        }
    }
});

fn check(batch: &RecordBatch) {
    let header = batch.header();
    assert_eq!(header.encode(), batch.bytes()[..HEADER_LEN]);
    let valid = batch.verify_crc().is_ok();
    if batch.validate_append(&RULES, NOW).is_ok() {
        assert!(valid && header.record_count == header.last_offset_delta + 1 && header.codec().is_some());
    }

    let mut patched = batch.bytes().to_vec();
    patch_in_place(&mut patched, OFFSET, EPOCH).expect("a parsed batch can be patched");
    assert_eq!(patched[..PREFIX_LEN], patched_prefix(header, OFFSET, EPOCH));
    let patched = RecordBatch::parse(patched.into()).expect("a patched batch is a batch");
    assert_eq!(patched, batch.with_offset(OFFSET, EPOCH));
    assert_eq!(patched.verify_crc().is_ok(), valid);

    let stamped = batch.with_log_append_time(NOW);
    assert_eq!(stamped.verify_crc().is_ok(), valid);
    assert_eq!(RecordBatch::parse(stamped.bytes().clone()).as_ref(), Ok(&stamped));

    let _ = (header.last_offset(), header.next_offset(), header.last_sequence(), header.delete_horizon());
    let _ = EndTxnMarker::read(batch);
}
