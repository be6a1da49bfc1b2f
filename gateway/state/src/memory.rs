//! An estimate of the heap that a state takes, for a metric and for the test of the memory goal.

use std::mem::{size_of, size_of_val};

use chronik_types::{GroupId, MemberId, NodeId, TopicId, TopicName, TopicPartition};

use crate::configs::Configs;
use crate::groups::{ClassicMember, ConsumerGroup, Group, GroupBody, MemberProtocol, group_name_bytes};
use crate::partitions::Partition;
use crate::producers::Producer;
use crate::state::State;
use crate::topics::Topic;
use crate::transactions::PartitionTransactions;

/// Two counters before the text of an `Arc<str>`.
pub(crate) const ARC_HEADER: usize = 16;

impl State {
    /// Roughly how many bytes of heap this state takes. Counts what its collections hold, with their usual slack, and
    /// not the bookkeeping of the allocator. Walks over all partitions.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let topics: usize = self.topics.iter_by_id().map(topic_bytes).sum();
        let groups: usize = self.groups().map(|(id, group)| group_bytes(id, group)).sum();
        topics + groups + self.transactions_bytes()
    }

    fn transactions_bytes(&self) -> usize {
        let aborted: usize = self
            .transactions
            .partitions()
            .map(|(_, partition)| {
                tree_entry(size_of::<(TopicPartition, PartitionTransactions)>())
                    + size_of_val(partition.aborted())
            })
            .sum();
        self.transaction_bytes() + aborted
    }
}

fn topic_bytes(topic: &Topic) -> usize {
    // The name is shared by the index by name, and by that of collisions, which has a key of the same length.
    let name = ARC_HEADER + 2 * topic.name().as_str().len();
    let index = tree_entry(size_of::<(TopicId, Topic)>())
        + tree_entry(size_of::<(TopicName, TopicId)>())
        + tree_entry(size_of::<(Box<str>, TopicName)>());
    let assignments: usize = topic
        .assigned_replicas()
        .iter()
        .map(|replicas| size_of::<Vec<NodeId>>() + replicas.len() * size_of::<NodeId>())
        .sum();
    let partitions: usize = topic.partitions().iter().map(partition_bytes).sum();
    name + index + assignments + configs_bytes(topic.configs()) + partitions
}

fn partition_bytes(partition: &Partition) -> usize {
    let producer = size_of::<Producer>() + tree_entry(size_of::<(i64, Box<Producer>)>());
    size_of::<Partition>() + partition.producer_count() * producer
}

fn group_bytes(id: &GroupId, group: &Group) -> usize {
    let members = match group.body() {
        GroupBody::Classic(group) => group.members.iter().map(classic_member_bytes).sum::<usize>(),
        GroupBody::Consumer(group) => consumer_group_bytes(group),
    };
    group_name_bytes(id) + members + group.offsets().bytes()
}

fn classic_member_bytes((id, member): (&MemberId, &ClassicMember)) -> usize {
    let instance = member.instance_id.as_ref().map_or(0, |id| ARC_HEADER + id.as_str().len());
    let protocols: usize = member.protocols.iter().map(MemberProtocol::bytes).sum();
    tree_entry(size_of::<(MemberId, ClassicMember)>())
        + (ARC_HEADER + id.as_str().len() + instance)
        + (member.client_id.len() + member.client_host.len())
        + (2 * ARC_HEADER + protocols + member.assignment.len())
}

fn consumer_group_bytes(group: &ConsumerGroup) -> usize {
    group.members().keys().map(|id| group.member_bytes(id)).sum::<usize>() + group.regex_bytes()
}

fn configs_bytes(configs: &Configs) -> usize {
    let texts =
        |(key, value): (&str, &str)| key.len() + value.len() + tree_entry(size_of::<(Box<str>, Box<str>)>());
    configs.iter().map(texts).sum()
}

/// A node of a B-tree is half full at worst.
pub(crate) const fn tree_entry(bytes: usize) -> usize {
    bytes * 3 / 2 + size_of::<usize>()
}
