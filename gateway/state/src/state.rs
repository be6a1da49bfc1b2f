//! The state: what all gateways agree on, and how an entry changes it.

use chronik_types::{
    ClusterId, GroupId, GroupInstanceId, MemberId, NodeId, Offset, PartitionIndex, ProducerId, TimestampMs,
    TopicId, TopicPartition, TransactionalId,
};

use crate::Rejection;
use crate::cluster::{CheckHash, Cluster, HashAt};
use crate::configs::{AlterConfigs, BrokerConfigs, ConfigResource, Configs, GroupConfigs};
use crate::entry::{Change, Entry};
use crate::groups::{ConsumerGroupHeartbeat, Group, GroupError, Groups, HeartbeatAnswer, JoinConsumerGroup};
use crate::outcome::Outcome;
use crate::partitions::Partition;
use crate::producers::ProducerIds;
use crate::topics::{CreatePartitions, CreateTopic, DeletedTopic, Topic, Topics};
use crate::transactions::{PartitionTransactions, TransactionalProducer, Transactions};

/// Everything that follows from the entries of a journal, in their order.
///
/// It has no clock, no randomness and no I/O: the same entries at the same positions give the same state and the same
/// outcomes, on every gateway and at every replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(crate) applied: Option<u64>,
    pub(crate) cluster: Cluster,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) broker_configs: BrokerConfigs,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
    pub(crate) transactions: Transactions,
    pub(crate) group_configs: GroupConfigs,
}

impl State {
    /// The state before the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the entry at `position`. Total: whatever the entry says, there is an outcome, and a change that is
    /// refused changes nothing. An entry at or before [`State::applied`] is not applied again.
    pub fn apply(&mut self, position: u64, entry: &Entry) -> Outcome {
        if self.applied.is_some_and(|applied| position <= applied) {
            return Outcome::AlreadyApplied;
        }
        let outcome = match &entry.change {
            Change::Append(batches) => {
                Outcome::Appended(batches.iter().map(|batch| self.append(entry.time, batch)).collect())
            }
            Change::CreateTopic(create) => Outcome::TopicCreated(self.topics.create(create)),
            Change::DeleteTopic { topic_id } => Outcome::TopicDeleted(self.delete_topic(*topic_id)),
            Change::CreatePartitions(create) => {
                Outcome::PartitionsCreated(self.topics.create_partitions(create))
            }
            Change::AdvanceLogStart(partitions) => Outcome::LogStartAdvanced(
                partitions.iter().map(|(at, offset)| self.advance_log_start(*at, *offset)).collect(),
            ),
            Change::AlterConfigs(alter) => Outcome::ConfigsAltered(self.alter_configs(alter)),
            Change::AllocateProducerId => Outcome::ProducerIdAllocated(self.producer_ids.allocate()),
            Change::ExpireProducers { inactive_before } => {
                Outcome::ProducersExpired(self.expire_producers(*inactive_before))
            }
            Change::NameCluster { cluster_id } => Outcome::ClusterNamed(self.cluster.name(cluster_id)),
            Change::CheckHash(check) => self.check_hash(position, *check),
            Change::CommitOffsets(commit) => {
                Outcome::OffsetsCommitted(self.groups.commit(entry.time, &self.topics, commit))
            }
            Change::StoreClassicGroup(store) => Outcome::ClassicGroupStored(self.groups.store_classic(store)),
            Change::DeleteOffsets(delete) => {
                Outcome::OffsetsDeleted(self.groups.delete_offsets(&self.topics, delete))
            }
            Change::DeleteGroup { group_id } => Outcome::GroupDeleted(self.groups.delete(group_id)),
            Change::ExpireOffsets(expire) => {
                Outcome::OffsetsExpired(self.groups.expire(entry.time, &self.topics, expire))
            }
            Change::ConsumerGroupHeartbeat(heartbeat) => Outcome::ConsumerGroupHeartbeat(
                self.groups.consumer_heartbeat(entry.time, &self.topics, heartbeat),
            ),
            Change::RemoveConsumerMembers(remove) => Outcome::ConsumerMembersRemoved(
                self.groups.remove_consumer_members(entry.time, &self.topics, remove),
            ),
            Change::JoinConsumerGroup(join) => {
                Outcome::ConsumerGroupJoined(self.groups.join_consumer_group(entry.time, &self.topics, join))
            }
            Change::InitTransactionalProducer(init) => {
                Outcome::TransactionalProducerInitialized(self.init_transactional_producer(entry.time, init))
            }
            Change::AddPartitionsToTxn(add) => {
                Outcome::PartitionsAddedToTxn(self.add_partitions_to_txn(entry.time, add))
            }
            Change::AddOffsetsToTxn(add) => {
                Outcome::OffsetsAddedToTxn(self.add_offsets_to_txn(entry.time, add))
            }
            Change::TxnOffsetCommit(commit) => {
                Outcome::TxnOffsetsCommitted(self.txn_offset_commit(entry.time, commit))
            }
            Change::EndTxn(end) => Outcome::TxnEnded(self.end_txn(entry.time, end)),
            Change::ExpireTransactionalIds { idle_before } => {
                Outcome::TransactionalIdsExpired(self.transactions.expire(*idle_before))
            }
            Change::AppendTransactional(append) => Outcome::Appended(
                append
                    .batches
                    .iter()
                    .map(|batch| self.append_transactional(entry.time, append, batch))
                    .collect(),
            ),
        };
        self.applied = Some(position);
        outcome
    }

