//! Hand-made histories: each anomaly once, and a sound history beside it where that is not obvious.

use super::*;

/// A history under construction.
#[derive(Default)]
struct Story {
    ops: Vec<Op>,
    now: u64,
}

impl Story {
    fn op(&mut self, process: u64, completion: Completion, steps: Vec<Step>) -> &mut Self {
        self.now += 2;
        let (began, ended) = (self.now, self.now + 1);
        self.ops.push(Op { process, began, ended, completion, subscribed: false, steps });
        self
    }

    fn found(&self) -> Vec<Anomaly> {
        judge(&self.ops)
    }
}

fn send(key: Key, value: ValueId, offset: i64) -> Step {
    Step::Send { key, first: value, count: 1, offset: Some(offset) }
}

fn unanswered(key: Key, value: ValueId) -> Step {
    Step::Send { key, first: value, count: 1, offset: None }
}

fn poll(records: &[(Key, i64, ValueId)]) -> Step {
    Step::Poll(records.to_vec())
}

use Completion::{Fail, Info, Ok};

#[test]
fn finds_nothing_in_a_sound_history() {
    let mut story = Story::default();
    story
        .op(1, Ok, vec![send(0, 10, 0), send(1, 11, 0)])
        // Offsets 1 and 2 of key 0: the marker, and a transaction that was aborted.
        .op(2, Fail, vec![send(0, 20, 2)])
        .op(1, Ok, vec![send(0, 12, 4), poll(&[(0, 0, 10)])])
        // Nobody knows what became of these: one was committed, one was not.
        .op(3, Info, vec![send(0, 30, 6), send(1, 31, 2)])
        .op(4, Info, vec![send(0, 40, 8)])
        .op(5, Ok, vec![unanswered(1, 50)])
        .op(9, Ok, vec![poll(&[(0, 0, 10), (0, 4, 12), (1, 0, 11)])])
        .op(9, Ok, vec![poll(&[(0, 6, 30), (1, 2, 31), (1, 4, 50)])]);
    assert_eq!(story.found(), []);
}

#[test]
fn finds_an_aborted_read_even_by_a_reader_that_gave_up() {
    for reader in [Ok, Info, Fail] {
        let mut story = Story::default();
        story.op(1, Fail, vec![send(0, 10, 0)]).op(2, reader, vec![poll(&[(0, 0, 10)])]);
        let expected = Anomaly::AbortedRead { key: 0, offset: 0, value: 10, writer: 1, reader: 2 };
        assert_eq!(story.found(), [expected]);
    }
}

#[test]
fn finds_a_transaction_that_read_what_it_wrote() {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 0), poll(&[(0, 0, 10)])]).op(2, Ok, vec![poll(&[(0, 0, 10)])]);
    assert_eq!(story.found(), [Anomaly::PrecommittedRead { key: 0, offset: 0, value: 10, process: 1 }]);
}

#[test]
fn finds_a_value_that_nobody_sent() {
    let mut story = Story::default();
    story.op(2, Ok, vec![poll(&[(0, 0, 10)])]);
    assert_eq!(story.found(), [Anomaly::UnknownValue { key: 0, offset: 0, value: 10, reader: 2 }]);
}

fn three_values() -> Story {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 0)]).op(1, Ok, vec![send(0, 11, 2)]).op(1, Ok, vec![send(0, 12, 4)]).op(
        2,
        Ok,
        vec![poll(&[(0, 0, 10), (0, 2, 11), (0, 4, 12)])],
    );
    story
}

#[test]
fn finds_a_record_left_out_inside_a_poll() {
    let mut story = three_values();
    story.op(3, Info, vec![poll(&[(0, 0, 10), (0, 4, 12)])]);
    let expected = Anomaly::PollSkip { inside: true, key: 0, process: 3, first: 0, second: 4 };
    assert_eq!(story.found(), [expected]);
}

#[test]
fn finds_a_record_shown_twice_inside_a_poll() {
    let mut story = three_values();
    story.op(3, Ok, vec![poll(&[(0, 0, 10)]), poll(&[(0, 0, 10)])]);
    let expected = Anomaly::NonmonotonicPoll { inside: true, key: 0, process: 3, first: 0, second: 0 };
    assert_eq!(story.found(), [expected]);
}

#[test]
fn finds_a_record_left_out_between_polls() {
    let mut story = three_values();
    story.op(3, Ok, vec![poll(&[(0, 0, 10)])]).op(3, Ok, vec![poll(&[(0, 4, 12)])]);
    let expected = Anomaly::PollSkip { inside: false, key: 0, process: 3, first: 0, second: 4 };
    assert_eq!(story.found(), [expected]);
}

#[test]
fn finds_a_poll_that_went_back() {
    let mut story = three_values();
    story.op(3, Ok, vec![poll(&[(0, 2, 11)])]).op(3, Ok, vec![poll(&[(0, 0, 10)])]);
    let expected = Anomaly::NonmonotonicPoll { inside: false, key: 0, process: 3, first: 2, second: 0 };
    assert_eq!(story.found(), [expected]);
}

