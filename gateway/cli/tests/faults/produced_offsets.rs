//! The offset in the answer to a Produce is the one under which the records are found: with several producers at a time,
//! for batches that come again, and over kills.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use chronik_harness::client::{Flow, PlainProducer, Produced};
use chronik_harness::{ClientError, Connection, Fault, wait_until};
use chronik_types::{CompressionType, ErrorCode};
use kafka_protocol::messages::ProduceRequest;

use crate::ledger::View;
use crate::stage::{LIMIT, Stage, done, end, write};

const TOPIC: &str = "offsets";
/// Batches of each producer.
const BATCHES: usize = 40;

/// What the threads share.
#[derive(Default)]
struct Shared {
    acknowledged: AtomicUsize,
}

/// Opens a connection to a gateway that may be away.
fn reconnect(address: SocketAddr) -> Connection {
    wait_until(LIMIT, || Connection::open(address, LIMIT).ok()).unwrap()
}

/// Writes batches of one to three records, each until it is acknowledged; where it was told that they lie.
fn run(
    address: SocketAddr,
    shared: &Shared,
    name: &str,
    mut produce: impl FnMut(&mut Connection, &[&str]) -> Result<Produced, ClientError>,
) -> Vec<(i64, String)> {
    let mut client = reconnect(address);
    let mut told = Vec::new();
    for batch in 0..BATCHES {
        let values: Vec<String> = (0..=batch % 3).map(|n| format!("{name} {batch}.{n}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let produced = wait_until(LIMIT, || match produce(&mut client, &values) {
            Ok(produced) => Some(produced),
            Err(_) => {
                client = reconnect(address);
                None
            }
        });
        let produced = produced.unwrap();
        assert_eq!(produced.error, ErrorCode::None, "{name} {batch}");
        told.extend((produced.base_offset..).zip(values.iter().map(|value| (*value).to_owned())));
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    told
}

/// Idempotent and transactional producers write at the same time, while `disturb` goes on.
fn produce_together(stage: &mut Stage, disturb: impl FnOnce(&mut Stage, &Shared)) {
    let address = stage.proxy.address();
    let shared = Shared::default();
    let mut producers = Vec::new();
    for codec in [CompressionType::None, CompressionType::Lz4, CompressionType::Zstd] {
        let mut producer = PlainProducer::new(TOPIC, 0, codec);
        done(|| producer.init(&mut stage.client()));
        producers.push(producer);
    }
    let mut transactional = stage.producer("offsets", Flow::V2);
    let told: Vec<Vec<(i64, String)>> = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, mut producer) in producers.into_iter().enumerate() {
            let shared = &shared;
            threads.push(scope.spawn(move || {
                run(address, shared, &format!("plain {number}"), |client, values| {
                    producer.produce(client, values)
                })
            }));
        }
        let (shared, transactional) = (&shared, &mut transactional);
        threads.push(scope.spawn(move || {
            run(address, shared, "transactional", |client, values| {
                transactional.produce(client, TOPIC, 0, values)
            })
        }));
        disturb(stage, shared);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    end(&mut stage.client(), &mut transactional, true);
    let mut told: Vec<(i64, String)> = told.into_iter().flatten().collect();
    told.sort();
    let view = View::of(&mut stage.client(), TOPIC, 0);
    assert_eq!(view.uncommitted, told, "every record once, where it was said to be");
    assert_eq!(view.committed, told);
}

#[test]
fn every_record_is_where_the_answer_said_when_producers_write_together() {
    produce_together(&mut Stage::with_topic(TOPIC, 1), |_, _| {});
}

#[test]
fn every_record_is_where_the_answer_said_when_requests_come_twice_and_answers_are_lost() {
    produce_together(&mut Stage::with_topic(TOPIC, 1), |stage, _| {
        for fault in [Fault::Duplicate, Fault::LoseAnswer].into_iter().cycle().take(40) {
            let injected = stage.proxy.inject::<ProduceRequest>(fault);
            assert!(injected.caught(LIMIT), "there are more requests than faults");
        }
    });
}

#[test]
fn every_record_is_where_the_answer_said_over_kills() {
    produce_together(&mut Stage::with_topic(TOPIC, 1), |stage, shared| {
        for kill in 1..=3 {
            let reached = || shared.acknowledged.load(Ordering::Relaxed) >= kill * BATCHES;
            assert!(wait_until(LIMIT, || reached().then_some(())).is_some());
            stage.kill_and_start();
        }
    });
}

#[test]
fn a_refused_batch_has_no_offset() {
    let stage = Stage::with_topic(TOPIC, 1);
    let mut client = stage.client();
    let mut producer = stage.producer("refused", Flow::V2);
    write(&mut client, &mut producer, TOPIC, 0, &["first"]);
    let gap = producer.produce_request(TOPIC, 0, &["gap"], 5).unwrap();
    let zombie = producer.clone();
    let out_of_order = Produced::of(&client.call(12, &gap).unwrap()).unwrap();
    assert_eq!(out_of_order, Produced { error: ErrorCode::OutOfOrderSequenceNumber, base_offset: -1 });
    end(&mut client, &mut producer, true);
    let fenced = zombie.clone().produce(&mut client, TOPIC, 0, &["late"]).unwrap();
    assert_eq!(fenced, Produced { error: ErrorCode::InvalidProducerEpoch, base_offset: -1 });
}
