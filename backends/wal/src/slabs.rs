//! Memory of blocks: page-aligned pieces of large slabs, which are filled one after the other and used again.
//!
//! Blocks come and go in order, and differ in size. As allocations of their own they leave holes that nothing fits in,
//! and memory that is given back has to be zeroed by the kernel when it is taken again. A slab is free once the last block
//! in it is forgotten, and the next blocks go there.
//!
//! Slabs lie in huge pages, but for the first: an idle gateway fills little of it. New memory is slow where it is touched
//! first: the kernel clears 2 MiB at once, and a virtual machine's host may have to find them, which took 5 ms. So
//! housekeeping makes a slab ahead of those who write ([`Slabs::prepare`]).
//!
//! A slice of a block keeps the whole slab. Readers who take their answers slowly, each from another slab, could so hold many
//! times what is in their answers; where that begins to show ([`Slabs::is_crowded`]), reads copy.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use chronik_pages::{HUGE_PAGE, prefer_huge};
use parking_lot::Mutex;

use crate::format::PAGE;

/// Slabs, one of which is open.
#[derive(Debug)]
pub(crate) struct Slabs {
    state: Mutex<State>,
    /// Bytes of filled slabs.
    filled: AtomicUsize,
    /// Bytes of blocks that are too large for a slab.
    large: Arc<AtomicUsize>,
    /// What both may come to before it is plain that others than the cache hold much of it.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// What is left of the slab that is being filled.
    open: Option<BytesMut>,
    /// The slab to fill next.
    next: Option<BytesMut>,
    /// Handles of the others, the one filled longest ago first.
    filled: VecDeque<BytesMut>,
}

/// Room for a block: empty, aligned, and of the capacity asked for.
#[derive(Debug)]
pub(crate) struct Room {
    /// Where to put it.
    pub(crate) bytes: BytesMut,
    /// Memory that it takes, with what is left over before it.
    pub(crate) occupied: u64,
}

impl Slabs {
    /// Slabs for a cache of so many bytes.
    pub(crate) fn new(cache_bytes: u64) -> Self {
        let cached = usize::try_from(cache_bytes).unwrap_or(usize::MAX / 2);
        let most = cached.saturating_add((cached / 2).max(LEAST_HELD));
        Self { state: Mutex::default(), filled: AtomicUsize::new(0), large: Arc::default(), most }
    }

    /// Whether readers hold much that the cache has given up.
    pub(crate) fn is_crowded(&self) -> bool {
        self.filled.load(Ordering::Relaxed) + self.large.load(Ordering::Relaxed) > self.most
    }

    /// Ends writing to a [`Room`].
    pub(crate) fn freeze(&self, block: BytesMut) -> Bytes {
        if block.len() <= SLAB_LEN / 2 {
            return block.freeze();
        }
        self.large.fetch_add(block.len(), Ordering::Relaxed);
        Bytes::from_owner(Large { block, held: Arc::clone(&self.large) })
    }

    /// Room for a block of this length.
    pub(crate) fn get(&self, len: usize) -> Room {
        if len > SLAB_LEN / 2 {
            return Room { bytes: in_huge_pages(room(len)), occupied: len as u64 };
        }
        let mut state = self.state.lock();
        let mut occupied = len;
        let mut bytes = match state.open.take() {
            Some(open) if open.capacity() >= len => open,
            full => {
                occupied += full.as_ref().map_or(0, BytesMut::capacity);
                let found = state.next.take().or_else(|| state.free_slab());
                // The first one stays in ordinary pages: who writes little needs only few of them.
                let slab = found.unwrap_or_else(|| match &full {
                    Some(_) => in_huge_pages(room(SLAB_LEN)),
                    None => room(SLAB_LEN),
                });
                state.filled.extend(full);
                self.filled.store(state.filled.len() * SLAB_LEN, Ordering::Relaxed);
                slab
            }
        };
        state.open = Some(bytes.split_off(len.next_multiple_of(PAGE_LEN)));
        if state.is_short() {
            state.next = state.free_slab();
        }
        Room { bytes, occupied: occupied as u64 }
    }

    /// Whether [`Slabs::prepare`] would be of use.
    pub(crate) fn is_short(&self) -> bool {
        self.state.lock().is_short()
    }

    /// Makes the slab that will be filled next, and touches its memory.
    pub(crate) fn prepare(&self) {
        let mut slab = in_huge_pages(room(SLAB_LEN));
        slab.resize(SLAB_LEN, 0);
        slab.clear();
        // If one has become free meanwhile, this one goes again.
        self.state.lock().next.get_or_insert(slab);
    }
}

/// A block that is too large for a slab. Counted until its last slice is gone.
struct Large {
    block: BytesMut,
    held: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.block
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.held.fetch_sub(self.block.len(), Ordering::Relaxed);
    }
}

impl State {
    /// Whether the open slab is half full and none follows it.
    fn is_short(&self) -> bool {
        self.next.is_none() && self.open.as_ref().is_some_and(|open| open.capacity() < SLAB_LEN / 2)
    }

    /// A slab that nobody uses any more. Gives memory back when there are more than a few.
    fn free_slab(&mut self) -> Option<BytesMut> {
        let mut found = None;
        let mut spare = SPARE_SLABS;
        self.filled.retain_mut(|slab| {
            if !slab.try_reclaim(SLAB_LEN + HUGE_PAGE) {
                return true;
            }
            if found.is_none() {
                found = Some(aligned(std::mem::take(slab), SLAB_LEN));
                return false;
            }
            let keep = spare > 0;
            spare = spare.saturating_sub(1);
            keep
        });
        found
    }
}

/// Room for so many bytes, from where a huge page would begin.
fn room(len: usize) -> BytesMut {
    aligned(BytesMut::with_capacity(len + HUGE_PAGE), len)
}

