//! Reads the blocks of one segment file in order and says where they stop making sense.
//!
//! The scan verifies everything that ties a block to its place: position, epoch, chain and all checksums. What a
//! defect means, a torn tail or damage, is decided by its callers with the help of a [`Question`].

mod window;

use std::io;
use std::sync::Arc;

use crate::disk::{Access, Disk};
use crate::format::{BLOCK_HEADER, BlockHeader, Defect, MetaEntry, PAGE, crc32c, decode_meta, mark};
use crate::segments::Segment;

use window::{CHUNK, Window};

/// Reads one segment.
#[derive(Debug)]
pub(crate) struct Scan {
    window: Window,
    log_id: u64,
    /// Position of the segment, and its size.
    start: u64,
    bytes: u64,
    /// Where the next block should begin, as a byte in the file.
    at: u64,
    /// Checksum that the next block repeats; unknown at the start of a scan.
    previous: Option<u32>,
    /// The next block is not older.
    epoch: u64,
}

/// One step of a scan.
#[derive(Debug)]
pub(crate) enum Step {
    Block(Block),
    /// There is no valid block here. The scan does not move.
    Defect(Defect),
}

/// A block whose header and entries are intact.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) header: BlockHeader,
    /// Byte in the file.
    pub(crate) offset: u64,
    pub(crate) entries: Vec<MetaEntry>,
    /// Whether the data has the right checksum.
    pub(crate) intact: bool,
}

/// What precedes the first block of a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub(crate) previous: Option<u32>,
    pub(crate) epoch: u64,
}

impl Scan {
    /// Starts behind the header of a segment.
    pub(crate) fn open(disk: &dyn Disk, log_id: u64, segment: &Segment, before: Before) -> io::Result<Self> {
        let Before { previous, epoch } = before;
        let window = Window::open(disk, &segment.name())?;
        let Segment { start, bytes, .. } = *segment;
        Ok(Self { window, log_id, start, bytes, at: PAGE, previous, epoch })
    }

    /// Byte in the file where the next block should begin.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// What the next block must follow.
    pub(crate) fn before(&self) -> Before {
        Before { previous: self.previous, epoch: self.epoch }
    }

    /// The next block, or why there is none.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        match self.block()? {
            Ok(block) => {
                self.at += block.header.length();
                self.previous = Some(block.header.crc);
                self.epoch = block.header.epoch;
                Ok(Step::Block(block))
            }
            Err(defect) => Ok(Step::Defect(defect)),
        }
    }

    /// Takes back a block, so that the scan ends before it.
    pub(crate) fn retreat(&mut self, at: u64, before: Before) {
        self.at = at;
        self.previous = before.previous;
        self.epoch = before.epoch;
    }

    /// Moves on to the next place where a block header of this or a later epoch stands, for a reader that wants what
    /// follows a defect. `false` when there is none.
    pub(crate) fn resume(&mut self) -> io::Result<bool> {
        let mut at = self.at + PAGE;
        while at < self.bytes {
            let position = self.start + at;
            let Some(bytes) = self.window.array::<BLOCK_HEADER>(at)? else { break };
            if BlockHeader::decode(self.log_id, position, &bytes).is_ok_and(|found| found.epoch >= self.epoch)
            {
                self.at = at;
                self.previous = None;
                return Ok(true);
            }
            at += PAGE;
        }
        Ok(false)
    }

    fn block(&mut self) -> io::Result<Result<Block, Defect>> {
        let (offset, position) = (self.at, self.start + self.at);
        if offset + PAGE > self.bytes {
            return Ok(Err(Defect::Short));
        }
        let Some(bytes) = self.window.array::<BLOCK_HEADER>(offset)? else { return Ok(Err(Defect::Short)) };
        let header = match BlockHeader::decode(self.log_id, position, &bytes) {
            Ok(header) => header,
            Err(defect) => return Ok(Err(defect)),
        };
        if let Err(defect) = self.check(&header) {
            return Ok(Err(defect));
        }
        let Ok(meta_len) = usize::try_from(header.meta_len) else { return Ok(Err(Defect::Short)) };
        let meta_at = offset + BLOCK_HEADER as u64;
        let Some(meta) = self.window.bytes(meta_at, meta_len)? else { return Ok(Err(Defect::Short)) };
        let data_at = meta_at + u64::from(header.meta_len);
        let Some(data_crc) = self.window.checksum(data_at, header.data_len)? else {
            return Ok(Err(Defect::Short));
        };
        if crc32c(&meta) != header.meta_crc {
            return Ok(Err(Defect::MetaChecksum));
        }
        let intact = data_crc == header.data_crc;
        let entries = decode_meta(&header, &meta.into());
        Ok(entries.map(|entries| Block { header, offset, entries, intact }))
    }

    /// Whether the block belongs here.
    fn check(&self, header: &BlockHeader) -> Result<(), Defect> {
        if header.epoch < self.epoch {
            return Err(Defect::Stale(header.epoch));
        }
        // A start that found nothing behind a boundary had not read what is before it.
        let is_unchained = self.at == PAGE && header.previous == 0 && header.has(mark::OPEN);
        if !is_unchained && self.previous.is_some_and(|previous| previous != header.previous) {
            return Err(Defect::Unchained);
        }
        let fits = self.bytes.checked_sub(self.at).is_some_and(|room| header.length() <= room);
        if fits { Ok(()) } else { Err(Defect::Short) }
    }
}

/// A place in the log up to which something is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) log_id: u64,
    /// All segments; those that follow `segment` are asked too.
    pub(crate) segments: &'a [Arc<Segment>],
    pub(crate) segment: &'a Segment,
    /// Byte in the file of `segment` behind which a proof may stand.
    pub(crate) at: u64,
    /// Everything before this position is asked about.
    pub(crate) position: u64,
    /// Older blocks prove nothing.
    pub(crate) epoch: u64,
    /// Whether claims count that hold only as long as the machine runs.
    pub(crate) unsynced: bool,
}

impl Question<'_> {
    /// Whether a later block proves that everything before the position had been acknowledged.
    pub(crate) fn is_acknowledged(&self) -> io::Result<bool> {
        let later = self.segments.iter().map(AsRef::as_ref).filter(|later| later.start > self.segment.start);
        for candidate in std::iter::once(self.segment).chain(later) {
            let from = if candidate.start == self.segment.start { self.at } else { PAGE };
            if self.is_claimed_in(candidate, from)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_claimed_in(&self, segment: &Segment, from: u64) -> io::Result<bool> {
        let file = self.disk.open(&segment.name(), Access::Read)?;
        let mut window = Window::open(self.disk, &segment.name())?;
        let mut at = from;
        let mut known = from;
        while at < segment.bytes {
            // What was never written takes time to read and proves nothing.
            if at >= known {
                let Some(data) = file.next_data(at)? else { break };
                at = at.max(data / PAGE * PAGE);
                known = at / CHUNK * CHUNK + CHUNK;
            }
            let Some(bytes) = window.array::<BLOCK_HEADER>(at)? else { break };
            if let Ok(header) = BlockHeader::decode(self.log_id, segment.start + at, &bytes)
                && header.epoch >= self.epoch
                && header.committed >= self.position
                && (self.unsynced || !header.has(mark::UNSYNCED))
            {
                return Ok(true);
            }
            at += PAGE;
        }
        Ok(false)
    }
}
