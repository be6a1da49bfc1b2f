use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use chronik_types::{ManualClock, TimestampMs};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{ApiVersionsResponse, FetchResponse};
use kafka_protocol::protocol::Encodable;

use super::*;

/// Answers what is asked over one connection: each fetch takes a second and brings nothing, without an error. Gives the
/// number of fetches.
fn answer(mut peer: TcpStream, greatest_fetch: i16, clock: &ManualClock) -> u64 {
    let mut fetches = 0;
    let mut length = [0; 4];
    while peer.read_exact(&mut length).is_ok() {
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        peer.read_exact(&mut request).unwrap();
        let mut body = request[4..8].to_vec();
        if request[..2] == [0, 18] {
            let fetch =
                ApiVersion::default().with_api_key(1).with_min_version(4).with_max_version(greatest_fetch);
            ApiVersionsResponse::default().with_api_keys(vec![fetch]).encode(&mut body, 0).unwrap();
        } else {
            fetches += 1;
            clock.advance(Duration::from_secs(1));
            let data = PartitionData::default().with_records(Some(Bytes::new()));
            let topic = FetchableTopicResponse::default().with_partitions(vec![data]);
            body.push(0);
            FetchResponse::default().with_responses(vec![topic]).encode(&mut body, fetch::VERSION).unwrap();
        }
        peer.write_all(&u32::try_from(body.len()).unwrap().to_be_bytes()).unwrap();
        peer.write_all(&body).unwrap();
    }
    fetches
}

/// A broker for one connection: its address, and how many fetches there were in the end.
fn broker(greatest_fetch: i16, clock: &Arc<ManualClock>) -> (Leader, JoinHandle<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let leader = Leader { address: listener.local_addr().unwrap().to_string(), partitions: vec![0] };
    let clock = Arc::clone(clock);
    let serve = move || answer(listener.accept().unwrap().0, greatest_fetch, &clock);
    (leader, std::thread::spawn(serve))
}

#[test]
fn what_is_never_given_back_is_missing() {
    let clock = Arc::new(ManualClock::new(TimestampMs::new(0)));
    let (leader, broker) = broker(17, &clock);
    let mut ledger = Ledger::default();
    ledger.acknowledged(0, 0, 7, 1);
    let mut found = ReadBack::new(&ledger);
    let bounds = BTreeMap::from([(0, Bounds { start: 0, end: 7 })]);
    read("topic", &leader, &bounds, &mut found, &*clock).unwrap();
    assert_eq!(found.verdict(), Verified { records: 0, missing: 7, corrupt: 0 });
    assert_eq!(broker.join().unwrap(), PATIENCE.as_secs());
}

#[test]
fn a_broker_that_is_too_old_is_named() {
    let clock = Arc::new(ManualClock::new(TimestampMs::new(0)));
    let (leader, broker) = broker(11, &clock);
    let ledger = Ledger::default();
    let refused = read("topic", &leader, &BTreeMap::new(), &mut ReadBack::new(&ledger), &*clock).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("from 12 to 12") && text.contains("offers versions 4 to 11"), "{text}");
    assert_eq!(broker.join().unwrap(), 0);
}
