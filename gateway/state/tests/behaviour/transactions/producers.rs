//! Who the producer of a transactional id is: takeovers, bumps after errors (KIP-360), epochs that run out, expiry.

use chronik_state::EndedBy::{Operator, ProducerWithBump};
use chronik_state::{Change, InitTransactionalProducer, Marker, Outcome, TransactionError};
use chronik_types::{ProducerEpoch, ProducerId, TimestampMs, TransactionalId};

use super::{claim, codes};
use crate::support::Life;

#[test]
fn each_init_gets_the_next_epoch_and_fences_the_one_before() {
    let mut life = Life::with_topic(1);
    assert_eq!(life.init("a"), claim("a", 0, 0));
    assert_eq!(life.init("b"), claim("b", 1, 0));
    assert_eq!(life.init("a"), claim("a", 0, 1));
    for asked in [claim("a", 0, 0), claim("a", 0, 2)] {
        assert_eq!(codes(life.add(&asked, &[0])), 90);
    }
    assert_eq!(codes(life.add(&claim("a", 1, 0), &[0])), 49);
    life.add(&claim("a", 0, 1), &[0]).unwrap();
}

#[test]
fn a_takeover_aborts_what_is_open_in_the_same_entry() {
    let mut life = Life::with_topic(1);
    let old = life.init("a");
    life.produce(&old, true, 0, 0).unwrap();
    life.commit_offset(&old, true, 5).unwrap();
    let (got, new) = life.try_init("a", None).unwrap();
    assert!(got.aborted && got.markers.len() == 1);
    assert_eq!((new.clone(), life.state_name("a")), (claim("a", 0, 1), "Empty"));
    assert_eq!((life.aborted(0), life.unstable(0), life.committed_offset()), (vec![(0, 0, 1)], None, None));
    assert_eq!(life.produce(&old, true, 0, 1).unwrap_err().error_code().code(), 47);
    for committed in [true, false] {
        assert_eq!(codes(life.end(&old, ProducerWithBump, committed)), 90);
    }
    assert_eq!(life.produce(&new, true, 0, 0).unwrap().base_offset.get(), 2);
}

#[test]
fn a_takeover_without_the_right_marker_changes_nothing() {
    let mut life = Life::with_topic(1);
    let old = life.init("a");
    life.produce(&old, true, 0, 0).unwrap();
    let before = life.state.clone();
    let marker = |id, epoch| {
        let (producer_id, producer_epoch) = (ProducerId::new(id), ProducerEpoch::new(epoch));
        Some(Marker { producer_id, producer_epoch, length: 78 })
    };
    for marker in [None, marker(0, 0), marker(0, 2), marker(1, 1)] {
        let init = InitTransactionalProducer {
            transactional_id: TransactionalId::new("a"),
            timeout_ms: 1,
            expected: None,
            marker,
            max_transactional_ids: 9,
        };
        assert_eq!(life.init_with(init).unwrap_err(), TransactionError::MovedOn);
    }
    assert!(life.state.transactional_producers().eq(before.transactional_producers()));
}

#[test]
fn a_producer_that_goes_on_after_an_error_bumps_its_epoch_once() {
    let mut life = Life::with_topic(1);
    let first = life.init("a");
    let (_, second) = life.try_init("a", Some(&first)).unwrap();
    assert_eq!(second, claim("a", 0, 1));
    // The answer was lost.
    assert_eq!(life.try_init("a", Some(&first)).unwrap().1, second);
    // It goes on, and a copy of its request arrives late: what is open stays open.
    life.produce(&second, true, 0, 0).unwrap();
    let (got, again) = life.try_init("a", Some(&first)).unwrap();
    assert!(!got.aborted && again == second && life.state_name("a") == "Ongoing");
    // With its present epoch it aborts what it has open.
    let (got, third) = life.try_init("a", Some(&second)).unwrap();
    assert!(got.aborted && third == claim("a", 0, 2));
    // Another producer takes over.
    let taken = life.init("a");
    for fenced in [&first, &second, &third, &claim("a", 5, 3), &claim("a", 0, 9)] {
        assert_eq!(codes(life.try_init("a", Some(fenced))), 90, "{fenced:?}");
    }
    assert_eq!(life.try_init("a", Some(&taken)).unwrap().1, claim("a", 0, 4));
}

#[test]
fn a_producer_that_was_forgotten_is_initialized_anew_whatever_it_remembers() {
    let mut life = Life::with_topic(1);
    assert_eq!(life.try_init("a", Some(&claim("a", 77, 5))).unwrap().1, claim("a", 0, 0));
}

