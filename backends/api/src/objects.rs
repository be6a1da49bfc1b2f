//! Small immutable files beside the journal.

use std::fmt;

use bytes::Bytes;

use crate::{BoxFuture, ObjectError};

/// Name of an object: `kind/name`, each part of 1 to 64 characters of `[a-z0-9.-]`, not starting with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Joins a kind and a name; `None` when either breaks the rules.
    pub fn new(kind: &str, name: &str) -> Option<Self> {
        let ok = |part: &str| {
            (1..=64).contains(&part.len())
                && !part.starts_with('.')
                && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        };
        (ok(kind) && ok(name)).then(|| Self(format!("{kind}/{name}")))
    }

    /// The part before the slash.
    pub fn kind(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Create-only objects: checkpoints of the state, indexes, later segments. Beside a damaged journal they can only be read
/// (S13).
pub trait Objects: Send + Sync {
    /// S10. Creates an object. It is whole and durable when this resolves; after a crash in between it is whole or
    /// absent. Whatever the durability, all that had been committed before the call is durable before the object is: an
    /// object may speak of it, as a checkpoint does. Putting the same bytes again succeeds; other bytes under a name that is taken are refused. Dropping
    /// the future may leave the object there or not.
    fn put(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectError>>;

    /// S11. The bytes exactly as they were put; an `Io` error of the kind `InvalidData` says that they are not any more, all
    /// others that they cannot be read now.
    fn get(&self, name: ObjectName) -> BoxFuture<'_, Result<Bytes, ObjectError>>;

    /// S11. Names of one kind, in ascending order.
    fn list(&self, kind: &str) -> BoxFuture<'_, Result<Vec<ObjectName>, ObjectError>>;

    /// S12. Removes an object; one that is not there is no error. Durable when it resolves.
    fn delete(&self, name: ObjectName) -> BoxFuture<'_, Result<(), ObjectError>>;
}
