//! Entries: one atomic change each, and their bytes in the journal.
//!
//! ```text
//! offset  width  field
//!      0      1  format version, 1
//!      1      1  kind: the ordinal of the change
//!      2      8  time, i64: milliseconds since 1970 by the clock of the proposer
//!     10      -  the change; its layout stands with its type, in the file of its concern
//! ```
//!
//! Integers are little-endian. There is no length and no checksum: the journal delimits and guards entries. A field is
//! added by a new format version, and a new change takes a new ordinal; neither is ever reused.

use chronik_types::{ClusterId, GroupId, Offset, TimestampMs, TopicId, TopicPartition};

use crate::cluster::CheckHash;
use crate::codec::{DecodeError, Reader, Writer};
use crate::configs::AlterConfigs;
use crate::groups::{
    CommitOffsets, ConsumerGroupHeartbeat, DeleteOffsets, ExpireOffsets, JoinConsumerGroup,
    RemoveConsumerMembers, StoreClassicGroup,
};
use crate::partitions::AppendedBatch;
use crate::topics::{CreatePartitions, CreateTopic};
use crate::transactions::{
    AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, EndTxn, InitTransactionalProducer,
    TxnOffsetCommit,
};

/// The format version that [`Entry::encode`] writes, and the newest that [`Entry::decode`] reads.
pub const ENTRY_VERSION: u8 = 1;

/// One change, and when it was proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The clock of the gateway that proposed it. It is the only time that the state machine knows, and it may run
    /// backwards from entry to entry.
    pub time: TimestampMs,
    /// What changes.
    pub change: Change,
}

/// What an entry changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Batches are appended; each is judged on its own, in order. Their bytes are the data of the entry.
    Append(Vec<AppendedBatch>),
    /// A topic is created.
    CreateTopic(CreateTopic),
    /// A topic is deleted, with all that is in it.
    DeleteTopic {
        /// The topic.
        topic_id: TopicId,
    },
    /// A topic gets more partitions.
    CreatePartitions(CreatePartitions),
    /// Records before these offsets are given up (DeleteRecords, retention); -1 stands for the high watermark.
    AdvanceLogStart(Vec<(TopicPartition, Offset)>),
    /// Configs are set and removed.
    AlterConfigs(AlterConfigs),
    /// A producer id is handed out.
    AllocateProducerId,
    /// Producers whose last append was before that time are forgotten.
    ExpireProducers {
        /// That time.
        inactive_before: TimestampMs,
    },
    /// The cluster gets its id; the first such entry wins.
    NameCluster {
        /// The id.
        cluster_id: ClusterId,
    },
    /// Gateways compare their states.
    CheckHash(CheckHash),
    /// Offsets are committed for a group.
    CommitOffsets(CommitOffsets),
    /// A member of a consumer group joins, changes something, goes a step towards its assignment, or leaves.
    ConsumerGroupHeartbeat(Box<ConsumerGroupHeartbeat>),
    /// Members of a consumer group are taken out.
    RemoveConsumerMembers(RemoveConsumerMembers),
    /// A member that speaks the classic protocol joins a consumer group.
    JoinConsumerGroup(Box<JoinConsumerGroup>),
    /// The members of a classic group change.
    StoreClassicGroup(StoreClassicGroup),
    /// Offsets of a group are deleted.
    DeleteOffsets(DeleteOffsets),
    /// A group without members is deleted, with its offsets.
    DeleteGroup {
        /// The group.
        group_id: GroupId,
    },
    /// Offsets expire, and groups of which nothing is left.
    ExpireOffsets(ExpireOffsets),
    /// A transactional producer gets its id and epoch.
    InitTransactionalProducer(InitTransactionalProducer),
    /// Partitions join a transaction.
    AddPartitionsToTxn(AddPartitionsToTxn),
    /// The offsets of a group join a transaction.
    AddOffsetsToTxn(AddOffsetsToTxn),
    /// Offsets wait for the end of a transaction.
    TxnOffsetCommit(TxnOffsetCommit),
    /// A transaction ends. Its marker is the data of the entry.
    EndTxn(EndTxn),
    /// Transactional ids that were last used before that time are forgotten.
    ExpireTransactionalIds {
        /// That time.
        idle_before: TimestampMs,
    },
    /// Batches of a transaction are appended.
    AppendTransactional(AppendTransactional),
}

