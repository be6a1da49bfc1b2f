//! Groups: who their members are, and which offsets they have committed.
//!
//! One namespace holds groups of both protocols. A group exists from its first change until it is deleted or its last
//! offset expires. What a classic group decides while it rebalances is no business of the state; what survives a restart
//! is, and is guarded by the revision of the group, so that of two coordinators only one succeeds.
//!
//! `offsets` holds what is committed, `expiry` what becomes of it in time, `classic` the members of classic groups,
//! `consumer` those of consumer groups.

mod classic;
mod consumer;
mod error;
mod expiry;
mod offsets;
mod subscription;
mod weight;

use std::collections::BTreeMap;
use std::ops::Bound;

use chronik_types::{GroupId, MemberEpoch, ProducerId, TimestampMs, TopicId, TopicPartition};

use crate::codec::{DecodeError, Reader, Writer};
use crate::topics::Topics;

pub use classic::{ClassicGroup, ClassicMember, MemberProtocol, StoreClassicGroup};
pub use consumer::{
    Assignor, ClassicMembership, ConsumerGroup, ConsumerGroupHeartbeat, ConsumerGroupSettings,
    ConsumerGroupState, ConsumerMember, HeartbeatAnswer, JoinConsumerGroup, JoinedConsumerGroup,
    LeavingMember, MemberState, OwnedPartitions, RebalanceTimer, RegexMatches, RemoveConsumerMembers,
    ResolvedRegex,
};
pub use error::GroupError;
pub use expiry::{ExpireOffsets, OffsetsExpired};
pub use offsets::{CommitOffsets, CommittedOffset, Committer, DeleteOffsets, Offsets};
pub use subscription::Subscribed;
pub use weight::group_name_bytes;

/// A group that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    body: GroupBody,
    offsets: Offsets,
    revision: u64,
}

/// What a group is like, by its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBody {
    /// Members choose the assignment. Also a group that has only ever committed offsets: it has no protocol type.
    Classic(ClassicGroup),
    /// The assignment is made here (KIP-848).
    Consumer(ConsumerGroup),
}

impl Default for GroupBody {
    fn default() -> Self {
        Self::Classic(ClassicGroup::default())
    }
}

impl Group {
    /// Its members, by its protocol.
    #[must_use]
    pub const fn body(&self) -> &GroupBody {
        &self.body
    }

    /// What was committed for it.
    #[must_use]
    pub const fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Counts the changes of its members: a change that was decided against an older revision is refused.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether what it says of its members fits together.
    pub(crate) fn is_consistent(&self) -> bool {
        match &self.body {
            GroupBody::Classic(group) => group.is_consistent(),
            GroupBody::Consumer(group) => group.is_consistent(),
        }
    }

    /// How many members it has.
    #[must_use]
    pub fn member_count(&self) -> usize {
        match &self.body {
            GroupBody::Classic(group) => group.members.len(),
            GroupBody::Consumer(group) => group.members().len(),
        }
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.member_count() == 0
    }

    /// Whether a client that names itself as a member may fetch offsets (OffsetFetch 9).
    ///
    /// # Errors
    /// For a consumer group, that it is no member, or speaks of another epoch. Members of classic groups are not asked.
    pub fn check_fetch(&self, member_id: &str, epoch: MemberEpoch) -> Result<(), GroupError> {
        match &self.body {
            GroupBody::Classic(_) => Ok(()),
            GroupBody::Consumer(group) => group.check_fetch(member_id, epoch),
        }
    }

    /// Whether who commits may commit that.
    ///
    /// # Errors
    /// What [`crate::State::apply`] would refuse of it, outside of transactions.
    pub fn check_commit(&self, commit: &CommitOffsets) -> Result<(), GroupError> {
        match &self.body {
            GroupBody::Classic(group) => group.check_committer(&commit.committer),
            GroupBody::Consumer(group) => group.check_commit(commit),
        }
    }

    /// Layout: kind u8 (0 classic, 1 consumer), the body, offsets, revision u64.
    fn write(&self, w: &mut Writer) {
        match &self.body {
            GroupBody::Classic(group) => {
                w.u8(body_kind::CLASSIC);
                group.write(w);
            }
            GroupBody::Consumer(group) => {
                w.u8(body_kind::CONSUMER);
                group.write(w);
            }
        }
        self.offsets.write(w);
        w.u64(self.revision);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let body = match r.u8("group kind")? {
            body_kind::CLASSIC => GroupBody::Classic(ClassicGroup::read(r)?),
            body_kind::CONSUMER => GroupBody::Consumer(ConsumerGroup::read(r)?),
            other => {
                let reason = format!("{other} is no kind of group");
                return Err(DecodeError::Invalid { field: "group kind", reason });
            }
        };
        Ok(Self { body, offsets: Offsets::read(r)?, revision: r.u64("group revision")? })
    }
}

/// Persisted ordinals, never reused.
mod body_kind {
    pub(super) const CLASSIC: u8 = 0;
    pub(super) const CONSUMER: u8 = 1;
}

/// All groups, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    by_id: BTreeMap<GroupId, Group>,
    /// What their names and offsets weigh, by [`weight`]. Not encoded.
    bytes: usize,
}

impl Groups {
    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.by_id.get(id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.by_id.iter()
    }

