//! Memory that direct writes accept: it starts at a page.

/// Zeroed memory at a page boundary.
#[derive(Debug)]
pub(crate) struct Aligned {
    storage: Vec<u8>,
    offset: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn new(len: usize) -> Self {
        // One page more than needed leaves room for the boundary.
        let mut storage = vec![0; len + PAGE];
        // Touched now, so that the first use does not pay for the page faults.
        storage.fill(1);
        let offset = storage.as_ptr().align_offset(PAGE);
        Self { storage, offset, len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.get(self.offset..self.offset + self.len).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.offset..self.offset + self.len).unwrap_or_default()
    }
}

/// What direct writes are aligned to, in memory and on disk.
pub(crate) const PAGE: usize = 4096;
