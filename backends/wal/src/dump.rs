//! Reads a log without opening it: every segment, block and entry, and what is wrong with them.
//!
//! Nothing is ever written, and nothing is assumed: behind damage the reader looks for the next block and goes on. It
//! is refused while a process has the log open, because what it found would be neither here nor there. What entries
//! mean is left to the caller.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{DataRef, Position};

use crate::OpenError;
use crate::disk::real::RealDisk;
use crate::disk::{Access, Disk};
use crate::format::{Defect, mark};
use crate::identity::{Found, Identity};
use crate::scan::{Before, Block, Question, Scan, Step};
use crate::segments::{self, Segment};

/// A log, opened for reading.
#[derive(Debug)]
pub struct LogDump {
    disk: Arc<dyn Disk>,
    log_id: u64,
    identity: Option<LogIdentity>,
    segments: Vec<Arc<Segment>>,
    same_boot: bool,
}

/// What the file `format` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    /// Drawn when the log was created.
    pub log_id: u64,
    /// How often it has been opened.
    pub epoch: u64,
    /// The run of the machine in which it was last followed.
    pub boot: String,
}

/// A segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its path.
    pub file: String,
    /// Position of its first byte.
    pub start: Position,
    /// Its size in bytes.
    pub bytes: u64,
    /// Epoch in which it was created.
    pub epoch: u64,
    /// Why its header cannot be believed.
    pub defect: Option<String>,
}

/// Something found in a segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A block.
    Block(BlockInfo),
    /// Bytes that had been acknowledged and are not what they were.
    Damage {
        /// Byte in the file.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// The end of what was written to this file. What lies behind was never acknowledged.
    Tail {
        /// Byte in the file.
        offset: u64,
        /// What was found.
        reason: String,
    },
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// Byte in the file.
    pub offset: u64,
    /// Its position in the log.
    pub position: Position,
    /// Length in bytes, padding included.
    pub bytes: u64,
    /// How often the log had been opened when it was written.
    pub epoch: u64,
    /// Everything before was acknowledged when it was built.
    pub committed: Position,
    /// Its marks: `seal`, `open`, `close`, `unsynced`.
    pub marks: Vec<&'static str>,
    /// Length of its data in bytes.
    pub data_bytes: u64,
    /// Whether the data has the right checksum.
    pub data_intact: bool,
    /// Its entries.
    pub entries: Vec<EntryInfo>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInfo {
    /// Its position.
    pub position: Position,
    /// Its bytes.
    pub entry: Bytes,
    /// Where its data lies.
    pub data: DataRef,
}

impl LogDump {
    /// Opens the log in a directory.
    ///
    /// # Errors
    /// When a process has it open, when it cannot be read, or when a newer program wrote it.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk::read_only(dir)?))
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let found = segments::find(disk.as_ref())?;
        let identity = match Identity::read(disk.as_ref())? {
            Found::Identity(identity) => Some(identity),
            Found::Missing | Found::Damaged => None,
        };
        let log_id = identity.as_ref().map(|identity| identity.log_id);
        let log_id = log_id.or_else(|| found.iter().find_map(|(_, log_id)| *log_id)).unwrap_or_default();
        let same_boot = identity.as_ref().is_some_and(|identity| identity.boot == disk.boot());
        let identity = identity.map(|Identity { log_id, epoch, boot }| LogIdentity { log_id, epoch, boot });
        let segments = found.into_iter().map(|(mut segment, id)| {
            if id.is_some_and(|id| id != log_id) {
                segment.defect = Some(Defect::Foreign);
            }
            Arc::new(segment)
        });
        Ok(Self { log_id, identity, segments: segments.collect(), same_boot, disk })
    }

    /// What the file `format` says; `None` when it is missing or damaged.
    pub fn identity(&self) -> Option<&LogIdentity> {
        self.identity.as_ref()
    }

    /// All segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |segment: &Arc<Segment>| SegmentInfo {
            file: self.disk.show(&segment.name()),
            start: Position::new(segment.start),
            bytes: segment.bytes,
            epoch: segment.epoch,
            defect: segment.defect.map(|defect| defect.to_string()),
        };
        self.segments.iter().map(info).collect()
    }

    /// Everything in the segment that starts at a position.
    ///
    /// # Errors
    /// When there is no such segment or its file cannot be opened.
    pub fn items(&self, start: Position) -> io::Result<Items<'_>> {
        let segment = self.segments.iter().find(|segment| segment.start == start.get());
        let segment = Arc::clone(segment.ok_or(io::ErrorKind::NotFound)?);
        let before = Before { previous: (segment.start == 0).then_some(0), epoch: segment.epoch };
        let scan = Scan::open(self.disk.as_ref(), self.log_id, &segment, before)?;
        Ok(Items { log: self, segment, scan, ended: false })
    }

    /// The data of an entry, as it lies in the file.
    ///
    /// # Errors
    /// When the file cannot be read or ends before.
    pub fn data(&self, data: DataRef) -> io::Result<Bytes> {
        let at = data.at.get();
        let segment = self.segments.iter().find(|segment| (segment.start..segment.end()).contains(&at));
        let segment = segment.ok_or(io::ErrorKind::NotFound)?;
        let len = u64::from(data.len);
        if at - segment.start + len > segment.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        let read = self.disk.open(&segment.name(), Access::Read)?.read(at - segment.start, &mut bytes)?;
        if read == bytes.len() { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Iterates over a segment.
#[derive(Debug)]
pub struct Items<'a> {
    log: &'a LogDump,
    segment: Arc<Segment>,
    scan: Scan,
    ended: bool,
}

impl Iterator for Items<'_> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.step();
        // After a failed read there is nothing to go by.
        self.ended |= item.is_err();
        Some(item)
    }
}

