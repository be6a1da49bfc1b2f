//! The file that programs overwrite: zeros from the start, so that no write has to find room for itself.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags};

use crate::SolError;
use crate::aligned::Aligned;

/// The file; removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    file: File,
    path: PathBuf,
    len: u64,
    direct: bool,
}

impl Scratch {
    /// Makes it and fills it with zeros on the disk.
    pub(crate) fn create(dir: &Path, len: u64) -> Result<Self, SolError> {
        std::fs::create_dir_all(dir).map_err(SolError::at("make the directory"))?;
        let path = dir.join(format!("chronik-sol.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
        let (file, direct) = match options.custom_flags(flags).open(&path) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => {
                (options.custom_flags(0).open(&path).map_err(SolError::at("make the file"))?, false)
            }
            opened => (opened.map_err(SolError::at("make the file"))?, true),
        };
        let scratch = Self { file, path, len, direct };
        let mut zeros = Aligned::new(ZEROS);
        zeros.bytes_mut().fill(0);
        for at in (0..len).step_by(ZEROS) {
            scratch
                .write(&[IoSlice::new(zeros.bytes())], at, false)
                .map_err(SolError::at("fill the file"))?;
        }
        scratch.file.sync_all().map_err(SolError::at("sync the file"))?;
        Ok(scratch)
    }

    /// Bytes of the file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether writes go past the page cache.
    pub(crate) fn direct(&self) -> bool {
        self.direct
    }

    /// Writes whole pages, and returns when they are on disk if `durable`.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>], at: u64, durable: bool) -> io::Result<()> {
        let flags = if durable { ReadWriteFlags::DSYNC } else { ReadWriteFlags::empty() };
        let written = rustix::io::pwritev2(&self.file, parts, at, flags)?;
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        if written == wanted { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Waits until all that was written is on disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it being gone, and a drop has nobody to tell.
        let _gone = std::fs::remove_file(&self.path);
    }
}

const ZEROS: usize = 1 << 20;