    fn delete_topic(&mut self, id: TopicId) -> Result<DeletedTopic, Rejection> {
        let deleted = self.topics.delete(id)?;
        self.groups.forget_topic(id);
        self.transactions.forget_topic(id);
        Ok(deleted)
    }

    fn advance_log_start(&mut self, at: TopicPartition, requested: Offset) -> Result<Offset, Rejection> {
        let log_start = self.topics.partition_mut(at)?.advance_log_start(requested)?;
        self.transactions.advance_log_start(at, log_start);
        Ok(log_start)
    }

    fn alter_configs(&mut self, alter: &AlterConfigs) -> Result<(), Rejection> {
        match &alter.resource {
            ConfigResource::Topic(id) => self.topics.get_mut(*id)?.alter_configs(&alter.changes),
            ConfigResource::BrokerDefault => self.broker_configs.alter_default(&alter.changes),
            ConfigResource::Broker(node) => self.broker_configs.alter(*node, &alter.changes),
            ConfigResource::Group(group) => self.group_configs.alter(group, &alter.changes),
        }
        Ok(())
    }

    fn expire_producers(&mut self, inactive_before: TimestampMs) -> usize {
        let Self { topics, transactions, .. } = self;
        let mut expired = 0;
        for topic in topics.all_mut() {
            let topic_id = topic.id();
            for (index, partition) in (0..).zip(topic.partitions_mut()) {
                let at = TopicPartition::new(topic_id, PartitionIndex::new(index));
                let is_kept = |producer_id| transactions.first_offset(producer_id, at).is_some();
                expired += partition.expire_producers(inactive_before, is_kept);
            }
        }
        expired
    }

    fn check_hash(&mut self, position: u64, check: CheckHash) -> Outcome {
        let now = HashAt { position, hash: self.hash() };
        Outcome::HashChecked(self.cluster.check_hash(check, now))
    }
}

/// Queries.
impl State {
    /// Position of the last entry applied; `None` before the first.
    #[must_use]
    pub const fn applied(&self) -> Option<u64> {
        self.applied
    }

    /// The id of the cluster, once it was named.
    #[must_use]
    pub fn cluster_id(&self) -> Option<&ClusterId> {
        self.cluster.id()
    }

    /// The hash taken at the last [`CheckHash`] entry, for the next one.
    #[must_use]
    pub fn last_hash(&self) -> Option<HashAt> {
        self.cluster.last_hash()
    }

