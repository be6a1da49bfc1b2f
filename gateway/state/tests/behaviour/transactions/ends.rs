//! Ending transactions: every row of Kafka's tables, for both flows.

use chronik_state::EndedBy::{Operator, Producer, ProducerWithBump, Timeout};
use chronik_state::{Change, EndTxn, Marker, Outcome, TransactionError};
use chronik_types::{Offset, ProducerEpoch};

use super::{claim, codes};
use crate::support::{Life, at, topic_id};

#[test]
fn the_old_flow_follows_kafkas_table() {
    for (state, commit, abort) in
        [("Empty", 48, 48), ("Ongoing", 0, 0), ("CompleteCommit", 0, 48), ("CompleteAbort", 48, 0)]
    {
        for (committed, code) in [(true, commit), (false, abort)] {
            let (mut life, producer) = brought_to(state, Producer);
            let epoch = producer.producer_epoch;
            assert_eq!(codes(life.end(&producer, Producer, committed)), code, "{state} {committed}");
            let known = life.state.transactional_producer("t").unwrap();
            assert_eq!(known.epoch(), epoch, "the producer keeps its epoch");
            let expected = match (state, committed) {
                ("Ongoing", true) => "CompleteCommit",
                ("Ongoing", false) => "CompleteAbort",
                (state, _) => state,
            };
            assert_eq!(known.state().name(), expected);
        }
    }
}

#[test]
fn the_new_flow_follows_kafkas_table() {
    // For the present epoch and for the one before, commit and abort: the code, or 0 and whether the epoch is bumped.
    let table = [
        ("Empty", [(48, false), (0, true)], [(90, false), (90, false)]),
        ("Ongoing", [(0, true), (0, true)], [(90, false), (90, false)]),
        ("CompleteCommit", [(48, false), (0, true)], [(0, false), (48, false)]),
        ("CompleteAbort", [(48, false), (0, true)], [(48, false), (0, false)]),
    ];
    for (state, current, retry) in table {
        for (is_retry, row) in [(false, current), (true, retry)] {
            for (committed, (code, bumps)) in [(true, row[0]), (false, row[1])] {
                let (mut life, producer) = brought_to(state, ProducerWithBump);
                let case = format!("{state}, retry {is_retry}, commit {committed}");
                let now = producer.producer_epoch.get();
                let asked = claim("t", 0, if is_retry { now - 1 } else { now });
                let ended = life.end(&asked, ProducerWithBump, committed);
                assert_eq!(codes(ended.clone()), code, "{case}");
                let known = life.state.transactional_producer("t").unwrap();
                assert_eq!(known.epoch().get(), now + i16::from(bumps), "{case}");
                if let Ok(ended) = ended {
                    // A retry is told what the first request was told.
                    assert_eq!(ended.producer_epoch, known.epoch(), "{case}");
                    assert_eq!(ended.was_open, state == "Ongoing", "{case}");
                }
            }
        }
    }
}

/// A producer of epoch 1 or later in that state.
fn brought_to(state: &str, flow: chronik_state::EndedBy) -> (Life, chronik_state::Claim) {
    let mut life = Life::with_topic(2);
    life.init("t");
    let mut producer = life.init("t");
    if state == "Empty" {
        return (life, producer);
    }
    life.add(&producer, &[0]).unwrap();
    life.produce(&producer, false, 0, 0).unwrap();
    if state != "Ongoing" {
        let ended = life.end(&producer, flow, state == "CompleteCommit").unwrap();
        producer = claim("t", ended.producer_id.get(), ended.producer_epoch.get());
    }
    assert_eq!(life.state_name("t"), state);
    (life, producer)
}

#[test]
fn whoever_is_not_the_producer_ends_nothing() {
    for flow in [Producer, ProducerWithBump, Operator] {
        let (mut life, producer) = brought_to("Ongoing", flow);
        let before = life.state.clone();
        let epoch = producer.producer_epoch.get();
        for (asked, code) in [
            (claim("other", 0, epoch), 49),
            (claim("t", 7, epoch), 49),
            (claim("t", 0, epoch - 1), 90),
            (claim("t", 0, epoch + 1), 90),
        ] {
            assert_eq!(codes(life.end(&asked, flow, false)), code, "{flow:?} {asked:?}");
        }
        assert!(life.state.transactional_producers().eq(before.transactional_producers()));
        assert_eq!(life.end_offset(0), before.partition(at(0)).unwrap().end_offset());
    }
}

