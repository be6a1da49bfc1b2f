//! When committed offsets expire: as in Kafka, by what the group is like.

use chronik_state::{Change, ClassicGroup, CommittedOffset, ExpireOffsets, OffsetsExpired, Outcome};
use chronik_types::{GroupId, TimestampMs, TopicPartition};

use crate::groups::{by_anyone, committed, group, group_id, member, offsets, store};
use crate::support::{Life, at, create, topic_id};

const RETENTION: i64 = 1_000;

/// Expires at that time; returns offsets and groups that went. What is due is found before, the same.
fn expire(life: &mut Life, time: i64) -> (usize, usize) {
    let now = TimestampMs::new(time);
    let (due, _) = life.state.groups_to_expire(None, 10, now, RETENTION);
    let all = vec![GroupId::new("not there"), group_id()];
    let before = life.state.clone();
    let change = ExpireOffsets { retention_ms: RETENTION, group_ids: all };
    let Outcome::OffsetsExpired(OffsetsExpired { offsets, groups }) =
        life.apply_at(now, Change::ExpireOffsets(change))
    else {
        panic!("another outcome")
    };
    assert_eq!(due.is_empty(), (offsets, groups) == (0, 0), "found to be due: {due:?} of {before:?}");
    (offsets, groups)
}

fn with_offset(committed_at: i64) -> Life {
    let mut life = Life::with_topic(2);
    life.apply_at(TimestampMs::new(committed_at), by_anyone(vec![(at(0), committed(1))]));
    life
}

#[test]
fn without_members_ever_offsets_expire_after_their_commit() {
    let mut life = with_offset(100);
    life.apply_at(TimestampMs::new(500), by_anyone(vec![(at(1), committed(1))]));
    assert_eq!(expire(&mut life, 1_099), (0, 0));
    assert_eq!(expire(&mut life, 1_100), (1, 0));
    assert_eq!(offsets(&life).iter().map(|(at, _)| at).collect::<Vec<_>>(), [at(1)]);
    assert_eq!(expire(&mut life, 1_500), (1, 1), "with the last offset the group goes");
    assert!(life.state.group("g").is_none());
}

#[test]
fn without_members_any_more_they_expire_after_the_group_became_empty() {
    let mut life = with_offset(100);
    life.apply(store(0, ClassicGroup { since: TimestampMs::new(5_000), ..group(Vec::new()) }));
    assert_eq!(expire(&mut life, 5_999), (0, 0));
    assert_eq!(expire(&mut life, 6_000), (1, 1));
}

#[test]
fn with_consumers_those_of_topics_that_nobody_subscribes_to_expire() {
    let mut life = with_offset(100);
    life.apply(Change::CreateTopic(create("u", 2)));
    let u = TopicPartition::new(topic_id(2), 0.into());
    life.apply_at(TimestampMs::new(100), by_anyone(vec![(u, committed(1))]));
    life.apply(store(0, group(vec![("m1", member(None, &["u"]))])));
    assert_eq!(expire(&mut life, 1_100), (1, 0));
    assert_eq!(offsets(&life).iter().map(|(at, _)| at).collect::<Vec<_>>(), [u]);
    let workers =
        ClassicGroup { protocol_type: Some("connect".into()), ..group(vec![("m1", member(None, &[]))]) };
    life.apply(store(1, workers));
    assert_eq!(expire(&mut life, 1_000_000), (0, 0), "what workers subscribe to is not known");
}

#[test]
fn what_cannot_be_read_keeps_all_offsets() {
    let mut life = with_offset(100);
    let mut unreadable = group(vec![("m1", member(None, &["u"]))]);
    unreadable.protocol_name = Some("unknown".into());
    life.apply(store(0, unreadable));
    assert_eq!(expire(&mut life, 1_000_000), (0, 0));
}

#[test]
fn a_client_can_say_when() {
    let mut life = Life::with_topic(1);
    let at_300 = CommittedOffset { expires_at: Some(TimestampMs::new(300)), ..committed(1) };
    life.apply_at(TimestampMs::new(100), by_anyone(vec![(at(0), at_300)]));
    assert_eq!(expire(&mut life, 299), (0, 0));
    assert_eq!(expire(&mut life, 300), (1, 1));
}

#[test]
fn an_empty_group_without_offsets_goes() {
    let mut life = Life::with_topic(1);
    life.apply(store(0, group(vec![("m1", member(None, &["t"]))])));
    assert_eq!(expire(&mut life, 1_000_000), (0, 0));
    life.apply(store(1, group(Vec::new())));
    assert_eq!(expire(&mut life, 0), (0, 1));
}

#[test]
fn groups_are_looked_at_some_at_a_time() {
    let mut life = Life::with_topic(1);
    for name in ["a", "b", "c"] {
        let commit = chronik_state::CommitOffsets {
            group_id: GroupId::new(name),
            committer: chronik_state::Committer::Anyone,
            offsets: vec![(at(0), committed(1))],
        };
        life.apply_at(TimestampMs::new(0), Change::CommitOffsets(commit));
    }
    let now = TimestampMs::new(RETENTION);
    let (due, last) = life.state.groups_to_expire(None, 2, now, RETENTION);
    assert_eq!((due, &last), (vec![GroupId::new("a"), GroupId::new("b")], &Some(GroupId::new("b"))));
    let (due, last) = life.state.groups_to_expire(last.as_ref(), 2, now, RETENTION);
    assert_eq!((due, &last), (vec![GroupId::new("c")], &Some(GroupId::new("c"))));
    assert_eq!(life.state.groups_to_expire(last.as_ref(), 2, now, RETENTION), (vec![], None));
}
