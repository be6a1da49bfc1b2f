//! Index objects in memory, bounded by bytes; the least recently used one goes first.

use std::collections::BTreeMap;
use std::sync::Arc;

use chronik_backend::{ObjectError, Objects, Position};
use parking_lot::Mutex;

use super::object::{IndexDamage, IndexObject, index_name};
use crate::metrics::Metrics;

/// Why an index object cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// Storage did not give it.
    #[error("the index of the segment at {segment} cannot be read")]
    Storage {
        /// Start of the segment.
        segment: Position,
        /// What storage said.
        #[source]
        source: ObjectError,
    },
    /// It is not what was written.
    #[error("the index of the segment at {segment} is damaged")]
    Damaged {
        /// Start of the segment.
        segment: Position,
        /// What is wrong with it.
        #[source]
        source: IndexDamage,
    },
}

/// The cache.
#[derive(Debug)]
pub(crate) struct IndexCache {
    limit_bytes: usize,
    held: Mutex<Held>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Held {
    objects: BTreeMap<Position, (Arc<IndexObject>, u64)>,
    bytes: usize,
    /// Counts uses, so that the least recent one can be told.
    clock: u64,
}

impl IndexCache {
    /// An empty cache that holds objects of up to `limit_bytes` together, and always the last one used.
    pub(crate) fn new(limit_bytes: usize, metrics: Arc<Metrics>) -> Self {
        Self { limit_bytes, held: Mutex::new(Held::default()), metrics }
    }

    /// The index of a segment, from memory if it is there.
    pub(crate) async fn load(
        &self,
        objects: &(impl Objects + ?Sized),
        segment: Position,
    ) -> Result<Arc<IndexObject>, IndexError> {
        if let Some(held) = self.held.lock().touch(segment) {
            self.metrics.index_cache_hits.inc();
            return Ok(held);
        }
        self.metrics.index_cache_misses.inc();
        let name = index_name(segment).ok_or(IndexError::Damaged { segment, source: IndexDamage::Length })?;
        let bytes = objects.get(name).await.map_err(|source| IndexError::Storage { segment, source })?;
        let object =
            IndexObject::open(bytes, segment).map_err(|source| IndexError::Damaged { segment, source })?;
        let object = Arc::new(object);
        self.insert(segment, Arc::clone(&object));
        Ok(object)
    }

    /// Takes in an object that was just made.
    pub(crate) fn insert(&self, segment: Position, object: Arc<IndexObject>) {
        let mut held = self.held.lock();
        held.insert(segment, object);
        while held.bytes > self.limit_bytes && held.objects.len() > 1 {
            held.evict();
        }
        self.metrics.index_cache_bytes.set(i64::try_from(held.bytes).unwrap_or(i64::MAX));
    }

    /// Forgets the index of a segment that is gone.
    pub(crate) fn forget(&self, segment: Position) {
        self.held.lock().remove(segment);
    }
}

impl Held {
    fn touch(&mut self, segment: Position) -> Option<Arc<IndexObject>> {
        self.clock += 1;
        let (object, used) = self.objects.get_mut(&segment)?;
        *used = self.clock;
        Some(Arc::clone(object))
    }

    fn insert(&mut self, segment: Position, object: Arc<IndexObject>) {
        self.remove(segment);
        self.clock += 1;
        self.bytes += object.bytes();
        self.objects.insert(segment, (object, self.clock));
    }

    fn remove(&mut self, segment: Position) {
        if let Some((object, _)) = self.objects.remove(&segment) {
            self.bytes -= object.bytes();
        }
    }

    fn evict(&mut self) {
        let oldest = self.objects.iter().min_by_key(|(_, (_, used))| *used).map(|(segment, _)| *segment);
        if let Some(segment) = oldest {
            self.remove(segment);
        }
    }
}