#[test]
fn every_partition_gets_the_marker_and_every_group_its_offsets_at_once() {
    for committed in [true, false] {
        let mut life = Life::with_topic(3);
        let producer = life.init("t");
        life.produce(&producer, true, 0, 0).unwrap();
        life.produce(&producer, true, 0, 1).unwrap();
        life.produce(&producer, true, 2, 0).unwrap();
        life.commit_offset(&producer, true, 42).unwrap();
        assert!(life.state.group("g").unwrap().offsets().is_unstable(at(0)));
        assert_eq!(life.committed_offset(), None);
        let ended = life.end(&producer, ProducerWithBump, committed).unwrap();
        let placed: Vec<_> = ended
            .markers
            .iter()
            .map(|marker| (marker.at, marker.offset.get(), marker.aborted.is_some(), marker.first_unstable))
            .collect();
        assert_eq!(placed, [(at(0), 2, !committed, None), (at(2), 1, !committed, None)]);
        assert_eq!((life.end_offset(0).get(), life.end_offset(1).get(), life.end_offset(2).get()), (3, 0, 2));
        let aborted = if committed { vec![] } else { vec![(0, 0, 2)] };
        assert_eq!((life.unstable(0), life.aborted(0)), (None, aborted));
        assert!(!life.state.group("g").unwrap().offsets().is_unstable(at(0)));
        assert_eq!(life.committed_offset(), committed.then_some(42));
    }
}

#[test]
fn a_partition_without_records_gets_a_marker_and_no_aborted_range() {
    let mut life = Life::with_topic(2);
    let producer = life.init("t");
    life.add(&producer, &[0, 1]).unwrap();
    life.produce(&producer, false, 1, 0).unwrap();
    let ended = life.end(&producer, Producer, false).unwrap();
    let aborted: Vec<_> = ended.markers.iter().map(|marker| marker.aborted.is_some()).collect();
    assert_eq!(aborted, [false, true]);
    assert_eq!((life.end_offset(0).get(), life.aborted(0), life.aborted(1)), (1, vec![], vec![(0, 0, 1)]));
}

#[test]
fn a_marker_of_another_moment_ends_nothing() {
    for flow in [Producer, ProducerWithBump, Operator] {
        let (mut life, producer) = brought_to("Ongoing", flow);
        for (id, epoch) in [(0, 7), (1, producer.producer_epoch.get() + i16::from(flow != Producer))] {
            let marker = Marker {
                producer_id: chronik_types::ProducerId::new(id),
                producer_epoch: ProducerEpoch::new(epoch),
                length: 78,
            };
            let end = EndTxn { claim: producer.clone(), ended_by: flow, committed: false, marker };
            let outcome = life.apply(Change::EndTxn(end));
            assert_eq!(outcome, Outcome::TxnEnded(Err(TransactionError::MovedOn)), "{flow:?}");
        }
        assert_eq!((life.state_name("t"), life.end_offset(0)), ("Ongoing", Offset::new(1)));
    }
}

#[test]
fn a_timeout_ends_only_what_is_overdue_and_fences() {
    let (mut life, producer) = brought_to("Ongoing", Producer);
    // It began at 1000 and may take 500.
    assert_eq!(codes(life.end_at(1_500, &producer, Timeout, false)), 48);
    assert_eq!(codes(life.end_at(9_999, &producer, Timeout, true)), 48, "a timeout never commits");
    let ended = life.end_at(1_501, &producer, Timeout, false).unwrap();
    assert!(ended.was_open && ended.markers.len() == 1);
    assert_eq!((life.state_name("t"), life.aborted(0)), ("CompleteAbort", vec![(0, 0, 1)]));
    // Not even as a retry of its own, whose epoch would be the one before.
    for (flow, committed) in [(Producer, true), (ProducerWithBump, true), (ProducerWithBump, false)] {
        assert_eq!(codes(life.end(&producer, flow, committed)), 90);
    }
    assert_eq!(life.produce(&producer, true, 0, 1).unwrap_err().error_code().code(), 47);
    assert_eq!(codes(life.end_at(9_999, &producer, Timeout, false)), 90);
}

#[test]
fn a_deleted_topic_leaves_its_transactions() {
    let mut life = Life::with_topic(2);
    let producer = life.init("t");
    life.produce(&producer, true, 0, 0).unwrap();
    let other = life.init("other");
    life.produce(&other, true, 0, 0).unwrap();
    life.bump(&other, false);
    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    assert_eq!(life.state.partitions_with_transactions().count(), 0);
    life.apply(Change::CreateTopic(crate::support::create("u", 1)));
    assert!(life.end(&producer, ProducerWithBump, true).unwrap().markers.is_empty());
    assert_eq!(life.end_offset(0), Offset::ZERO);
}