#[test]
fn an_exhausted_epoch_goes_over_into_another_producer_id() {
    let last = i16::MAX - 1;
    let mut worn = Life::with_topic(1);
    for _ in 0..=last {
        worn.init("a");
    }
    // Nobody needs to remember how it came to that.
    worn.journal.truncate(1);
    let exhausted = claim("a", 0, last);
    let life = || {
        let journal = vec![(worn.state.applied().unwrap(), worn.journal[0].1.clone())];
        Life { state: worn.state.clone(), journal }
    };

    let mut taken_over = life();
    taken_over.produce(&exhausted, true, 0, 0).unwrap();
    let (got, next) = taken_over.try_init("a", None).unwrap();
    assert!(got.aborted);
    assert_eq!(next, claim("a", 1, 0));
    assert_eq!(codes(taken_over.try_init("a", Some(&exhausted))), 90);
    assert_eq!(codes(taken_over.add(&exhausted, &[0])), 49);
    assert!(taken_over.state.transactional_id_of(ProducerId::new(0)).is_none());

    let mut went_on = life();
    let (_, next) = went_on.try_init("a", Some(&exhausted)).unwrap();
    assert_eq!(next, claim("a", 1, 0));
    assert_eq!(went_on.try_init("a", Some(&exhausted)).unwrap().1, next, "and is told so again");

    let mut ended = life();
    ended.produce(&exhausted, true, 0, 0).unwrap();
    let next = ended.bump(&exhausted, true);
    assert_eq!(next, claim("a", 1, 0));
    assert_eq!(ended.bump(&exhausted, true), next, "and is told so again");
    assert_eq!(codes(ended.end(&exhausted, ProducerWithBump, false)), 48);
    ended.produce(&next, true, 0, 0).unwrap();
    assert_eq!(codes(ended.end(&exhausted, ProducerWithBump, true)), 49, "until it has begun another one");

    let mut fenced = life();
    fenced.produce(&exhausted, true, 0, 0).unwrap();
    fenced.end(&exhausted, Operator, false).unwrap();
    assert_eq!(codes(fenced.end(&exhausted, ProducerWithBump, false)), 49);
    assert_eq!(fenced.init("a"), claim("a", 1, 1));
}

#[test]
fn transactional_ids_are_limited() {
    let mut life = Life::with_topic(1);
    let init = |id: &str| InitTransactionalProducer {
        transactional_id: TransactionalId::new(id),
        timeout_ms: 1,
        expected: None,
        marker: None,
        max_transactional_ids: 2,
    };
    life.init_with(init("a")).unwrap();
    life.init_with(init("b")).unwrap();
    assert_eq!(codes(life.init_with(init("c"))), 44);
    life.init_with(init("a")).unwrap();
}

#[test]
fn idle_transactional_ids_expire_and_open_ones_stay() {
    let mut life = Life::with_topic(1);
    for id in ["open", "idle", "used"] {
        life.init(id);
    }
    let open = claim("open", 0, 0);
    life.add(&open, &[0]).unwrap();
    life.end_at(2_000, &claim("used", 2, 0), ProducerWithBump, false).unwrap();
    let expire = |life: &mut Life, time| {
        life.apply(Change::ExpireTransactionalIds { idle_before: TimestampMs::new(time) })
    };
    assert_eq!(expire(&mut life, 1_000), Outcome::TransactionalIdsExpired(0));
    assert_eq!(expire(&mut life, 1_001), Outcome::TransactionalIdsExpired(1));
    let known: Vec<_> = life.state.transactional_producers().map(|(id, _)| id.as_str()).collect();
    assert_eq!(known, ["open", "used"]);
    assert_eq!(codes(life.add(&claim("idle", 1, 0), &[0])), 49);
    assert!(life.state.transactional_id_of(ProducerId::new(1)).is_none());
    assert_eq!(life.init("idle"), claim("idle", 3, 0));
}

#[test]
fn an_idle_producer_is_not_forgotten_while_its_transaction_is_open() {
    let mut life = Life::with_topic(2);
    let producer = life.init("a");
    life.produce(&producer, true, 0, 0).unwrap();
    let other = life.init("b");
    life.produce(&other, true, 1, 0).unwrap();
    life.bump(&other, true);
    let expire = Change::ExpireProducers { inactive_before: TimestampMs::new(i64::MAX) };
    assert_eq!(life.apply(expire), Outcome::ProducersExpired(1));
    assert!(life.produce(&producer, true, 0, 0).unwrap().duplicate_of.is_some());
    life.produce(&producer, true, 0, 1).unwrap();
}
