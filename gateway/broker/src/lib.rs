//! Produce, fetch and administration over a storage backend and the state machine.
//!
//! [`Broker`] is the core that protocol handlers call. What a client asks to change becomes an entry in the journal; the
//! applier follows the journal, has the state decide, makes the decision visible to readers and answers who waits. Records
//! are read through per-partition indexes of the journal. Nothing here knows a wire format but that of record batches.
//!
//! Read `broker`, then `produce` and `applier` for the way in, `read` and `index` for the way out. `retention` and
//! `checkpoint` keep the journal short, `groups` coordinates consumers.

mod applier;
mod broker;
mod catalog;
mod change;
mod checkpoint;
mod checksum;
mod configs;
mod core;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod halt;
mod index;
mod list_offsets;
mod metrics;
mod options;
mod partition;
mod produce;
mod read;
mod retention;
mod segments;
mod topic;
mod transaction_room;
mod transactions;
mod upkeep;
mod waiters;
mod watch;

pub use broker::{ActiveProducer, Broker};
pub use change::ChangeError;
pub use groups::{
    ByProtocol, ClassicState, Committing, ConsumerGroupError, ConsumerHeartbeatAnswer, CoordinatorError,
    DescribedGroup, DescribedMember, GroupKind, GroupMetrics, JoinRefusal, JoinRequest, Joined, JoinedMember,
    Leaving, ListedGroup, MemberIdentity, SyncRequest, Synced,
};
pub use halt::Halt;
pub use list_offsets::{ListedOffset, OffsetSpec};
pub use metrics::Metrics;
pub use options::{BrokerOptions, OpenError};
pub use partition::Partition;
pub use produce::{ProduceBatch, ProduceError, ProduceRequest, ProduceTransaction, Produced, Submitted};
pub use read::{ReadError, ReadRequest, Records};
pub use topic::Topic;
pub use transactions::TransactionChangeError;
pub use watch::Watch;

/// Runs something that takes a while away from the async threads. A panic in it goes on in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never aborted, so it has panicked: go on with that here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
