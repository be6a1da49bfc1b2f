//! Objects: small immutable files under `objects/KIND/NAME`, whole or absent after any crash.
//!
//! A file is written and synced under a temporary name, which starts with a dot as no object's does, gets its name
//! without replacing another, and the directory is synced. The content, version 1, little-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | `CHRNKOBJ` |
//! | 8 | 4 | version |
//! | 12 | 4 | CRC-32C of the object |
//! | 16 | 8 | length of the object |
//! | 24 | | the object |

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use chronik_backend::{ObjectError, ObjectName};
use parking_lot::Mutex;

use crate::disk::{Access, Disk, Persist, is_full};
use crate::format::crc32c;

const DIR: &str = "objects";
const MAGIC: &[u8; 8] = b"CHRNKOBJ";
const VERSION: u32 = 1;
const HEADER: usize = 24;

/// The objects of a directory.
#[derive(Debug)]
pub(crate) struct ObjectFiles {
    disk: Arc<dyn Disk>,
    temporary: AtomicU64,
    prepared: Mutex<bool>,
}

impl ObjectFiles {
    /// Changes nothing yet.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, temporary: AtomicU64::new(0), prepared: Mutex::new(false) }
    }

    /// Removes what an interrupted put left, once and before the first put.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        let mut prepared = self.prepared.lock();
        if *prepared {
            return Ok(());
        }
        let disk = self.disk.as_ref();
        if !disk.list("")?.iter().any(|name| name == DIR) {
            disk.make_dir(DIR)?;
            disk.sync_dir("")?;
        }
        for kind in disk.list(DIR)? {
            let dir = format!("{DIR}/{kind}");
            for name in disk.list(&dir)?.into_iter().filter(|name| name.starts_with('.')) {
                disk.remove(&format!("{dir}/{name}"))?;
            }
        }
        *prepared = true;
        Ok(())
    }

    pub(crate) fn put(&self, name: &ObjectName, bytes: &Bytes) -> Result<(), ObjectError> {
        let created = self.prepare().and_then(|()| self.create(name, bytes));
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.confirm(name, bytes),
            created => created.map_err(|source| self.failed("write", name, source)),
        }
    }

    fn create(&self, name: &ObjectName, bytes: &Bytes) -> io::Result<()> {
        let dir = format!("{DIR}/{}", name.kind());
        if !self.disk.list(DIR)?.iter().any(|kind| kind == name.kind()) {
            self.disk.make_dir(&dir)?;
            self.disk.sync_dir(DIR)?;
        }
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = format!("{dir}/.{}.{number}", name.name());
        let written = self.write(&temporary, bytes).and_then(|()| self.disk.rename(&temporary, &path(name)));
        if let Err(error) = written {
            if self.disk.remove(&temporary).is_err() {
                tracing::debug!(temporary, "a temporary file stays until the next start");
            }
            return Err(error);
        }
        self.disk.sync_dir(&dir)
    }

    fn write(&self, path: &str, bytes: &Bytes) -> io::Result<()> {
        let file = self.disk.create(path, Access::Plain)?;
        let mut header = BytesMut::with_capacity(HEADER);
        header.put_slice(MAGIC);
        header.put_u32_le(VERSION);
        header.put_u32_le(crc32c(bytes));
        header.put_u64_le(bytes.len() as u64);
        file.write(0, &header, Persist::Later)?;
        file.write(HEADER as u64, bytes, Persist::Later)?;
        file.sync()
    }

    /// The name is taken: fine if by the same bytes, which then are made durable, whoever wrote them.
    fn confirm(&self, name: &ObjectName, bytes: &Bytes) -> Result<(), ObjectError> {
        if self.get(name)? != *bytes {
            return Err(ObjectError::Exists { name: name.clone() });
        }
        let synced = self.disk.open(&path(name), Access::Plain).and_then(|file| file.sync());
        synced
            .and_then(|()| self.disk.sync_dir(&format!("{DIR}/{}", name.kind())))
            .map_err(|source| self.failed("sync", name, source))
    }

    pub(crate) fn get(&self, name: &ObjectName) -> Result<Bytes, ObjectError> {
        let read = || {
            let file = self.disk.open(&path(name), Access::Read)?;
            let len = usize::try_from(file.len()?).map_err(|_| damaged("its size is impossible"))?;
            let mut bytes = vec![0; len];
            let read = file.read(0, &mut bytes)?;
            bytes.truncate(read);
            verified(bytes.into())
        };
        read().map_err(|source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ObjectError::NotFound { name: name.clone() },
            _ => self.failed("read", name, source),
        })
    }

    pub(crate) fn list(&self, kind: &str) -> Result<Vec<ObjectName>, ObjectError> {
        let mut names = match self.disk.list(&format!("{DIR}/{kind}")) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => {
                let context = format!("cannot list {}", self.disk.show(&format!("{DIR}/{kind}")));
                return Err(ObjectError::Io { context, source });
            }
        };
        names.sort();
        Ok(names.iter().filter_map(|name| ObjectName::new(kind, name)).collect())
    }

    pub(crate) fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        let dir = format!("{DIR}/{}", name.kind());
        let removed = match self.disk.remove(&path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Gone from view; whether durably so is known only after a sync, if there is a directory to sync.
                match self.disk.sync_dir(&dir) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    synced => synced,
                }
            }
            removed => removed.and_then(|()| self.disk.sync_dir(&dir)),
        };
        removed.map_err(|source| self.failed("delete", name, source))
    }

    fn failed(&self, what: &str, name: &ObjectName, source: io::Error) -> ObjectError {
        let file = self.disk.show(&path(name));
        if is_full(&source) {
            return ObjectError::Full { detail: format!("{file}: {source}") };
        }
        ObjectError::Io { context: format!("cannot {what} {file}"), source }
    }
}

fn path(name: &ObjectName) -> String {
    format!("{DIR}/{name}")
}

fn verified(mut file: Bytes) -> io::Result<Bytes> {
    if file.len() < HEADER {
        return Err(damaged("shorter than its header"));
    }
    let mut header = file.split_to(HEADER);
    let magic = header.split_to(MAGIC.len());
    let (version, crc, len) = {
        use bytes::Buf;
        (header.get_u32_le(), header.get_u32_le(), header.get_u64_le())
    };
    if magic[..] != MAGIC[..] {
        return Err(damaged("not an object"));
    }
    if version > VERSION {
        return Err(damaged(&format!("format version {version}, this program reads up to {VERSION}")));
    }
    if len != file.len() as u64 || crc != crc32c(&file) {
        return Err(damaged("the checksum does not match"));
    }
    Ok(file)
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged: {reason}"))
}
