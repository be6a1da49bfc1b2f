//! A directory of the real file system, exclusively locked.
//!
//! Log files are opened with `O_DIRECT` and written with `RWF_DSYNC`, one system call per durable block. Where the file
//! system refuses either, buffered writes and `fdatasync` take over, said once in the log. Short writes that need not be
//! durable yet go through the page cache in any case: they are with the system as soon as they are copied, and do not wait
//! for the disk. The system keeps both ways coherent, and no two writes share a page.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags, RenameFlags, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags};

use super::{Access, Disk, DiskFile, MOST_CACHED, Persist};
use crate::OpenError;

/// A directory.
#[derive(Debug)]
pub(crate) struct RealDisk {
    root: PathBuf,
    /// The directory itself, for renames within.
    dir: File,
    /// Holds the lock for as long as it is open; `None` for a reader of an unlocked log.
    _lock: Option<File>,
    abilities: Arc<Abilities>,
}

/// What the file system has not refused yet.
#[derive(Debug)]
struct Abilities {
    direct: AtomicBool,
    dsync: AtomicBool,
    allocate: AtomicBool,
}

#[derive(Debug)]
struct RealFile {
    file: File,
    path: PathBuf,
    abilities: Arc<Abilities>,
    /// The same file through the page cache, once it was asked for; `None` when that is impossible, or `file` is that.
    cached: OnceLock<Option<File>>,
}

impl RealDisk {
    /// Creates the directory when it is missing, and locks it.
    pub(crate) fn lock(root: &Path, direct: bool) -> Result<Self, OpenError> {
        let shown = root.display().to_string();
        if let Err(source) = std::fs::create_dir_all(root) {
            return Err(match source.kind() {
                io::ErrorKind::AlreadyExists => OpenError::NotADirectory { dir: shown },
                _ => OpenError::io("create", &shown, source),
            });
        }
        let dir = File::open(root).map_err(|source| OpenError::io("open", &shown, source))?;
        let path = root.join("lock");
        let mut options = OpenOptions::new();
        let mut lock = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| OpenError::io("open", &path.display().to_string(), source))?;
        let locked = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive);
        locked.map_err(|errno| refused_lock(&shown, &mut lock, errno))?;
        // For the message that a second process shows; on a full disk it may stay empty.
        if lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).is_err() {
            tracing::debug!(path = %path.display(), "could not note the process id");
        }
        Ok(Self {
            root: root.to_owned(),
            dir,
            _lock: Some(lock),
            abilities: Arc::new(Abilities::new(direct)),
        })
    }

    /// For reading only; refused while a process has the log open, unless the lock itself cannot be read.
    pub(crate) fn read_only(root: &Path) -> Result<Self, OpenError> {
        let shown = root.display().to_string();
        let dir = File::open(root).map_err(|source| OpenError::io("open", &shown, source))?;
        let mut lock = File::open(root.join("lock")).ok();
        if let Some(file) = &mut lock {
            let locked = rustix::fs::flock(&*file, FlockOperation::NonBlockingLockShared);
            locked.map_err(|errno| refused_lock(&shown, file, errno))?;
        }
        Ok(Self { root: root.to_owned(), dir, _lock: lock, abilities: Arc::new(Abilities::new(false)) })
    }

    /// How log files are written, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match (self.abilities.direct.load(Ordering::Relaxed), self.abilities.dsync.load(Ordering::Relaxed)) {
            (true, true) => "direct writes",
            (true, false) => "direct writes with fdatasync",
            (false, _) => "buffered writes, because the file system or the settings refuse direct ones",
        }
    }

    fn file(&self, path: &str, options: &mut OpenOptions, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.root.join(path);
        let abilities = Arc::clone(&self.abilities);
        options.read(true).write(access != Access::Read);
        if access == Access::Log && abilities.direct.load(Ordering::Relaxed) {
            let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
            match options.custom_flags(flags).open(&path) {
                Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                    abilities.gave_up(&abilities.direct, "O_DIRECT", "writing through the page cache");
                    options.custom_flags(0);
                }
                opened => {
                    let cached = OnceLock::new();
                    return Ok(Arc::new(RealFile { file: opened?, path, abilities, cached }));
                }
            }
        }
        let file = options.open(&path)?;
        Ok(Arc::new(RealFile { file, path, abilities, cached: OnceLock::from(None) }))
    }
}

