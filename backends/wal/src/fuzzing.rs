//! The door for the fuzz targets, which are not in this crate: recovery over files in memory. Not an interface; there
//! only with the feature `fuzzing`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{AppendError, Committed, Follower, Position};
use chronik_types::{Entropy, ManualClock, TimestampMs};
use parking_lot::Mutex;

use crate::Durability;
use crate::disk::{Access, Disk, DiskFile, Persist};
use crate::log::{Log, Settings};

/// The files of a log by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What recovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Position, bytes and length of the data of each entry, in order.
    pub entries: Vec<(u64, Bytes, u32)>,
    /// Where the log ends, or the damage begins.
    pub end: u64,
    /// Whether the log is damaged, so that it can only be read.
    pub read_only: bool,
}

/// Opens the log in `files` as after a crash of the process, delivers it and repairs its tail. The files afterwards are
/// in `files`. `None` when it refuses.
pub fn recover(files: &mut Files, segment_bytes: u64, durability: Durability) -> Option<Recovered> {
    let disk = MemoryDisk::default();
    for (name, bytes) in std::mem::take(files) {
        disk.files.lock().insert(name, Arc::new(Mutex::new(bytes)));
    }
    let settings = Settings {
        durability,
        segment_bytes,
        writes_in_flight: 1,
        second_write_bytes: 128 << 10,
        cache_bytes: 1 << 20,
        queue_bytes: 1 << 20,
        zero_ahead: 0,
        zero_chunk: 1 << 20,
        clock: Arc::new(ManualClock::new(TimestampMs::new(0))),
        on_fatal: Box::new(|_| {}),
    };
    let seen = Arc::new(Mutex::new(Recovered::default()));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let recovered = Log::open(shared, settings, &Entropy::seeded(1)).ok().and_then(|log| {
        let end = log.recover(Position::new(log.start()), Box::new(Recorder(Arc::clone(&seen)))).ok()?;
        Some((end, log.read_only().is_some()))
    });
    *files = disk.files.lock().iter().map(|(name, bytes)| (name.clone(), bytes.lock().clone())).collect();
    let (end, read_only) = recovered?;
    let entries = std::mem::take(&mut seen.lock().entries);
    Some(Recovered { entries, end: end.get(), read_only })
}

struct Recorder(Arc<Mutex<Recovered>>);

impl Follower for Recorder {
    fn committed(&mut self, group: &[Committed]) {
        let entries = group.iter().map(|found| (found.position.get(), found.entry.clone(), found.data.len));
        self.0.lock().entries.extend(entries);
    }

    fn sealed(&mut self, _end: Position) {}

    fn refused(&mut self, _token: u64, _error: AppendError) {}
}

type FileBytes = Arc<Mutex<Vec<u8>>>;

/// Files without directories, durable at once.
#[derive(Debug, Clone, Default)]
struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, FileBytes>>>,
}

impl Disk for MemoryDisk {
    fn create(&self, path: &str, _access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files.lock();
        if files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let bytes = FileBytes::default();
        files.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(Arc::new(MemoryFile(bytes)))
    }

    fn open(&self, path: &str, _access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let bytes = self.files.lock().get(path).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(MemoryFile(bytes)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files.lock();
        if files.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.files.lock().remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn make_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _path: &str) -> io::Result<Vec<String>> {
        Ok(self.files.lock().keys().cloned().collect())
    }

    fn sync_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn boot(&self) -> String {
        "fuzz".to_owned()
    }

    fn show(&self, path: &str) -> String {
        path.to_owned()
    }
}

#[derive(Debug)]
struct MemoryFile(FileBytes);

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        u64::try_from(self.0.lock().len()).map_err(io::Error::other)
    }

    fn names(&self) -> io::Result<u64> {
        // Nothing here gives a file a second one.
        Ok(1)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.lock().resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8], _persist: Persist) -> io::Result<()> {
        let mut file = self.0.lock();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::InvalidInput)?;
        if file.len() < end {
            file.resize(end, 0);
        }
        file.get_mut(offset..end).unwrap_or_default().copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = self.0.lock();
        let rest = usize::try_from(offset).ok().and_then(|offset| file.get(offset..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into.get_mut(..count).unwrap_or_default().copy_from_slice(rest.get(..count).unwrap_or_default());
        Ok(count)
    }
}