impl Items<'_> {
    fn step(&mut self) -> io::Result<Item> {
        let (offset, before) = (self.scan.at(), self.scan.before());
        let defect = match self.scan.step()? {
            Step::Block(block) => {
                let end = block.header.end();
                if block.intact || self.is_acknowledged(offset, end, before.epoch)? {
                    self.ended = block.header.has(mark::SEAL);
                    return Ok(Item::Block(describe(block)));
                }
                Defect::DataChecksum
            }
            Step::Defect(defect) => {
                let position = self.segment.start + offset + 1;
                if self.is_acknowledged(offset, position, before.epoch)? {
                    self.ended = !self.scan.resume()?;
                    return Ok(Item::Damage { offset, reason: defect.to_string() });
                }
                defect
            }
        };
        self.ended = true;
        Ok(Item::Tail { offset, reason: defect.to_string() })
    }

    fn is_acknowledged(&self, at: u64, position: u64, epoch: u64) -> io::Result<bool> {
        let LogDump { disk, log_id, segments, same_boot, .. } = self.log;
        let question = Question {
            disk: disk.as_ref(),
            log_id: *log_id,
            segments,
            segment: &self.segment,
            at,
            position,
            epoch,
            unsynced: *same_boot,
        };
        question.is_acknowledged()
    }
}

fn describe(block: Block) -> BlockInfo {
    let Block { header, offset, entries, intact } = block;
    let names =
        [(mark::SEAL, "seal"), (mark::OPEN, "open"), (mark::CLOSE, "close"), (mark::UNSYNCED, "unsynced")];
    let entry = |found: crate::format::MetaEntry| EntryInfo {
        position: Position::new(found.position),
        entry: found.entry,
        data: DataRef { at: Position::new(found.data_at), len: found.data_len },
    };
    BlockInfo {
        offset,
        position: Position::new(header.position),
        bytes: header.length(),
        epoch: header.epoch,
        committed: Position::new(header.committed),
        marks: names.into_iter().filter(|(mark, _)| header.has(*mark)).map(|(_, name)| name).collect(),
        data_bytes: header.data_len,
        data_intact: intact,
        entries: entries.into_iter().map(entry).collect(),
    }
}
