//! Page-aligned memory for what is read, used again and again.
//!
//! A fresh mapping costs a page fault per 4 KiB, more than the copy into it. So memory comes back here when the last slice
//! of it is dropped. Alignment comes from allocating one page more than needed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::format::PAGE;

/// Free memory, by size.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: Mutex<Free>,
    /// Bytes that somebody holds.
    held: AtomicUsize,
}

#[derive(Debug, Default)]
struct Free {
    by_size: BTreeMap<usize, Vec<Vec<u8>>>,
    bytes: usize,
}

/// Writable aligned memory. Its content is arbitrary.
#[derive(Debug)]
pub(crate) struct Aligned {
    storage: Vec<u8>,
    offset: usize,
    len: usize,
    pool: Arc<Pool>,
}

impl Pool {
    /// Aligned memory of this length.
    pub(crate) fn get(self: &Arc<Self>, len: usize) -> Aligned {
        let size = size_class(len);
        let reused = {
            let mut free = self.free.lock();
            let found = free.by_size.get_mut(&size).and_then(Vec::pop);
            free.bytes -= found.as_ref().map_or(0, Vec::len);
            found
        };
        let storage = reused.unwrap_or_else(|| vec![0; size]);
        self.held.fetch_add(storage.len(), Ordering::Relaxed);
        let offset = storage.as_ptr().align_offset(PAGE_LEN);
        Aligned { storage, offset, len, pool: Arc::clone(self) }
    }

    /// Bytes that are held by whoever asked for them, or by slices of these.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Aligned {
    /// The memory.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.offset..self.offset + self.len).unwrap_or_default()
    }

    /// Ends writing.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        self.storage.get(self.offset..self.offset + self.len).unwrap_or_default()
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        let storage = std::mem::take(&mut self.storage);
        self.pool.held.fetch_sub(storage.len(), Ordering::Relaxed);
        let mut free = self.pool.free.lock();
        if free.bytes + storage.len() <= KEPT_BYTES {
            free.bytes += storage.len();
            free.by_size.entry(storage.len()).or_default().push(storage);
        }
    }
}

const PAGE_LEN: usize = 4096;
const _: () = assert!(PAGE_LEN as u64 == PAGE);

/// Free memory beyond this goes back to the allocator: more than what a few readers give back at once. What the allocator
/// has back it gives to the kernel piece by piece, and what comes again is no longer in huge pages: the same reads then
/// go a third slower, because the disk is told of each 4 KiB.
const KEPT_BYTES: usize = 64 << 20;

/// Sizes are rounded up by at most a quarter, so that blocks of about the same size share memory.
fn size_class(len: usize) -> usize {
    let step = (len.next_power_of_two() / 8).max(PAGE_LEN);
    len.div_ceil(step) * step + PAGE_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_used_again() {
        let pool = Arc::new(Pool::default());
        for len in [1, 4096, 4097, 100_000, 5 << 20] {
            let mut memory = pool.get(len);
            assert_eq!(memory.as_mut().as_ptr().align_offset(PAGE_LEN), 0);
            memory.as_mut().fill(7);
            let bytes = memory.freeze();
            assert_eq!(bytes.len(), len);
            let place = bytes.as_ptr();
            assert!(pool.held() >= len);
            drop(bytes);
            assert_eq!(pool.held(), 0);
            assert_eq!(pool.get(len).freeze().as_ptr(), place);
        }
    }

    #[test]
    fn free_memory_is_bounded() {
        let pool = Arc::new(Pool::default());
        let blocks: Vec<Aligned> = (0..20).map(|_| pool.get(4 << 20)).collect();
        drop(blocks);
        assert!(pool.free.lock().bytes <= KEPT_BYTES);
    }
}
