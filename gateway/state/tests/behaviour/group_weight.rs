//! What the names and offsets of groups take: nothing is forgotten, and all of it is given back.

use chronik_state::{Change, ClassicGroup, CommitOffsets, CommittedOffset, Committer, DeleteOffsets, State};
use chronik_types::{GroupId, TimestampMs};

use crate::groups::{by_anyone, committed, group, group_id, member, store};
use crate::support::{Life, at, topic_id};

fn with_metadata(bytes: usize) -> CommittedOffset {
    CommittedOffset { metadata: "m".repeat(bytes).into(), ..committed(1) }
}

/// What a state weighs that is read back from its bytes: everything is counted anew there.
fn counted_anew(state: &State) -> usize {
    State::decode(&state.encode()).unwrap().group_bytes()
}

#[test]
fn offsets_weigh_as_much_as_they_carry_and_are_given_back() {
    let mut life = Life::with_topic(3);
    assert_eq!(life.state.group_bytes(), 0);
    life.apply(by_anyone(vec![(at(0), with_metadata(0))]));
    let light = life.state.group_bytes();
    life.apply(by_anyone(vec![(at(0), with_metadata(1_000))]));
    assert_eq!(life.state.group_bytes(), light + 1_000);
    life.apply(by_anyone(vec![
        (at(0), with_metadata(10)),
        (at(1), with_metadata(500)),
        (at(2), committed(1)),
    ]));
    assert_eq!(life.state.group_bytes(), counted_anew(&life.state));
    life.apply(Change::DeleteOffsets(DeleteOffsets { group_id: group_id(), partitions: vec![at(1), at(2)] }));
    assert_eq!(life.state.group_bytes(), light + 10);
    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    let name = life.state.group_bytes();
    assert!((1..light).contains(&name), "{name}");
    life.apply(Change::DeleteGroup { group_id: group_id() });
    assert_eq!(life.state.group_bytes(), 0);
}

#[test]
fn members_are_weighed_elsewhere() {
    let mut life = Life::with_topic(1);
    life.apply(store(0, ClassicGroup { since: TimestampMs::new(1), ..group(Vec::new()) }));
    let without = life.state.group_bytes();
    life.apply(store(1, group(vec![("m1", member(None, &["t"]))])));
    assert_eq!(life.state.group_bytes(), without);
}

#[test]
fn a_commit_grows_by_what_it_adds_and_not_by_what_it_replaces() {
    let mut life = Life::with_topic(2);
    let commit = |offsets| CommitOffsets { group_id: group_id(), committer: Committer::Anyone, offsets };
    for offsets in [
        vec![(at(0), with_metadata(100))],
        vec![(at(0), with_metadata(100)), (at(1), with_metadata(5))],
        vec![(at(0), with_metadata(100))],
        vec![(at(1), with_metadata(50))],
    ] {
        let commit = commit(offsets);
        let before = life.state.group_bytes();
        let growth = commit.growth(life.state.group("g"), false);
        life.apply(Change::CommitOffsets(commit));
        assert_eq!(life.state.group_bytes(), before + growth);
    }
    let shorter = commit(vec![(at(0), with_metadata(1))]);
    assert_eq!(shorter.growth(life.state.group("g"), false), 0);
    let elsewhere = CommitOffsets { group_id: GroupId::new(&"g".repeat(1_000)), ..shorter };
    assert!(elsewhere.growth(None, false) > 1_000, "the name counts");
}