/// Persisted ordinals, never reused.
mod kind {
    pub(super) const APPEND: u8 = 1;
    pub(super) const CREATE_TOPIC: u8 = 2;
    pub(super) const DELETE_TOPIC: u8 = 3;
    pub(super) const CREATE_PARTITIONS: u8 = 4;
    pub(super) const ADVANCE_LOG_START: u8 = 5;
    pub(super) const ALTER_CONFIGS: u8 = 6;
    pub(super) const ALLOCATE_PRODUCER_ID: u8 = 7;
    pub(super) const EXPIRE_PRODUCERS: u8 = 8;
    pub(super) const NAME_CLUSTER: u8 = 9;
    pub(super) const CHECK_HASH: u8 = 10;
    pub(super) const COMMIT_OFFSETS: u8 = 11;
    pub(super) const STORE_CLASSIC_GROUP: u8 = 12;
    pub(super) const DELETE_OFFSETS: u8 = 13;
    pub(super) const DELETE_GROUP: u8 = 14;
    pub(super) const EXPIRE_OFFSETS: u8 = 15;
    pub(super) const CONSUMER_GROUP_HEARTBEAT: u8 = 20;
    pub(super) const REMOVE_CONSUMER_MEMBERS: u8 = 21;
    pub(super) const JOIN_CONSUMER_GROUP: u8 = 22;
    pub(super) const INIT_TRANSACTIONAL_PRODUCER: u8 = 30;
    pub(super) const ADD_PARTITIONS_TO_TXN: u8 = 31;
    pub(super) const ADD_OFFSETS_TO_TXN: u8 = 32;
    pub(super) const TXN_OFFSET_COMMIT: u8 = 33;
    pub(super) const END_TXN: u8 = 34;
    pub(super) const EXPIRE_TRANSACTIONAL_IDS: u8 = 35;
    pub(super) const APPEND_TRANSACTIONAL: u8 = 36;
}

impl Entry {
    /// An entry proposed at `time`.
    #[must_use]
    pub const fn new(time: TimestampMs, change: Change) -> Self {
        Self { time, change }
    }

    /// The bytes for the journal.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.encoded_size_hint());
        w.u8(ENTRY_VERSION);
        w.u8(self.change.kind());
        w.i64(self.time.get());
        self.change.write(&mut w);
        w.into_bytes()
    }

    /// Reads the bytes of one entry.
    ///
    /// # Errors
    /// When the bytes are not exactly one entry of a known version and kind; the error names the field. Never panics.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let version = r.u8("entry version")?;
        if version != ENTRY_VERSION {
            return Err(DecodeError::UnknownVersion {
                what: "the journal entry",
                found: version.into(),
                known: ENTRY_VERSION.into(),
            });
        }
        let kind = r.u8("entry kind")?;
        let time = r.timestamp("entry time")?;
        let change = Change::read(kind, &mut r)?;
        r.finish()?;
        Ok(Self { time, change })
    }

    fn encoded_size_hint(&self) -> usize {
        match &self.change {
            Change::Append(batches) => 16 + batches.len() * (AppendedBatch::ENCODED_BYTES + 14),
            Change::AppendTransactional(append) => {
                64 + append.transactional_id.as_str().len()
                    + append.batches.len() * (AppendedBatch::ENCODED_BYTES + 14)
            }
            _ => 128,
        }
    }
}

