//! Groups: who their members are, and which offsets they have committed.
//!
//! One namespace holds groups of both protocols. A group exists from its first change until it is deleted or its last
//! offset expires. What a classic group decides while it rebalances is no business of the state; what survives a restart
//! is, and is guarded by the revision of the group, so that of two coordinators only one succeeds.
//!
//! `offsets` holds what is committed, `classic` the members of classic groups.

mod classic;
mod error;
mod offsets;

use std::collections::BTreeMap;

use chronik_types::{GroupId, ProducerId, TimestampMs, TopicId};

use crate::codec::{DecodeError, Reader, Writer};

pub use classic::{ClassicGroup, ClassicMember};
pub use error::GroupError;
pub use offsets::{CommitOffsets, CommittedOffset, Committer, Offsets};

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

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.body {
            GroupBody::Classic(group) => group.members.is_empty(),
        }
    }

    fn check_committer(&self, committer: &Committer) -> Result<(), GroupError> {
        match &self.body {
            GroupBody::Classic(group) => group.check_committer(committer),
        }
    }

    /// Layout: kind u8 (0 classic), the body, offsets, revision u64.
    fn write(&self, w: &mut Writer) {
        match &self.body {
            GroupBody::Classic(group) => {
                w.u8(body_kind::CLASSIC);
                group.write(w);
            }
        }
        self.offsets.write(w);
        w.u64(self.revision);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let body = match r.u8("group kind")? {
            body_kind::CLASSIC => GroupBody::Classic(ClassicGroup::read(r)?),
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
}

/// All groups, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups(BTreeMap<GroupId, Group>);

impl Groups {
    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.0.get(id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.0.iter()
    }

    /// Commits offsets; a commit without a member makes the group that it is for.
    pub(crate) fn commit(&mut self, time: TimestampMs, commit: &CommitOffsets) -> Result<(), GroupError> {
        let group = self.for_commit(&commit.group_id, &commit.committer)?;
        group.offsets.commit(time, &commit.offsets);
        Ok(())
    }

    /// Keeps offsets back until the transaction of that producer ends (KIP-98). The caller has checked the transaction.
    pub(crate) fn commit_in_transaction(
        &mut self,
        time: TimestampMs,
        producer_id: ProducerId,
        commit: &CommitOffsets,
    ) -> Result<(), GroupError> {
        let group = self.for_commit(&commit.group_id, &commit.committer)?;
        group.offsets.keep_back(time, producer_id, &commit.offsets);
        Ok(())
    }

    /// Publishes or forgets what a transaction kept back in that group.
    pub(crate) fn end_transaction(&mut self, id: &GroupId, producer_id: ProducerId, committed: bool) {
        if let Some(group) = self.0.get_mut(id) {
            group.offsets.end_transaction(producer_id, committed);
        }
    }

    /// Forgets the offsets of a topic that was deleted.
    pub(crate) fn forget_topic(&mut self, topic_id: TopicId) {
        self.0.values_mut().for_each(|group| group.offsets.forget_topic(topic_id));
    }

    fn for_commit(&mut self, id: &GroupId, committer: &Committer) -> Result<&mut Group, GroupError> {
        match (self.0.get(id), committer) {
            (Some(group), _) => group.check_committer(committer)?,
            (None, Committer::Anyone) => {}
            // A group that is not there has no generations either, as Kafka answers it.
            (None, Committer::Member { .. }) => return Err(GroupError::IllegalGeneration),
        }
        Ok(self.0.entry(id.clone()).or_default())
    }

    /// Layout: count u32, per group in the order of their ids: id text, then as in [`Group::write`].
    pub(crate) fn write(&self, w: &mut Writer) {
        w.count(self.0.len());
        for (id, group) in &self.0 {
            w.text(id.as_str());
            group.write(w);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let groups = r.list("groups", 21, |r| Ok((GroupId::new(r.text("group id")?), Group::read(r)?)))?;
        Ok(Self(groups.into_iter().collect()))
    }
}
