//! The record iterator over foreign bytes: rising offsets, as many records as the header says, and nothing allocated.
//!
//! Input: record count (1 byte), last offset delta (1 byte), a flag for log-append time, then the decompressed records.
//! What was read is written again and has to read the same.
#![no_main]

use bytes::Bytes;
use chronik_fuzz::peak_of;
use chronik_types::{Offset, TimestampType};
use chronik_wire::batch::{BatchBuilder, BatchHeader, NewRecord, Record, RecordBatch, RecordError, Records};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(([count, last_delta, flags], body)) = input.split_first_chunk::<3>() else { return };
    let header = header(i32::from(*count), i32::from(*last_delta), flags & 1 == 1);
    let (walked, peak) = peak_of(|| walk(&header, body));
    assert_eq!(peak, 0);
    if walked.is_ok_and(|records| records > 0) {
        rewrite(&header, body);
    }
});

fn header(record_count: i32, last_offset_delta: i32, append_time: bool) -> BatchHeader {
    let any = BatchBuilder::new().record(&NewRecord::default()).build().expect("one record");
    let mut header = BatchHeader::parse(&any).expect("a built batch");
    header.base_offset = Offset::new(1_000);
    (header.record_count, header.last_offset_delta) = (record_count, last_offset_delta);
    if append_time {
        header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    }
    header
}

fn walk(header: &BatchHeader, body: &[u8]) -> Result<i32, RecordError> {
    let (mut records, mut last) = (0, header.base_offset.get() - 1);
    for record in Records::new(header, body) {
        let record = record?;
        assert!(record.offset.get() > last && record.offset <= header.last_offset());
        assert_eq!(record.headers.iter().count(), record.headers.len());
        last = record.offset.get();
        records += 1;
    }
    assert_eq!(records, header.record_count);
    Ok(records)
}

/// Everything but the offsets survives, which the builder makes dense.
fn rewrite(header: &BatchHeader, body: &[u8]) {
    let first = Records::new(header, body).map(|record| record.expect("was read before")).collect::<Vec<_>>();
    let mut builder = BatchBuilder::new();
    for Record { timestamp, key, value, headers, .. } in &first {
        let headers = headers.iter().collect::<Vec<_>>();
        builder.push(&NewRecord { timestamp: *timestamp, key: *key, value: *value, headers: &headers });
    }
    let batch = RecordBatch::parse(Bytes::from(builder.build().expect("fits"))).expect("a built batch");
    let decoded = batch.decode(0).expect("not compressed");
    let second = decoded.iter().map(|record| record.expect("own record")).collect::<Vec<_>>();
    assert_eq!(first.len(), second.len());
    for (a, b) in first.iter().zip(&second) {
        assert_eq!((a.timestamp, a.key, a.value), (b.timestamp, b.key, b.value));
        assert!(a.headers.iter().eq(b.headers.iter()));
    }
}
