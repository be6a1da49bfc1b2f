use bytes::Bytes;
use chronik_types::{
    CompressionType, ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs,
    TimestampType,
};
use proptest::prelude::*;

use super::*;

mod golden;

const NOW: TimestampMs = TimestampMs::new(1_800_000_000_000);
const LIMIT: usize = 16 * 1024 * 1024;

const RULES: AppendRules = AppendRules {
    max_message_bytes: 1_048_588,
    timestamp_type: TimestampType::CreateTime,
    timestamp_before_max_ms: i64::MAX,
    timestamp_after_max_ms: 3_600_000,
    zstd_allowed: true,
};

type Headers<'a> = &'a [(&'a [u8], Option<&'a [u8]>)];

const HEADERS: Headers<'static> = &[(b"k", Some(b"1")), (b"k", Some(b"2")), (b"", None), (b"k", Some(b""))];

fn at(timestamp: TimestampMs) -> NewRecord<'static> {
    NewRecord { timestamp, key: Some(b"key"), value: Some(b"value"), headers: HEADERS }
}

/// Three records: all fields, none of them, empty ones.
fn sample() -> BatchBuilder {
    BatchBuilder::new()
        .record(&at(NOW))
        .record(&NewRecord { timestamp: TimestampMs::new(NOW.get() - 5), ..NewRecord::default() })
        .record(&NewRecord { timestamp: NOW, key: Some(b""), value: Some(b""), headers: &[] })
}

fn parse(bytes: Bytes) -> RecordBatch {
    RecordBatch::parse(bytes).unwrap()
}

fn built(builder: &BatchBuilder) -> RecordBatch {
    parse(builder.build().unwrap())
}

/// The batch with its header changed and the CRC made right again.
fn altered(batch: &RecordBatch, change: impl FnOnce(&mut BatchHeader)) -> RecordBatch {
    let mut header = *batch.header();
    change(&mut header);
    let mut bytes = [&header.encode(), batch.body()].concat();
    header.crc = crc32c(&bytes[21..]);
    bytes[..HEADER_LEN].copy_from_slice(&header.encode());
    parse(bytes.into())
}

fn refusal(change: impl FnOnce(&mut BatchHeader)) -> BatchError {
    altered(&built(&sample()), change).validate_append(&RULES, NOW).unwrap_err()
}

/// What a record holds, owned.
#[derive(Debug, Clone, PartialEq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn read_all(batch: &RecordBatch) -> Result<Vec<Owned>, RecordError> {
    let decoded = batch.decode(LIMIT)?;
    let mut offset = batch.header().base_offset;
    let mut records = Vec::new();
    for record in &decoded {
        let record = record?;
        assert_eq!(record.offset, offset);
        offset = offset.next();
        let headers = record.headers.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        records.push(Owned {
            timestamp: record.timestamp.get(),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        });
    }
    Ok(records)
}

#[test]
fn the_header_lies_where_kafka_puts_it() {
    let builder = sample()
        .base_offset(Offset::new(0x0102_0304_0506_0708))
        .leader_epoch(LeaderEpoch::new(0x1112_1314))
        .producer(
            ProducerId::new(0x2122_2324_2526_2728),
            ProducerEpoch::new(0x3132),
            Sequence::new(0x4142_4344),
        )
        .transactional();
    let bytes = builder.build().unwrap();
    let length = u32::try_from(bytes.len() - 12).unwrap();
    assert_eq!(bytes[0..8], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bytes[8..12], length.to_be_bytes());
    assert_eq!(bytes[12..17], [0x11, 0x12, 0x13, 0x14, 2]);
    assert_eq!(bytes[17..21], crc32c(&bytes[21..]).to_be_bytes());
    assert_eq!(bytes[21..27], [0, 0x10, 0, 0, 0, 2]);
    assert_eq!(bytes[27..35], NOW.get().to_be_bytes());
    assert_eq!(bytes[35..43], NOW.get().to_be_bytes());
    assert_eq!(bytes[43..51], [0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28]);
    assert_eq!(bytes[51..57], [0x31, 0x32, 0x41, 0x42, 0x43, 0x44]);
    assert_eq!(bytes[57..61], [0, 0, 0, 3]);
    let header = BatchHeader::parse(&bytes).unwrap();
    assert_eq!(header.encode(), bytes[..HEADER_LEN]);
    assert_eq!(header.last_offset(), Offset::new(0x0102_0304_0506_070a));
    assert_eq!(header.next_offset(), Offset::new(0x0102_0304_0506_070b));
    assert_eq!(header.size_in_bytes(), bytes.len());
}