#[test]
fn lets_members_of_a_group_skip_and_repeat_between_polls() {
    let mut story = three_values();
    for records in [[(0, 0, 10)], [(0, 4, 12)], [(0, 2, 11)]] {
        story.op(3, Ok, vec![poll(&records)]);
    }
    for op in &mut story.ops {
        op.subscribed = true;
    }
    assert_eq!(story.found(), []);
}

#[test]
fn lets_a_client_go_back_after_a_transaction_that_it_gave_up() {
    let mut story = three_values();
    story.op(3, Ok, vec![poll(&[(0, 0, 10)])]).op(3, Fail, vec![poll(&[(0, 2, 11)])]).op(
        3,
        Ok,
        vec![poll(&[(0, 2, 11)])],
    );
    assert_eq!(story.found(), []);
}

#[test]
fn finds_sends_that_landed_in_the_wrong_order() {
    let read = vec![poll(&[(0, 0, 11), (0, 1, 10)])];
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 1), send(0, 11, 0)]).op(2, Ok, read.clone());
    let wrong = |inside| Anomaly::NonmonotonicSend { inside, key: 0, process: 1, first: 1, second: 0 };
    assert_eq!(story.found(), [wrong(true)]);

    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 1)]).op(1, Info, vec![send(0, 11, 0)]).op(2, Ok, read);
    assert_eq!(story.found(), [wrong(false)]);
}

#[test]
fn finds_a_lost_write() {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 0)]).op(1, Ok, vec![send(0, 11, 1)]).op(
        2,
        Ok,
        vec![poll(&[(0, 1, 11)])],
    );
    assert_eq!(story.found(), [Anomaly::LostWrite { key: 0, offset: 0, value: 10, writer: 1 }]);
}

#[test]
fn finds_half_a_transaction() {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(1, 9, 5)]).op(3, Info, vec![send(0, 30, 0), send(1, 31, 2)]).op(
        2,
        Ok,
        vec![poll(&[(0, 0, 30), (1, 5, 9)])],
    );
    assert_eq!(story.found(), [Anomaly::LostWrite { key: 1, offset: 2, value: 31, writer: 3 }]);
}

#[test]
fn finds_an_acknowledged_value_that_never_came() {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 0), unanswered(1, 11)]).op(2, Ok, vec![poll(&[])]);
    assert_eq!(
        story.found(),
        [Anomaly::Unseen { key: 0, value: 10, writer: 1 }, Anomaly::Unseen { key: 1, value: 11, writer: 1 }]
    );
}

#[test]
fn finds_a_duplicate() {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 0)]).op(2, Ok, vec![poll(&[(0, 0, 10), (0, 1, 10)])]);
    assert_eq!(story.found(), [Anomaly::Duplicate { key: 0, value: 10, first: 0, second: 1 }]);
}

#[test]
fn finds_an_offset_with_two_values() {
    let mut story = Story::default();
    story.op(1, Info, vec![unanswered(0, 10), unanswered(0, 11)]).op(2, Ok, vec![poll(&[(0, 0, 10)])]).op(
        3,
        Ok,
        vec![poll(&[(0, 0, 11)])],
    );
    assert_eq!(story.found(), [Anomaly::InconsistentOffsets { key: 0, offset: 0, one: 10, other: 11 }]);
}

#[test]
fn finds_transactions_that_read_each_other() {
    let mut story = Story::default();
    story.op(1, Ok, vec![send(0, 10, 0), poll(&[(1, 0, 20)])]).op(
        2,
        Ok,
        vec![send(1, 20, 0), poll(&[(0, 0, 10)])],
    );
    // They overlap, so time has nothing to say.
    story.ops[0].ended = story.ops[1].ended + 1;
    assert_eq!(story.found(), [Anomaly::Cycle { realtime: false, processes: vec![1, 2] }]);
}

#[test]
fn finds_a_read_of_what_was_written_later() {
    let mut story = Story::default();
    story.op(2, Ok, vec![poll(&[(0, 0, 10)])]).op(1, Ok, vec![send(0, 10, 0)]);
    assert_eq!(story.found(), [Anomaly::Cycle { realtime: true, processes: vec![1, 2] }]);
}

#[test]
fn allows_circles_of_writes() {
    let mut story = Story::default();
    // Each transaction comes first in one key and second in the other.
    story.op(1, Ok, vec![send(0, 10, 0), send(1, 11, 1)]).op(2, Ok, vec![send(0, 20, 1), send(1, 21, 0)]).op(
        3,
        Ok,
        vec![poll(&[(0, 0, 10), (0, 1, 20), (1, 0, 21), (1, 1, 11)])],
    );
    assert_eq!(story.found(), []);
}
