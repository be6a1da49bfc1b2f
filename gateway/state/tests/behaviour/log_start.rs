//! DeleteRecords and retention: raising the log start.

use chronik_state::{Change, Outcome, Rejection};
use chronik_types::{ErrorCode, Offset};

use crate::support::{Life, at, batch};

fn advance(life: &mut Life, offset: i64) -> Result<Offset, Rejection> {
    match life.apply(Change::AdvanceLogStart(vec![(at(0), Offset::new(offset))])) {
        Outcome::LogStartAdvanced(mut results) if results.len() == 1 => results.remove(0),
        other => panic!("{other:?} of one partition"),
    }
}

#[test]
fn rises_and_never_falls() {
    let mut life = Life::with_topic(1);
    life.append(batch(0, 10)).unwrap();
    assert_eq!(advance(&mut life, 4), Ok(Offset::new(4)));
    assert_eq!(advance(&mut life, 2), Ok(Offset::new(4)));
    assert_eq!(advance(&mut life, 10), Ok(Offset::new(10)));
    assert_eq!(life.end_offset(0), Offset::new(10));
}

#[test]
fn minus_one_is_the_high_watermark_at_that_place_in_the_order() {
    let mut life = Life::with_topic(1);
    life.append(batch(0, 10)).unwrap();
    assert_eq!(advance(&mut life, -1), Ok(Offset::new(10)));
    life.append(batch(0, 5)).unwrap();
    assert_eq!(advance(&mut life, -1), Ok(Offset::new(15)));
}

#[test]
fn refuses_what_lies_beyond_the_high_watermark_or_below_zero() {
    let mut life = Life::with_topic(1);
    life.append(batch(0, 10)).unwrap();
    for offset in [11, -2, i64::MAX, i64::MIN] {
        assert_eq!(advance(&mut life, offset).unwrap_err().error_code(), ErrorCode::OffsetOutOfRange);
    }
    assert_eq!(life.state.partition(at(0)).unwrap().log_start_offset(), Offset::ZERO);
}

#[test]
fn partitions_of_one_entry_are_judged_on_their_own() {
    let mut life = Life::with_topic(2);
    life.append(batch(1, 3)).unwrap();
    let change = Change::AdvanceLogStart(vec![
        (at(0), Offset::new(1)),
        (at(7), Offset::new(0)),
        (at(1), Offset::new(2)),
    ]);
    let Outcome::LogStartAdvanced(results) = life.apply(change) else { panic!("not an advance") };
    assert_eq!(results[0].as_ref().unwrap_err().error_code(), ErrorCode::OffsetOutOfRange);
    assert_eq!(results[1], Err(Rejection::UnknownPartition { at: at(7) }));
    assert_eq!(results[2], Ok(Offset::new(2)));
}
