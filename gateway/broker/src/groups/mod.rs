//! The coordinator of groups: what of them lives in memory, and what members, consumers and operators ask.
//!
//! `classic` is the state machine of one group, without I/O. `coordinator` holds all groups that have members, in shards
//! with a lock each, and carries out what the machine decides; it holds no lock while anybody waits. `consumer` is the
//! way of members of consumer groups, whose assignment the state decides. `members` has the calls
//! of members, `offsets` those about committed offsets, `operators` those of operators. What survives a restart is in the
//! state (`chronik_state`), whose entries are the only way to change it.

mod classic;
mod consumer;
mod coordinator;
mod error;
mod ledger;
mod members;
mod metrics;
mod offsets;
mod operators;
mod room;

pub use classic::{
    ClassicState, Committing, DescribedMember, JoinRefusal, JoinRequest, Joined, JoinedMember, Leaving,
    MemberIdentity, SyncRequest, Synced,
};
pub(crate) use consumer::Consumers;
pub use consumer::{ConsumerGroupError, ConsumerHeartbeatAnswer};
pub(crate) use coordinator::Coordinator;
pub use error::CoordinatorError;
pub use metrics::{ByProtocol, GroupMetrics};
pub use operators::{DescribedGroup, GroupKind, ListedGroup};
