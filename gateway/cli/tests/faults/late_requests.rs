//! EndTxn, Produce and AddPartitionsToTxn that come late, twice or out of order: they hit the transaction that they were
//! meant for, or none (KIP-890). A request that its client gave up on is still in the network when the next transaction
//! has begun.
//!
//! Before KIP-890 all transactions of one life of a producer have one epoch, and a late request cannot be told from one
//! of the next transaction. A producer that gave up on a request therefore asks for the next epoch (KIP-360).

use chronik_harness::client::{Coded, Ended, Flow, Produced, TransactionalProducer};
use chronik_harness::{Connection, Fault, Injected};
use chronik_types::ErrorCode;
use kafka_protocol::messages::{AddPartitionsToTxnRequest, EndTxnRequest, ProduceRequest};
use kafka_protocol::protocol::Request;

use crate::ledger::{View, markers};
use crate::stage::{FLOWS, LIMIT, Stage, done, end, write};

const TOPIC: &str = "late";

/// What a request of an epoch that is over is answered.
const FENCED: [ErrorCode; 2] = [ErrorCode::InvalidProducerEpoch, ErrorCode::ProducerFenced];

fn rig(flow: Flow) -> (Stage, TransactionalProducer, Connection) {
    let stage = Stage::with_topic(TOPIC, 1);
    let producer = stage.producer("late", flow);
    let client = stage.client();
    (stage, producer, client)
}

fn end_codes(injected: &Injected<EndTxnRequest>, count: usize) -> Vec<ErrorCode> {
    let answers = injected.answers(count, LIMIT);
    answers.iter().map(|answer| ErrorCode::from_code(answer.error_code).unwrap()).collect()
}

fn produce_codes(injected: &Injected<ProduceRequest>, count: usize) -> Vec<ErrorCode> {
    let answers = injected.answers(count, LIMIT);
    answers.iter().map(|answer| Produced::of(answer).unwrap().error).collect()
}

fn add_codes(injected: &Injected<AddPartitionsToTxnRequest>, count: usize) -> Vec<ErrorCode> {
    let answers = injected.answers(count, LIMIT);
    let codes = answers.iter().map(|answer| {
        let topic = answer.results_by_topic_v3_and_below.first().unwrap();
        topic.results_by_partition.first().unwrap().partition_error_code
    });
    codes.map(|code| ErrorCode::from_code(code).unwrap()).collect()
}

/// Sends a request without waiting for its answer, until the proxy holds it; then the client goes away.
fn give_up<R: Request>(stage: &Stage, version: i16, request: &R) -> Injected<R> {
    let held = stage.proxy.inject::<R>(Fault::Hold);
    let mut client = stage.client();
    client.send(version, request).unwrap();
    assert!(held.caught(LIMIT));
    held
}

/// A producer that gave up asks for the next epoch, which EndTxn 5 would bring by itself.
fn next_epoch(client: &mut Connection, producer: &mut TransactionalProducer) {
    if producer.flow == Flow::V1 {
        done(|| producer.init(client));
    }
}

#[test]
fn a_repeated_commit_never_commits_the_next_transaction() {
    let (stage, mut producer, mut client) = rig(Flow::V2);
    write(&mut client, &mut producer, TOPIC, 0, &["first"]);
    let repeated = stage.proxy.inject::<EndTxnRequest>(Fault::Repeat);
    end(&mut client, &mut producer, true);
    write(&mut client, &mut producer, TOPIC, 0, &["second"]);
    assert!(repeated.release());
    let codes = end_codes(&repeated, 2);
    assert!(codes[0] == ErrorCode::None && FENCED.contains(&codes[1]), "{codes:?}");
    let view = View::of(&mut client, TOPIC, 0);
    assert_eq!((view.values(), view.all_values()), (vec!["first"], vec!["first", "second"]));
    end(&mut client, &mut producer, false);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["first"]);
}

