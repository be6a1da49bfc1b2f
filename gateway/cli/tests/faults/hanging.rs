//! Nothing hangs: a transaction that nobody ends is aborted by its timeout or by an operator, all of its partitions at once,
//! and no marker or record can come about that belongs to no transaction.

use chronik_harness::client::{
    Flow, PlainProducer, TransactionalProducer, delete_records, delete_topic, describe_producers,
    describe_transaction, produce_bytes, write_marker,
};
use chronik_harness::{Connection, wait_until};
use chronik_types::{
    CompressionType, ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs,
};
use chronik_wire::batch::{BatchBuilder, ControlType, EndTxnMarker, NewRecord};

use crate::ledger::{View, markers};
use crate::stage::{FLOWS, LIMIT, Stage, done, end, write};

const TOPIC: &str = "hanging";
const FENCED: [ErrorCode; 2] = [ErrorCode::InvalidProducerEpoch, ErrorCode::ProducerFenced];

/// A transaction in two partitions that its owner leaves alone, with a committed record of another behind it.
fn leave_open(stage: &Stage, flow: Flow, timeout_ms: i32) -> TransactionalProducer {
    let mut producer = TransactionalProducer::new("forgetful", flow);
    producer.timeout_ms = timeout_ms;
    let mut client = stage.client();
    done(|| producer.init(&mut client));
    let mut other = PlainProducer::new(TOPIC, 0, CompressionType::None);
    for partition in 0..2 {
        write(&mut client, &mut producer, TOPIC, partition, &["forgotten"]);
    }
    done(|| other.produce(&mut client, &["behind"]));
    producer
}

/// Waits until it is gone, and looks at what is left and at what its owner can still do.
fn check_aborted(stage: &Stage, producer: &mut TransactionalProducer) {
    let mut client = stage.client();
    let stable = wait_until(LIMIT, || View::of(&mut client, TOPIC, 0).is_stable().then_some(()));
    assert!(stable.is_some(), "it hangs");
    // The other partition is free at the same moment: there is one entry for all of them.
    assert!(View::of(&mut client, TOPIC, 1).is_stable());
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["behind"]);
    assert_eq!(View::of(&mut client, TOPIC, 1).values(), [""; 0]);
    assert_eq!([markers(&mut client, TOPIC, 0), markers(&mut client, TOPIC, 1)], [1, 1]);
    let (found, state) = describe_transaction(&mut client, &producer.transactional_id).unwrap();
    assert_eq!((found, state.transaction_state.as_str()), (ErrorCode::None, "CompleteAbort"));
    if producer.flow == Flow::V1 {
        let added = producer.add_partitions(&mut client, TOPIC, &[0]).unwrap();
        assert!(FENCED.contains(&added), "{added:?}");
    }
    let more = producer.produce(&mut client, TOPIC, 0, &["more"]).unwrap();
    assert!(FENCED.contains(&more.error), "{more:?}");
    let commit = producer.end(&mut client, true).unwrap();
    assert!(FENCED.contains(&commit.error), "{commit:?}");
    // Not even a new epoch: the transactional id has to be taken over.
    assert!(FENCED.contains(&producer.init(&mut client).unwrap()));
    producer.become_next((-1, -1));
    done(|| producer.init(&mut client));
    write(&mut client, producer, TOPIC, 0, &["again"]);
    end(&mut client, producer, true);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["behind", "again"]);
}

#[test]
fn a_transaction_is_aborted_when_its_timeout_has_passed() {
    for flow in FLOWS {
        let stage = Stage::start(&["transactions.abort_check_interval=50ms"]);
        stage.create_topic(TOPIC, 2);
        let mut producer = leave_open(&stage, flow, 500);
        check_aborted(&stage, &mut producer);
    }
}

#[test]
fn a_timeout_passes_while_the_gateway_is_dead() {
    for flow in FLOWS {
        let mut stage = Stage::start(&["transactions.abort_check_interval=1h"]);
        stage.create_topic(TOPIC, 2);
        let mut producer = leave_open(&stage, flow, 500);
        stage.kill();
        stage.options.set.pop();
        stage.options.set.push("transactions.abort_check_interval=50ms".to_owned());
        stage.start_again();
        check_aborted(&stage, &mut producer);
    }
}

#[test]
fn a_timeout_above_the_limit_is_refused() {
    let stage = Stage::start(&["transactions.max_timeout=10s"]);
    let mut producer = TransactionalProducer::new("patient", Flow::V2);
    for (timeout_ms, expected) in [
        (10_001, ErrorCode::InvalidTransactionTimeout),
        (0, ErrorCode::InvalidTransactionTimeout),
        (-1, ErrorCode::InvalidTransactionTimeout),
        (10_000, ErrorCode::None),
    ] {
        producer.timeout_ms = timeout_ms;
        assert_eq!(producer.init(&mut stage.client()).unwrap(), expected, "{timeout_ms}");
    }
}

#[test]
fn an_operator_aborts_a_transaction_in_all_its_partitions() {
    for flow in FLOWS {
        let mut stage = Stage::with_topic(TOPIC, 2);
        let mut producer = leave_open(&stage, flow, 60_000);
        stage.kill_and_start();
        let mut client = stage.client();
        let found = describe_producers(&mut client, TOPIC, 0).unwrap();
        let found = found.iter().find(|found| found.current_txn_start_offset >= 0).unwrap();
        let whose = (found.producer_id.0, i16::try_from(found.producer_epoch).unwrap());
        assert_eq!(whose, producer.identity);
        assert_eq!(found.current_txn_start_offset, 0);
        assert_eq!(write_marker(&mut client, TOPIC, 0, whose, false).unwrap(), ErrorCode::None);
        check_aborted(&stage, &mut producer);
    }
}

