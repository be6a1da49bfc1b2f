//! The seam between the log and a disk: what the log needs of a file system, and nothing more.
//!
//! [`real`] is the file system; the simulated disk of the tests keeps apart what is synced and what is not, and can
//! lose power or fail. Paths are relative to the directory of the log.

pub(crate) mod real;
#[cfg(test)]
pub(crate) mod sim;

use std::fmt;
use std::io;
use std::sync::Arc;

/// A directory.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Makes a file that must not exist, for reading and writing. Its name is durable after [`Disk::sync_dir`].
    fn create(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file.
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name; fails with [`io::ErrorKind::AlreadyExists`] when that is taken.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes a directory, or finds it there.
    fn make_dir(&self, path: &str) -> io::Result<()>;
    /// Names in a directory; `""` is the directory of the log.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Something that changes when the machine starts anew, so that a power cut may lie between.
    fn boot(&self) -> String;
    /// Path of a file for people.
    fn show(&self, path: &str) -> String;
}

/// An open file.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// How many names the file has.
    fn names(&self) -> io::Result<u64>;
    /// Sets the length and reserves the space, so that later writes within cannot run out of it.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write(&self, offset: u64, bytes: &[u8], persist: Persist) -> io::Result<()>;
    /// Makes all completed writes durable.
    fn sync(&self) -> io::Result<()>;
    /// Reads up to the length of `into`; less only at the end of the file.
    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// First byte at or after `offset` that may have been written; `None` when there is none up to the end. For files
    /// opened with [`Access::Read`].
    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        Ok(Some(offset))
    }
}

/// How a file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Written in aligned pages, past the page cache where possible.
    Log,
    /// Small, written anyhow.
    Plain,
    /// Read only.
    Read,
}

/// When a write is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persist {
    /// When the call returns.
    Now,
    /// After the next sync of the file.
    Later,
}

/// Writes up to this length go through the page cache when they need not be durable yet. Beyond, copying them and having
/// the system write them back costs more than a direct write.
pub(crate) const MOST_CACHED: usize = 64 << 10;

/// Whether the system said that there is no space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
