//! From a classic group to a consumer group and back, while their members go on (KIP-848).
//!
//! A classic group of consumers becomes a consumer group when the first consumer joins it: its members keep what they
//! have, and go on with the classic protocol. A consumer group becomes a classic one when its last consumer has left and
//! classic members remain; they have to join again, as in any rebalance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chronik_types::{GenerationId, MemberEpoch, MemberId, PartitionIndex, TimestampMs, TopicPartition};

use super::ConsumerGroup;
use super::embedded::{ByName, Subscription, read_assignment, write_assignment};
use super::member::{ClassicMembership, ConsumerMember, MemberState};
use super::settings::ConsumerGroupSettings;
use crate::groups::{ClassicGroup, ClassicMember, MemberProtocol};
use crate::topics::Topics;

/// The protocol type of classic groups that can become consumer groups.
pub(super) const CONSUMER: &str = "consumer";

impl ConsumerGroup {
    /// The consumer group that a classic one becomes; `None` when it may not, or cannot because its members use an
    /// assignor with data of its own.
    pub(super) fn upgraded(
        topics: &Topics,
        classic: &ClassicGroup,
        settings: &ConsumerGroupSettings,
    ) -> Option<Self> {
        let fits = i32::try_from(classic.members.len()).is_ok_and(|members| members <= settings.max_size);
        if !settings.upgrade || !fits || classic.protocol_type.as_deref() != Some(CONSUMER) {
            return None;
        }
        let epoch = MemberEpoch::new(classic.generation.get());
        let mut group = Self { epoch, assignment_epoch: epoch, ..Self::default() };
        // A client may have assigned a partition twice: the first one keeps it.
        let mut given = BTreeSet::new();
        for (id, member) in &classic.members {
            let subscription = protocol_of(member, classic.protocol_name.as_deref())?;
            let subscription = Subscription::read(&subscription.metadata)?;
            let mut target = ids_of(topics, &read_assignment(&member.assignment)?);
            target.retain(|at| given.insert(*at));
            let member = ConsumerMember {
                epoch,
                previous_epoch: epoch,
                state: MemberState::Stable,
                instance_id: member.instance_id.clone(),
                rack_id: subscription.rack.map(Into::into),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                subscribed_topics: subscription.topics.into_iter().map(Into::into).collect(),
                assigned: target.iter().map(|at| (*at, epoch)).collect(),
                classic: Some(ClassicMembership {
                    session_timeout_ms: member.session_timeout_ms,
                    protocols: Arc::clone(&member.protocols),
                }),
                ..ConsumerMember::unknown()
            };
            group.targets.insert(id.clone(), target);
            group.members.insert(id.clone(), member);
        }
        group.metadata_hash = group.metadata_hash(topics);
        Some(group)
    }

    /// Whether only classic members are left, and the group may become a classic one.
    pub(super) fn may_downgrade(&self, settings: &ConsumerGroupSettings) -> bool {
        settings.downgrade
            && !self.members.is_empty()
            && self.members.values().all(|member| member.classic.is_some())
            && i32::try_from(self.members.len()).is_ok_and(|members| members <= settings.classic_max_size)
    }

    /// The classic group that this one becomes: with its epoch as generation, and what members should have as what they
    /// were assigned.
    pub(super) fn downgraded(&self, time: TimestampMs, topics: &Topics) -> ClassicGroup {
        let protocol = self.common_protocol();
        let members = self.members.iter().filter_map(|(id, member)| {
            let classic = member.classic.as_ref()?;
            let target = self.targets.get(id).into_iter().flatten().copied();
            let member = ClassicMember {
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: classic.session_timeout_ms,
                protocols: Arc::clone(&classic.protocols),
                assignment: classic.assignment(topics, target).into(),
            };
            Some((id.clone(), member))
        });
        let members: BTreeMap<MemberId, ClassicMember> = members.collect();
        ClassicGroup {
            protocol_type: Some(CONSUMER.into()),
            protocol_name: protocol.map(Into::into),
            generation: GenerationId::new(self.epoch.get()),
            leader: members.keys().next().cloned(),
            since: time,
            members,
        }
    }

    /// The first protocol of the first classic member that all others support too.
    fn common_protocol(&self) -> Option<&str> {
        let mut members = self.members.values().filter_map(|member| member.classic.as_ref());
        let first = members.next()?;
        let supports =
            |classic: &ClassicMembership, name: &str| classic.protocols.iter().any(|one| &*one.name == name);
        let rest: Vec<&ClassicMembership> = members.collect();
        let mut names = first.protocols.iter().map(|protocol| &*protocol.name);
        names.find(|name| rest.iter().all(|classic| supports(classic, name)))
    }
}

impl ClassicMembership {
    /// Those partitions, as the member reads them.
    pub(crate) fn assignment(
        &self,
        topics: &Topics,
        partitions: impl Iterator<Item = TopicPartition>,
    ) -> Vec<u8> {
        let mut by_name = ByName::new();
        for at in partitions {
            if let Some(topic) = topics.get(at.topic_id) {
                by_name.entry(topic.name().as_str()).or_default().push(at.partition.get());
            }
        }
        let subscription = self.protocols.first().and_then(|protocol| Subscription::read(&protocol.metadata));
        write_assignment(subscription.map_or(0, |subscription| subscription.version), &by_name)
    }
}

fn protocol_of<'a>(member: &'a ClassicMember, name: Option<&str>) -> Option<&'a MemberProtocol> {
    let chosen = member.protocols.iter().find(|protocol| Some(&*protocol.name) == name);
    chosen.or_else(|| member.protocols.first())
}

/// The partitions that exist, by the ids of their topics.
pub(super) fn ids_of(topics: &Topics, partitions: &ByName<'_>) -> BTreeSet<TopicPartition> {
    let mut ids = BTreeSet::new();
    for (name, partitions) in partitions {
        let Some(topic) = topics.named(name) else { continue };
        let at = |index: &i32| TopicPartition::new(topic.id(), PartitionIndex::new(*index));
        ids.extend(partitions.iter().map(at).filter(|at| topic.partition(at.partition).is_some()));
    }
    ids
}
