//! The bytes on disk, version 1. All integers are little-endian, all checksums CRC-32C.
//!
//! A log is a directory of segment files. A position is a place in all of them together: the start position of a
//! segment plus a byte offset in its file. A segment covers its whole size even when it is sealed early, so the start
//! of the next one is known ahead. Everything begins at a multiple of 4096 bytes.
//!
//! Segment header, at offset 0 of `wal-<start position, 20 digits>.log`, one 4096-byte page, zero from byte 52 on:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | `CHRNKSEG` |
//! | 8 | 2 | version |
//! | 10 | 6 | zero |
//! | 16 | 8 | log id, drawn when the log was created |
//! | 24 | 8 | start position |
//! | 32 | 8 | size of the segment, with this header |
//! | 40 | 8 | epoch in which it was created; its blocks are not older |
//! | 48 | 4 | checksum of bytes 0 to 47 |
//!
//! Block, one after the other from offset 4096 on:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | `CHRNKBLK` |
//! | 8 | 2 | version |
//! | 10 | 2 | marks: 1 seal (last of its segment), 2 open (first of its epoch), 4 close (clean end), 8 written with `os` durability |
//! | 12 | 4 | number of entries |
//! | 16 | 8 | epoch: how often the log had been opened |
//! | 24 | 8 | position of this block |
//! | 32 | 8 | committed position: all before it was acknowledged when this block was built |
//! | 40 | 8 | length of the data section |
//! | 48 | 4 | length of the meta section |
//! | 52 | 4 | header checksum of the block before, also across segments; 0 for the first of a log, and for an open mark at the start of a segment whose writer had not read what is before |
//! | 56 | 4 | checksum of the meta section |
//! | 60 | 4 | checksum of the data section |
//! | 64 | 4 | zero |
//! | 68 | 4 | header checksum, of the log id followed by bytes 0 to 67 |
//! | 72 | | meta section: per entry its length (4), the length of its data (4), its bytes |
//! | | | data section: the data of all entries, one after the other |
//! | | | zeros up to a multiple of 4096 |
//!
//! Epoch, position, log id and chain together make a block of an earlier use of the file unmistakable.

use bytes::Bytes;

/// Alignment of everything, and size of a segment header.
pub(crate) const PAGE: u64 = 4096;
/// Version that this code writes, and the newest that it reads.
pub(crate) const VERSION: u16 = 1;
/// Length of a block header.
pub(crate) const BLOCK_HEADER: usize = 72;
/// Length of what precedes an entry in the meta section.
pub(crate) const ENTRY_HEADER: usize = 8;

const SEGMENT_MAGIC: &[u8; 8] = b"CHRNKSEG";
const BLOCK_MAGIC: &[u8; 8] = b"CHRNKBLK";
const SEGMENT_HEADER: usize = 52;

/// Persisted marks of a block.
pub(crate) mod mark {
    /// Last block of its segment.
    pub(crate) const SEAL: u16 = 1;
    /// First block of its epoch.
    pub(crate) const OPEN: u16 = 2;
    /// Last block of a run that ended cleanly.
    pub(crate) const CLOSE: u16 = 4;
    /// Acknowledged before it was synced.
    pub(crate) const UNSYNCED: u16 = 8;
}

/// First page of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log_id: u64,
    pub(crate) start: u64,
    pub(crate) bytes: u64,
    pub(crate) epoch: u64,
}

/// Start of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BlockHeader {
    pub(crate) marks: u16,
    pub(crate) entries: u32,
    pub(crate) epoch: u64,
    pub(crate) position: u64,
    pub(crate) committed: u64,
    pub(crate) data_len: u64,
    pub(crate) meta_len: u32,
    pub(crate) previous: u32,
    pub(crate) meta_crc: u32,
    pub(crate) data_crc: u32,
    /// Its own checksum, which the next block repeats.
    pub(crate) crc: u32,
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Defect {
    #[error("no header here")]
    NoHeader,
    #[error("the checksum of the header does not match")]
    HeaderChecksum,
    #[error("written in format version {0}, this program reads up to {VERSION}")]
    Newer(u16),
    #[error("the file is shorter than its content claims")]
    Short,
    #[error("it belongs at position {0}")]
    Misplaced(u64),
    #[error("it does not follow the block before it")]
    Unchained,
    #[error("it is from epoch {0}, older than what precedes it")]
    Stale(u64),
    #[error("the checksum of the entries does not match")]
    MetaChecksum,
    #[error("the entries contradict the header")]
    Meta,
    #[error("the checksum of the data does not match")]
    DataChecksum,
    #[error("it is a part of another log")]
    Foreign,
    #[error("a segment of this size at this position is not possible")]
    Size,
}

