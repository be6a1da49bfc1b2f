//! Groups: who may commit, whose change of the members counts, what is deleted, and what transactions leave.

use std::sync::Arc;

use chronik_state::{
    AddOffsetsToTxn, Change, Claim, ClassicGroup, ClassicMember, CommitOffsets, CommittedOffset, Committer,
    DeleteOffsets, GroupBody, GroupError, MemberProtocol, Offsets, Outcome, StoreClassicGroup,
};
use chronik_types::{
    GenerationId, GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, TimestampMs, TopicPartition,
};

use crate::support::{Life, at, create, topic_id};

pub(crate) fn group_id() -> GroupId {
    GroupId::new("g")
}

pub(crate) fn committed(offset: i64) -> CommittedOffset {
    CommittedOffset {
        offset: Offset::new(offset),
        leader_epoch: LeaderEpoch::new(3),
        metadata: "meta".into(),
        committed_at: TimestampMs::NONE,
        expires_at: None,
    }
}

pub(crate) fn by_anyone(offsets: Vec<(TopicPartition, CommittedOffset)>) -> Change {
    Change::CommitOffsets(CommitOffsets { group_id: group_id(), committer: Committer::Anyone, offsets })
}

fn by_member(member: &str, instance: Option<&str>, generation: i32) -> Change {
    let committer = Committer::Member {
        member_id: MemberId::new(member),
        instance_id: instance.map(GroupInstanceId::new),
        generation,
    };
    Change::CommitOffsets(CommitOffsets {
        group_id: group_id(),
        committer,
        offsets: vec![(at(0), committed(1))],
    })
}

