//! What comes late, twice or out of order joins no other transaction and leaves none open (KIP-890).

use chronik_state::EndedBy::{Producer, ProducerWithBump};

use super::{claim, codes, sent_by};
use crate::support::Life;

fn code<T>(result: Result<T, chronik_state::Rejection>) -> i16 {
    result.map_or_else(|rejection| rejection.error_code().code(), |_| 0)
}

#[test]
fn a_batch_needs_the_open_transaction_of_its_epoch_with_its_partition() {
    let mut life = Life::with_topic(2);
    let producer = life.init("t");
    assert_eq!(code(life.produce(&producer, false, 0, 0)), 120, "nothing is open");
    life.add(&producer, &[0]).unwrap();
    assert_eq!(code(life.produce(&producer, false, 1, 0)), 120, "another partition is");
    let earlier = producer.clone();
    let producer = life.init("t");
    life.add(&producer, &[0]).unwrap();
    assert_eq!(code(life.produce(&earlier, false, 0, 0)), 47);
    assert_eq!(code(life.produce(&claim("t", 0, 9), false, 0, 0)), 47);
    assert_eq!(code(life.produce(&claim("t", 7, 1), false, 0, 0)), 49);
    assert_eq!(code(life.produce_as("other", false, sent_by(&producer, 0, 0))), 49);
    let unnamed = crate::support::batch(0, 1);
    assert_eq!(code(life.produce_as("t", false, unnamed)), 87);
    assert_eq!(life.end_offset(0).get(), 1, "but for the marker of the first");
    assert_eq!(code(life.produce(&producer, false, 0, 0)), 0);
}

#[test]
fn a_late_batch_after_the_end_opens_nothing() {
    // The old flow, where the epoch stays the same.
    let mut life = Life::with_topic(1);
    let producer = life.init("t");
    life.add(&producer, &[0]).unwrap();
    life.produce(&producer, false, 0, 0).unwrap();
    life.commit(&producer);
    for sequence in [0, 1] {
        assert_eq!(code(life.produce(&producer, false, 0, sequence)), 120);
    }
    assert_eq!((life.unstable(0), life.state_name("t")), (None, "CompleteCommit"));
    // The next transaction has the partition: a repeated batch is known, a later one has to be the next.
    life.add(&producer, &[0]).unwrap();
    let again = life.produce(&producer, false, 0, 0).unwrap();
    assert_eq!((again.base_offset.get(), again.duplicate_of.is_some()), (0, true));
    assert_eq!(life.unstable(0), None);
    assert_eq!(code(life.produce(&producer, false, 0, 2)), 45);

    // The new flow, where each transaction has its own.
    let mut life = Life::with_topic(1);
    let producer = life.init("t");
    life.produce(&producer, true, 0, 0).unwrap();
    let next = life.bump(&producer, true);
    for sequence in [0, 1] {
        assert_eq!(code(life.produce(&producer, true, 0, sequence)), 47);
    }
    life.produce(&next, true, 0, 0).unwrap();
    assert_eq!(code(life.produce(&producer, true, 0, 1)), 47, "nor does it join the next");
    assert_eq!(life.unstable(0), Some(2));
}

#[test]
fn a_batch_that_overtakes_the_first_one_does_not_begin_a_transaction() {
    let mut life = Life::with_topic(1);
    let producer = life.init("t");
    assert_eq!(code(life.produce(&producer, true, 0, 1)), 45);
    assert_eq!((life.state_name("t"), life.unstable(0)), ("Empty", None));
    life.produce(&producer, true, 0, 0).unwrap();
    life.produce(&producer, true, 0, 1).unwrap();
    let next = life.bump(&producer, true);
    assert_eq!(code(life.produce(&next, true, 0, 1)), 45);
    assert_eq!(life.state_name("t"), "CompleteCommit");
}

#[test]
fn a_late_end_does_not_end_the_next_transaction() {
    let mut life = Life::with_topic(1);
    let producer = life.init("t");
    life.produce(&producer, true, 0, 0).unwrap();
    let next = life.bump(&producer, true);
    life.produce(&next, true, 0, 0).unwrap();
    for committed in [true, false] {
        assert_eq!(codes(life.end(&producer, ProducerWithBump, committed)), 90);
    }
    assert_eq!((life.state_name("t"), life.unstable(0)), ("Ongoing", Some(2)));
}

#[test]
fn a_late_request_to_add_something_joins_only_its_own_epoch() {
    let mut life = Life::with_topic(2);
    let producer = life.init("t");
    life.add(&producer, &[0]).unwrap();
    life.add(&producer, &[0]).unwrap();
    let next = life.bump(&producer, true);
    assert_eq!(codes(life.add(&producer, &[1])), 90);
    assert_eq!(codes(life.add_group(&producer, "g")), 90);
    assert_eq!(codes(life.commit_offset(&producer, true, 1)), 90);
    assert_eq!(life.state_name("t"), "CompleteCommit");
    // The old flow: it is covered by the end of the transaction that it joins, and cannot be torn.
    life.add(&next, &[1]).unwrap();
    life.produce(&next, false, 1, 0).unwrap();
    assert_eq!(life.end(&next, Producer, true).unwrap().markers.len(), 1);
    assert_eq!(life.unstable(1), None);
}

#[test]
fn offsets_need_their_group_in_the_open_transaction() {
    let mut life = Life::with_topic(1);
    let producer = life.init("t");
    assert_eq!(codes(life.commit_offset(&producer, false, 1)), 120);
    life.add_group(&producer, "other").unwrap();
    assert_eq!(codes(life.commit_offset(&producer, false, 1)), 120);
    life.add_group(&producer, "g").unwrap();
    life.commit_offset(&producer, false, 1).unwrap();
    life.commit(&producer);
    assert_eq!(life.committed_offset(), Some(1));
    assert_eq!(codes(life.commit_offset(&producer, false, 2)), 120, "a late commit waits for no other end");
    assert!(!life.state.group("g").unwrap().offsets().is_unstable(crate::support::at(0)));
}

#[test]
fn what_is_added_is_limited_and_exists() {
    let mut life = Life::with_topic(9);
    let producer = life.init("t");
    assert_eq!(codes(life.add(&producer, &[0, 77])), 3);
    assert_eq!(life.state_name("t"), "Empty", "all or nothing");
    assert_eq!(codes(life.add(&producer, &[0, 1, 2, 3])), 44);
    life.add(&producer, &[0, 1, 2]).unwrap();
    life.add(&producer, &[2, 1, 0]).unwrap();
    assert_eq!(code(life.produce(&producer, true, 5, 0)), 44);
    assert_eq!(codes(life.add_group(&producer, "g")), 44);
    assert_eq!(codes(life.commit_offset(&producer, true, 1)), 44);
    assert_eq!(code(life.produce(&producer, true, 2, 0)), 0);
}

#[test]
fn a_batch_without_its_transaction_is_refused_while_one_is_open() {
    let mut life = Life::with_topic(2);
    let producer = life.init("t");
    life.produce(&producer, true, 0, 0).unwrap();
    assert_eq!(code(life.append(sent_by(&producer, 0, 1))), 48);
    assert_eq!(code(life.append(sent_by(&producer, 1, 0))), 0, "in another partition none is open");
    life.bump(&producer, true);
    assert_eq!(code(life.append(sent_by(&producer, 0, 1))), 47, "the marker has fenced the epoch");
    assert_eq!(code(life.append(sent_by(&claim("t", 0, 1), 0, 0))), 0);
}
