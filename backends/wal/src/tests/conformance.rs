//! The suite that every backend runs, over the simulated disk and over real files.

use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::conformance::{SEGMENT_BYTES, Subject};
use chronik_backend::{Position, StorageBackend};

use super::{options, read_tree};
use crate::disk::Disk;
use crate::disk::sim::SimDisk;
use crate::format::{segment_name, segment_start};
use crate::{Durability, WalBackend};

struct Simulated(SimDisk);

impl Subject for Simulated {
    fn open(&mut self) -> Arc<dyn StorageBackend> {
        let disk: Arc<dyn Disk> = Arc::new(self.0.clone());
        Arc::new(WalBackend::open_on(disk, options("sim".as_ref(), SEGMENT_BYTES)).expect("open"))
    }

    fn kill(&mut self) {}

    fn fail_next_write(&mut self) -> bool {
        self.0.fail_in(1);
        true
    }

    fn damage(&mut self, entry: Position) {
        let mut files = self.0.files();
        let segments = files.iter_mut().filter_map(|(name, content)| Some((segment_start(name)?, content)));
        let (start, content) = segments
            .filter(|(start, _)| *start <= entry.get())
            .max_by_key(|found| found.0)
            .expect("a segment");
        content[usize::try_from(entry.get() - start).expect("small")] ^= 1;
        self.0 = SimDisk::holding(&files);
    }

    fn content(&mut self) -> Vec<(String, Bytes)> {
        self.0.files().into_iter().map(|(name, content)| (name, content.into())).collect()
    }

    fn leave_space(&mut self, bytes: u64) -> bool {
        self.0.set_capacity(self.0.used() + bytes);
        true
    }
}

mod simulated {
    use super::{SimDisk, Simulated};
    chronik_backend::conformance_tests!(Simulated(SimDisk::new()));
}

struct Files {
    dir: tempfile::TempDir,
    durability: Durability,
    direct_io: bool,
}

impl Files {
    fn new(durability: Durability, direct_io: bool) -> Self {
        Self { dir: tempfile::tempdir().expect("a directory"), durability, direct_io }
    }
}

impl Subject for Files {
    fn open(&mut self) -> Arc<dyn StorageBackend> {
        let mut options = options(self.dir.path(), SEGMENT_BYTES);
        options.durability = self.durability;
        options.direct_io = self.direct_io;
        Arc::new(WalBackend::open(options).expect("open"))
    }

    fn kill(&mut self) {}

    fn fail_next_write(&mut self) -> bool {
        false
    }

    fn damage(&mut self, entry: Position) {
        let names =
            std::fs::read_dir(self.dir.path()).expect("list").map(|entry| entry.expect("entry").file_name());
        let starts = names.filter_map(|name| segment_start(&name.to_string_lossy()));
        let start = starts.filter(|start| *start <= entry.get()).max().expect("a segment");
        let file = self.dir.path().join(segment_name(start));
        let mut content = std::fs::read(&file).expect("read");
        content[usize::try_from(entry.get() - start).expect("small")] ^= 1;
        std::fs::write(file, content).expect("write");
    }

    fn content(&mut self) -> Vec<(String, Bytes)> {
        read_tree(self.dir.path())
    }

    fn leave_space(&mut self, _bytes: u64) -> bool {
        false
    }
}

mod direct {
    use super::{Durability, Files};
    chronik_backend::conformance_tests!(Files::new(Durability::Fsync, true));
}

mod direct_os {
    use super::{Durability, Files};
    chronik_backend::conformance_tests!(Files::new(Durability::Os, true));
}

mod buffered_os {
    use super::{Durability, Files};
    chronik_backend::conformance_tests!(Files::new(Durability::Os, false));
}

/// For a small file system of its own: `mount -t tmpfs -o size=3m tmpfs DIR`, then `CHRONIK_SMALL_DISK=DIR`.
#[test]
#[ignore = "needs a small file system"]
fn a_full_file_system_refuses_data_and_takes_control() {
    struct Small(Files);
    impl Subject for Small {
        fn open(&mut self) -> Arc<dyn StorageBackend> {
            self.0.open()
        }
        fn kill(&mut self) {}
        fn fail_next_write(&mut self) -> bool {
            false
        }
        fn damage(&mut self, entry: Position) {
            self.0.damage(entry);
        }
        fn content(&mut self) -> Vec<(String, Bytes)> {
            self.0.content()
        }
        fn leave_space(&mut self, _bytes: u64) -> bool {
            true
        }
    }
    let small = std::env::var("CHRONIK_SMALL_DISK").expect("a directory on a small file system");
    let dir = tempfile::tempdir_in(small).expect("a directory");
    let files = Files { dir, durability: Durability::Fsync, direct_io: true };
    chronik_backend::conformance::full_storage_refuses_data_and_takes_control(&mut Small(files));
}