/// Everything that a marker for a producer may be asked for and must not do.
fn orphan_markers(client: &mut Connection, producer: &TransactionalProducer) {
    let (producer_id, epoch) = producer.identity;
    let commit = write_marker(client, TOPIC, 0, producer.identity, true).unwrap();
    assert_ne!(commit, ErrorCode::None, "a single partition cannot be committed");
    let old = write_marker(client, TOPIC, 0, (producer_id, epoch - 1), false).unwrap();
    assert_eq!(old, ErrorCode::InvalidProducerEpoch);
    // Nothing of these producers is open here: there is nothing to end, and nothing is written.
    for (partition, whose) in [(1, producer.identity), (0, (producer_id + 1_000, 0))] {
        assert_eq!(write_marker(client, TOPIC, partition, whose, false).unwrap(), ErrorCode::None);
    }
    let missing = write_marker(client, TOPIC, 9, producer.identity, false).unwrap();
    assert_eq!(missing, ErrorCode::UnknownTopicOrPartition);
    for control_type in [ControlType::Commit, ControlType::Abort] {
        let marker = EndTxnMarker { control_type, coordinator_epoch: 0 };
        let bytes = marker.build(
            Offset::ZERO,
            LeaderEpoch::ZERO,
            ProducerId::new(producer_id),
            ProducerEpoch::new(epoch),
            TimestampMs::new(1),
        );
        let id = Some(producer.transactional_id.as_str());
        let produced = produce_bytes(client, id, TOPIC, 0, bytes.unwrap()).unwrap();
        assert_ne!(produced.error, ErrorCode::None, "clients write no markers");
    }
}

#[test]
fn no_marker_ends_what_it_should_not_or_lies_where_nothing_was_open() {
    let stage = Stage::with_topic(TOPIC, 2);
    let mut client = stage.client();
    let mut producer = stage.producer("marked", Flow::V2);
    // So that there is an older epoch.
    done(|| producer.init(&mut client));
    write(&mut client, &mut producer, TOPIC, 0, &["open"]);
    orphan_markers(&mut client, &producer);
    assert_eq!([markers(&mut client, TOPIC, 0), markers(&mut client, TOPIC, 1)], [0, 0]);
    assert!(!View::of(&mut client, TOPIC, 0).is_stable(), "it is open as before");
    end(&mut client, &mut producer, true);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["open"]);
    // Nor when it has ended.
    let ended = write_marker(&mut client, TOPIC, 0, producer.identity, false).unwrap();
    assert_eq!(ended, ErrorCode::None);
    assert_eq!(markers(&mut client, TOPIC, 0), 1);
    assert_eq!(View::of(&mut client, TOPIC, 0).values(), ["open"]);
}

#[test]
fn no_record_gets_into_a_partition_past_its_transaction() {
    let stage = Stage::with_topic(TOPIC, 1);
    let mut client = stage.client();
    let mut producer = stage.producer("careful", Flow::V2);
    let batch = |transactional: bool, sequence| {
        let (producer_id, epoch) = producer.identity;
        let builder = BatchBuilder::new().producer(
            ProducerId::new(producer_id),
            ProducerEpoch::new(epoch),
            Sequence::new(sequence),
        );
        let builder = if transactional { builder.transactional() } else { builder };
        builder.record(&NewRecord { value: Some(b"astray"), ..NewRecord::default() }).build().unwrap()
    };
    let mut refused = |id: Option<&str>, records| {
        let produced = produce_bytes(&mut client, id, TOPIC, 0, records).unwrap();
        assert_ne!(produced.error, ErrorCode::None);
    };
    refused(None, batch(true, 0));
    refused(Some("someone else"), batch(true, 0));
    let (of_one, of_two) = (batch(false, 1), batch(true, 2));
    write(&mut stage.client(), &mut producer, TOPIC, 0, &["in it"]);
    refused(None, of_one);
    refused(Some("careful"), of_two);
    end(&mut client, &mut producer, true);
    let view = View::of(&mut client, TOPIC, 0);
    assert_eq!((view.values(), view.all_values()), (vec!["in it"], vec!["in it"]));
}

#[test]
fn a_transaction_ends_although_its_topic_or_its_records_are_gone() {
    for flow in FLOWS {
        for commit in [true, false] {
            let mut stage = Stage::with_topic(TOPIC, 1);
            for topic in ["gone", "emptied"] {
                stage.create_topic(topic, 1);
            }
            let mut client = stage.client();
            let mut producer = stage.producer("bereft", flow);
            for topic in [TOPIC, "gone", "emptied"] {
                write(&mut client, &mut producer, topic, 0, &["value"]);
            }
            done(|| delete_topic(&mut client, "gone"));
            done(|| delete_records(&mut client, "emptied", 0, -1));
            stage.create_topic("gone", 1);
            stage.kill_and_start();
            let mut client = stage.client();
            end(&mut client, &mut producer, commit);
            for (topic, kept) in [(TOPIC, commit), ("gone", false), ("emptied", false)] {
                let start = if topic == "emptied" { 1 } else { 0 };
                let view = View::from(&mut client, topic, 0, start);
                assert_eq!(view.values().len(), usize::from(kept), "{flow:?} {commit} {topic}");
                assert!(view.is_stable(), "{flow:?} {commit} {topic}: {view:?}");
            }
        }
    }
}
