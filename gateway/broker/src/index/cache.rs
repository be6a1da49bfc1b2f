//! Index objects in memory, bounded by bytes; the least recently used one goes first. An object that several readers miss
//! is read once.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

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

/// Objects up to this size are verified in place: some twenty microseconds.
const VERIFIED_INLINE: usize = 256 << 10;

/// The cache.
#[derive(Debug)]
pub(crate) struct IndexCache {
    limit_bytes: usize,
    held: Mutex<Held>,
    /// Whoever reads the index of a segment holds its gate, and the others wait there.
    gates: Mutex<BTreeMap<Position, Weak<Gate>>>,
    metrics: Arc<Metrics>,
}

type Gate = tokio::sync::Mutex<()>;

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
        Self { limit_bytes, held: Mutex::default(), gates: Mutex::default(), metrics }
    }

    /// The index of a segment, from memory if it is there.
    pub(crate) async fn load(
        &self,
        objects: &(impl Objects + ?Sized),
        segment: Position,
    ) -> Result<Arc<IndexObject>, IndexError> {
        if let Some(held) = self.hit(segment) {
            return Ok(held);
        }
        let gate = self.gate(segment);
        let _reading = gate.lock().await;
        // Somebody else may have read it meanwhile.
        if let Some(held) = self.hit(segment) {
            return Ok(held);
        }
        self.metrics.index_cache_misses.inc();
        let name = index_name(segment).ok_or(IndexError::Damaged { segment, source: IndexDamage::Length })?;
        let bytes = objects.get(name).await.map_err(|source| IndexError::Storage { segment, source })?;
        let is_large = bytes.len() > VERIFIED_INLINE;
        let open = move || IndexObject::open(bytes, segment);
        let object = if is_large { crate::blocking(open).await } else { open() };
        let object = Arc::new(object.map_err(|source| IndexError::Damaged { segment, source })?);
        self.insert(segment, Arc::clone(&object));
        Ok(object)
    }

    fn hit(&self, segment: Position) -> Option<Arc<IndexObject>> {
        let held = self.held.lock().touch(segment)?;
        self.metrics.index_cache_hits.inc();
        Some(held)
    }

    fn gate(&self, segment: Position) -> Arc<Gate> {
        let mut gates = self.gates.lock();
        if let Some(gate) = gates.get(&segment).and_then(Weak::upgrade) {
            return gate;
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::default();
        gates.insert(segment, Arc::downgrade(&gate));
        gate
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use chronik_backend::{BoxFuture, ObjectName};

    use super::*;
    use crate::index::object::IndexBuilder;

    /// Has the index of the segment at 0, gives it when others had their turn, and counts.
    #[derive(Default)]
    struct Slow(AtomicUsize);

    impl Objects for Slow {
        fn get(&self, _name: ObjectName) -> BoxFuture<'_, Result<Bytes, ObjectError>> {
            Box::pin(async {
                self.0.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(IndexBuilder::new().finish(Position::ZERO, Position::new(10)))
            })
        }

        fn put(&self, _name: ObjectName, _bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectError>> {
            unreachable!()
        }

        fn list(&self, _kind: &str) -> BoxFuture<'_, Result<Vec<ObjectName>, ObjectError>> {
            unreachable!()
        }

        fn delete(&self, _name: ObjectName) -> BoxFuture<'_, Result<(), ObjectError>> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn what_several_readers_miss_is_read_once() {
        let (objects, cache) = (Slow::default(), IndexCache::new(1 << 20, Arc::default()));
        let load = || cache.load(&objects, Position::ZERO);
        let (one, other, third) = tokio::join!(load(), load(), load());
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()) && third.is_ok());
        assert_eq!(objects.0.load(Ordering::Relaxed), 1);
        cache.forget(Position::ZERO);
        load().await.unwrap();
        assert_eq!(objects.0.load(Ordering::Relaxed), 2);
        assert_eq!(cache.gates.lock().len(), 1);
    }
}