#[test]
fn a_record_lies_as_kafka_writes_it() {
    let batch = built(&BatchBuilder::new().record(&NewRecord {
        timestamp: NOW,
        key: None,
        value: Some(b"v"),
        headers: &[(b"h", None)],
    }));
    // Length 10; no attributes; deltas 0 and 0; key -1; value 1; one header: key 1, value -1.
    assert_eq!(batch.body(), [20, 0, 0, 0, 1, 2, b'v', 2, 2, b'h', 1]);
}

#[test]
fn attributes_read_and_write_each_bit() {
    let attributes = Attributes::from_bits(0b0111_1100);
    assert_eq!(attributes.codec(), Some(CompressionType::Zstd));
    assert_eq!(attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert!(attributes.is_transactional() && attributes.is_control() && attributes.has_delete_horizon());
    let written = Attributes::default()
        .with_codec(CompressionType::Zstd)
        .with_timestamp_type(TimestampType::LogAppendTime)
        .with_transactional()
        .with_control();
    assert_eq!(written.bits(), 0b0011_1100);
    assert_eq!(Attributes::from_bits(5).codec(), None);
    assert_eq!(Attributes::from_bits(-1).with_codec(CompressionType::Gzip).codec_id(), 1);
}

#[test]
fn sequences_of_a_batch_wrap() {
    let header = |base| BatchHeader { base_sequence: Sequence::new(base), ..*built(&sample()).header() };
    assert_eq!(header(i32::MAX - 1).last_sequence(), Sequence::ZERO);
    assert_eq!(header(5).last_sequence(), Sequence::new(7));
    assert_eq!(header(-1).last_sequence(), Sequence::NONE);
}

#[test]
fn every_codec_keeps_duplicate_headers_nulls_and_empties() {
    let plain = read_all(&built(&sample())).unwrap();
    assert_eq!(plain.len(), 3);
    let keys = plain[0].headers.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>();
    assert_eq!(keys, [b"k".as_slice(), b"k", b"", b"k"]);
    assert_eq!((plain[1].key.as_ref(), plain[1].value.as_ref()), (None, None));
    assert_eq!(
        (plain[2].key.as_deref(), plain[2].value.as_deref()),
        (Some([].as_slice()), Some([].as_slice()))
    );
    for codec in CompressionType::ALL {
        let batch = built(&sample().codec(codec));
        assert_eq!(batch.header().codec(), Some(codec));
        batch.validate_append(&RULES, NOW).unwrap();
        assert_eq!(read_all(&batch).unwrap(), plain, "{codec}");
    }
}

#[test]
fn old_message_formats_are_named() {
    for magic in [0, 1] {
        // An old message is shorter than a header of today: 26 bytes are whole.
        let mut old = vec![0; 26];
        old[11] = 14;
        old[16] = magic;
        let error = single_batch(old.into()).unwrap_err();
        assert_eq!(error, BatchError::LegacyFormat { magic: i8::try_from(magic).unwrap() });
        assert_eq!(error.code(), ErrorCode::UnsupportedForMessageFormat);
    }
    let mut newer = sample().build().unwrap().to_vec();
    newer[16] = 3;
    let error = single_batch(newer.into()).unwrap_err();
    assert_eq!((&error, error.code()), (&BatchError::UnknownMagic { magic: 3 }, ErrorCode::CorruptMessage));
}

#[test]
fn a_produce_carries_exactly_one_batch() {
    assert_eq!(single_batch(Bytes::new()).unwrap_err().code(), ErrorCode::InvalidRecord);
    let one = sample().build().unwrap();
    let two = Bytes::from(one.repeat(2));
    let error = single_batch(two.clone()).unwrap_err();
    assert_eq!(
        (&error, error.code()),
        (&BatchError::TrailingBytes { bytes: one.len() }, ErrorCode::InvalidRecord)
    );
    let split = Batches::new(two.clone()).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(split.len(), 2);
    assert_eq!(split[1].bytes().as_ptr(), two[one.len()..].as_ptr(), "a batch is a slice of the payload");
}

#[test]
fn lengths_are_checked_before_anything_is_cut() {
    let bytes = sample().build().unwrap();
    for length in [-1, 0, 48, i32::MIN] {
        let mut broken = bytes.to_vec();
        broken[8..12].copy_from_slice(&length.to_be_bytes());
        assert_eq!(single_batch(broken.into()), Err(BatchError::LengthTooSmall { length }));
    }
    let mut huge = bytes.to_vec();
    huge[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let needed = 12 + 0x7fff_ffff;
    assert_eq!(single_batch(huge.into()), Err(BatchError::Truncated { needed, available: bytes.len() }));
}

#[test]
fn truncation_at_every_byte_is_refused() {
    let bytes = sample().build().unwrap();
    for cut in 1..bytes.len() {
        let error = single_batch(bytes.slice(..cut)).unwrap_err();
        assert!(
            matches!(error, BatchError::Truncated { available, .. } if available == cut),
            "{cut}: {error}"
        );
        let mut both = Batches::new(Bytes::from([&bytes, &bytes[..cut]].concat()));
        assert!(both.next().unwrap().is_ok());
        assert!(both.next().unwrap().is_err());
        assert!(both.next().is_none());
    }
}

#[test]
fn every_flipped_bit_of_the_covered_bytes_breaks_the_crc() {
    let bytes = sample().build().unwrap();
    for at in 17..bytes.len() {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1;
        let error = parse(damaged.into()).verify_crc().unwrap_err();
        assert_eq!(error.code(), ErrorCode::CorruptMessage);
    }
}

#[test]
fn counts_have_to_agree() {
    for (count, last_delta) in [(0, -1), (-1, -2), (2, 2), (3, 1), (i32::MIN, i32::MAX), (i32::MAX, 2)] {
        let error = refusal(|header| {
            header.record_count = count;
            header.last_offset_delta = last_delta;
        });
        let expected = BatchError::InconsistentCount { record_count: count, last_offset_delta: last_delta };
        assert_eq!((&error, error.code()), (&expected, ErrorCode::InvalidRecord));
    }
}

#[test]
fn what_only_brokers_write_is_refused() {
    let set = |bits| move |header: &mut BatchHeader| header.attributes = Attributes::from_bits(bits);
    assert_eq!(refusal(set(0x20)), BatchError::ControlFromClient);
    assert_eq!(refusal(set(0x40)), BatchError::DeleteHorizonFromClient);
    assert_eq!(refusal(set(0x10)), BatchError::TransactionalWithoutProducer);
    assert_eq!(refusal(set(0x08)), BatchError::LogAppendTimeFromClient);
    assert_eq!(refusal(set(0x08)).code(), ErrorCode::InvalidTimestamp);
    assert_eq!(refusal(set(0x05)), BatchError::UnknownCodec { id: 5 });
    assert_eq!(refusal(set(0x05)).code(), ErrorCode::UnsupportedCompressionType);
    let numbered = refusal(|header| header.base_offset = Offset::new(1));
    assert_eq!(numbered, BatchError::BaseOffsetNotZero { base_offset: 1 });
}

#[test]
fn a_producer_id_needs_a_sequence() {
    let with = |id, sequence| {
        altered(&built(&sample()), |header| {
            header.producer_id = ProducerId::new(id);
            header.base_sequence = Sequence::new(sequence);
        })
        .validate_append(&RULES, NOW)
    };
    assert_eq!(with(7, -1), Err(BatchError::InvalidSequence { producer_id: 7, base_sequence: -1 }));
    assert_eq!(with(7, 0), Ok(()));
    assert_eq!(with(-1, -1), Ok(()));
}

#[test]
fn size_and_request_version_are_checked() {
    let batch = built(&sample());
    let size = batch.bytes().len();
    let exact = AppendRules { max_message_bytes: size, ..RULES };
    assert_eq!(batch.validate_append(&exact, NOW), Ok(()));
    let small = AppendRules { max_message_bytes: size - 1, ..RULES };
    let error = batch.validate_append(&small, NOW).unwrap_err();
    assert_eq!(
        (&error, error.code()),
        (&BatchError::TooLarge { size, max: size - 1 }, ErrorCode::MessageTooLarge)
    );
    let old = AppendRules { zstd_allowed: false, ..RULES };
    assert_eq!(batch.validate_append(&old, NOW), Ok(()));
    let zstd = built(&sample().codec(CompressionType::Zstd));
    assert_eq!(zstd.validate_append(&old, NOW), Err(BatchError::ZstdTooOld));
}

#[test]
fn timestamps_stay_within_the_limits_of_the_topic() {
    let rules = AppendRules { timestamp_before_max_ms: 1_000, timestamp_after_max_ms: 100, ..RULES };
    let check = |rules: &AppendRules, base: i64, max: i64| {
        altered(&built(&sample()), |header| {
            header.base_timestamp = TimestampMs::new(base);
            header.max_timestamp = TimestampMs::new(max);
        })
        .validate_append(rules, NOW)
        .map_err(|error| error.code())
    };
    let now = NOW.get();
    assert_eq!(check(&rules, now - 1_000, now + 100), Ok(()));
    assert_eq!(check(&rules, now - 1_001, now), Err(ErrorCode::InvalidTimestamp));
    assert_eq!(check(&rules, now, now + 101), Err(ErrorCode::InvalidTimestamp));
    assert_eq!(check(&rules, -1, -1), Ok(()), "no timestamp is always in range");
    assert_eq!(check(&rules, i64::MIN, i64::MAX), Err(ErrorCode::InvalidTimestamp));
    assert_eq!(check(&RULES, 0, now), Ok(()), "the past is unlimited by default");
    let append_time = AppendRules { timestamp_type: TimestampType::LogAppendTime, ..rules };
    assert_eq!(check(&append_time, 0, 1), Ok(()), "these are replaced");
}

#[test]
fn patches_leave_crc_and_records_alone() {
    let original = built(&sample().codec(CompressionType::Lz4));
    let (offset, epoch) = (Offset::new(1 << 40), LeaderEpoch::new(9));
    let mut in_place = original.bytes().to_vec();
    patch_in_place(&mut in_place, offset, epoch).unwrap();
    let served =
        [&patched_prefix(original.header(), offset, epoch), &original.bytes()[PREFIX_LEN..]].concat();
    assert_eq!(served, in_place);
    let copied = original.with_offset(offset, epoch);
    assert_eq!(copied.bytes(), &in_place);
    assert_eq!(parse(in_place.into()), copied);
    copied.verify_crc().unwrap();
    assert_eq!(copied.header().last_offset(), Offset::new((1 << 40) + 2));
    assert_eq!(
        patch_in_place(&mut [0; 60], offset, epoch).unwrap_err().code(),
        ErrorCode::UnsupportedForMessageFormat
    );
}

#[test]
fn the_append_time_replaces_every_timestamp() {
    let original = built(&sample().codec(CompressionType::Gzip));
    let stamped = original.with_log_append_time(TimestampMs::new(77));
    stamped.verify_crc().unwrap();
    assert_eq!(parse(stamped.bytes().clone()), stamped);
    assert_eq!(stamped.header().attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(stamped.header().base_timestamp, original.header().base_timestamp);
    assert_eq!(stamped.body(), original.body());
    assert!(read_all(&stamped).unwrap().iter().all(|record| record.timestamp == 77));
}

#[test]
fn record_counts_are_held_against_the_bytes() {
    let batch = built(&sample());
    let read = |count, last_delta| {
        let batch = altered(&batch, |header| {
            header.record_count = count;
            header.last_offset_delta = last_delta;
        });
        read_all(&batch).map(|records| records.len())
    };
    assert!(matches!(read(3, 2), Ok(3)));
    assert!(matches!(read(4, 3), Err(RecordError::Truncated { index: 3 })));
    assert!(matches!(read(i32::MAX, i32::MAX - 1), Err(RecordError::Truncated { index: 3 })));
    assert!(matches!(read(2, 2), Err(RecordError::TrailingInBatch { record_count: 2, .. })));
    assert!(matches!(read(3, 1), Err(RecordError::OffsetDelta { index: 2, delta: 2 })));
    assert!(matches!(read(-1, 2), Err(RecordError::InvalidCount { record_count: -1 })));
}

#[test]
fn malformed_records_are_named() {
    let header = BatchHeader { record_count: 1, last_offset_delta: 0, ..*built(&sample()).header() };
    let first = |body: &[u8]| Records::new(&header, body).next().unwrap().unwrap_err();
    assert!(matches!(first(&[1]), RecordError::InvalidLength { length: -1, .. }), "a record of length -1");
    assert!(matches!(first(&[0x80; 6]), RecordError::Overlong { .. }));
    assert!(matches!(first(&[12, 0, 0, 0, 3, 1, 0]), RecordError::InvalidLength { length: -2, .. }), "key");
    assert!(
        matches!(first(&[12, 0, 0, 0, 1, 1, 1]), RecordError::InvalidLength { length: -1, .. }),
        "headers"
    );
    assert!(matches!(first(&[16, 0, 0, 0, 1, 1, 2, 1, 1]), RecordError::InvalidLength { .. }), "header key");
    assert!(matches!(first(&[14, 0, 0, 0, 1, 1, 0, 9]), RecordError::TrailingInRecord { bytes: 1, .. }));
    assert!(matches!(first(&[12, 0, 0, 2, 1, 1, 0]), RecordError::OffsetDelta { delta: 1, .. }));
    assert!(matches!(first(&[12, 0, 0, 1, 1, 1, 0]), RecordError::OffsetDelta { delta: -1, .. }));
    // 2^31 - 1 headers in no bytes: ends at the first that is missing.
    let many = [20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(first(&many), RecordError::Truncated { .. }));
}

#[test]
fn records_cut_at_every_byte_are_refused() {
    let batch = built(&sample());
    for cut in 0..batch.body().len() {
        let result = Records::new(batch.header(), &batch.body()[..cut]).collect::<Result<Vec<_>, _>>();
        assert!(matches!(result, Err(RecordError::Truncated { .. })), "{cut}");
    }
}

#[test]
fn a_bomb_in_a_batch_is_stopped() {
    let zeros = vec![0; 2_000_000];
    for codec in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd]
    {
        let record = NewRecord { value: Some(&zeros), ..NewRecord::default() };
        let batch = built(&BatchBuilder::new().codec(codec).record(&record));
        let error = batch.decode(100_000).unwrap_err();
        assert_eq!(error.code(), ErrorCode::MessageTooLarge, "{codec}");
    }
}

#[test]
fn markers_round_trip() {
    for control_type in [ControlType::Abort, ControlType::Commit] {
        let marker = EndTxnMarker { control_type, coordinator_epoch: 12 };
        let (id, epoch) = (ProducerId::new(4), ProducerEpoch::new(2));
        let bytes = marker.build(Offset::new(8), LeaderEpoch::new(1), id, epoch, NOW).unwrap();
        let batch = parse(bytes);
        batch.verify_crc().unwrap();
        assert_eq!(EndTxnMarker::read(&batch).unwrap(), marker);
        let header = batch.header();
        assert!(header.attributes.is_control() && header.attributes.is_transactional());
        assert_eq!((header.producer_id, header.producer_epoch), (id, epoch));
        assert_eq!(header.base_sequence, Sequence::NONE);
        let records = batch.decode(LIMIT).unwrap();
        let record = records.iter().next().unwrap().unwrap();
        assert_eq!(record.key, Some([0, 0, 0, u8::from(control_type == ControlType::Commit)].as_slice()));
        assert_eq!(record.value, Some([0, 0, 0, 0, 0, 12].as_slice()));
    }
}

#[test]
fn what_is_not_a_marker_is_refused() {
    assert!(matches!(EndTxnMarker::read(&built(&sample())), Err(ControlError::NotControl)));
    assert!(matches!(
        EndTxnMarker::read(&built(&sample().control())),
        Err(ControlError::RecordCount { record_count: 3 })
    ));
    let value = [0, 0, 0, 0, 0, 1];
    assert!(matches!(EndTxnMarker::parse(&[0, 0, 0], &value), Err(ControlError::Short { field: "key" })));
    assert!(matches!(
        EndTxnMarker::parse(&[0, 0, 0, 1], &value[1..]),
        Err(ControlError::Short { field: "value" })
    ));
    assert!(matches!(EndTxnMarker::parse(&[0xff, 0xff, 0, 1], &value), Err(ControlError::Version { .. })));
    assert!(matches!(
        EndTxnMarker::parse(&[0, 0, 0, 2], &value),
        Err(ControlError::UnknownType { type_id: 2 })
    ));
    let newer = EndTxnMarker::parse(&[0, 1, 0, 1, 9], &[0, 1, 0, 0, 0, 3, 9]).unwrap();
    assert_eq!(newer, EndTxnMarker { control_type: ControlType::Commit, coordinator_epoch: 3 });
}

#[test]
fn an_empty_batch_cannot_be_built_but_can_be_read() {
    assert!(matches!(BatchBuilder::new().build(), Err(BuildError::NoRecords)));
    // Compaction leaves these to keep a producer's last sequence.
    let one = built(&BatchBuilder::new().record(&NewRecord::default()));
    let mut header = BatchHeader { record_count: 0, batch_length: 49, ..*one.header() };
    header.crc = crc32c(&header.encode()[21..]);
    let empty = parse(Bytes::copy_from_slice(&header.encode()));
    empty.verify_crc().unwrap();
    assert_eq!(read_all(&empty).unwrap(), []);
}

fn owned_record() -> impl Strategy<Value = Owned> {
    let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
    let header = (prop::collection::vec(0_u8..3, 0..2), bytes());
    let timestamp = prop_oneof![0..i64::MAX, Just(-1), Just(i64::MAX)];
    (timestamp, bytes(), bytes(), prop::collection::vec(header, 0..4))
        .prop_map(|(timestamp, key, value, headers)| Owned { timestamp, key, value, headers })
}

fn build_from(records: &[Owned], codec: CompressionType) -> RecordBatch {
    let mut builder = BatchBuilder::new().codec(codec);
    for record in records {
        let headers =
            record.headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect::<Vec<_>>();
        builder.push(&NewRecord {
            timestamp: TimestampMs::new(record.timestamp),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        });
    }
    built(&builder)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn records_come_back_as_they_went_in(
        records in prop::collection::vec(owned_record(), 1..20),
        codec in prop::sample::select(&CompressionType::ALL),
    ) {
        let batch = build_from(&records, codec);
        batch.verify_crc().unwrap();
        prop_assert_eq!(batch.header().max_timestamp.get(), records.iter().map(|r| r.timestamp).max().unwrap());
        prop_assert_eq!(read_all(&batch).unwrap(), records);
    }

    #[test]
    fn stamping_keeps_the_crc_right(
        records in prop::collection::vec(owned_record(), 1..20),
        timestamp in any::<i64>(),
    ) {
        let stamped = build_from(&records, CompressionType::None).with_log_append_time(TimestampMs::new(timestamp));
        prop_assert_eq!(stamped.verify_crc(), Ok(()));
    }

    #[test]
    fn headers_round_trip(bytes in prop::collection::vec(any::<u8>(), HEADER_LEN)) {
        let mut bytes = bytes;
        bytes[16] = 2;
        bytes[8] &= 0x7f;
        bytes[11] |= 49;
        let header = BatchHeader::parse(&bytes).unwrap();
        prop_assert_eq!(header.encode().to_vec(), bytes);
        let _ = header.last_offset();
        let _ = header.last_sequence();
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        for force_magic in [false, true] {
            if let (true, Some(magic)) = (force_magic, bytes.get_mut(16)) {
                *magic = 2;
            }
            for batch in Batches::new(Bytes::copy_from_slice(&bytes)).flatten() {
                let _ = batch.validate_append(&RULES, NOW);
            }
        }
        let header = *built(&sample()).header();
        Records::new(&header, &bytes).count();
        let _ = EndTxnMarker::parse(&bytes, &bytes);
    }

    #[test]
    fn a_damaged_record_never_panics(
        records in prop::collection::vec(owned_record(), 1..6),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let batch = build_from(&records, CompressionType::None);
        let mut body = batch.body().to_vec();
        let at = at.index(body.len());
        body[at] ^= flip;
        for record in Records::new(batch.header(), &body).flatten() {
            prop_assert_eq!(record.headers.iter().count(), record.headers.len());
        }
    }
}
