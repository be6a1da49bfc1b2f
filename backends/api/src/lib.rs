//! What a gateway asks of storage.
//!
//! [`StorageBackend`] is one totally ordered journal whose entries may carry data, [`Objects`] are small immutable
//! files beside it (checkpoints, indexes). Storage knows nothing of Kafka: entries and data are opaque bytes.
//! The contracts are numbered (S1 to S13) so that the conformance suite and the backends can cite them.

mod backend;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
pub mod memory;
mod objects;
mod position;

pub use backend::{Append, AppendClass, BoxFuture, Committed, Follower, Status, StorageBackend};
pub use error::{AppendError, Damage, FollowError, ObjectError, READ_ONLY_ADVICE, ReadError};
pub use memory::{MemoryBackend, MemoryOptions};
pub use objects::{ObjectName, Objects};
pub use position::{DataRef, Position};
