//! Page-aligned memory for what is read, used again and again.
//!
//! A fresh mapping costs a page fault per 4 KiB, more than the copy into it. So memory comes back here when the last slice
//! of it is dropped. Alignment comes from allocating more than needed. What is large is cut from pieces in huge pages, four
//! windows each: the disk is told of ordinary pages one by one, and the same reads then go a third slower.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use chronik_pages::{HUGE_PAGE, prefer_huge};
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
    by_size: BTreeMap<usize, Vec<BytesMut>>,
    bytes: usize,
    /// What is left of the piece that large memory is cut from.
    rest: BytesMut,
}

/// Writable aligned memory. Its content is arbitrary.
#[derive(Debug)]
pub(crate) struct Aligned {
    storage: BytesMut,
    len: usize,
    pool: Arc<Pool>,
}

impl Pool {
    /// Aligned memory of this length.
    pub(crate) fn get(self: &Arc<Self>, len: usize) -> Aligned {
        let size = size_class(len);
        let storage = self.free.lock().take(size);
        self.held.fetch_add(size, Ordering::Relaxed);
        Aligned { storage, len, pool: Arc::clone(self) }
    }

    /// Bytes that are held by whoever asked for them, or by slices of these.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Free {
    fn take(&mut self, size: usize) -> BytesMut {
        if let Some(found) = self.by_size.get_mut(&size).and_then(Vec::pop) {
            self.bytes -= found.len();
            return found;
        }
        if size < LARGE {
            return zeroed(size, PAGE_LEN);
        }
        if self.rest.len() < size {
            self.rest = zeroed(size.next_multiple_of(PIECE_LEN), HUGE_PAGE);
            prefer_huge(&mut self.rest);
        }
        self.rest.split_to(size)
    }
}

impl Aligned {
    /// The memory.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(..self.len).unwrap_or_default()
    }

    /// Ends writing.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        self.storage.get(..self.len).unwrap_or_default()
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

/// From here on memory is cut from pieces of this length.
const LARGE: usize = 1 << 20;
const PIECE_LEN: usize = 4 << 20;
const _: () = assert!(PIECE_LEN.is_multiple_of(HUGE_PAGE));

/// Free memory beyond this goes back to the allocator: more than what a few readers give back at once. What the allocator
/// has back it gives to the kernel piece by piece, and what comes again has to be found and cleared anew.
const KEPT_BYTES: usize = 64 << 20;

/// Memory whose start is aligned. The kernel finds it when it is touched, also what lies before.
fn zeroed(size: usize, alignment: usize) -> BytesMut {
    let mut memory = BytesMut::zeroed(size + alignment);
    let mut memory = memory.split_off(memory.as_ptr().align_offset(alignment));
    memory.truncate(size);
    memory
}

/// Sizes are rounded up by at most a quarter, so that blocks of about the same size share memory.
fn size_class(len: usize) -> usize {
    let step = (len.next_power_of_two() / 8).max(PAGE_LEN);
    len.div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_used_again() {
        let pool = Arc::new(Pool::default());
        for len in [1, 4096, 4097, 100_000, LARGE - 1, LARGE, LARGE + 1, 5 << 20] {
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
    fn large_memory_lies_in_huge_pages_side_by_side() {
        let pool = Arc::new(Pool::default());
        let memory: Vec<_> = (0..5).map(|_| pool.get(LARGE).freeze()).collect();
        let places: Vec<_> = memory.iter().map(|memory| memory.as_ptr().addr()).collect();
        assert_eq!(places[0] % HUGE_PAGE, 0);
        assert!(places[..4].windows(2).all(|two| two[1] - two[0] == LARGE));
        assert_eq!(places[4] % HUGE_PAGE, 0, "the next piece");
    }

    #[test]
    fn free_memory_is_bounded() {
        let pool = Arc::new(Pool::default());
        let blocks: Vec<Aligned> = (0..20).map(|_| pool.get(4 << 20)).collect();
        drop(blocks);
        assert!(pool.free.lock().bytes <= KEPT_BYTES);
    }
}
