//! A disk that keeps apart what is synced and what is not, and can lose power, fail or fill up.
//!
//! Everything that happens is recorded, and [`Replay`] makes of the record what a power cut could have left.

mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Access, Disk, DiskFile, Persist};

pub(crate) use self::replay::Replay;

#[derive(Debug, Clone)]
pub(crate) struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    inodes: Vec<Vec<u8>>,
    names: BTreeMap<String, usize>,
    dirs: BTreeSet<String>,
    record: Vec<Event>,
    capacity: u64,
    /// Writes and syncs until one fails; none fails at 0.
    fail_in: u64,
    boot: u64,
    next_write: u64,
}

/// Something that happened. Marks are notes of a test about its own progress.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Write {
        inode: usize,
        offset: u64,
        bytes: Bytes,
        id: u64,
    },
    /// A write has returned.
    Written {
        inode: usize,
        id: u64,
        durable: bool,
    },
    Allocate {
        inode: usize,
        len: u64,
    },
    Sync {
        inode: usize,
    },
    Create {
        path: String,
        inode: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    MakeDir {
        path: String,
    },
    SyncDir {
        path: String,
    },
    Mark(Mark),
}

/// Progress of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    Submitted(u64),
    Refused(u64),
    Acknowledged {
        token: u64,
        position: u64,
        synced: bool,
    },
    /// A follower was handed these entries of earlier runs, with their positions, by a log that starts here.
    Recovered {
        start: u64,
        entries: Vec<(u64, u64)>,
    },
    /// The follower was told of a boundary.
    Sealed(u64),
    /// What lies before `upto` may go, of a log that starts here.
    TrimWanted {
        upto: u64,
        start: u64,
    },
    PutBegun(u64),
    PutDone(u64),
    DeleteBegun(u64),
    DeleteDone(u64),
}

#[derive(Debug)]
struct SimFile {
    inner: Arc<Mutex<Inner>>,
    inode: usize,
}

impl SimDisk {
    pub(crate) fn new() -> Self {
        Self::with(Vec::new(), BTreeMap::new(), BTreeSet::new(), 1)
    }

    fn with(inodes: Vec<Vec<u8>>, names: BTreeMap<String, usize>, dirs: BTreeSet<String>, boot: u64) -> Self {
        // Files without a name are gone.
        let (names, inodes): (BTreeMap<_, _>, Vec<_>) = names
            .into_iter()
            .enumerate()
            .map(|(number, (name, inode))| ((name, number), inodes.get(inode).cloned().unwrap_or_default()))
            .unzip();
        let inner = Inner {
            inodes,
            names,
            dirs,
            record: Vec::new(),
            capacity: u64::MAX,
            fail_in: 0,
            boot,
            next_write: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// What allocated files may occupy together from now on.
    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.inner.lock().capacity = bytes;
    }

    pub(crate) fn used(&self) -> u64 {
        self.inner.lock().used()
    }

    /// The `nth` write or sync from now fails.
    pub(crate) fn fail_in(&self, nth: u64) {
        self.inner.lock().fail_in = nth;
    }

    pub(crate) fn mark(&self, mark: Mark) {
        self.inner.lock().record.push(Event::Mark(mark));
    }

    pub(crate) fn record(&self) -> Vec<Event> {
        self.inner.lock().record.clone()
    }

    /// Begins a write that [`SimDisk::finish`] ends.
    pub(crate) fn begin(&self, path: &str, offset: u64, bytes: Bytes) -> (usize, u64) {
        let mut inner = self.inner.lock();
        let inode = inner.names[path];
        (inode, inner.begin(inode, offset, bytes))
    }

    pub(crate) fn finish(&self, (inode, id): (usize, u64), durable: bool) {
        self.inner.lock().record.push(Event::Written { inode, id, durable });
    }

    /// Everything as it is, as after the end of the process alone.
    pub(crate) fn snapshot(&self) -> Self {
        let inner = self.inner.lock();
        Self::with(inner.inodes.clone(), inner.names.clone(), inner.dirs.clone(), inner.boot)
    }

    /// All files.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let inner = self.inner.lock();
        inner.names.iter().map(|(name, inode)| (name.clone(), inner.inodes[*inode].clone())).collect()
    }

