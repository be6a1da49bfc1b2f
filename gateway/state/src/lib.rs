//! The deterministic state machine: entries in, outcomes out.
//!
//! [`State::apply`] decides everything that Kafka's semantics leave to a broker: topic names and ids, base offsets,
//! duplicates of idempotent producers, log starts, configs, producer ids. The journal only orders; every gateway applies
//! the same entries and comes to the same decisions. There is no I/O, no clock and no randomness here; where the bytes
//! of batches lie is known to the broker core.
//!
//! One file for each concern, with its changes, their layout and their rules: `topics`, `partitions`, `producers`,
//! `configs`, `cluster`, `groups`, `transactions`. `entry` and `checkpoint` hold the two persisted forms. Read `entry` first, then `state`.
#![warn(clippy::indexing_slicing)]

mod checkpoint;
mod cluster;
mod codec;
mod configs;
mod entry;
mod groups;
mod invariants;
mod memory;
mod outcome;
mod partitions;
mod producers;
mod rejection;
mod state;
mod topics;
mod transactions;

pub use checkpoint::CHECKPOINT_VERSION;
pub use cluster::{CheckHash, Diverged, HashAt};
pub use codec::DecodeError;
pub use configs::{AlterConfigs, ConfigChange, ConfigResource, Configs};
pub use entry::{Change, ENTRY_VERSION, Entry};
pub use groups::{
    Assignor, ClassicGroup, ClassicMember, ClassicMembership, CommitOffsets, CommittedOffset, Committer,
    ConsumerGroup, ConsumerGroupHeartbeat, ConsumerGroupSettings, ConsumerGroupState, ConsumerMember,
    DeleteOffsets, ExpireOffsets, Group, GroupBody, GroupError, HeartbeatAnswer, JoinConsumerGroup,
    JoinedConsumerGroup, LeavingMember, MemberProtocol, MemberState, Offsets, OffsetsExpired,
    OwnedPartitions, RebalanceTimer, RegexMatches, RemoveConsumerMembers, ResolvedRegex, StoreClassicGroup,
    Subscribed, group_name_bytes,
};
pub use outcome::Outcome;
pub use partitions::{AppendedBatch, Partition, Placed};
pub use producers::{BatchSpan, Producer, ProducerBatch};
pub use rejection::Rejection;
pub use state::State;
pub use topics::{CreatePartitions, CreateTopic, DeletedTopic, MAX_PARTITIONS_PER_TOPIC, Topic, TopicLimits};
pub use transactions::{
    AbortedTransaction, AddOffsetsToTxn, AddPartitionsToTxn, AppendTransactional, Claim, EndTxn, EndedBy,
    EndedTxn, InitTransactionalProducer, InitializedProducer, Marker, PartitionTransactions, PlacedMarker,
    TransactionError, TransactionState, TransactionalProducer, TxnOffsetCommit, TxnOffsetCommitError,
};