#[test]
fn a_repeated_end_that_comes_before_the_next_transaction_changes_nothing() {
    for flow in FLOWS {
        for commit in [true, false] {
            let (stage, mut producer, mut client) = rig(flow);
            write(&mut client, &mut producer, TOPIC, 0, &["first"]);
            let twice = stage.proxy.inject::<EndTxnRequest>(Fault::Duplicate);
            end(&mut client, &mut producer, commit);
            assert_eq!(end_codes(&twice, 2), [ErrorCode::None; 2], "{flow:?} {commit}");
            let identities: Vec<i16> =
                twice.answers(2, LIMIT).iter().map(|answer| answer.producer_epoch).collect();
            assert_eq!(identities[0], identities[1], "a retry learns the same epoch");
            assert_eq!(markers(&mut client, TOPIC, 0), 1);
            write(&mut client, &mut producer, TOPIC, 0, &["second"]);
            end(&mut client, &mut producer, true);
            let expected = if commit { vec!["first", "second"] } else { vec!["second"] };
            assert_eq!(View::of(&mut client, TOPIC, 0).values(), expected);
            assert_eq!(markers(&mut client, TOPIC, 0), 2);
        }
    }
}

#[test]
fn a_held_end_is_fenced_by_the_next_epoch() {
    for flow in FLOWS {
        for commit in [true, false] {
            let (stage, mut producer, mut client) = rig(flow);
            write(&mut client, &mut producer, TOPIC, 0, &["first"]);
            let held = give_up(&stage, producer.end_version(), &producer.end_request(commit));
            // Taking the transactional id over aborts what was open.
            done(|| producer.init(&mut client));
            write(&mut client, &mut producer, TOPIC, 0, &["second"]);
            assert!(held.release());
            let codes = end_codes(&held, 1);
            assert!(FENCED.contains(&codes[0]), "{flow:?} {commit}: {codes:?}");
            assert!(!View::of(&mut client, TOPIC, 0).is_stable(), "the second transaction goes on");
            end(&mut client, &mut producer, true);
            assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["second"]);
        }
    }
}

#[test]
fn the_contrary_of_what_was_decided_is_refused() {
    for flow in FLOWS {
        for commit in [true, false] {
            let (_stage, mut producer, mut client) = rig(flow);
            write(&mut client, &mut producer, TOPIC, 0, &["only"]);
            let mut contrary = producer.clone();
            end(&mut client, &mut producer, commit);
            let Ended { error, .. } = contrary.end(&mut client, !commit).unwrap();
            assert!(
                error == ErrorCode::InvalidTxnState || FENCED.contains(&error),
                "{flow:?} {commit}: {error:?}"
            );
            let expected: &[&str] = if commit { &["only"] } else { &[] };
            assert_eq!(View::of(&mut client, TOPIC, 0).values(), expected);
            assert_eq!(markers(&mut client, TOPIC, 0), 1);
        }
    }
}

#[test]
fn a_late_batch_never_joins_the_next_transaction() {
    for flow in FLOWS {
        for commit in [true, false] {
            let (stage, mut producer, mut client) = rig(flow);
            write(&mut client, &mut producer, TOPIC, 0, &["first"]);
            let request = producer.produce_request(TOPIC, 0, &["late"], 1).unwrap();
            let held = give_up(&stage, producer.produce_version(), &request);
            end(&mut client, &mut producer, commit);
            next_epoch(&mut client, &mut producer);
            write(&mut client, &mut producer, TOPIC, 0, &["second"]);
            assert!(held.release());
            assert_eq!(produce_codes(&held, 1), [ErrorCode::InvalidProducerEpoch], "{flow:?} {commit}");
            end(&mut client, &mut producer, true);
            let view = View::of(&mut client, TOPIC, 0);
            assert_eq!(view.all_values(), ["first", "second"]);
            assert_eq!(view.values(), if commit { vec!["first", "second"] } else { vec!["second"] });
            assert!(view.is_stable());
        }
    }
}

