//! A segment file as a scan passes over it: in large aligned pieces, past the page cache where that is possible, the next
//! ones read on a thread of their own while the present one is looked at.
//!
//! What a log wrote without the page cache is not in it when the log is opened again, and reading it through the cache
//! takes more than twice as long as reading it around it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::buffer::{Aligned, Pool};
use crate::disk::{Access, Disk, DiskFile};
use crate::format::{Crc32c, PAGE};

/// How much is read at once.
pub(super) const CHUNK: u64 = 2 << 20;

/// Chunks that are read at the same time.
const READERS: usize = 3;

/// Reads a file from the front to the back.
#[derive(Debug)]
pub(super) struct Window {
    chunks: Arc<Chunks>,
    held: Option<Chunk>,
    ahead: Option<Ahead>,
}

/// A file in chunks.
#[derive(Debug)]
struct Chunks {
    plain: Arc<dyn DiskFile>,
    /// The same, around the page cache.
    direct: Option<Arc<dyn DiskFile>>,
    len: u64,
    /// Dropped with the scan, so that nothing stays behind.
    pool: Arc<Pool>,
}

/// A part of the file, up to [`CHUNK`].
#[derive(Debug)]
struct Chunk {
    offset: u64,
    bytes: Aligned,
    filled: usize,
}

impl Window {
    /// A window on a file, as long as it is now.
    pub(super) fn open(disk: &dyn Disk, name: &str) -> io::Result<Self> {
        let plain = disk.open(name, Access::Read)?;
        let len = plain.len()?;
        // Around the page cache only whole pages can be read, and whoever may only read goes through it.
        let direct = if len.is_multiple_of(PAGE) { disk.open(name, Access::Log).ok() } else { None };
        let chunks = Chunks { plain, direct, len, pool: Arc::default() };
        Ok(Self { chunks: Arc::new(chunks), held: None, ahead: None })
    }

    /// `N` bytes at `offset`; `None` when the file ends before.
    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        let copied = self.copy(offset, &mut bytes)?;
        Ok(copied.then_some(bytes))
    }

    /// `len` bytes at `offset`; `None` when the file ends before.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> io::Result<Option<Vec<u8>>> {
        // A length that lies must not make us allocate what the file does not have.
        if !self.chunks.reaches(offset, len as u64) {
            return Ok(None);
        }
        let mut bytes = vec![0; len];
        let copied = self.copy(offset, &mut bytes)?;
        Ok(copied.then_some(bytes))
    }

    /// The checksum of `len` bytes at `offset`; `None` when the file ends before.
    pub(super) fn checksum(&mut self, mut offset: u64, mut len: u64) -> io::Result<Option<u32>> {
        if !self.chunks.reaches(offset, len) {
            return Ok(None);
        }
        let mut checksum = Crc32c::new();
        while len > 0 {
            let piece = self.piece(offset, len)?;
            if piece.is_empty() {
                return Ok(None);
            }
            checksum.update(piece);
            offset += piece.len() as u64;
            len -= piece.len() as u64;
        }
        Ok(Some(checksum.finish()))
    }

    /// Fills `into` from `offset` on; `false` when the file ends before.
    fn copy(&mut self, mut offset: u64, into: &mut [u8]) -> io::Result<bool> {
        let mut rest = into;
        while !rest.is_empty() {
            let piece = self.piece(offset, rest.len() as u64)?;
            if piece.is_empty() {
                return Ok(false);
            }
            let (now, later) = rest.split_at_mut(piece.len());
            now.copy_from_slice(piece);
            offset += piece.len() as u64;
            rest = later;
        }
        Ok(true)
    }

    /// Up to `most` bytes from `offset` on, as many as lie in one chunk; none at the end of the file.
    fn piece(&mut self, offset: u64, most: u64) -> io::Result<&[u8]> {
        let at = offset / CHUNK * CHUNK;
        if self.held.as_ref().is_none_or(|held| held.offset != at) {
            self.held = Some(self.next(at)?);
        }
        let within = |held: &Chunk| {
            let from = usize::try_from(offset - held.offset).ok()?.min(held.filled);
            let to = held.filled.min(from.saturating_add(usize::try_from(most).unwrap_or(usize::MAX)));
            Some(from..to)
        };
        let piece = self.held.as_ref().and_then(|held| held.bytes.as_ref().get(within(held)?));
        Ok(piece.unwrap_or_default())
    }

    /// The chunk at `at`. Who asks for one after the other has them read ahead.
    fn next(&mut self, at: u64) -> io::Result<Chunk> {
        let follows = self.held.take().is_some_and(|held| held.offset + CHUNK == at);
        if !follows {
            self.ahead = None;
            return self.chunks.read(at);
        }
        if self.ahead.is_none() && at < self.chunks.len {
            // Without a thread it only takes longer.
            self.ahead = Ahead::start(&self.chunks, at).ok();
        }
        match self.ahead.as_mut().and_then(Ahead::take) {
            Some(chunk) => chunk,
            None => self.chunks.read(at),
        }
    }
}