/// The same room, in huge pages as far as it fills them.
fn in_huge_pages(mut room: BytesMut) -> BytesMut {
    prefer_huge(room.spare_capacity_mut());
    room
}

/// The aligned part, of a length, of empty memory that is longer by a huge page.
fn aligned(mut memory: BytesMut, len: usize) -> BytesMut {
    let mut memory = memory.split_off(memory.as_ptr().align_offset(HUGE_PAGE));
    drop(memory.split_off(len));
    memory
}

const PAGE_LEN: usize = 4096;
const _: () = assert!(PAGE_LEN as u64 == PAGE);

const SLAB_LEN: usize = 4 << 20;

/// What readers may hold besides the cache; or half as much as the cache has, when that is more.
const LEAST_HELD: usize = 64 << 20;

/// Slabs kept although nothing is in them.
const SPARE_SLABS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(slabs: &Slabs, len: usize) -> (BytesMut, u64) {
        let Room { mut bytes, occupied } = slabs.get(len);
        assert_eq!(bytes.as_ptr().align_offset(PAGE_LEN), 0);
        let place = bytes.as_ptr();
        bytes.resize(len, 7);
        assert_eq!(bytes.as_ptr(), place, "it has room for all of it");
        (bytes, occupied)
    }

    #[test]
    fn blocks_lie_beside_each_other() {
        let slabs = Slabs::new(0);
        let sizes = [1, 4096, 4097, 100_000, SLAB_LEN / 2, SLAB_LEN / 2 + 1, 5 << 20];
        let blocks: Vec<_> = sizes.iter().map(|len| fill(&slabs, *len).0).collect();
        assert_eq!(blocks[1].as_ptr() as usize - blocks[0].as_ptr() as usize, PAGE_LEN);
        assert_eq!(blocks[2].as_ptr() as usize - blocks[1].as_ptr() as usize, PAGE_LEN);
        assert_eq!(blocks[3].as_ptr() as usize - blocks[2].as_ptr() as usize, 2 * PAGE_LEN);
        assert!(blocks.iter().all(|block| block.iter().all(|byte| *byte == 7)));
    }

    #[test]
    fn what_does_not_fit_in_the_rest_of_a_slab_pays_for_it() {
        let slabs = Slabs::new(0);
        let (_first, occupied) = fill(&slabs, SLAB_LEN / 2);
        assert_eq!(occupied, (SLAB_LEN / 2) as u64);
        let (_second, _) = fill(&slabs, PAGE_LEN);
        let (_third, occupied) = fill(&slabs, SLAB_LEN / 2);
        assert_eq!(occupied, (SLAB_LEN - PAGE_LEN) as u64);
    }

    #[test]
    fn slabs_are_used_again_in_their_order_and_only_when_nothing_is_in_them() {
        let slabs = Slabs::new(0);
        let mut cache = VecDeque::new();
        let mut places = Vec::new();
        for _ in 0..40 {
            let (block, _) = fill(&slabs, SLAB_LEN / 2);
            places.push(block.as_ptr() as usize);
            cache.push_back(block.freeze());
            if cache.len() > 4 {
                cache.pop_front();
            }
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 6, "two in each of three slabs, which hold the four and the next one");
        assert!(cache.iter().all(|block| block.iter().all(|byte| *byte == 7)));
    }

    #[test]
    fn the_next_slab_is_made_ahead_unless_one_has_become_free() {
        let slabs = Slabs::new(0);
        let first = fill(&slabs, SLAB_LEN / 2).0;
        assert!(!slabs.is_short());
        let second = fill(&slabs, PAGE_LEN).0;
        assert!(slabs.is_short(), "more than half of the only slab is filled");
        slabs.prepare();
        assert!(!slabs.is_short());
        let place = slabs.state.lock().next.as_ref().map(|slab| slab.as_ptr() as usize);
        let third = fill(&slabs, SLAB_LEN / 2).0;
        assert_eq!(Some(third.as_ptr() as usize), place, "the block lies where it was made");

        drop((first, second));
        fill(&slabs, PAGE_LEN);
        assert!(!slabs.is_short(), "the first slab is free again, and comes next");
    }

    #[test]
    fn what_readers_hold_beyond_the_cache_is_noticed() {
        let slabs = Slabs::new(4 * SLAB_LEN as u64);
        let blocks = |bytes: usize| (0..bytes / SLAB_LEN * 2).map(|_| fill(&slabs, SLAB_LEN / 2).0);
        let mut held: Vec<Bytes> =
            blocks(4 * SLAB_LEN + LEAST_HELD).map(|block| slabs.freeze(block)).collect();
        assert!(!slabs.is_crowded());
        let large = slabs.freeze(fill(&slabs, 2 * SLAB_LEN).0);
        let slice = large.slice(..1);
        drop(large);
        assert!(slabs.is_crowded(), "a slice holds all of it");
        drop(slice);
        assert!(!slabs.is_crowded());
        held.extend(blocks(2 * SLAB_LEN).map(|block| slabs.freeze(block)));
        assert!(slabs.is_crowded());
        drop(held);
        drop(blocks(2 * SLAB_LEN).collect::<Vec<_>>());
        assert!(!slabs.is_crowded());
    }

    #[test]
    fn memory_is_given_back_when_little_is_held() {
        let slabs = Slabs::new(0);
        let blocks: Vec<_> = (0..40).map(|_| fill(&slabs, SLAB_LEN / 2).0).collect();
        assert_eq!(slabs.state.lock().filled.len(), 19);
        drop(blocks);
        fill(&slabs, PAGE_LEN);
        assert!(slabs.state.lock().filled.len() <= SPARE_SLABS + 1);
    }
}