#[test]
fn a_late_batch_begins_no_transaction_that_nobody_ends() {
    for flow in FLOWS {
        let (stage, mut producer, mut client) = rig(flow);
        write(&mut client, &mut producer, TOPIC, 0, &["first"]);
        let request = producer.produce_request(TOPIC, 0, &["late"], 1).unwrap();
        let held = give_up(&stage, producer.produce_version(), &request);
        end(&mut client, &mut producer, true);
        assert!(held.release());
        let expected = match flow {
            Flow::V1 => ErrorCode::TransactionAbortable,
            Flow::V2 => ErrorCode::InvalidProducerEpoch,
        };
        assert_eq!(produce_codes(&held, 1), [expected], "{flow:?}");
        let view = View::of(&mut client, TOPIC, 0);
        assert_eq!(view.all_values(), ["first"]);
        assert!(view.is_stable(), "{flow:?}: {view:?}");
    }
}

#[test]
fn a_late_addition_of_a_partition_is_fenced_by_the_next_epoch() {
    let (stage, mut producer, mut client) = rig(Flow::V1);
    let held = give_up(&stage, 3, &producer.add_partitions_request(TOPIC, &[0]));
    done(|| producer.init(&mut client));
    assert!(held.release());
    let codes = add_codes(&held, 1);
    assert!(FENCED.contains(&codes[0]), "{codes:?}");
    assert_eq!(producer.end(&mut client, true).unwrap().error, ErrorCode::InvalidTxnState);
    write(&mut client, &mut producer, TOPIC, 0, &["only"]);
    end(&mut client, &mut producer, true);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["only"]);
}

#[test]
fn a_late_addition_of_a_partition_holds_no_reader_up() {
    let (stage, mut producer, mut client) = rig(Flow::V1);
    write(&mut client, &mut producer, TOPIC, 0, &["first"]);
    let held = give_up(&stage, 3, &producer.add_partitions_request(TOPIC, &[0]));
    end(&mut client, &mut producer, true);
    // It begins a transaction without records, which is the next one of this epoch.
    assert!(held.release());
    assert_eq!(add_codes(&held, 1), [ErrorCode::None]);
    let view = View::of(&mut client, TOPIC, 0);
    assert!(view.is_stable() && view.values() == ["first"], "{view:?}");
    write(&mut client, &mut producer, TOPIC, 0, &["second"]);
    end(&mut client, &mut producer, false);
    let view = View::of(&mut client, TOPIC, 0);
    assert!(view.is_stable() && view.values() == ["first"], "{view:?}");
}

#[test]
fn an_addition_of_a_partition_may_come_twice() {
    let (stage, mut producer, mut client) = rig(Flow::V1);
    let twice = stage.proxy.inject::<AddPartitionsToTxnRequest>(Fault::Duplicate);
    write(&mut client, &mut producer, TOPIC, 0, &["only"]);
    assert_eq!(add_codes(&twice, 2), [ErrorCode::None; 2]);
    end(&mut client, &mut producer, true);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["only"]);
    assert_eq!(markers(&mut client, TOPIC, 0), 1);
}

#[test]
fn a_batch_that_overtakes_its_partition_is_refused_and_may_be_sent_again() {
    let (stage, mut producer, mut client) = rig(Flow::V1);
    let _swapped = stage.proxy.inject::<AddPartitionsToTxnRequest>(Fault::Swap);
    let added = client.send(3, &producer.add_partitions_request(TOPIC, &[0])).unwrap();
    let batch = producer.produce_request(TOPIC, 0, &["only"], 0).unwrap();
    let produced = client.send(11, &batch).unwrap();
    client.receive::<AddPartitionsToTxnRequest>(3, added).unwrap();
    let early = Produced::of(&client.receive::<ProduceRequest>(11, produced).unwrap()).unwrap();
    assert_eq!(early.error, ErrorCode::TransactionAbortable);
    done(|| producer.produce(&mut client, TOPIC, 0, &["only"]));
    end(&mut client, &mut producer, true);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["only"]);
}

