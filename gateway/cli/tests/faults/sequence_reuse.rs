//! A producer that begins again at sequence 0 after an aborted transaction brings new records, not a repetition: a broker
//! that takes them for one loses them and answers with the offset of records that nobody will ever see.

use chronik_harness::Fault;
use chronik_harness::client::{Flow, Produced};
use chronik_types::ErrorCode;
use kafka_protocol::messages::ProduceRequest;

use crate::ledger::{View, at};
use crate::stage::{FLOWS, LIMIT, Stage, done, end, write};

const TOPIC: &str = "reuse";

/// Aborts a transaction and writes the same sequences anew, with or without a kill in between.
fn reuse(flow: Flow, kill: bool) {
    let mut stage = Stage::with_topic(TOPIC, 1);
    let mut producer = stage.producer("reuse", flow);
    let mut client = stage.client();
    let aborted = write(&mut client, &mut producer, TOPIC, 0, &["old 0", "old 1"]);
    end(&mut client, &mut producer, false);
    if flow == Flow::V1 {
        // With EndTxn 5 the next epoch comes with the end; before, a producer asks for it (KIP-360).
        done(|| producer.init(&mut client));
    }
    if kill {
        stage.kill_and_start();
        client = stage.client();
    }
    assert_eq!(producer.next_sequence(TOPIC, 0), 0);
    let offset = write(&mut client, &mut producer, TOPIC, 0, &["new 0", "new 1"]);
    assert_eq!(offset, aborted + 3, "two records and the marker lie before");
    end(&mut client, &mut producer, true);
    let view = View::of(&mut client, TOPIC, 0);
    assert_eq!(view.committed, [at(offset, "new 0"), at(offset + 1, "new 1")]);
    assert!(view.is_stable());
}

#[test]
fn sequences_that_were_used_in_an_aborted_transaction_append_in_the_next_epoch() {
    for flow in FLOWS {
        reuse(flow, false);
    }
}

#[test]
fn the_same_holds_when_the_gateway_was_killed_after_the_abort() {
    for flow in FLOWS {
        reuse(flow, true);
    }
}

#[test]
fn a_batch_that_comes_twice_in_one_epoch_is_appended_once_with_one_offset() {
    for flow in FLOWS {
        let mut stage = Stage::with_topic(TOPIC, 1);
        let mut producer = stage.producer("twice", flow);
        let mut client = stage.client();
        write(&mut client, &mut producer, TOPIC, 0, &["first"]);
        let retry = producer.clone();
        let twice = stage.proxy.inject::<ProduceRequest>(Fault::Duplicate);
        let offset = done(|| producer.produce(&mut client, TOPIC, 0, &["second"])).base_offset;
        let answers: Vec<Produced> =
            twice.answers(2, LIMIT).iter().map(|answer| Produced::of(answer).unwrap()).collect();
        assert_eq!(answers, [Produced { error: ErrorCode::None, base_offset: offset }; 2]);
        // And once more by a gateway that has to know it from its log.
        stage.kill_and_start();
        let mut client = stage.client();
        let again = done(|| retry.clone().produce(&mut client, TOPIC, 0, &["second"]));
        assert_eq!(again.base_offset, offset);
        end(&mut client, &mut producer, true);
        assert_eq!(View::of(&mut client, TOPIC, 0).all_values(), ["first", "second"]);
    }
}

#[test]
fn a_retry_of_an_aborted_batch_in_its_old_epoch_is_fenced() {
    for flow in FLOWS {
        let stage = Stage::with_topic(TOPIC, 1);
        let mut producer = stage.producer("zombie", flow);
        let mut client = stage.client();
        let mut zombie = producer.clone();
        write(&mut client, &mut producer, TOPIC, 0, &["old"]);
        end(&mut client, &mut producer, false);
        if flow == Flow::V1 {
            done(|| producer.init(&mut client));
        }
        write(&mut client, &mut producer, TOPIC, 0, &["new"]);
        let late = zombie.produce(&mut client, TOPIC, 0, &["old"]).unwrap();
        assert_eq!(late.error, ErrorCode::InvalidProducerEpoch);
        end(&mut client, &mut producer, true);
        let view = View::of(&mut client, TOPIC, 0);
        assert_eq!((view.values(), view.all_values()), (vec!["new"], vec!["old", "new"]));
    }
}
