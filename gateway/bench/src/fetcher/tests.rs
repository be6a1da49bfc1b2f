use bytes::Bytes;
use chronik_types::{LeaderEpoch, Offset};
use chronik_wire::batch::{BatchBuilder, NewRecord, patch_in_place};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, RequestHeader};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::*;

const LIMITS: FetchLimits =
    FetchLimits { max_wait_ms: 10, min_bytes: 2, max_bytes: 3_000, max_partition_bytes: 400 };

fn batch(base_offset: i64, records: usize) -> Vec<u8> {
    let record = NewRecord { value: Some(b"value"), ..NewRecord::default() };
    let built = (0..records).fold(BatchBuilder::new(), |batch, _| batch.record(&record)).build().unwrap();
    let mut bytes = built.to_vec();
    patch_in_place(&mut bytes, Offset::new(base_offset), LeaderEpoch::new(0)).unwrap();
    bytes
}

fn answer(partitions: &[(i32, i16, Vec<u8>)]) -> Vec<u8> {
    let data = |(partition, code, records): &(i32, i16, Vec<u8>)| {
        let data = PartitionData::default().with_partition_index(*partition).with_error_code(*code);
        data.with_records(Some(Bytes::from(records.clone())))
    };
    let topic = FetchableTopicResponse::default().with_partitions(partitions.iter().map(data).collect());
    // The tags of the header, which follow the correlation id.
    let mut bytes = vec![0];
    FetchResponse::default().with_responses(vec![topic]).encode(&mut bytes, fetch::VERSION).unwrap();
    bytes
}

fn fetcher(repeat: bool) -> Fetcher {
    let bounds = |start, end| Bounds { start, end };
    let all = BTreeMap::from([(0, bounds(5, 12)), (1, bounds(3, 3)), (2, bounds(0, 100))]);
    Fetcher::new(&[0, 1, 2, 9], &all, repeat)
}

/// What the next request asks for.
fn asked(fetcher: &mut Fetcher) -> Vec<(i32, i64)> {
    let mut head = Vec::new();
    fetcher.put_request(&mut head, 77, "topic", &LIMITS);
    let mut bytes = Bytes::from(head).split_off(4);
    assert_eq!(RequestHeader::decode(&mut bytes, 2).unwrap().correlation_id, 77);
    let request = FetchRequest::decode(&mut bytes, fetch::VERSION).unwrap();
    assert!(bytes.is_empty());
    assert_eq!((request.max_wait_ms, request.min_bytes, request.max_bytes), (10, 2, 3_000));
    assert_eq!((request.session_id, request.session_epoch), (0, -1));
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition, partition.fetch_offset)).collect()
}

/// The batches and flaws of an answer.
fn read(fetcher: &mut Fetcher, bytes: &[u8]) -> (Vec<(i32, i64)>, Vec<Flaw>) {
    let (mut batches, mut flaws) = (Vec::new(), Vec::new());
    let batch =
        |partition, header: &BatchHeader, _: &[u8]| batches.push((partition, header.base_offset.get()));
    fetcher.answer(bytes, batch, |flaw| flaws.push(flaw)).unwrap();
    (batches, flaws)
}

#[test]
fn partitions_are_asked_for_in_turn_from_where_they_were_left() {
    let mut fetcher = fetcher(false);
    assert_eq!(asked(&mut fetcher), [(2, 0), (0, 5)]);
    assert_eq!(asked(&mut fetcher), [(0, 5), (2, 0)]);
    let mut cut_off = batch(0, 4);
    cut_off.extend_from_slice(&batch(4, 9)[..70]);
    let bytes = answer(&[(0, 0, batch(3, 4)), (2, 0, cut_off)]);
    assert_eq!(read(&mut fetcher, &bytes), (vec![(0, 3), (2, 0)], vec![]));
    assert_eq!(asked(&mut fetcher), [(2, 4), (0, 7)]);
    // At its end partition 0 is left out.
    assert_eq!(read(&mut fetcher, &answer(&[(0, 0, batch(7, 5))])).0, [(0, 7)]);
    assert_eq!(asked(&mut fetcher), [(2, 4)]);
    assert!(!fetcher.is_done());
    read(&mut fetcher, &answer(&[(2, 0, batch(4, 96))]));
    assert!(fetcher.is_done());
}

#[test]
fn a_repeating_fetcher_starts_again() {
    let mut fetcher = fetcher(true);
    read(&mut fetcher, &answer(&[(0, 0, batch(5, 7)), (2, 0, batch(0, 1))]));
    assert_eq!(asked(&mut fetcher), [(2, 1), (0, 5)]);
}

#[test]
fn gaps_and_errors_are_told() {
    let mut fetcher = fetcher(false);
    let bytes = answer(&[(0, 0, batch(8, 1)), (2, 3, Vec::new())]);
    assert_eq!(read(&mut fetcher, &bytes), (vec![(0, 8)], vec![Flaw::Gap(3), Flaw::Error(3)]));
    // What was read already does not count twice.
    assert_eq!(read(&mut fetcher, &answer(&[(0, 0, batch(8, 1))])), (vec![], vec![]));
}

#[test]
fn what_is_cut_off_or_was_not_asked_for_is_refused() {
    let whole = answer(&[(0, 0, batch(5, 2))]);
    for cut in 0..whole.len() {
        assert_eq!(fetcher(false).answer(&whole[..cut], |_, _, _| {}, |_| {}), Err(Malformed), "{cut}");
    }
    let foreign = answer(&[(4, 0, batch(0, 1))]);
    assert_eq!(fetcher(false).answer(&foreign, |_, _, _| {}, |_| {}), Err(Malformed));
    let mut garbage = answer(&[(0, 0, vec![7; 80])]);
    assert_eq!(fetcher(false).answer(&garbage, |_, _, _| {}, |_| {}), Err(Malformed));
    garbage.push(0);
    assert_eq!(fetcher(false).answer(&garbage, |_, _, _| {}, |_| {}), Err(Malformed));
}
