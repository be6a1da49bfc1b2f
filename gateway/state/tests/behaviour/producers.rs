//! The rules of idempotent producers, as Kafka's `ProducerStateManager` has them.

use chronik_state::{Change, Outcome, Placed, Rejection};
use chronik_types::{ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::support::{Life, at, batch, idempotent, topic_id};

fn code(result: Result<Placed, Rejection>) -> ErrorCode {
    result.unwrap_err().error_code()
}

#[test]
fn a_duplicate_answers_the_original_offset_and_appends_nothing() {
    let mut life = Life::with_topic(1);
    life.append(batch(0, 10)).unwrap();
    let mut first = idempotent(0, 0, 3);
    first.max_timestamp = TimestampMs::new(555);
    assert_eq!(life.append(first).unwrap().duplicate_of, None);
    life.append(batch(0, 10)).unwrap();

    let again = life.append(idempotent(0, 0, 3)).unwrap();
    assert_eq!(again.base_offset, Offset::new(10));
    assert_eq!(again.duplicate_of, Some(TimestampMs::new(555)));
    assert_eq!(life.end_offset(0), Offset::new(23));
}

#[test]
fn the_last_five_batches_are_recognised_and_no_older_one() {
    let mut life = Life::with_topic(1);
    for sequence in 0..6 {
        life.append(idempotent(0, sequence * 2, 2)).unwrap();
    }
    for sequence in 1..6 {
        let again = life.append(idempotent(0, sequence * 2, 2)).unwrap();
        assert_eq!(again.base_offset, Offset::new(i64::from(sequence) * 2));
    }
    assert_eq!(code(life.append(idempotent(0, 0, 2))), ErrorCode::OutOfOrderSequenceNumber);
}

#[test]
fn a_duplicate_has_the_same_first_and_last_sequence() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, 0, 4)).unwrap();
    assert_eq!(code(life.append(idempotent(0, 0, 3))), ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(code(life.append(idempotent(0, 1, 3))), ErrorCode::OutOfOrderSequenceNumber);
}

#[test]
fn rejects_a_gap_and_goes_on_after_it_is_filled() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, 0, 2)).unwrap();
    let gap = life.append(idempotent(0, 3, 1)).unwrap_err();
    assert_eq!(
        gap,
        Rejection::OutOfOrderSequence {
            producer_id: ProducerId::new(7),
            epoch: ProducerEpoch::ZERO,
            base_sequence: Sequence::new(3),
            last_epoch: ProducerEpoch::ZERO,
            last_sequence: Sequence::new(1),
        }
    );
    assert_eq!(life.append(idempotent(0, 2, 1)).unwrap().base_offset, Offset::new(2));
    assert_eq!(life.append(idempotent(0, 3, 1)).unwrap().base_offset, Offset::new(3));
}

#[test]
fn rejects_an_old_epoch_even_for_a_batch_once_appended() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(4, 0, 1)).unwrap();
    life.append(idempotent(5, 0, 1)).unwrap();
    assert_eq!(code(life.append(idempotent(4, 0, 1))), ErrorCode::InvalidProducerEpoch);
    assert_eq!(code(life.append(idempotent(4, 1, 1))), ErrorCode::InvalidProducerEpoch);
}

#[test]
fn a_new_epoch_starts_at_sequence_zero() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, 0, 5)).unwrap();
    assert_eq!(code(life.append(idempotent(1, 5, 1))), ErrorCode::OutOfOrderSequenceNumber);
    // The refused batch has not raised the epoch.
    life.append(idempotent(0, 5, 1)).unwrap();
    let renewed = life.append(idempotent(1, 0, 5)).unwrap();
    assert_eq!((renewed.base_offset, renewed.duplicate_of), (Offset::new(6), None));
}

#[test]
fn an_unknown_producer_may_start_anywhere() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(3, 4_711, 2)).unwrap();
    assert_eq!(code(life.append(idempotent(3, 4_714, 1))), ErrorCode::OutOfOrderSequenceNumber);
    life.append(idempotent(3, 4_713, 1)).unwrap();
}

#[test]
fn sequences_wrap_to_zero() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, i32::MAX - 2, 2)).unwrap();
    // From i32::MAX over 0 to 1.
    life.append(idempotent(0, i32::MAX, 3)).unwrap();
    assert_eq!(life.append(idempotent(0, i32::MAX, 3)).unwrap().base_offset, Offset::new(2));
    assert_eq!(life.append(idempotent(0, 2, 1)).unwrap().base_offset, Offset::new(5));
    assert_eq!(code(life.append(idempotent(0, 4, 1))), ErrorCode::OutOfOrderSequenceNumber);
}

#[test]
fn the_batch_after_the_greatest_sequence_starts_at_zero() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, i32::MAX, 1)).unwrap();
    life.append(idempotent(0, 0, 1)).unwrap();
    assert_eq!(life.end_offset(0), Offset::new(2));
}