impl SegmentHeader {
    /// The header page.
    pub(crate) fn encode(&self, page: &mut [u8]) {
        page.fill(0);
        let mut fields = [0; SEGMENT_HEADER];
        put(&mut fields, 0, SEGMENT_MAGIC);
        put(&mut fields, 8, &VERSION.to_le_bytes());
        put(&mut fields, 16, &self.log_id.to_le_bytes());
        put(&mut fields, 24, &self.start.to_le_bytes());
        put(&mut fields, 32, &self.bytes.to_le_bytes());
        put(&mut fields, 40, &self.epoch.to_le_bytes());
        let crc = crc32c(fields.get(..48).unwrap_or_default());
        put(&mut fields, 48, &crc.to_le_bytes());
        put(page, 0, &fields);
    }

    /// Reads the first bytes of a segment file.
    pub(crate) fn decode(page: &[u8]) -> Result<Self, Defect> {
        let fields = page.get(..SEGMENT_HEADER).ok_or(Defect::Short)?;
        if take::<8>(fields, 0) != *SEGMENT_MAGIC {
            return Err(Defect::NoHeader);
        }
        // The version comes before the checksum: what a newer version covers by it is not known here.
        let version = u16::from_le_bytes(take(fields, 8));
        if version > VERSION {
            return Err(Defect::Newer(version));
        }
        if u32::from_le_bytes(take(fields, 48)) != crc32c(fields.get(..48).unwrap_or_default()) {
            return Err(Defect::HeaderChecksum);
        }
        let number = |at| u64::from_le_bytes(take(fields, at));
        let header = Self { log_id: number(16), start: number(24), bytes: number(32), epoch: number(40) };
        let aligned = header.start.is_multiple_of(PAGE) && header.bytes.is_multiple_of(PAGE);
        let fits = header.bytes > 2 * PAGE && header.start.checked_add(header.bytes).is_some();
        if aligned && fits { Ok(header) } else { Err(Defect::Size) }
    }
}

impl BlockHeader {
    /// Length with padding.
    pub(crate) fn length(&self) -> u64 {
        padded((BLOCK_HEADER as u64 + u64::from(self.meta_len)).saturating_add(self.data_len))
    }

    /// Position after the block.
    pub(crate) fn end(&self) -> u64 {
        self.position.saturating_add(self.length())
    }

    /// Whether a mark is set.
    pub(crate) fn has(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    /// Writes the header to the start of a block, and notes its checksum.
    pub(crate) fn encode(&mut self, log_id: u64, block: &mut [u8]) {
        let mut fields = [0; BLOCK_HEADER];
        put(&mut fields, 0, BLOCK_MAGIC);
        put(&mut fields, 8, &VERSION.to_le_bytes());
        put(&mut fields, 10, &self.marks.to_le_bytes());
        put(&mut fields, 12, &self.entries.to_le_bytes());
        put(&mut fields, 16, &self.epoch.to_le_bytes());
        put(&mut fields, 24, &self.position.to_le_bytes());
        put(&mut fields, 32, &self.committed.to_le_bytes());
        put(&mut fields, 40, &self.data_len.to_le_bytes());
        put(&mut fields, 48, &self.meta_len.to_le_bytes());
        put(&mut fields, 52, &self.previous.to_le_bytes());
        put(&mut fields, 56, &self.meta_crc.to_le_bytes());
        put(&mut fields, 60, &self.data_crc.to_le_bytes());
        self.crc = header_crc(log_id, &fields);
        put(&mut fields, 68, &self.crc.to_le_bytes());
        put(block, 0, &fields);
    }

    /// Reads a header that should stand at `position` of the log.
    pub(crate) fn decode(log_id: u64, position: u64, bytes: &[u8]) -> Result<Self, Defect> {
        let fields = bytes.get(..BLOCK_HEADER).ok_or(Defect::Short)?;
        if take::<8>(fields, 0) != *BLOCK_MAGIC {
            return Err(Defect::NoHeader);
        }
        let version = u16::from_le_bytes(take(fields, 8));
        if version > VERSION {
            return Err(Defect::Newer(version));
        }
        let short = |at| u32::from_le_bytes(take(fields, at));
        let long = |at| u64::from_le_bytes(take(fields, at));
        let header = Self {
            marks: u16::from_le_bytes(take(fields, 10)),
            entries: short(12),
            epoch: long(16),
            position: long(24),
            committed: long(32),
            data_len: long(40),
            meta_len: short(48),
            previous: short(52),
            meta_crc: short(56),
            data_crc: short(60),
            crc: short(68),
        };
        if header.crc != header_crc(log_id, fields) {
            return Err(Defect::HeaderChecksum);
        }
        if header.position != position {
            return Err(Defect::Misplaced(header.position));
        }
        Ok(header)
    }
}

/// An entry in a meta section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetaEntry {
    /// Position of the entry.
    pub(crate) position: u64,
    /// Its bytes.
    pub(crate) entry: Bytes,
    /// Position of its data.
    pub(crate) data_at: u64,
    /// Length of its data.
    pub(crate) data_len: u32,
}

