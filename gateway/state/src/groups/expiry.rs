//! What becomes of committed offsets in time (`offsets.retention.minutes`, KIP-211).
//!
//! Offsets of a group without members expire some time after the group became empty; those of a group that never had
//! members, some time after they were committed; those of a group of consumers also then, for topics that no member
//! subscribes to any more. A client of an early version has said itself when its offsets expire.

use chronik_types::{GroupId, TimestampMs};

use super::{CommittedOffset, Group, GroupBody, Subscribed};
use crate::codec::{DecodeError, Reader, Writer};
use crate::topics::Topics;

/// Offsets of these groups expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpireOffsets {
    /// How long they are kept, in milliseconds.
    pub retention_ms: i64,
    /// The groups to look at. One that members are just joining again is left out by its coordinator.
    pub group_ids: Vec<GroupId>,
}

/// What has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OffsetsExpired {
    /// Offsets, of groups that still exist and of others.
    pub offsets: usize,
    /// Groups of which nothing was left.
    pub groups: usize,
}

/// Since when an offset is kept, for those that do not say themselves how long.
#[derive(Clone, Copy, Debug)]
enum Since {
    Commit,
    Empty(TimestampMs),
}

impl Since {
    fn is_expired(self, offset: &CommittedOffset, now: TimestampMs, retention_ms: i64) -> bool {
        if let Some(expires_at) = offset.expires_at {
            return now >= expires_at;
        }
        let since = match self {
            Self::Commit => offset.committed_at,
            Self::Empty(since) => since,
        };
        now.get().saturating_sub(since.get()) >= retention_ms
    }
}

impl Group {
    /// Whether [`super::ExpireOffsets`] would change the group.
    #[must_use]
    pub(crate) fn has_expired(&self, now: TimestampMs, topics: &Topics, retention_ms: i64) -> bool {
        if self.is_empty() && self.offsets.is_empty() {
            return true;
        }
        let Some((since, subscribed)) = self.retention() else { return false };
        self.offsets.iter().any(|(at, offset)| {
            since.is_expired(offset, now, retention_ms)
                && !is_subscribed(&subscribed, topics, at.topic_id)
                && !self.offsets.is_unstable(at)
        })
    }

    pub(super) fn expire(&mut self, now: TimestampMs, topics: &Topics, retention_ms: i64) -> usize {
        let Some((since, subscribed)) = self.retention() else { return 0 };
        let due: Vec<_> = self
            .offsets
            .iter()
            .filter(|(at, offset)| {
                since.is_expired(offset, now, retention_ms)
                    && !is_subscribed(&subscribed, topics, at.topic_id)
                    && !self.offsets.is_unstable(*at)
            })
            .map(|(at, _)| at)
            .collect();
        let mut due = due.into_iter().peekable();
        // Both are in the order of partitions.
        self.offsets.retain(|at, _| due.next_if_eq(&at).is_none())
    }

    /// Since when its offsets are kept, and which are kept in any case; `None` when all are.
    fn retention(&self) -> Option<(Since, Subscribed<'_>)> {
        match &self.body {
            GroupBody::Classic(group) if group.protocol_type.is_none() => {
                Some((Since::Commit, Subscribed::Nothing))
            }
            GroupBody::Classic(group) if group.members.is_empty() => {
                Some((Since::Empty(group.since), Subscribed::Nothing))
            }
            GroupBody::Classic(group) if group.has_consumers() => match group.subscribed() {
                Subscribed::Unknown => None,
                subscribed => Some((Since::Commit, subscribed)),
            },
            GroupBody::Classic(_) => None,
            GroupBody::Consumer(group) => Some((Since::Commit, group.subscribed())),
        }
    }
}

fn is_subscribed(subscribed: &Subscribed<'_>, topics: &Topics, topic: chronik_types::TopicId) -> bool {
    topics.get(topic).is_some_and(|topic| subscribed.contains(topic.name().as_str()))
}

impl ExpireOffsets {
    /// Layout: retention i64, count u32 of groups, each id text.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.i64(self.retention_ms);
        w.count(self.group_ids.len());
        self.group_ids.iter().for_each(|id| w.text(id.as_str()));
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            retention_ms: r.i64("retention")?,
            group_ids: r.list("groups", 4, |r| Ok(GroupId::new(r.text("group id")?)))?,
        })
    }
}