    /// The topic of that name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.named(name)
    }

    /// The topic with that id.
    #[must_use]
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Topic> {
        self.topics.get(id)
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, at: TopicPartition) -> Option<&Partition> {
        self.topics.get(at.topic_id)?.partition(at.partition)
    }

    /// How many topics there are.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions there are, over all topics.
    #[must_use]
    pub const fn partition_count(&self) -> u64 {
        self.topics.partitions()
    }

    /// The group of that name.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// All groups in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.groups.iter()
    }

    /// Groups after that one in the order of their names; from the first one on after none.
    pub fn groups_after(&self, after: Option<&GroupId>) -> impl Iterator<Item = (&GroupId, &Group)> {
        self.groups.after(after)
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// How much memory the names and committed offsets of all groups take, about, without their members.
    #[must_use]
    pub const fn group_bytes(&self) -> usize {
        self.groups.bytes()
    }

    /// Groups that [`crate::ExpireOffsets`] would change now: at most `limit` of them, after that one in the order of
    /// their names, and the last group that was looked at, if there are more.
    #[must_use]
    pub fn groups_to_expire(
        &self,
        after: Option<&GroupId>,
        limit: usize,
        now: TimestampMs,
        retention_ms: i64,
    ) -> (Vec<GroupId>, Option<GroupId>) {
        let mut last = None;
        let mut due = Vec::new();
        for (id, group) in self.groups.after(after).take(limit) {
            if group.has_expired(now, &self.topics, retention_ms) {
                due.push(id.clone());
            }
            last = Some(id);
        }
        (due, last.cloned())
    }

    /// The producer of a transactional id.
    #[must_use]
    pub fn transactional_producer(&self, transactional_id: &str) -> Option<&TransactionalProducer> {
        self.transactions.get(transactional_id)
    }

    /// The transactional id that has this producer id now, and its producer.
    #[must_use]
    pub fn transactional_id_of(
        &self,
        producer_id: ProducerId,
    ) -> Option<(&TransactionalId, &TransactionalProducer)> {
        self.transactions.of_producer(producer_id)
    }

    /// All transactional ids, in their order.
    pub fn transactional_producers(
        &self,
    ) -> impl ExactSizeIterator<Item = (&TransactionalId, &TransactionalProducer)> {
        self.transactions.iter()
    }

    /// Those after one, in their order.
    pub fn transactional_producers_after(
        &self,
        after: Option<&TransactionalId>,
    ) -> impl Iterator<Item = (&TransactionalId, &TransactionalProducer)> {
        self.transactions.iter_after(after)
    }

    /// How much memory the transactional ids take, about, with what their open transactions include.
    #[must_use]
    pub const fn transaction_bytes(&self) -> usize {
        self.transactions.bytes()
    }

    /// The transactional ids with an open transaction.
    pub fn ongoing_transactions(&self) -> impl Iterator<Item = (&TransactionalId, &TransactionalProducer)> {
        self.transactions.ongoing()
    }

    /// How many transactions are open.
    #[must_use]
    pub fn ongoing_transaction_count(&self) -> usize {
        self.transactions.ongoing_count()
    }

    /// The transactions of a partition, if it has some.
    #[must_use]
    pub fn partition_transactions(&self, at: TopicPartition) -> Option<&PartitionTransactions> {
        self.transactions.partition(at)
    }

    /// The partitions that have transactions, in their order.
    pub fn partitions_with_transactions(
        &self,
    ) -> impl Iterator<Item = (TopicPartition, &PartitionTransactions)> {
        self.transactions.partitions()
    }

    /// Where the open transaction of a producer begins in a partition; `None` when it has no records there.
    #[must_use]
    pub fn transaction_start(&self, producer_id: ProducerId, at: TopicPartition) -> Option<Offset> {
        self.transactions.first_offset(producer_id, at)
    }

    /// What a heartbeat of the consumer protocol is answered when it changes nothing; `None` when it has to be an entry.
    /// Whether the topics that the group is subscribed to have changed is looked at only if `look_at_topics`.
    ///
    /// # Errors
    /// What [`State::apply`] would refuse.
    pub fn preview_consumer_heartbeat(
        &self,
        time: TimestampMs,
        heartbeat: &ConsumerGroupHeartbeat,
        look_at_topics: bool,
    ) -> Result<Option<HeartbeatAnswer>, GroupError> {
        self.groups.preview_consumer_heartbeat(time, &self.topics, heartbeat, look_at_topics)
    }

    /// Dynamic configs that hold for all brokers.
    #[must_use]
    pub fn default_broker_configs(&self) -> &Configs {
        self.broker_configs.default()
    }

    /// Dynamic configs of one broker.
    #[must_use]
    pub fn broker_configs(&self, node: NodeId) -> &Configs {
        self.broker_configs.of(node)
    }

    /// Whether a classic member could join a consumer group now.
    ///
    /// # Errors
    /// What [`State::apply`] would refuse.
    pub fn check_join_consumer_group(&self, join: &JoinConsumerGroup) -> Result<(), GroupError> {
        let group =
            self.group(join.group_id.as_str()).and_then(Group::consumer).ok_or(GroupError::UnknownGroup)?;
        group.prepare_join(&self.topics, join).map(|_| ())
    }

    /// The assignment of a classic member of a consumer group (SyncGroup), as its client reads it.
    ///
    /// # Errors
    /// [`GroupError`]; [`GroupError::UnknownGroup`] when it is no consumer group.
    pub fn sync_consumer_group(
        &self,
        group: &str,
        member: (&MemberId, Option<&GroupInstanceId>, i32),
        protocol: (Option<&str>, Option<&str>),
    ) -> Result<Vec<u8>, GroupError> {
        let group = self.group(group).and_then(Group::consumer).ok_or(GroupError::UnknownGroup)?;
        let (id, instance, generation) = member;
        let (member, classic) = group.check_sync(id, instance, generation, protocol)?;
        Ok(classic.assignment(&self.topics, member.assigned.keys().copied()))
    }

    /// Configs of one group, which need not exist.
    #[must_use]
    pub fn group_configs(&self, group: &str) -> &Configs {
        self.group_configs.of(group)
    }

    /// The groups that have configs, in the order of their names.
    pub fn groups_with_configs(&self) -> impl Iterator<Item = &GroupId> {
        self.group_configs.groups()
    }

    /// Whether this topic could be created now (`validate_only`).
    ///
    /// # Errors
    /// The rejection that [`State::apply`] would give.
    pub fn check_create_topic(&self, create: &CreateTopic) -> Result<(), Rejection> {
        self.topics.check_create(create)
    }

    /// Whether these partitions could be created now (`validate_only`).
    ///
    /// # Errors
    /// The rejection that [`State::apply`] would give.
    pub fn check_create_partitions(&self, create: &CreatePartitions) -> Result<(), Rejection> {
        self.topics.check_create_partitions(create).map(|_| ())
    }
}