impl Abilities {
    fn new(direct: bool) -> Self {
        Self {
            direct: AtomicBool::new(direct),
            dsync: AtomicBool::new(true),
            allocate: AtomicBool::new(true),
        }
    }

    fn gave_up(&self, ability: &AtomicBool, what: &str, instead: &str) {
        if ability.swap(false, Ordering::Relaxed) {
            tracing::warn!("the file system refuses {what}: {instead}");
        }
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        match self.file(path, OpenOptions::new().create_new(true), access) {
            // A file system that refuses O_DIRECT may have created the file before it said so.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.is_leftover(path)? => {
                self.file(path, &mut OpenOptions::new(), access)
            }
            created => created,
        }
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.file(path, &mut OpenOptions::new(), access)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.dir, from, &self.dir, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => {
                // Atomic and exclusive as well; a crash in between leaves both names, of which one is temporary or the spare's.
                std::fs::hard_link(self.root.join(from), self.root.join(to))?;
                self.remove(from)
            }
            renamed => Ok(renamed?),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.root.join(path))
    }

    fn make_dir(&self, path: &str) -> io::Result<()> {
        std::fs::create_dir_all(self.root.join(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(self.root.join(path))?;
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        if path.is_empty() { self.dir.sync_all() } else { File::open(self.root.join(path))?.sync_all() }
    }

    fn boot(&self) -> String {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    }

    fn show(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }
}

impl RealDisk {
    fn is_leftover(&self, path: &str) -> io::Result<bool> {
        Ok(!self.abilities.direct.load(Ordering::Relaxed) && self.root.join(path).metadata()?.len() == 0)
    }
}

impl RealFile {
    /// What a write goes through.
    fn way(&self, bytes: &[u8], persist: Persist) -> &File {
        if persist == Persist::Now || bytes.len() > MOST_CACHED {
            return &self.file;
        }
        self.cached.get_or_init(|| self.reopen()).as_ref().unwrap_or(&self.file)
    }

    /// Opens the file once more, whatever its name is now.
    fn reopen(&self) -> Option<File> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        // Without /proc all writes are direct ones.
        OpenOptions::new().write(true).open(path).ok()
    }
}

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn names(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.nlink())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if self.abilities.allocate.load(Ordering::Relaxed) {
            match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                allocated => return Ok(allocated?),
            }
            self.abilities.gave_up(&self.abilities.allocate, "fallocate", "writing zeros instead");
        }
        // Through the page cache: this descriptor may demand aligned memory.
        let plain = OpenOptions::new().write(true).open(&self.path)?;
        let zeros = vec![0; 1 << 20];
        let mut at = self.len()?;
        while at < len {
            let chunk = usize::try_from(len - at).map_or(zeros.len(), |left| left.min(zeros.len()));
            plain.write_all_at(zeros.get(..chunk).unwrap_or_default(), at)?;
            at += chunk as u64;
        }
        plain.sync_all()
    }

    fn write(&self, mut offset: u64, mut bytes: &[u8], persist: Persist) -> io::Result<()> {
        let file = self.way(bytes, persist);
        while !bytes.is_empty() {
            let dsync = persist == Persist::Now && self.abilities.dsync.load(Ordering::Relaxed);
            let flags = if dsync { ReadWriteFlags::DSYNC } else { ReadWriteFlags::empty() };
            match rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset, flags) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Err(Errno::INTR) => {}
                // Refused before anything was written, so nothing is retried that may have been lost.
                Err(Errno::OPNOTSUPP | Errno::NOSYS) if dsync => {
                    self.abilities.gave_up(&self.abilities.dsync, "RWF_DSYNC", "calling fdatasync");
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        if persist == Persist::Now && !self.abilities.dsync.load(Ordering::Relaxed) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NXIO) => Ok(None),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some(offset)),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn refused_lock(dir: &str, lock: &mut File, errno: Errno) -> OpenError {
    if errno != Errno::WOULDBLOCK {
        return OpenError::io("lock", dir, errno.into());
    }
    let mut pid = String::new();
    let read = lock.take(20).read_to_string(&mut pid);
    let holder = match (read, pid.trim()) {
        (Ok(_), pid) if !pid.is_empty() => format!("process {pid}"),
        _ => "another process".to_owned(),
    };
    OpenError::Locked { dir: dir.to_owned(), holder }
}
