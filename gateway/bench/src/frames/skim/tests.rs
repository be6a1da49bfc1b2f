use bytes::Bytes;
use chronik_types::{LeaderEpoch, Offset};
use chronik_wire::batch::{BatchBuilder, NewRecord, patch_in_place};
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::protocol::Encodable;

use super::*;
use crate::frames::fetch;

fn batch(base_offset: i64, value: &[u8]) -> Vec<u8> {
    let record = NewRecord { value: Some(value), ..NewRecord::default() };
    let mut bytes = BatchBuilder::new().record(&record).build().unwrap().to_vec();
    patch_in_place(&mut bytes, Offset::new(base_offset), LeaderEpoch::new(0)).unwrap();
    bytes
}

/// Two topics with whole batches, one that is cut off, an error, aborted transactions and nothing.
fn answer() -> Vec<u8> {
    let data = |partition: i32, code: i16, records: Vec<u8>| {
        let data = PartitionData::default().with_partition_index(partition).with_error_code(code);
        data.with_records(Some(Bytes::from(records)))
    };
    let cut_off = |keep: usize| [batch(7, &[1; 300]), batch(8, &[2; 900])[..keep].to_vec()].concat();
    let aborted = vec![AbortedTransaction::default(), AbortedTransaction::default()];
    let first = vec![
        data(3, 0, [batch(0, &[3; 2_000]), batch(1, b"")].concat()),
        data(4, 0, cut_off(100)),
        data(5, 0, cut_off(20)),
    ];
    let second =
        vec![data(0, 1, Vec::new()), data(1, 0, Vec::new()).with_aborted_transactions(Some(aborted))];
    let topics =
        [first, second].map(|partitions| FetchableTopicResponse::default().with_partitions(partitions));
    let mut bytes = vec![0];
    let response = FetchResponse::default().with_error_code(70).with_responses(topics.to_vec());
    response.encode(&mut bytes, fetch::VERSION).unwrap();
    bytes
}

/// What the whole answer says.
fn expected() -> Vec<Seen> {
    let header = |base_offset, value: &[u8]| BatchHeader::parse(&batch(base_offset, value)).unwrap();
    vec![
        Seen::Error(70),
        Seen::Batch(3, header(0, &[3; 2_000])),
        Seen::Batch(3, header(1, b"")),
        Seen::Batch(4, header(7, &[1; 300])),
        Seen::Batch(5, header(7, &[1; 300])),
        Seen::Error(1),
    ]
}

/// Reads bytes that arrive `chunk` at a time; what is skipped is not shown.
fn read(bytes: &[u8], chunk: usize) -> Result<(Vec<Seen>, bool), Malformed> {
    let (mut skimmer, mut seen) = (Skimmer::default(), Vec::new());
    let (mut start, mut end) = (0, 0);
    while end < bytes.len() {
        end = (end.max(start) + chunk).min(bytes.len());
        let used = skimmer.read(bytes.get(start..end).unwrap_or_default(), |found| {
            seen.push(found);
            Ok(())
        })?;
        start += used.bytes + used.skip;
    }
    Ok((seen, skimmer.is_at_end() && start == bytes.len()))
}

#[test]
fn an_answer_says_the_same_however_it_arrives() {
    let bytes = answer();
    for chunk in 1..=bytes.len() {
        assert_eq!(read(&bytes, chunk), Ok((expected(), true)), "{chunk}");
    }
}

#[test]
fn what_is_cut_off_has_no_end() {
    let bytes = answer();
    for cut in 0..bytes.len() {
        assert!(matches!(read(&bytes[..cut], 64), Ok((_, false))), "{cut}");
    }
    let longer = [answer(), vec![0]].concat();
    assert!(matches!(read(&longer, 64), Ok((_, false))));
}

#[test]
fn records_are_skipped_and_not_looked_at() {
    let bytes = answer();
    let mut skimmer = Skimmer::default();
    let first = bytes.windows(100).position(|bytes| bytes == [3; 100]).unwrap();
    let used = skimmer.read(&bytes[..first], |_| Ok(())).unwrap();
    assert!(used.skip > 1_900 && used.bytes + used.skip < first + 2_010, "{used:?}");
}

#[test]
fn what_is_no_batch_is_refused() {
    let records = [batch(0, b"value"), vec![7; 80]].concat();
    let partition = PartitionData::default().with_records(Some(Bytes::from(records)));
    let topic = FetchableTopicResponse::default().with_partitions(vec![partition]);
    let mut bytes = vec![0];
    FetchResponse::default().with_responses(vec![topic]).encode(&mut bytes, fetch::VERSION).unwrap();
    assert_eq!(read(&bytes, 64), Err(Malformed));
}

#[test]
fn whoever_is_told_may_refuse() {
    let mut skimmer = Skimmer::default();
    assert_eq!(skimmer.read(&answer(), |_| Err(Malformed)), Err(Malformed));
}
