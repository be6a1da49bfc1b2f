//! The target assignment: what every member should have, worked out for one group epoch.

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::{TimestampMs, TopicPartition};

use super::ConsumerGroup;
use super::assignors::{Assignor, Candidate, Candidates};
use crate::topics::Topics;

/// What a member without a target should have.
static NOTHING: BTreeSet<TopicPartition> = BTreeSet::new();

impl ConsumerGroup {
    /// Whether a new target assignment is due: there is a newer group epoch, and the last assignment is old enough.
    pub(super) fn is_assignment_due(&self, time: TimestampMs, interval_ms: i32) -> bool {
        self.assignment_epoch < self.epoch
            && self.assigned_at.is_none_or(|last| {
                interval_ms <= 0 || time.get() >= last.get().saturating_add(interval_ms.into())
            })
    }

    /// Works the targets out anew and takes them over.
    pub(super) fn assign(&mut self, time: TimestampMs, topics: &Topics, default: Assignor) {
        let assignor = self.preferred_assignor().unwrap_or(default);
        let subscribed = self.topics_of_all(topics);
        let mut partitions = BTreeMap::new();
        for id in subscribed.iter().flat_map(|topics| topics.iter()) {
            partitions.entry(*id).or_insert_with(|| topics.get(*id).map_or(0, crate::Topic::partition_count));
        }
        let members = self
            .members
            .iter()
            .zip(subscribed)
            .map(|((id, member), topics)| Candidate {
                instance_id: member.instance_id.as_ref(),
                topics,
                target: self.targets.get(id).unwrap_or(&NOTHING),
            })
            .collect();
        let targets = assignor.assign(&Candidates { members, partitions });
        self.targets = self.members.keys().cloned().zip(targets).collect();
        self.assignment_epoch = self.epoch;
        self.assigned_at = Some(time);
    }

    /// The assignor that most members would like, if any has said.
    #[must_use]
    pub fn preferred_assignor(&self) -> Option<Assignor> {
        let votes = |assignor: Assignor| {
            self.members.values().filter(|member| member.assignor == Some(assignor)).count()
        };
        let counted = Assignor::ALL.into_iter().map(|assignor| (votes(assignor), assignor));
        // Of equals the first one wins.
        counted
            .filter(|(votes, _)| *votes > 0)
            .rev()
            .max_by_key(|(votes, _)| *votes)
            .map(|(_, assignor)| assignor)
    }
}
