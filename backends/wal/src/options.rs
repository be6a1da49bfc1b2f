//! How a log is opened, and why that, or a write, can fail.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use chronik_types::{Clock, Entropy};

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The record is on disk: it survives a power cut.
    Fsync,
    /// The operating system has the record: it survives the end of the process, but not a power cut.
    Os,
}

/// Most writes that can be under way at once; recovery counts on it.
pub(crate) const MOST_WRITES_IN_FLIGHT: usize = 16;

/// Called once, from a thread of the log, when a write or sync has failed; the program then ends with exit code 74.
pub type OnFatal = Box<dyn Fn(FatalError) + Send + Sync>;

/// Settings of a log.
pub struct WalOptions {
    /// Directory; created when missing.
    pub dir: PathBuf,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Size of a segment file, at least 64 KiB. The largest entry is about a sixteenth smaller.
    pub segment_bytes: u64,
    /// Writes that may be under way at once, 1 to 16.
    pub writes_in_flight: usize,
    /// Recent data held in memory, in bytes.
    pub cache_bytes: u64,
    /// Bytes that may wait to be written; beyond, appends are refused.
    pub queue_bytes: u64,
    /// Threads that read old data and keep objects.
    pub read_threads: usize,
    /// Whether to bypass the page cache for writing where the file system can.
    pub direct_io: bool,
    /// Where durations for metrics come from.
    pub clock: Arc<dyn Clock>,
    /// Where the id of a new log comes from.
    pub entropy: Entropy,
    /// Told when the log has failed.
    pub on_fatal: OnFatal,
}

impl WalOptions {
    /// The defaults for a directory.
    pub fn new(dir: PathBuf, clock: Arc<dyn Clock>, entropy: Entropy, on_fatal: OnFatal) -> Self {
        Self {
            dir,
            durability: Durability::Fsync,
            segment_bytes: 256 << 20,
            writes_in_flight: 4,
            cache_bytes: 256 << 20,
            queue_bytes: 128 << 20,
            read_threads: 4,
            direct_io: true,
            clock,
            entropy,
            on_fatal,
        }
    }
}

impl fmt::Debug for WalOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WalOptions");
        shown.field("dir", &self.dir).field("durability", &self.durability);
        shown.field("segment_bytes", &self.segment_bytes).finish_non_exhaustive()
    }
}

/// A write or sync that failed. It is not retried: after a failure the kernel may have dropped the data, and a
/// second sync would report success for bytes that are gone.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {operation} at byte {offset} failed: {source}; the log takes no more entries")]
pub struct FatalError {
    /// File.
    pub file: String,
    /// What was tried.
    pub operation: &'static str,
    /// Byte in that file.
    pub offset: u64,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{dir} is in use by {holder}; stop that process first, or choose another directory")]
    Locked {
        /// Directory.
        dir: String,
        /// The other process, as far as known.
        holder: String,
    },
    /// A newer program wrote it.
    #[error(
        "{file} was written in format version {version}, this program reads up to version {supported}; \
         use the newer program again, or restore an older copy"
    )]
    Newer {
        /// File that says so.
        file: String,
        /// Its version.
        version: u64,
        /// Newest version that is understood.
        supported: u64,
    },
    /// The path is something else.
    #[error("{dir} is not a directory")]
    NotADirectory {
        /// The path.
        dir: String,
    },
    /// The user may not.
    #[error(
        "no permission for {path}: the directory must be readable and writable for the user of this process"
    )]
    Permission {
        /// The path.
        path: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file that is needed to make sense of the others is damaged.
    #[error("{file}: damaged at byte {offset}: {reason}; nothing was changed")]
    Damaged {
        /// File.
        file: String,
        /// Byte in that file.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{setting} = {value} is not possible: {allowed}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The system refused.
    #[error("{context}: {source}")]
    Io {
        /// File and operation.
        context: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// Sorts an error of the system.
    pub(crate) fn io(context: &str, path: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { path: path.to_owned(), source }
            }
            io::ErrorKind::NotADirectory => Self::NotADirectory { dir: path.to_owned() },
            _ => Self::Io { context: format!("cannot {context} {path}"), source },
        }
    }
}
