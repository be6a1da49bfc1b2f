//! The vocabulary of the gateway: names, ids, offsets and error codes, without I/O.
//!
//! One concept, one type, one file. Every other crate takes these types instead of bare integers and strings, so that a
//! partition index is never mistaken for a node id. Nothing here reads a socket or a disk; the two ambient inputs that
//! a program needs, time and randomness, are the injected [`Clock`] and [`Entropy`].
#![warn(clippy::indexing_slicing)]

mod clock;
mod cluster_id;
mod compression_type;
mod entropy;
mod error_code;
mod generation;
mod group_id;
mod isolation_level;
mod member_id;
mod newtype;
mod node_id;
mod offset;
mod partition;
mod producer;
mod timestamp;
mod topic_id;
mod topic_name;
mod transactional_id;

pub use clock::{Clock, ManualClock, SystemClock};
pub use cluster_id::ClusterId;
pub use compression_type::CompressionType;
pub use entropy::Entropy;
pub use error_code::ErrorCode;
pub use generation::{GenerationId, MemberEpoch};
pub use group_id::GroupId;
pub use isolation_level::IsolationLevel;
pub use member_id::{GroupInstanceId, MemberId};
pub use node_id::NodeId;
pub use offset::Offset;
pub use partition::{LeaderEpoch, PartitionIndex, TopicPartition};
pub use producer::{ProducerEpoch, ProducerId, Sequence};
pub use timestamp::{TimestampMs, TimestampType};
pub use topic_id::{InvalidTopicId, TopicId};
pub use topic_name::{InvalidTopicName, TopicName};
pub use transactional_id::TransactionalId;
