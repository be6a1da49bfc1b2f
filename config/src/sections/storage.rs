//! `[storage]` and the section of each backend.

use std::path::PathBuf;

use super::section;
use crate::values::{Backend, ByteSize, Durability};

section! {
    /// Where everything durable is kept.
    pub struct StorageSettings as SECTION at storage {
        /// The backend: "wal" is a write-ahead log on local disks, "memory" keeps nothing beyond the process.
        backend: Backend = Backend::Wal;
    }
    with {
        /// `[storage.wal]`
        wal: WalSettings;
        /// `[storage.memory]`
        memory: MemorySettings;
    }
}

section! {
    /// The write-ahead log of backend = "wal".
    pub struct WalSettings as WAL_SECTION at storage.wal {
        /// The directory of the log. It is made when it is missing, and only one process can use it.
        dir: PathBuf = PathBuf::from("./chronik-data");
        /// What an acknowledgement promises: "fsync" is on disk, "os" is in the page cache of the operating system (lost
        /// when the machine stops, kept when only the process does).
        durability: Durability = Durability::Fsync;
        /// The size of one file of the log.
        segment_bytes: ByteSize = ByteSize::mib(256), in ByteSize::mib(1) => ByteSize::gib(16);
        /// How many writes may be on their way to the disk at the same time.
        writes_in_flight: u32 = 4, in 1 => 16;
        /// Memory for the newest part of the log; reads of it never touch the disk. Old parts that are being read may use
        /// three quarters of it more.
        cache_bytes: ByteSize = ByteSize::mib(128), in ByteSize::mib(1) => ByteSize::gib(16 * 1024);
        /// Write past the page cache where the file system can (O_DIRECT). Off, writes go through the page cache.
        direct_io: bool = true;
    }
}

section! {
    /// The memory of backend = "memory".
    pub struct MemorySettings as MEMORY_SECTION at storage.memory {
        /// The most that is kept; beyond it produces are refused until retention frees some.
        limit_bytes: ByteSize = ByteSize::gib(1), in ByteSize::mib(1) => ByteSize::gib(16 * 1024);
        /// The size of one segment, the unit in which old records are dropped.
        segment_bytes: ByteSize = ByteSize::mib(64), in ByteSize::kib(64) => ByteSize::gib(16);
    }
}