#[test]
fn two_batches_of_one_entry_are_judged_in_order() {
    let mut life = Life::with_topic(1);
    let batches = vec![idempotent(0, 0, 1), idempotent(0, 2, 1), idempotent(0, 1, 1), idempotent(0, 0, 1)];
    let Outcome::Appended(results) = life.apply(Change::Append(batches)) else { panic!("not an append") };
    assert_eq!(results[0].as_ref().unwrap().base_offset, Offset::ZERO);
    assert_eq!(results[1].as_ref().unwrap_err().error_code(), ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(results[2].as_ref().unwrap().base_offset, Offset::new(1));
    assert_eq!(results[3].as_ref().unwrap().base_offset, Offset::ZERO);
    assert_eq!(life.end_offset(0), Offset::new(2));
}

#[test]
fn producers_are_told_apart_by_partition() {
    let mut life = Life::with_topic(2);
    life.append(idempotent(0, 0, 5)).unwrap();
    let mut other = idempotent(0, 0, 5);
    other.at = at(1);
    assert_eq!(life.append(other).unwrap().duplicate_of, None);
}

#[test]
fn refuses_numbers_that_no_producer_has() {
    let mut life = Life::with_topic(1);
    assert_eq!(code(life.append(idempotent(-1, 0, 1))), ErrorCode::InvalidRecord);
    assert_eq!(code(life.append(idempotent(0, -1, 1))), ErrorCode::InvalidRecord);
    let mut nobody = idempotent(0, 0, 1);
    nobody.producer.as_mut().unwrap().producer_id = ProducerId::NONE;
    assert_eq!(code(life.append(nobody)), ErrorCode::InvalidRecord);
    assert_eq!(life.end_offset(0), Offset::ZERO);
}

#[test]
fn only_an_expiry_entry_forgets_a_producer() {
    let mut life = Life::with_topic(1);
    life.append_at(TimestampMs::new(1_000), idempotent(0, 0, 1)).unwrap();
    life.append_at(TimestampMs::new(900_000_000_000), batch(0, 1)).unwrap();
    assert_eq!(life.append(idempotent(0, 0, 1)).unwrap().base_offset, Offset::ZERO);

    let expire = |before| Change::ExpireProducers { inactive_before: TimestampMs::new(before) };
    assert_eq!(life.apply(expire(1_000)), Outcome::ProducersExpired(0));
    assert_eq!(life.apply(expire(1_001)), Outcome::ProducersExpired(1));
    // Now it is a new batch of an unknown producer, as in Kafka.
    assert_eq!(life.append(idempotent(0, 0, 1)).unwrap().base_offset, Offset::new(2));
}

#[test]
fn a_producer_of_old_records_expires_by_its_last_append() {
    let mut life = Life::with_topic(1);
    let mut old = idempotent(0, 0, 1);
    old.max_timestamp = TimestampMs::new(1);
    life.append_at(TimestampMs::new(5_000), old).unwrap();
    // A gateway whose clock lags does not make it look idle.
    life.append_at(TimestampMs::new(2_000), idempotent(0, 1, 1)).unwrap();
    let expired = life.apply(Change::ExpireProducers { inactive_before: TimestampMs::new(4_000) });
    assert_eq!(expired, Outcome::ProducersExpired(0));
}

#[test]
fn a_raised_log_start_keeps_the_producers() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, 0, 3)).unwrap();
    life.apply(Change::AdvanceLogStart(vec![(at(0), Offset::NONE)]));
    assert_eq!(life.append(idempotent(0, 0, 3)).unwrap().base_offset, Offset::ZERO);
}

#[test]
fn shows_what_describe_producers_asks_for() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(2, 0, 3)).unwrap();
    let partition = life.state.partition(at(0)).unwrap();
    let (id, producer) = partition.producers().next().unwrap();
    assert_eq!((id, producer.epoch()), (ProducerId::new(7), ProducerEpoch::new(2)));
    assert_eq!(producer.last_sequence(), Sequence::new(2));
    assert_eq!(producer.last_timestamp(), TimestampMs::new(900));
    assert_eq!(producer.last_append(), TimestampMs::new(1_000));
    assert_eq!(partition.producer_count(), 1);
}

#[test]
fn producer_ids_are_handed_out_once() {
    let mut life = Life::default();
    for id in 0..3 {
        let allocated = life.apply(Change::AllocateProducerId);
        assert_eq!(allocated, Outcome::ProducerIdAllocated(Ok(ProducerId::new(id))));
    }
}

#[test]
fn a_deleted_topic_forgets_its_producers() {
    let mut life = Life::with_topic(1);
    life.append(idempotent(0, 0, 1)).unwrap();
    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    let expired = life.apply(Change::ExpireProducers { inactive_before: TimestampMs::new(i64::MAX) });
    assert_eq!(expired, Outcome::ProducersExpired(0));
}