    /// Those after that one; all of them after none.
    pub(crate) fn after(&self, id: Option<&GroupId>) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.by_id.range((id.map_or(Bound::Unbounded, |id| Bound::Excluded(id.clone())), Bound::Unbounded))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Commits offsets; a commit without a member makes the group that it is for. What is committed for partitions that
    /// are no more is dropped.
    pub(crate) fn commit(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        commit: &CommitOffsets,
    ) -> Result<(), GroupError> {
        match (self.by_id.get(commit.group_id.as_str()), &commit.committer) {
            (Some(group), _) => group.check_commit(commit)?,
            (None, Committer::Anyone) => {}
            (None, Committer::Member { .. }) => return Err(GroupError::UnknownGroup),
        }
        self.change(&commit.group_id, |group| {
            group.offsets.commit(time, commit.offsets.iter().filter(|(at, _)| exists(topics, *at)));
        });
        Ok(())
    }

    /// Takes over the members of a classic group.
    pub(crate) fn store_classic(&mut self, store: &StoreClassicGroup) -> Result<(), GroupError> {
        let revision = self.by_id.get(store.group_id.as_str()).map_or(0, Group::revision);
        if revision != store.expected_revision {
            return Err(GroupError::RevisionMoved);
        }
        if !store.group.is_consistent() {
            return Err(GroupError::Inconsistent);
        }
        self.change(&store.group_id, |group| {
            group.body = GroupBody::Classic(store.group.clone());
            group.revision += 1;
        });
        Ok(())
    }

    /// Deletes offsets of a group: one result for each partition, in their order.
    pub(crate) fn delete_offsets(
        &mut self,
        topics: &Topics,
        delete: &DeleteOffsets,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        let Group { body, offsets, .. } =
            self.by_id.get_mut(delete.group_id.as_str()).ok_or(GroupError::UnknownGroup)?;
        let before = offsets.bytes();
        let subscribed = match body {
            GroupBody::Classic(group) if group.members.is_empty() || group.has_consumers() => {
                group.subscribed()
            }
            GroupBody::Classic(_) => return Err(GroupError::NotEmpty),
            GroupBody::Consumer(group) => group.subscribed(),
        };
        let delete_one = |at: &TopicPartition| {
            if topics.get(at.topic_id).is_some_and(|topic| subscribed.contains(topic.name().as_str())) {
                return Err(GroupError::SubscribedToTopic);
            }
            offsets.delete(*at);
            Ok(())
        };
        let deleted = delete.partitions.iter().map(delete_one).collect();
        self.bytes -= before - offsets.bytes();
        Ok(deleted)
    }

    /// Deletes a group that has no members, with its offsets.
    pub(crate) fn delete(&mut self, id: &GroupId) -> Result<(), GroupError> {
        let group = self.by_id.get(id.as_str()).ok_or(GroupError::UnknownGroup)?;
        if !group.is_empty() {
            return Err(GroupError::NotEmpty);
        }
        self.remove(id);
        Ok(())
    }

    /// Forgets offsets whose time has come, and groups of which nothing is left.
    pub(crate) fn expire(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        expire: &ExpireOffsets,
    ) -> OffsetsExpired {
        let mut expired = OffsetsExpired::default();
        for id in &expire.group_ids {
            let Some(group) = self.by_id.get_mut(id.as_str()) else { continue };
            let before = group.offsets.bytes();
            expired.offsets += group.expire(time, topics, expire.retention_ms);
            self.bytes -= before - group.offsets.bytes();
            if group.is_empty() && group.offsets.is_empty() {
                self.remove(id);
                expired.groups += 1;
            }
        }
        expired
    }

    /// Keeps offsets back until the transaction of that producer ends (KIP-98). The caller has checked the transaction.
    /// A client that does not say which member it is may commit for a group with members: early versions of
    /// TxnOffsetCommit cannot say it.
    pub(crate) fn commit_in_transaction(
        &mut self,
        time: TimestampMs,
        topics: &Topics,
        producer_id: ProducerId,
        commit: &CommitOffsets,
    ) -> Result<(), GroupError> {
        match (self.by_id.get(commit.group_id.as_str()), &commit.committer) {
            (_, Committer::Anyone) => {}
            (Some(group), _) => group.check_commit(commit)?,
            (None, Committer::Member { .. }) => return Err(GroupError::UnknownGroup),
        }
        self.change(&commit.group_id, |group| {
            let offsets = commit.offsets.iter().filter(|(at, _)| exists(topics, *at));
            group.offsets.keep_back(time, producer_id, offsets);
        });
        Ok(())
    }

    /// Publishes or forgets what a transaction kept back in that group.
    pub(crate) fn end_transaction(&mut self, id: &GroupId, producer_id: ProducerId, committed: bool) {
        if self.by_id.contains_key(id) {
            self.change(id, |group| group.offsets.end_transaction(producer_id, committed));
        }
    }

    /// Forgets the offsets of a topic that was deleted.
    pub(crate) fn forget_topic(&mut self, topic_id: TopicId) {
        self.by_id.values_mut().for_each(|group| group.offsets.forget_topic(topic_id));
        self.bytes = self.weigh();
    }

    /// Layout: count u32, per group in the order of their ids: id text, then as in [`Group::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.by_id.len());
        for (id, group) in &self.by_id {
            w.text(id.as_str());
            group.write(w);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let groups = r.list("groups", 21, |r| Ok((GroupId::new(r.text("group id")?), Group::read(r)?)))?;
        let mut groups = Self { by_id: groups.into_iter().collect(), bytes: 0 };
        groups.bytes = groups.weigh();
        Ok(groups)
    }
}

/// Whether there is such a partition: offsets of others are not kept.
fn exists(topics: &Topics, at: TopicPartition) -> bool {
    topics.get(at.topic_id).is_some_and(|topic| topic.partition(at.partition).is_some())
}
