//! The tail of the log in memory: the blocks as they were written, oldest out first.
//!
//! Reads get slices of the blocks without a copy. What the cache holds is bounded by bytes, whatever the number of
//! partitions; a slice that somebody still reads keeps its block, and the slab that it lies in, alive beyond that.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::RwLock;

/// Recent blocks.
#[derive(Debug)]
pub(crate) struct Cache {
    limit: u64,
    blocks: RwLock<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// In the order of their positions.
    queue: VecDeque<Cached>,
    bytes: u64,
}

/// A block.
#[derive(Debug)]
pub(crate) struct Cached {
    /// Position of its data section.
    pub(crate) data_at: u64,
    /// Its data section.
    pub(crate) data: Bytes,
    /// Memory that it occupies.
    pub(crate) occupied: u64,
}

impl Cache {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, blocks: RwLock::default() }
    }

    /// Adds the block after all others.
    pub(crate) fn push(&self, block: Cached) {
        // Dropped after the lock is released: giving memory back takes time.
        let mut evicted = Vec::new();
        let mut blocks = self.blocks.write();
        blocks.bytes += block.occupied;
        blocks.queue.push_back(block);
        while blocks.bytes > self.limit
            && let Some(oldest) = blocks.queue.pop_front()
        {
            blocks.bytes -= oldest.occupied;
            evicted.push(oldest);
        }
        drop(blocks);
    }

    /// A span of data, if it lies within one cached block.
    pub(crate) fn get(&self, at: u64, len: u32) -> Option<Bytes> {
        let blocks = self.blocks.read();
        let after = blocks.queue.partition_point(|block| block.data_at <= at);
        let block = blocks.queue.get(after.checked_sub(1)?)?;
        let from = usize::try_from(at - block.data_at).ok()?;
        let to = from.checked_add(usize::try_from(len).ok()?)?;
        (to <= block.data.len()).then(|| block.data.slice(from..to))
    }

    /// Forgets all blocks before a position.
    pub(crate) fn trim(&self, upto: u64) {
        let mut gone = Vec::new();
        let mut blocks = self.blocks.write();
        while blocks.queue.front().is_some_and(|block| block.data_at < upto)
            && let Some(oldest) = blocks.queue.pop_front()
        {
            blocks.bytes -= oldest.occupied;
            gone.push(oldest);
        }
        drop(blocks);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.read().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(data_at: u64, fill: u8) -> Cached {
        Cached { data_at, data: Bytes::from(vec![fill; 100]), occupied: 100 }
    }

    #[test]
    fn keeps_the_newest_blocks_within_its_limit() {
        let cache = Cache::new(250);
        for (n, at) in [0, 1000, 2000].into_iter().enumerate() {
            cache.push(block(at, u8::try_from(n).expect("small")));
        }
        assert_eq!(cache.get(0, 1), None);
        assert_eq!(cache.get(1000, 100), Some(Bytes::from(vec![1; 100])));
        assert_eq!(cache.get(2099, 1), Some(Bytes::from(vec![2])));
        assert_eq!(cache.bytes(), 200);
    }

    #[test]
    fn answers_only_what_lies_within_one_block() {
        let cache = Cache::new(1000);
        cache.push(block(1000, 1));
        for (at, len) in [(999, 1), (1099, 2), (1100, 1), (u64::MAX, 1), (1000, u32::MAX)] {
            assert_eq!(cache.get(at, len), None, "{at} {len}");
        }
        cache.trim(1001);
        assert_eq!(cache.get(1000, 1), None);
        assert_eq!(cache.bytes(), 0);
    }
}
