//! What readers of committed records go by: the first unstable offset and the aborted ranges.

use chronik_state::{Change, State};
use chronik_types::Offset;

use super::claim;
use crate::support::{Life, at, batch};

#[test]
fn the_first_open_transaction_bounds_what_is_stable() {
    let mut life = Life::with_topic(1);
    let (one, two) = (life.init("one"), life.init("two"));
    assert_eq!(life.unstable(0), None);
    life.append(batch(0, 1)).unwrap();
    life.produce(&one, true, 0, 0).unwrap();
    life.produce(&two, true, 0, 0).unwrap();
    life.produce(&one, true, 0, 1).unwrap();
    life.append(batch(0, 1)).unwrap();
    assert_eq!(life.unstable(0), Some(1));
    life.bump(&two, false);
    assert_eq!((life.unstable(0), life.aborted(0)), (Some(1), vec![(1, 2, 5)]));
    life.bump(&one, false);
    assert_eq!((life.unstable(0), life.aborted(0)), (None, vec![(1, 2, 5), (0, 1, 6)]));
    let aborted = life.state.partition_transactions(at(0)).unwrap().aborted();
    let stable: Vec<_> = aborted.iter().map(|aborted| aborted.last_stable_offset.get()).collect();
    assert_eq!(stable, [1, 7], "what was stable once each had ended");
}

#[test]
fn a_later_log_start_forgets_what_lies_before_it() {
    let mut life = Life::with_topic(1);
    let mut producer = life.init("t");
    for _ in 0..3 {
        life.produce(&producer, true, 0, 0).unwrap();
        producer = life.bump(&producer, false);
    }
    assert_eq!(life.aborted(0), [(0, 0, 1), (0, 2, 3), (0, 4, 5)]);
    let advance = |life: &mut Life, offset| {
        life.apply(Change::AdvanceLogStart(vec![(at(0), Offset::new(offset))]));
    };
    advance(&mut life, 3);
    assert_eq!(life.aborted(0), [(0, 2, 3), (0, 4, 5)], "its marker can still be read");
    advance(&mut life, -1);
    assert_eq!(life.state.partitions_with_transactions().count(), 0);
    // An open one stays open, however much of it is gone.
    life.produce(&producer, true, 0, 0).unwrap();
    advance(&mut life, -1);
    assert_eq!(life.unstable(0), Some(6));
    life.bump(&producer, false);
    assert_eq!(life.aborted(0), [(0, 6, 7)]);
}

#[test]
fn a_checkpoint_carries_open_and_aborted_transactions() {
    let mut life = Life::with_topic(2);
    let producer = life.init("t");
    life.produce(&producer, true, 0, 0).unwrap();
    let producer = life.bump(&producer, false);
    life.produce(&producer, true, 1, 0).unwrap();
    life.add(&producer, &[0]).unwrap();
    life.commit_offset(&producer, true, 3).unwrap();
    let read = State::decode(&life.state.encode()).unwrap();
    assert_eq!(read, life.state);
    assert_eq!((read.ongoing_transaction_count(), read.hash()), (1, life.state.hash()));
    let described = read.transactional_producer("t").unwrap();
    assert_eq!((described.partitions().len(), described.groups().len()), (2, 1));
    life.state = read;
    assert_eq!(life.bump(&producer, true), claim("t", 0, 2));
    assert_eq!((life.committed_offset(), life.unstable(1)), (Some(3), None));
}