impl Change {
    const fn kind(&self) -> u8 {
        match self {
            Self::Append(_) => kind::APPEND,
            Self::CreateTopic(_) => kind::CREATE_TOPIC,
            Self::DeleteTopic { .. } => kind::DELETE_TOPIC,
            Self::CreatePartitions(_) => kind::CREATE_PARTITIONS,
            Self::AdvanceLogStart(_) => kind::ADVANCE_LOG_START,
            Self::AlterConfigs(_) => kind::ALTER_CONFIGS,
            Self::AllocateProducerId => kind::ALLOCATE_PRODUCER_ID,
            Self::ExpireProducers { .. } => kind::EXPIRE_PRODUCERS,
            Self::NameCluster { .. } => kind::NAME_CLUSTER,
            Self::CheckHash(_) => kind::CHECK_HASH,
            Self::CommitOffsets(_) => kind::COMMIT_OFFSETS,
            Self::StoreClassicGroup(_) => kind::STORE_CLASSIC_GROUP,
            Self::DeleteOffsets(_) => kind::DELETE_OFFSETS,
            Self::DeleteGroup { .. } => kind::DELETE_GROUP,
            Self::ExpireOffsets(_) => kind::EXPIRE_OFFSETS,
            Self::ConsumerGroupHeartbeat(_) => kind::CONSUMER_GROUP_HEARTBEAT,
            Self::RemoveConsumerMembers(_) => kind::REMOVE_CONSUMER_MEMBERS,
            Self::JoinConsumerGroup(_) => kind::JOIN_CONSUMER_GROUP,
            Self::InitTransactionalProducer(_) => kind::INIT_TRANSACTIONAL_PRODUCER,
            Self::AddPartitionsToTxn(_) => kind::ADD_PARTITIONS_TO_TXN,
            Self::AddOffsetsToTxn(_) => kind::ADD_OFFSETS_TO_TXN,
            Self::TxnOffsetCommit(_) => kind::TXN_OFFSET_COMMIT,
            Self::EndTxn(_) => kind::END_TXN,
            Self::ExpireTransactionalIds { .. } => kind::EXPIRE_TRANSACTIONAL_IDS,
            Self::AppendTransactional(_) => kind::APPEND_TRANSACTIONAL,
        }
    }

