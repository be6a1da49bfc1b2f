//! Base offsets and what is refused whoever sends it.

use chronik_state::{Change, Outcome, Rejection};
use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicPartition};

use crate::support::{Life, at, batch, create, topic_id};

#[test]
fn base_offsets_follow_one_another_per_partition() {
    let mut life = Life::with_topic(2);
    let batches = vec![batch(0, 3), batch(1, 5), batch(0, 2), batch(0, 1)];
    let Outcome::Appended(results) = life.apply(Change::Append(batches)) else { panic!("not an append") };
    let offsets: Vec<_> = results.into_iter().map(|placed| placed.unwrap().base_offset.get()).collect();
    assert_eq!(offsets, [0, 0, 3, 5]);
    assert_eq!((life.end_offset(0), life.end_offset(1)), (Offset::new(6), Offset::new(5)));
}

#[test]
fn an_answer_carries_log_start_and_leader_epoch() {
    let mut life = Life::with_topic(1);
    life.append(batch(0, 10)).unwrap();
    life.apply(Change::AdvanceLogStart(vec![(at(0), Offset::new(4))]));
    let placed = life.append(batch(0, 1)).unwrap();
    assert_eq!((placed.base_offset, placed.log_start_offset), (Offset::new(10), Offset::new(4)));
    assert_eq!((placed.leader_epoch, placed.duplicate_of), (LeaderEpoch::ZERO, None));
}

#[test]
fn each_batch_of_an_entry_is_judged_on_its_own() {
    let mut life = Life::with_topic(1);
    let nowhere = TopicPartition::new(topic_id(9), PartitionIndex::new(0));
    let mut lost = batch(0, 1);
    lost.at = nowhere;
    let batches = vec![batch(0, 1), lost, batch(1, 1), batch(-1, 1), batch(0, 0), batch(0, 1)];
    let Outcome::Appended(results) = life.apply(Change::Append(batches)) else { panic!("not an append") };
    assert_eq!(results[0].as_ref().unwrap().base_offset, Offset::ZERO);
    assert_eq!(results[1], Err(Rejection::UnknownTopic { topic_id: topic_id(9) }));
    assert_eq!(results[2], Err(Rejection::UnknownPartition { at: at(1) }));
    assert_eq!(results[3], Err(Rejection::UnknownPartition { at: at(-1) }));
    assert_eq!(results[4].as_ref().unwrap_err().error_code(), ErrorCode::InvalidRecord);
    assert_eq!(results[5].as_ref().unwrap().base_offset, Offset::new(1));
}

#[test]
fn a_batch_for_a_deleted_topic_is_refused_even_if_the_name_lives_on() {
    let mut life = Life::with_topic(1);
    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    life.apply(Change::CreateTopic(create("t", 2)));
    let refused = life.append(batch(0, 1)).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn an_entry_that_was_applied_is_not_applied_again() {
    let mut life = Life::with_topic(1);
    life.append(batch(0, 3)).unwrap();
    for (position, entry) in life.journal.clone() {
        assert_eq!(life.state.apply(position, &entry), Outcome::AlreadyApplied);
    }
    assert_eq!(life.end_offset(0), Offset::new(3));
    assert_eq!(life.state.applied(), life.journal.last().map(|(position, _)| *position));
}