/// A subscription to topics, as consumers write it.
fn subscription(topics: &[&str]) -> Box<[u8]> {
    let mut bytes = vec![0, 1];
    bytes.extend(i32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        bytes.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.into()
}

pub(crate) fn member(instance: Option<&str>, topics: &[&str]) -> ClassicMember {
    ClassicMember {
        instance_id: instance.map(GroupInstanceId::new),
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout_ms: 300_000,
        session_timeout_ms: 45_000,
        protocols: Arc::new([MemberProtocol { name: "range".into(), metadata: subscription(topics) }]),
        assignment: Arc::new([1, 2, 3]),
    }
}

pub(crate) fn group(members: Vec<(&str, ClassicMember)>) -> ClassicGroup {
    ClassicGroup {
        protocol_type: Some("consumer".into()),
        protocol_name: (!members.is_empty()).then(|| "range".into()),
        generation: GenerationId::new(4),
        leader: members.first().map(|(id, _)| MemberId::new(id)),
        since: TimestampMs::new(500),
        members: members.into_iter().map(|(id, member)| (MemberId::new(id), member)).collect(),
    }
}

pub(crate) fn store(expected_revision: u64, group: ClassicGroup) -> Change {
    Change::StoreClassicGroup(StoreClassicGroup { group_id: group_id(), expected_revision, group })
}

const STORED: Outcome = Outcome::ClassicGroupStored(Ok(()));
const COMMITTED: Outcome = Outcome::OffsetsCommitted(Ok(()));

fn refused(error: GroupError) -> Outcome {
    Outcome::OffsetsCommitted(Err(error))
}

pub(crate) fn offsets(life: &Life) -> &Offsets {
    life.state.group("g").expect("the group exists").offsets()
}

#[test]
fn a_commit_without_a_member_makes_the_group() {
    let mut life = Life::with_topic(2);
    assert!(life.state.group("g").is_none());
    let time = TimestampMs::new(77);
    assert_eq!(life.apply_at(time, by_anyone(vec![(at(1), committed(9))])), COMMITTED);
    let stored = offsets(&life).get(at(1)).unwrap();
    assert_eq!(*stored, CommittedOffset { committed_at: time, ..committed(9) });
    assert_eq!(offsets(&life).get(at(0)), None);
    let group = life.state.group("g").unwrap();
    let GroupBody::Classic(members) = group.body() else { panic!("{group:?}") };
    assert_eq!((members.protocol_type.as_deref(), group.is_empty(), group.revision()), (None, true, 0));
    assert_eq!(life.apply(by_anyone(vec![(at(1), committed(3))])), COMMITTED);
    assert_eq!(offsets(&life).get(at(1)).unwrap().offset, Offset::new(3), "an offset may go back");
}

#[test]
fn a_group_with_members_takes_commits_of_its_members_alone() {
    let mut life = Life::with_topic(1);
    assert_eq!(life.apply(by_member("m1", None, 4)), refused(GroupError::UnknownGroup));
    let members = vec![("m1", member(None, &["t"])), ("m2", member(Some("i"), &["t"]))];
    assert_eq!(life.apply(store(0, group(members))), STORED);
    let table = [
        (by_member("m1", None, 4), COMMITTED),
        (by_member("m2", Some("i"), 4), COMMITTED),
        (by_member("m1", None, 3), refused(GroupError::IllegalGeneration)),
        (by_member("m1", None, 5), refused(GroupError::IllegalGeneration)),
        (by_member("m3", None, 4), refused(GroupError::UnknownMember)),
        (by_member("m1", Some("i"), 4), refused(GroupError::FencedInstance)),
        (by_member("m1", Some("other"), 4), refused(GroupError::UnknownMember)),
        (by_anyone(vec![(at(0), committed(1))]), refused(GroupError::UnknownMember)),
    ];
    for (change, outcome) in table {
        let text = format!("{change:?}");
        assert_eq!(life.apply(change), outcome, "{text}");
    }
    assert_eq!(life.apply(store(1, group(Vec::new()))), STORED);
    assert_eq!(life.apply(by_member("m1", None, 4)), refused(GroupError::UnknownMember));
    assert_eq!(life.apply(by_anyone(vec![(at(0), committed(1))])), COMMITTED);
}

#[test]
fn of_two_coordinators_one_succeeds() {
    let mut life = Life::with_topic(1);
    assert_eq!(life.apply(store(0, group(vec![("m1", member(None, &["t"]))]))), STORED);
    let lost = Outcome::ClassicGroupStored(Err(GroupError::RevisionMoved));
    let others = group(vec![("m2", member(None, &["t"]))]);
    assert_eq!(life.apply(store(0, others.clone())), lost);
    assert_eq!(life.apply(store(2, others.clone())), lost);
    let GroupBody::Classic(members) = life.state.group("g").unwrap().body() else { panic!("not classic") };
    assert!(members.members.contains_key("m1") && members.members.len() == 1);
    assert_eq!(life.apply(store(1, others)), STORED);
    assert_eq!(life.state.group("g").unwrap().revision(), 2);
}

#[test]
fn members_that_contradict_each_other_are_refused() {
    let mut life = Life::with_topic(1);
    let refused = Outcome::ClassicGroupStored(Err(GroupError::Inconsistent));
    let twice = vec![("m1", member(Some("i"), &["t"])), ("m2", member(Some("i"), &["t"]))];
    assert_eq!(life.apply(store(0, group(twice))), refused);
    let stranger =
        ClassicGroup { leader: Some(MemberId::new("x")), ..group(vec![("m1", member(None, &["t"]))]) };
    assert_eq!(life.apply(store(0, stranger)), refused);
    assert!(life.state.group("g").is_none());
}

#[test]
fn offsets_of_a_topic_go_with_it_and_do_not_come_back() {
    let mut life = Life::with_topic(1);
    life.apply(by_anyone(vec![(at(0), committed(5)), (at(7), committed(6))]));
    assert_eq!(offsets(&life).iter().count(), 1, "there is no partition 7");
    life.apply(Change::DeleteTopic { topic_id: topic_id(1) });
    assert!(offsets(&life).is_empty());
    assert_eq!(life.apply(by_anyone(vec![(at(0), committed(5))])), COMMITTED, "the topic has just gone");
    assert!(offsets(&life).is_empty());
    life.apply(Change::CreateTopic(create("t", 2)));
    assert!(offsets(&life).is_empty());
}

#[test]
fn offsets_that_nobody_subscribes_to_can_be_deleted() {
    let mut life = Life::with_topic(2);
    life.apply(Change::CreateTopic(create("u", 2)));
    let u = TopicPartition::new(topic_id(2), 0.into());
    let delete = |partitions: Vec<TopicPartition>| {
        Change::DeleteOffsets(DeleteOffsets { group_id: group_id(), partitions })
    };
    let unknown = Outcome::OffsetsDeleted(Err(GroupError::UnknownGroup));
    assert_eq!(life.apply(delete(vec![at(0)])), unknown);
    life.apply(by_anyone(vec![(at(0), committed(1)), (at(1), committed(2)), (u, committed(3))]));
    assert_eq!(life.apply(delete(vec![at(0), at(0)])), Outcome::OffsetsDeleted(Ok(vec![Ok(()), Ok(())])));
    assert_eq!(offsets(&life).get(at(0)), None);
    life.apply(store(0, group(vec![("m1", member(None, &["t"]))])));
    let one_of_two = Outcome::OffsetsDeleted(Ok(vec![Err(GroupError::SubscribedToTopic), Ok(())]));
    assert_eq!(life.apply(delete(vec![at(1), u])), one_of_two);
    assert_eq!((offsets(&life).get(u), offsets(&life).iter().count()), (None, 1));
    let workers =
        ClassicGroup { protocol_type: Some("connect".into()), ..group(vec![("m1", member(None, &[]))]) };
    life.apply(store(1, workers));
    assert_eq!(life.apply(delete(vec![at(1)])), Outcome::OffsetsDeleted(Err(GroupError::NotEmpty)));
}

#[test]
fn a_group_can_be_deleted_when_it_has_no_members() {
    let mut life = Life::with_topic(1);
    let delete = || Change::DeleteGroup { group_id: group_id() };
    assert_eq!(life.apply(delete()), Outcome::GroupDeleted(Err(GroupError::UnknownGroup)));
    life.apply(by_anyone(vec![(at(0), committed(1))]));
    life.apply(store(0, group(vec![("m1", member(None, &["t"]))])));
    assert_eq!(life.apply(delete()), Outcome::GroupDeleted(Err(GroupError::NotEmpty)));
    life.apply(store(1, group(Vec::new())));
    assert_eq!(life.apply(delete()), Outcome::GroupDeleted(Ok(())));
    assert!(life.state.group("g").is_none());
    assert_eq!(life.apply(delete()), Outcome::GroupDeleted(Err(GroupError::UnknownGroup)));
}

mod transactions {
    use chronik_state::{EndTxn, EndedBy, InitTransactionalProducer, Marker, TxnOffsetCommit};
    use chronik_types::{ProducerEpoch, ProducerId, TransactionalId};

    use super::*;

    /// A transactional producer of its own for each name, in epoch 0.
    fn begin(life: &mut Life, name: &str) -> Claim {
        let transactional_id = TransactionalId::new(name);
        life.apply(Change::InitTransactionalProducer(InitTransactionalProducer {
            transactional_id: transactional_id.clone(),
            timeout_ms: 60_000,
            expected: None,
            marker: None,
            max_transactional_ids: 10,
        }));
        let (_, producer) = life
            .state
            .transactional_producers()
            .find(|(id, _)| **id == transactional_id)
            .expect("the producer exists");
        let claim =
            Claim { transactional_id, producer_id: producer.producer_id(), producer_epoch: producer.epoch() };
        let add = AddOffsetsToTxn { claim: claim.clone(), group_id: group_id(), max_partitions: 10 };
        life.apply(Change::AddOffsetsToTxn(add));
        claim
    }

    fn commit(life: &mut Life, claim: &Claim, committer: Committer, offset: i64) -> Outcome {
        let offsets = vec![(at(0), committed(offset))];
        let commit = CommitOffsets { group_id: group_id(), committer, offsets };
        life.apply(Change::TxnOffsetCommit(TxnOffsetCommit {
            claim: claim.clone(),
            joins: false,
            max_partitions: 10,
            commit,
        }))
    }

    fn end(life: &mut Life, claim: &Claim, committed: bool) {
        let marker = marker(claim.producer_id, claim.producer_epoch);
        let end = EndTxn { claim: claim.clone(), ended_by: EndedBy::Producer, committed, marker };
        let outcome = life.apply(Change::EndTxn(end));
        assert!(matches!(outcome, Outcome::TxnEnded(Ok(_))), "{outcome:?}");
    }

    fn marker(producer_id: ProducerId, producer_epoch: ProducerEpoch) -> Marker {
        Marker { producer_id, producer_epoch, length: 78 }
    }

    fn offset(life: &Life) -> Option<i64> {
        offsets(life).get(at(0)).map(|offset| offset.offset.get())
    }

    #[test]
    fn offsets_of_a_transaction_show_when_it_is_committed() {
        for (is_committed, then) in [(true, Some(7)), (false, None)] {
            let mut life = Life::with_topic(1);
            let claim = begin(&mut life, "a");
            commit(&mut life, &claim, Committer::Anyone, 7);
            assert_eq!((offset(&life), offsets(&life).is_unstable(at(0))), (None, true));
            end(&mut life, &claim, is_committed);
            assert_eq!((offset(&life), offsets(&life).is_unstable(at(0))), (then, false));
        }
    }

    #[test]
    fn the_newest_commit_wins_whichever_transaction_ends_first() {
        let mut life = Life::with_topic(1);
        let (a, b) = (begin(&mut life, "a"), begin(&mut life, "b"));
        commit(&mut life, &a, Committer::Anyone, 1);
        commit(&mut life, &b, Committer::Anyone, 2);
        end(&mut life, &b, true);
        assert_eq!((offset(&life), offsets(&life).is_unstable(at(0))), (Some(2), true));
        end(&mut life, &a, true);
        assert_eq!(offset(&life), Some(2), "what was committed before does not take its place");
        let a = begin(&mut life, "a");
        commit(&mut life, &a, Committer::Anyone, 3);
        life.apply(by_anyone(vec![(at(0), committed(4))]));
        end(&mut life, &a, true);
        assert_eq!(offset(&life), Some(4));
        let a = begin(&mut life, "a");
        life.apply(by_anyone(vec![(at(0), committed(5))]));
        commit(&mut life, &a, Committer::Anyone, 6);
        end(&mut life, &a, true);
        assert_eq!(offset(&life), Some(6));
    }

    #[test]
    fn producers_that_name_no_member_may_commit_for_a_group_with_members() {
        let mut life = Life::with_topic(1);
        life.apply(store(0, group(vec![("m1", member(None, &["t"]))])));
        let claim = begin(&mut life, "a");
        assert_eq!(commit(&mut life, &claim, Committer::Anyone, 1), Outcome::TxnOffsetsCommitted(Ok(())));
        let member_id = MemberId::new("m1");
        let old = Committer::Member { member_id, instance_id: None, generation: 3 };
        let refused = commit(&mut life, &claim, old, 2);
        assert!(matches!(refused, Outcome::TxnOffsetsCommitted(Err(_))), "{refused:?}");
    }

    #[test]
    fn a_deleted_offset_stays_deleted_when_the_transaction_ends() {
        let mut life = Life::with_topic(1);
        let claim = begin(&mut life, "a");
        commit(&mut life, &claim, Committer::Anyone, 1);
        let delete = DeleteOffsets { group_id: group_id(), partitions: vec![at(0)] };
        life.apply(Change::DeleteOffsets(delete));
        end(&mut life, &claim, true);
        assert_eq!(offset(&life), None);
    }
}