impl Chunks {
    /// Whether the file has that much there.
    fn reaches(&self, offset: u64, len: u64) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }

    fn read(&self, offset: u64) -> io::Result<Chunk> {
        let wanted = CHUNK.min(self.len.saturating_sub(offset));
        let mut bytes = self.pool.get(usize::try_from(wanted).unwrap_or_default());
        let direct = self.direct.as_ref().and_then(|file| file.read(offset, bytes.as_mut()).ok());
        let filled = match direct {
            Some(filled) => filled,
            // Whatever was in the way: only when this fails too, the file cannot be read.
            None => self.plain.read(offset, bytes.as_mut())?,
        };
        Ok(Chunk { offset, bytes, filled })
    }
}

/// Reads the chunks of a file in turn, several at the same time: one after the other they would not use what the disk can
/// do. Dropping it ends its threads.
#[derive(Debug)]
struct Ahead {
    /// The one that has the next chunk is in front.
    readers: VecDeque<Reader>,
}

/// Reads every so many chunks, and holds each until it is taken.
#[derive(Debug)]
struct Reader {
    chunks: Receiver<io::Result<Chunk>>,
    thread: JoinHandle<()>,
}

impl Ahead {
    fn start(chunks: &Arc<Chunks>, from: u64) -> io::Result<Self> {
        let mut ahead = Self { readers: VecDeque::with_capacity(READERS) };
        for number in 0..READERS as u64 {
            let (send, receive) = sync_channel(0);
            let chunks = Arc::clone(chunks);
            let run = move || read_some(&chunks, from + number * CHUNK, &send);
            let thread = std::thread::Builder::new().name("wal-read-ahead".into()).spawn(run)?;
            ahead.readers.push_back(Reader { chunks: receive, thread });
        }
        Ok(ahead)
    }

    /// The next chunk; `None` behind the last one, and after a failure.
    fn take(&mut self) -> Option<io::Result<Chunk>> {
        self.readers.rotate_left(1);
        self.readers.back()?.chunks.recv().ok()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let threads: Vec<_> = self
            .readers
            .drain(..)
            .map(|Reader { chunks, thread }| {
                // Gone before the thread is waited for, so that it finds nobody who takes its chunk.
                drop(chunks);
                thread
            })
            .collect();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that reads ahead has panicked");
            }
        }
    }
}

fn read_some(chunks: &Chunks, from: u64, to: &SyncSender<io::Result<Chunk>>) {
    let mut at = from;
    while at < chunks.len {
        let chunk = chunks.read(at);
        let failed = chunk.is_err();
        if to.send(chunk).is_err() || failed {
            return;
        }
        at += READERS as u64 * CHUNK;
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::Entropy;

    use super::*;
    use crate::disk::Persist;
    use crate::disk::sim::SimDisk;
    use crate::format::crc32c;

    const CHUNK_LEN: usize = 2 << 20;
    const _: () = assert!(CHUNK_LEN as u64 == CHUNK);
    const LEN: usize = 3 * CHUNK_LEN + 5 * 4096;

    fn disk(len: usize) -> (SimDisk, Vec<u8>) {
        let mut content = vec![0; len];
        Entropy::seeded(3).fill(&mut content);
        let disk = SimDisk::new();
        let file = disk.create("file", Access::Plain).unwrap();
        file.allocate(len as u64).unwrap();
        file.write(0, &content, Persist::Now).unwrap();
        (disk, content)
    }

    #[test]
    fn shows_the_file_across_chunks_and_after_jumps() {
        for len in [0, 100, 4096, LEN, LEN + 1] {
            let (disk, content) = disk(len);
            let mut window = Window::open(&disk, "file").unwrap();
            let entropy = Entropy::seeded(4);
            let mut at = 0;
            while at <= len {
                let size = usize::try_from(entropy.below(3 << 20)).unwrap();
                let expected = content.get(at..at + size);
                assert_eq!(window.bytes(at as u64, size).unwrap().as_deref(), expected, "{at} {size}");
                let checksum = window.checksum(at as u64, size as u64).unwrap();
                assert_eq!(checksum, expected.map(crc32c), "{at} {size}");
                let start = content.get(at..at + 8);
                assert_eq!(window.array::<8>(at as u64).unwrap().as_ref().map(|bytes| &bytes[..]), start);
                // Now and then it goes on behind a hole, or begins anew.
                at += size + usize::try_from(entropy.below(2)).unwrap() * (CHUNK_LEN + 7);
            }
            assert_eq!(window.bytes(0, len).unwrap(), Some(content));
        }
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let (disk, _) = disk(4096);
        let mut window = Window::open(&disk, "file").unwrap();
        assert_eq!(window.bytes(0, usize::MAX).unwrap(), None);
        assert_eq!(window.checksum(1, u64::MAX).unwrap(), None);
        assert_eq!(window.checksum(0, 4097).unwrap(), None);
    }
}
