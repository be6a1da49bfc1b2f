//! Makes the files of a write-ahead log out of fuzz input: headers with right checksums around chosen fields, so that what
//! lies behind the checksums is reached. The layout is that of `backends/wal/src/format.rs`, written down once more.

use chronik_wal::fuzzing::Files;
use chronik_wire::batch::crc32c;

/// The log that the blocks belong to.
const LOG_ID: u64 = 0x0123_4567_89ab_cdef;
const PAGE: usize = 4096;
const BLOCK_HEADER: usize = 72;
/// Where the marks stand in it.
const MARKS: usize = 10;

/// What a byte of a block's description changes in it.
mod tweak {
    pub const META_CRC: u8 = 1;
    pub const DATA_CRC: u8 = 2;
    pub const CHAIN: u8 = 4;
    pub const POSITION: u8 = 8;
    pub const DATA_LEN: u8 = 16;
    pub const RAW_META: u8 = 32;
    pub const SKIP_PAGE: u8 = 64;
    pub const HEADER_CRC: u8 = 128;
}

/// Reads the description byte by byte; zeros at its end.
struct Input<'a> {
    rest: &'a [u8],
    /// The greatest epoch that was handed out. The file `format` has it or a later one, unless somebody put an old copy back.
    newest_epoch: u64,
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        byte
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn epoch(&mut self) -> u64 {
        let epoch = 1 + u64::from(self.byte());
        self.newest_epoch = self.newest_epoch.max(epoch);
        epoch
    }

    /// A number that is mostly small and sometimes anything below 2^56: behind a right checksum stands what we wrote, and
    /// nothing of ours counts further.
    fn number(&mut self, small: u64) -> u64 {
        match self.byte() {
            255 => self.bytes(7).iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            byte => small.wrapping_add(u64::from(byte)),
        }
    }
}

/// The files that `input` describes, of one segment or two, and perhaps the file `format`.
pub fn files(input: &[u8]) -> Files {
    let mut input = Input { rest: input, newest_epoch: 1 };
    let mut files = Files::new();
    let shape = input.byte();
    let (epochs_ahead, boot) = (input.byte(), input.byte());
    let first_pages = usize::from(shape >> 4) + 1;
    let mut start = 0;
    let mut previous = 0;
    for pages in [first_pages, 4].into_iter().take(1 + usize::from(shape >> 1 & 1)) {
        let bytes = segment(&mut input, start, pages * PAGE, &mut previous);
        files.insert(format!("wal-{start:020}.log"), bytes);
        start += (pages * PAGE) as u64;
    }
    if shape & 1 == 1 {
        let epoch = input.newest_epoch + u64::from(epochs_ahead);
        files.insert("format".to_owned(), format_file(epoch, boot & 1 == 1));
    }
    files
}

fn format_file(epoch: u64, same_boot: bool) -> Vec<u8> {
    let boot = if same_boot { "fuzz" } else { "another" };
    let mut slot = format!("chronik-wal 1\nlog {LOG_ID:016x}\nepoch {epoch}\nboot {boot}\n").into_bytes();
    let crc = crc32c(&slot);
    slot.extend_from_slice(format!("crc {crc:08x}\n").as_bytes());
    slot.resize(2 * PAGE, b'\n');
    slot
}

fn segment(input: &mut Input<'_>, start: u64, len: usize, previous: &mut u32) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let claimed = match input.byte() {
        255 => input.number(0),
        _ => len as u64,
    };
    let epoch = input.epoch();
    put(&mut bytes, 0, b"CHRNKSEG");
    put(&mut bytes, 8, &1_u16.to_le_bytes());
    for (at, field) in [(16, LOG_ID), (24, start), (32, claimed), (40, epoch)] {
        put(&mut bytes, at, &field.to_le_bytes());
    }
    let crc = crc32c(&bytes[..48]);
    put(&mut bytes, 48, &crc.to_le_bytes());
    let mut at = PAGE;
    while at < len && !input.rest.is_empty() {
        let (block, gap) = block(input, start, at, previous);
        // The last page is kept for the block that seals, so that there is always room for it.
        let seals = block[MARKS] & 1 == 1;
        if at + block.len() > if seals { len } else { len - PAGE } {
            break;
        }
        put(&mut bytes, at, &block);
        at += block.len().next_multiple_of(PAGE) + gap;
    }
    bytes
}

/// The block that stands at `at`, and how many bytes are left out after it.
fn block(input: &mut Input<'_>, start: u64, at: usize, previous: &mut u32) -> (Vec<u8>, usize) {
    let (marks, tweaks) = (input.byte(), input.byte());
    let is = |tweak| tweaks & tweak != 0;
    let epoch = input.epoch();
    let position = if is(tweak::POSITION) { input.number(start) } else { start + at as u64 };
    let committed = input.number(start + at as u64);
    let (meta, data, entries) = sections(input, is(tweak::RAW_META));
    let data_len = if is(tweak::DATA_LEN) { input.number(1 << 20) } else { data.len() as u64 };
    let flip = |crc: u32, tweak| if is(tweak) { !crc } else { crc };

    let mut header = [0; BLOCK_HEADER];
    put(&mut header, 0, b"CHRNKBLK");
    put(&mut header, 8, &1_u16.to_le_bytes());
    put(&mut header, MARKS, &u16::from(marks).to_le_bytes());
    put(&mut header, 12, &entries.to_le_bytes());
    for (at, field) in [(16, epoch), (24, position), (32, committed), (40, data_len)] {
        put(&mut header, at, &field.to_le_bytes());
    }
    put(&mut header, 48, &(meta.len() as u32).to_le_bytes());
    put(&mut header, 52, &flip(*previous, tweak::CHAIN).to_le_bytes());
    put(&mut header, 56, &flip(crc32c(&meta), tweak::META_CRC).to_le_bytes());
    put(&mut header, 60, &flip(crc32c(&data), tweak::DATA_CRC).to_le_bytes());
    let crc = crc32c(&[&LOG_ID.to_le_bytes(), &header[..68]].concat());
    put(&mut header, 68, &flip(crc, tweak::HEADER_CRC).to_le_bytes());
    *previous = crc;

    let gap = if is(tweak::SKIP_PAGE) { PAGE } else { 0 };
    ([&header, meta.as_slice(), &data].concat(), gap)
}

/// Meta section, data section, and the number of entries for the header.
fn sections(input: &mut Input<'_>, raw: bool) -> (Vec<u8>, Vec<u8>, u32) {
    let count = input.byte();
    let (mut meta, mut data) = (Vec::new(), Vec::new());
    if raw {
        meta.extend_from_slice(input.bytes(usize::from(count)));
        let data = input.bytes(16).to_vec();
        return (meta, data, u32::from(input.byte()));
    }
    let count = u32::from(count % 4);
    for _ in 0..count {
        let (entry_len, data_len) = (usize::from(input.byte()), usize::from(input.byte()) * 32);
        let entry = input.bytes(entry_len);
        meta.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        meta.extend_from_slice(&(data_len as u32).to_le_bytes());
        meta.extend_from_slice(entry);
        data.resize(data.len() + data_len, entry_len as u8);
    }
    (meta, data, count)
}

fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    let to = to.get_mut(at..).unwrap_or_default();
    let count = bytes.len().min(to.len());
    to[..count].copy_from_slice(&bytes[..count]);
}