/// Splits a meta section whose checksum is right into its entries.
pub(crate) fn decode_meta(header: &BlockHeader, meta: &Bytes) -> Result<Vec<MetaEntry>, Defect> {
    let meta_at = header.position.saturating_add(BLOCK_HEADER as u64);
    let mut data_at = meta_at.saturating_add(u64::from(header.meta_len));
    let data_end = data_at.saturating_add(header.data_len);
    let mut entries = Vec::new();
    let mut at = 0_usize;
    while at < meta.len() {
        let body = at + ENTRY_HEADER;
        let lengths = meta.get(at..body).ok_or(Defect::Meta)?;
        let entry_len = usize::try_from(u32::from_le_bytes(take(lengths, 0))).map_err(|_| Defect::Meta)?;
        let data_len = u32::from_le_bytes(take(lengths, 4));
        let end = body.checked_add(entry_len).filter(|end| *end <= meta.len()).ok_or(Defect::Meta)?;
        entries.push(MetaEntry {
            position: meta_at + at as u64,
            entry: meta.slice(body..end),
            data_at,
            data_len,
        });
        data_at = data_at.checked_add(u64::from(data_len)).ok_or(Defect::Meta)?;
        at = end;
    }
    let counted = u32::try_from(entries.len()).is_ok_and(|count| count == header.entries);
    if counted && data_at == data_end { Ok(entries) } else { Err(Defect::Meta) }
}

/// Rounds up to whole pages.
pub(crate) fn padded(len: u64) -> u64 {
    len.div_ceil(PAGE).saturating_mul(PAGE)
}

/// CRC-32C.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    low_half(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes))
}

/// A CRC-32C of bytes that come in pieces.
#[derive(Debug)]
pub(crate) struct Crc32c(crc_fast::Digest);

impl Crc32c {
    /// Of nothing yet.
    pub(crate) fn new() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }

    /// Adds the next piece.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all pieces.
    pub(crate) fn finish(&self) -> u32 {
        low_half(self.0.finalize())
    }
}

fn header_crc(log_id: u64, fields: &[u8]) -> u32 {
    let mut covered = [0; 76];
    put(&mut covered, 0, &log_id.to_le_bytes());
    put(&mut covered, 8, fields.get(..68).unwrap_or_default());
    crc32c(&covered)
}

fn low_half(crc: u64) -> u32 {
    let [a, b, c, d, ..] = crc.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Copies `bytes` to `to[at..]`; what does not fit is left out, so callers pass buffers that are large enough.
fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = to.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// `N` bytes at `at`; zeros when they are not there, so callers check the length first.
fn take<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    from.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
}

/// Name of the segment that starts at a position.
pub(crate) fn segment_name(start: u64) -> String {
    format!("wal-{start:020}.log")
}

/// Start position that a file name tells.
pub(crate) fn segment_start(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("wal-")?.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}