#[test]
fn batches_that_change_places_are_appended_in_order_and_once() {
    for flow in FLOWS {
        let (stage, mut producer, mut client) = rig(flow);
        write(&mut client, &mut producer, TOPIC, 0, &["0"]);
        let _swapped = stage.proxy.inject::<ProduceRequest>(Fault::Swap);
        let version = producer.produce_version();
        let one = producer.produce_request(TOPIC, 0, &["1"], 1).unwrap();
        let two = producer.produce_request(TOPIC, 0, &["2"], 2).unwrap();
        let sent = [client.send(version, &one).unwrap(), client.send(version, &two).unwrap()];
        let [first, second] =
            sent.map(|id| Produced::of(&client.receive::<ProduceRequest>(version, id).unwrap()).unwrap());
        assert_eq!(first.error, ErrorCode::None);
        assert_eq!(second.error, ErrorCode::OutOfOrderSequenceNumber);
        let again = Produced::of(&client.call(version, &two).unwrap()).unwrap();
        assert_eq!((again.error, again.base_offset), (ErrorCode::None, first.base_offset + 1));
        end(&mut client, &mut producer, true);
        assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["0", "1", "2"]);
    }
}

#[test]
fn the_first_batches_of_a_transaction_change_places_without_a_loss() {
    let (stage, mut producer, mut client) = rig(Flow::V2);
    for round in 0..2 {
        let _swapped = stage.proxy.inject::<ProduceRequest>(Fault::Swap);
        let one = producer.produce_request(TOPIC, 0, &[&format!("{round} one")], 0).unwrap();
        let two = producer.produce_request(TOPIC, 0, &[&format!("{round} two")], 1).unwrap();
        let sent = [client.send(12, &one).unwrap(), client.send(12, &two).unwrap()];
        let [first, second] =
            sent.map(|id| Produced::of(&client.receive::<ProduceRequest>(12, id).unwrap()).unwrap());
        assert_eq!(first.error_code(), ErrorCode::None);
        assert_eq!(second.error_code(), ErrorCode::OutOfOrderSequenceNumber, "round {round}");
        done(|| Produced::of(&client.call(12, &two)?));
        end(&mut client, &mut producer, true);
    }
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["0 one", "0 two", "1 one", "1 two"]);
}

#[test]
fn a_batch_that_its_commit_overtakes_is_in_no_transaction() {
    for flow in FLOWS {
        let (stage, mut producer, mut client) = rig(flow);
        write(&mut client, &mut producer, TOPIC, 0, &["first"]);
        let _swapped = stage.proxy.inject::<ProduceRequest>(Fault::Swap);
        let (version, end_version) = (producer.produce_version(), producer.end_version());
        let batch = producer.produce_request(TOPIC, 0, &["overtaken"], 1).unwrap();
        let sent = client.send(version, &batch).unwrap();
        let ended = client.send(end_version, &producer.end_request(true)).unwrap();
        let produced = Produced::of(&client.receive::<ProduceRequest>(version, sent).unwrap()).unwrap();
        let answer = client.receive::<EndTxnRequest>(end_version, ended).unwrap();
        assert_eq!(answer.error_code, 0);
        assert_ne!(produced.error, ErrorCode::None, "{flow:?}");
        if flow == Flow::V2 {
            producer.become_next((answer.producer_id.0, answer.producer_epoch));
        } else {
            done(|| producer.init(&mut client));
        }
        write(&mut client, &mut producer, TOPIC, 0, &["second"]);
        end(&mut client, &mut producer, true);
        let view = View::of(&mut client, TOPIC, 0);
        assert_eq!((view.values(), view.all_values()), (vec!["first", "second"], vec!["first", "second"]));
    }
}

#[test]
fn a_torn_request_has_no_effect() {
    for bytes in [2, 20, 60] {
        let (stage, mut producer, mut client) = rig(Flow::V2);
        write(&mut client, &mut producer, TOPIC, 0, &["first"]);
        let _torn = stage.proxy.inject::<ProduceRequest>(Fault::Tear(bytes));
        assert!(producer.produce(&mut client, TOPIC, 0, &["second"]).is_err());
        let _torn = stage.proxy.inject::<EndTxnRequest>(Fault::Tear(bytes.min(30)));
        let mut client = stage.client();
        assert!(producer.end(&mut client, true).is_err());
        let mut client = stage.client();
        let view = View::of(&mut client, TOPIC, 0);
        assert_eq!((view.values(), view.all_values()), (vec![], vec!["first"]));
        done(|| producer.produce(&mut client, TOPIC, 0, &["second"]));
        end(&mut client, &mut producer, true);
        assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["first", "second"]);
    }
}
