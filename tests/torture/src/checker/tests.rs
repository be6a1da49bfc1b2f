//! One hand-made history per anomaly, and one without any.

use super::*;

fn value(producer: u32, number: u64) -> Value {
    Value { producer, number }
}

fn batch(producer: u32, number: u64, count: u64) -> Batch {
    Batch { first: value(producer, number), count }
}

fn read_all(checker: &mut Checker, values: &[(i64, Value)]) {
    for (offset, value) in values {
        checker.read(0, *offset, Some(*value));
    }
}

#[test]
fn finds_nothing_in_a_history_without_anomalies() {
    let mut checker = Checker::new(1);
    checker.acknowledged(0, batch(1, 0, 2), 0);
    checker.acknowledged(0, batch(2, 0, 1), 2);
    read_all(&mut checker, &[(0, value(1, 0)), (1, value(1, 1)), (2, value(2, 0))]);
    checker.judge();
    // Number 1 of producer 2 never got an answer and is absent: allowed. Number 2 is present without an answer: too.
    read_all(&mut checker, &[(3, value(2, 2)), (1, value(1, 1))]);
    checker.high_watermark(0, 4, checker.known_high_watermark(0));
    checker.acknowledged(0, batch(1, 2, 1), 4);
    read_all(&mut checker, &[(4, value(1, 2))]);
    checker.high_watermark(0, 5, checker.known_high_watermark(0));
    assert_eq!(checker.acknowledged_records(), 4);
    assert_eq!(checker.finish(), []);
}

#[test]
fn finds_a_lost_write_at_the_end_of_the_log() {
    let mut checker = Checker::new(1);
    checker.acknowledged(0, batch(1, 0, 2), 0);
    read_all(&mut checker, &[(0, value(1, 0))]);
    assert_eq!(checker.finish(), [Anomaly::LostWrite { key: 0, offset: 1, value: value(1, 1) }]);
}

#[test]
fn finds_a_lost_write_whose_offset_went_to_another() {
    let mut checker = Checker::new(1);
    checker.acknowledged(0, batch(1, 0, 1), 0);
    read_all(&mut checker, &[(0, value(2, 0))]);
    let one = value(1, 0);
    assert_eq!(
        checker.finish(),
        [
            Anomaly::InconsistentOffsets { key: 0, offset: 0, one, other: value(2, 0) },
            Anomaly::LostWrite { key: 0, offset: 0, value: one },
        ]
    );
}

#[test]
fn finds_an_acknowledgement_with_the_wrong_offset() {
    let mut checker = Checker::new(1);
    checker.acknowledged(0, batch(1, 0, 1), 1);
    read_all(&mut checker, &[(0, value(1, 0)), (1, value(2, 0))]);
    let expected = Anomaly::InconsistentOffsets { key: 0, offset: 1, one: value(1, 0), other: value(2, 0) };
    assert_eq!(checker.finish(), [expected]);
}

#[test]
fn finds_two_reads_that_disagree() {
    let mut checker = Checker::new(1);
    read_all(&mut checker, &[(0, value(1, 0)), (0, value(2, 0))]);
    let expected = Anomaly::InconsistentOffsets { key: 0, offset: 0, one: value(1, 0), other: value(2, 0) };
    assert_eq!(checker.finish(), [expected]);
}

#[test]
fn finds_a_duplicate() {
    let mut checker = Checker::new(1);
    read_all(&mut checker, &[(0, value(1, 0)), (1, value(1, 1)), (2, value(1, 1))]);
    let expected = Anomaly::Duplicate { key: 0, value: value(1, 1), first: 1, second: 2 };
    assert_eq!(checker.finish(), [expected]);
}

#[test]
fn finds_a_send_that_landed_before_an_earlier_one() {
    let mut checker = Checker::new(1);
    read_all(&mut checker, &[(0, value(1, 1)), (1, value(1, 0))]);
    let expected = Anomaly::NonmonotonicSend { key: 0, offset: 1, value: value(1, 0), after: 1 };
    assert_eq!(checker.finish(), [expected]);
}

#[test]
fn finds_a_refused_value_that_can_be_read() {
    let mut checker = Checker::new(1);
    checker.refused(0, batch(1, 3, 2));
    read_all(&mut checker, &[(0, value(1, 4))]);
    assert_eq!(checker.finish(), [Anomaly::AbortedRead { key: 0, offset: 0, value: value(1, 4) }]);
}

#[test]
fn finds_bytes_that_nobody_sent() {
    let mut checker = Checker::new(1);
    checker.read(0, 0, None);
    assert_eq!(checker.finish(), [Anomaly::WrongBytes { key: 0, offset: 0 }]);
}

#[test]
fn finds_a_gap_in_the_offsets() {
    let mut checker = Checker::new(1);
    read_all(&mut checker, &[(0, value(1, 0)), (2, value(1, 1))]);
    assert_eq!(checker.finish(), [Anomaly::OffsetGap { key: 0, expected: 1, found: 2 }]);
}

#[test]
fn finds_a_high_watermark_that_went_back() {
    let mut checker = Checker::new(1);
    checker.acknowledged(0, batch(1, 0, 1), 0);
    checker.high_watermark(0, 0, checker.known_high_watermark(0));
    read_all(&mut checker, &[(0, value(1, 0))]);
    let expected = Anomaly::WentBack { key: 0, what: "high watermark", known: 1, found: 0 };
    assert_eq!(checker.finish(), [expected]);
}

#[test]
fn finds_deleted_records_that_came_back() {
    let mut checker = Checker::new(1);
    checker.deleted_below(0, 2);
    checker.log_start(0, 1);
    let expected = Anomaly::WentBack { key: 0, what: "log start offset", known: 2, found: 1 };
    assert_eq!(checker.finish(), [expected]);
}

#[test]
fn does_not_miss_what_was_deleted_on_purpose() {
    let mut checker = Checker::new(1);
    checker.acknowledged(0, batch(1, 0, 3), 0);
    checker.deleted_below(0, 2);
    checker.log_start(0, 2);
    read_all(&mut checker, &[(2, value(1, 2))]);
    assert_eq!(checker.finish(), []);
}