    /// A short name for logs and dumps.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Append(_) => "append",
            Self::CreateTopic(_) => "create topic",
            Self::DeleteTopic { .. } => "delete topic",
            Self::CreatePartitions(_) => "create partitions",
            Self::AdvanceLogStart(_) => "advance log start",
            Self::AlterConfigs(_) => "alter configs",
            Self::AllocateProducerId => "allocate producer id",
            Self::ExpireProducers { .. } => "expire producers",
            Self::NameCluster { .. } => "name cluster",
            Self::CheckHash(_) => "check hash",
            Self::CommitOffsets(_) => "commit offsets",
            Self::StoreClassicGroup(_) => "store classic group",
            Self::DeleteOffsets(_) => "delete offsets",
            Self::DeleteGroup { .. } => "delete group",
            Self::ExpireOffsets(_) => "expire offsets",
            Self::ConsumerGroupHeartbeat(_) => "consumer group heartbeat",
            Self::RemoveConsumerMembers(_) => "remove consumer members",
            Self::JoinConsumerGroup(_) => "join consumer group",
            Self::InitTransactionalProducer(_) => "init transactional producer",
            Self::AddPartitionsToTxn(_) => "add partitions to transaction",
            Self::AddOffsetsToTxn(_) => "add offsets to transaction",
            Self::TxnOffsetCommit(_) => "commit offsets in transaction",
            Self::EndTxn(_) => "end transaction",
            Self::ExpireTransactionalIds { .. } => "expire transactional ids",
            Self::AppendTransactional(_) => "append in transaction",
        }
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Append(batches) => {
                w.count(batches.len());
                batches.iter().for_each(|batch| batch.write(w));
            }
            Self::CreateTopic(create) => create.write(w),
            Self::DeleteTopic { topic_id } => w.topic_id(*topic_id),
            Self::CreatePartitions(create) => create.write(w),
            Self::AdvanceLogStart(partitions) => {
                w.count(partitions.len());
                for (at, offset) in partitions {
                    w.topic_partition(*at);
                    w.i64(offset.get());
                }
            }
            Self::AlterConfigs(alter) => alter.write(w),
            Self::AllocateProducerId => {}
            Self::ExpireProducers { inactive_before } => w.i64(inactive_before.get()),
            Self::NameCluster { cluster_id } => w.text(cluster_id.as_str()),
            Self::CheckHash(check) => check.write(w),
            Self::CommitOffsets(commit) => commit.write(w),
            Self::StoreClassicGroup(store) => store.write(w),
            Self::DeleteOffsets(delete) => delete.write(w),
            Self::DeleteGroup { group_id } => w.text(group_id.as_str()),
            Self::ExpireOffsets(expire) => expire.write(w),
            Self::ConsumerGroupHeartbeat(heartbeat) => heartbeat.write(w),
            Self::RemoveConsumerMembers(remove) => remove.write(w),
            Self::JoinConsumerGroup(join) => join.write(w),
            Self::InitTransactionalProducer(init) => init.write(w),
            Self::AddPartitionsToTxn(add) => add.write(w),
            Self::AddOffsetsToTxn(add) => add.write(w),
            Self::TxnOffsetCommit(commit) => commit.write(w),
            Self::EndTxn(end) => end.write(w),
            Self::ExpireTransactionalIds { idle_before } => w.i64(idle_before.get()),
            Self::AppendTransactional(append) => append.write(w),
        }
    }

    fn read(kind: u8, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
            kind::APPEND => {
                Self::Append(r.list("batches", AppendedBatch::ENCODED_BYTES, AppendedBatch::read)?)
            }
            kind::CREATE_TOPIC => Self::CreateTopic(CreateTopic::read(r)?),
            kind::DELETE_TOPIC => Self::DeleteTopic { topic_id: r.topic_id("topic id")? },
            kind::CREATE_PARTITIONS => Self::CreatePartitions(CreatePartitions::read(r)?),
            kind::ADVANCE_LOG_START => Self::AdvanceLogStart(r.list("log starts", 28, |r| {
                Ok((r.topic_partition("log start partition")?, r.offset("log start offset")?))
            })?),
            kind::ALTER_CONFIGS => Self::AlterConfigs(AlterConfigs::read(r)?),
            kind::ALLOCATE_PRODUCER_ID => Self::AllocateProducerId,
            kind::EXPIRE_PRODUCERS => {
                Self::ExpireProducers { inactive_before: r.timestamp("inactive before")? }
            }
            kind::NAME_CLUSTER => Self::NameCluster { cluster_id: ClusterId::new(r.text("cluster id")?) },
            kind::CHECK_HASH => Self::CheckHash(CheckHash::read(r)?),
            kind::COMMIT_OFFSETS => Self::CommitOffsets(CommitOffsets::read(r)?),
            kind::STORE_CLASSIC_GROUP => Self::StoreClassicGroup(StoreClassicGroup::read(r)?),
            kind::DELETE_OFFSETS => Self::DeleteOffsets(DeleteOffsets::read(r)?),
            kind::DELETE_GROUP => Self::DeleteGroup { group_id: GroupId::new(r.text("group id")?) },
            kind::EXPIRE_OFFSETS => Self::ExpireOffsets(ExpireOffsets::read(r)?),
            kind::CONSUMER_GROUP_HEARTBEAT => {
                Self::ConsumerGroupHeartbeat(Box::new(ConsumerGroupHeartbeat::read(r)?))
            }
            kind::REMOVE_CONSUMER_MEMBERS => Self::RemoveConsumerMembers(RemoveConsumerMembers::read(r)?),
            kind::JOIN_CONSUMER_GROUP => Self::JoinConsumerGroup(Box::new(JoinConsumerGroup::read(r)?)),
            kind::INIT_TRANSACTIONAL_PRODUCER => {
                Self::InitTransactionalProducer(InitTransactionalProducer::read(r)?)
            }
            kind::ADD_PARTITIONS_TO_TXN => Self::AddPartitionsToTxn(AddPartitionsToTxn::read(r)?),
            kind::ADD_OFFSETS_TO_TXN => Self::AddOffsetsToTxn(AddOffsetsToTxn::read(r)?),
            kind::TXN_OFFSET_COMMIT => Self::TxnOffsetCommit(TxnOffsetCommit::read(r)?),
            kind::END_TXN => Self::EndTxn(EndTxn::read(r)?),
            kind::EXPIRE_TRANSACTIONAL_IDS => {
                Self::ExpireTransactionalIds { idle_before: r.timestamp("idle before")? }
            }
            kind::APPEND_TRANSACTIONAL => Self::AppendTransactional(AppendTransactional::read(r)?),
            kind => return Err(DecodeError::UnknownKind { kind, version: ENTRY_VERSION }),
        })
    }
}
