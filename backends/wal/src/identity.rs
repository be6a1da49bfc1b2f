//! The file `format`: which log this is, in which version, and how often it has been opened.
//!
//! Two slots of one 4096-byte page each, written in turn and in place, so that opening needs no space and an
//! interrupted write leaves the other slot. A slot is text, padded with newlines, readable with `cat`:
//!
//! ```text
//! chronik-wal 1
//! log 0123456789abcdef
//! epoch 7
//! boot 7c0d3b2e-...
//! crc 1a2b3c4d
//! ```
//!
//! `boot` is the run of the machine in which the log was last followed. `crc` is the CRC-32C of all bytes before its
//! line. Every version keeps the first line and the last one.

use std::io;
use std::sync::Arc;

use chronik_types::Entropy;

use crate::OpenError;
use crate::disk::{Access, Disk, DiskFile, Persist};
use crate::format::{PAGE, VERSION, crc32c};

/// Name of the file.
pub(crate) const NAME: &str = "format";
const TEMPORARY: &str = "format.tmp";
const SLOT: usize = 4096;
const _: () = assert!(SLOT as u64 == PAGE);

/// What the slots say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Drawn when the log was created.
    pub(crate) log_id: u64,
    /// How often it has been opened.
    pub(crate) epoch: u64,
    /// The run of the machine in which it was last followed: until its tail is repaired, blocks of an earlier run prove
    /// less.
    pub(crate) boot: String,
}

/// What was found at `format`.
#[derive(Debug)]
pub(crate) enum Found {
    Identity(Identity),
    Missing,
    Damaged,
}

impl Identity {
    /// Reads the newer of the two slots.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Found, OpenError> {
        let failed = |source| OpenError::io("read", &disk.show(NAME), source);
        let file = match disk.open(NAME, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(failed(error)),
        };
        let mut newest: Option<Self> = None;
        for slot in 0..2 {
            let mut bytes = [0; SLOT];
            let read = file.read(slot * PAGE, &mut bytes).map_err(failed)?;
            match decode(bytes.get(..read).unwrap_or_default()) {
                Some((version, _)) if version > u64::from(VERSION) => {
                    let supported = u64::from(VERSION);
                    return Err(OpenError::Newer { file: disk.show(NAME), version, supported });
                }
                Some((_, Some(found))) if newest.as_ref().is_none_or(|other| other.epoch < found.epoch) => {
                    newest = Some(found);
                }
                Some(_) | None => {}
            }
        }
        Ok(newest.map_or(Found::Damaged, Found::Identity))
    }

    /// A new log.
    pub(crate) fn draw(entropy: &Entropy, boot: String) -> Self {
        Self { log_id: entropy.next_u64(), epoch: 0, boot }
    }

    /// Makes this the durable content, the file existing or not.
    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        match disk.open(NAME, Access::Plain) {
            Ok(file) => self.write_slot(&file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(disk),
            Err(error) => Err(error),
        }
    }

    fn create(&self, disk: &dyn Disk) -> io::Result<()> {
        match disk.remove(TEMPORARY) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = disk.create(TEMPORARY, Access::Plain)?;
        file.write(0, &[b'\n'; 2 * SLOT], Persist::Later)?;
        self.write_slot(&file)?;
        disk.rename(TEMPORARY, NAME)?;
        disk.sync_dir("")
    }

    fn write_slot(&self, file: &Arc<dyn DiskFile>) -> io::Result<()> {
        file.write(self.epoch % 2 * PAGE, &self.encode(), Persist::Later)?;
        file.sync()
    }

    fn encode(&self) -> Vec<u8> {
        let Self { log_id, epoch, boot } = self;
        let mut text = format!("chronik-wal {VERSION}\nlog {log_id:016x}\nepoch {epoch}\nboot {boot}\n");
        text.push_str(&format!("crc {:08x}\n", crc32c(text.as_bytes())));
        let padding = SLOT.saturating_sub(text.len());
        [text.into_bytes(), vec![b'\n'; padding]].concat()
    }
}

/// Version of a slot whose checksum is right, and its content if the version is known.
fn decode(bytes: &[u8]) -> Option<(u64, Option<Identity>)> {
    let end = bytes.iter().rposition(|byte| *byte != b'\n')?;
    let text = std::str::from_utf8(bytes.get(..=end)?).ok()?;
    let crc_at = text.rfind("crc ")?;
    let crc = u32::from_str_radix(text.get(crc_at + 4..)?, 16).ok()?;
    if crc != crc32c(text.get(..crc_at)?.as_bytes()) {
        return None;
    }
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let version: u64 = field("chronik-wal ")?.parse().ok()?;
    let identity = || {
        let log_id = u64::from_str_radix(field("log ")?, 16).ok()?;
        let epoch = field("epoch ")?.parse().ok()?;
        Some(Identity { log_id, epoch, boot: field("boot ")?.to_owned() })
    };
    Some((version, identity()))
}
