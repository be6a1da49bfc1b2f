//! How much memory the members of a consumer group take, about: so that a flood of them, or of what they subscribe to, can
//! be refused in time.

use std::mem::size_of;

use chronik_types::{GroupInstanceId, MemberEpoch, MemberId, TopicPartition};

use super::{
    ClassicMembership, ConsumerGroup, ConsumerGroupHeartbeat, ConsumerMember, JoinConsumerGroup, RegexMatches,
};
use crate::groups::MemberProtocol;
use crate::memory::{ARC_HEADER, tree_entry};

impl ConsumerGroup {
    /// Bytes of a member with what it has and should have; 0 for one that is not there.
    #[must_use]
    pub fn member_bytes(&self, id: &MemberId) -> usize {
        let Some(member) = self.members.get(id) else { return 0 };
        let target = self.targets.get(id).map_or(0, std::collections::BTreeSet::len);
        let partitions = member.assigned.len() + member.pending_revocation.len() + target;
        new_member_bytes(id, member.instance_id.as_ref(), &member.client_id, &member.client_host)
            + member.rack_id.as_ref().map_or(0, |rack| rack.len())
            + (subscription_bytes(&member.subscribed_topics) + member.subscribed_regex.len())
            + member.classic.as_ref().map_or(0, classic_bytes)
            + partitions * tree_entry(size_of::<(TopicPartition, MemberEpoch)>())
    }

    /// Bytes of what the regular expressions of its members match.
    #[must_use]
    pub fn regex_bytes(&self) -> usize {
        self.regexes.iter().map(|(regex, resolved)| regex.len() + subscription_bytes(&resolved.topics)).sum()
    }
}

impl ConsumerGroupHeartbeat {
    /// Bytes by which the group becomes larger if this acts, without what the member is assigned.
    #[must_use]
    pub fn growth(&self, group: Option<&ConsumerGroup>) -> usize {
        let known = group.and_then(|group| group.members.get(&self.member_id));
        let topics = self.subscribed_topics.as_ref().map_or(0, |topics| {
            let before = known.map_or(0, |member| subscription_bytes(&member.subscribed_topics));
            subscription_bytes(topics).saturating_sub(before)
        });
        let regex = self.subscribed_regex.as_ref().map_or(0, |regex| {
            regex.len().saturating_sub(known.map_or(0, |member| member.subscribed_regex.len()))
        });
        let rack = self.rack_id.as_ref().map_or(0, |rack| {
            rack.len()
                .saturating_sub(known.and_then(|member| member.rack_id.as_ref()).map_or(0, |rack| rack.len()))
        });
        let matched = |matches: &RegexMatches| {
            let before = group.and_then(|group| group.regexes.get(&matches.regex));
            let before = before.map_or(0, |resolved| subscription_bytes(&resolved.topics));
            subscription_bytes(&matches.topics).saturating_sub(before)
        };
        let member = match known {
            Some(_) => 0,
            None => {
                let instance = self.instance_id.as_ref();
                new_member_bytes(&self.member_id, instance, &self.client_id, &self.client_host)
            }
        };
        member + rack + topics + regex + self.resolved.iter().map(matched).sum::<usize>()
    }
}

impl JoinConsumerGroup {
    /// Bytes by which the group becomes larger if this acts, without what the member is assigned.
    #[must_use]
    pub fn growth(&self, group: Option<&ConsumerGroup>) -> usize {
        let known = group.and_then(|group| group.members.get(&self.member_id));
        let member = match known {
            Some(_) => 0,
            None => {
                let instance = self.instance_id.as_ref();
                new_member_bytes(&self.member_id, instance, &self.client_id, &self.client_host)
            }
        };
        let known = known.and_then(|member| member.classic.as_ref()).map_or(0, classic_bytes);
        member + classic_bytes(&self.classic).saturating_sub(known)
    }
}

/// A member that has said nothing yet but who it is.
fn new_member_bytes(
    id: &MemberId,
    instance: Option<&GroupInstanceId>,
    client_id: &str,
    client_host: &str,
) -> usize {
    2 * tree_entry(size_of::<(MemberId, ConsumerMember)>())
        + (ARC_HEADER + id.as_str().len() + client_id.len() + client_host.len())
        + instance.map_or(0, |id| id.as_str().len())
}

fn subscription_bytes<'a>(names: impl IntoIterator<Item = &'a Box<str>>) -> usize {
    names.into_iter().map(|name| name.len() + tree_entry(size_of::<Box<str>>())).sum()
}

fn classic_bytes(classic: &ClassicMembership) -> usize {
    classic.protocols.iter().map(MemberProtocol::bytes).sum()
}