    /// A disk that holds these files.
    pub(crate) fn holding(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let inodes = files.values().cloned().collect();
        let names = files.keys().cloned().zip(0..).collect();
        let mut dirs: BTreeSet<String> = files.keys().map(|name| parent(name).to_owned()).collect();
        dirs.extend(dirs.clone().iter().map(|dir| parent(dir).to_owned()));
        dirs.remove("");
        Self::with(inodes, names, dirs, 1)
    }
}

impl Inner {
    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].len() as u64).sum()
    }

    fn begin(&mut self, inode: usize, offset: u64, bytes: Bytes) -> u64 {
        overwrite(&mut self.inodes[inode], offset, &bytes);
        let id = self.next_write;
        self.next_write += 1;
        self.record.push(Event::Write { inode, offset, bytes, id });
        id
    }

    /// Counts a write or sync.
    fn operation(&mut self) -> io::Result<()> {
        match self.fail_in {
            0 => Ok(()),
            1 => {
                self.fail_in = 0;
                Err(io::Error::other("injected input/output error"))
            }
            _ => {
                self.fail_in -= 1;
                Ok(())
            }
        }
    }
}

fn overwrite(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let from = usize::try_from(offset).expect("small");
    let to = from + bytes.len();
    grow(content, to as u64);
    content[from..to].copy_from_slice(bytes);
}

fn grow(content: &mut Vec<u8>, len: u64) {
    let len = usize::try_from(len).expect("small");
    if content.len() < len {
        let mut longer = vec![0; len];
        longer[..content.len()].copy_from_slice(content);
        *content = longer;
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for SimDisk {
    fn create(&self, path: &str, _access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner.lock();
        if inner.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if inner.used() >= inner.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.operation()?;
        inner.inodes.push(Vec::new());
        let inode = inner.inodes.len() - 1;
        inner.names.insert(path.to_owned(), inode);
        inner.record.push(Event::Create { path: path.to_owned(), inode });
        Ok(Arc::new(SimFile { inner: Arc::clone(&self.inner), inode }))
    }

    fn open(&self, path: &str, _access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let inode = *self.inner.lock().names.get(path).ok_or_else(not_found)?;
        Ok(Arc::new(SimFile { inner: Arc::clone(&self.inner), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        if inner.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        inner.operation()?;
        let inode = inner.names.remove(from).ok_or_else(not_found)?;
        inner.names.insert(to.to_owned(), inode);
        inner.record.push(Event::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.names.remove(path).ok_or_else(not_found)?;
        inner.record.push(Event::Remove { path: path.to_owned() });
        Ok(())
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        if inner.dirs.insert(path.to_owned()) {
            inner.record.push(Event::MakeDir { path: path.to_owned() });
        }
        Ok(())
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let inner = self.inner.lock();
        if !path.is_empty() && !inner.dirs.contains(path) {
            return Err(not_found());
        }
        let all = inner.names.keys().chain(inner.dirs.iter());
        let within = all.filter(|name| parent(name) == path && !name.is_empty());
        Ok(within.map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()).collect())
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        if !path.is_empty() && !inner.dirs.contains(path) {
            return Err(not_found());
        }
        inner.record.push(Event::SyncDir { path: path.to_owned() });
        Ok(())
    }

    fn boot(&self) -> String {
        self.inner.lock().boot.to_string()
    }

    fn show(&self, path: &str) -> String {
        format!("sim/{path}")
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner.lock().inodes[self.inode].len() as u64)
    }

    fn names(&self) -> io::Result<u64> {
        Ok(self.inner.lock().names.values().filter(|inode| **inode == self.inode).count() as u64)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let more = len - inner.inodes[self.inode].len() as u64;
        if inner.used() + more > inner.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.operation()?;
        grow(&mut inner.inodes[self.inode], len);
        inner.record.push(Event::Allocate { inode: self.inode, len });
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8], persist: Persist) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let id = inner.begin(self.inode, offset, Bytes::copy_from_slice(bytes));
        // A write that fails may have left its bytes all the same, but never a promise.
        inner.operation()?;
        inner.record.push(Event::Written { inode: self.inode, id, durable: persist == Persist::Now });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.operation()?;
        inner.record.push(Event::Sync { inode: self.inode });
        Ok(())
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let inner = self.inner.lock();
        let content = &inner.inodes[self.inode];
        let from = usize::try_from(offset).expect("small").min(content.len());
        let len = into.len().min(content.len() - from);
        into[..len].copy_from_slice(&content[from..from + len]);
        Ok(len)
    }
}
