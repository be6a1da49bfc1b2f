//! Writing indexes and checkpoints behind the applier, and trimming the journal.

use std::sync::Arc;

use bytes::Bytes;
use chronik_backend::{ObjectError, ObjectName, Position, StorageBackend};
use chronik_types::TopicPartition;

use super::format::{self, CHECKPOINT_KIND, SegmentParts, checkpoint_name, checkpoint_position};
use crate::Partition;
use crate::core::{Core, SealedQueue};
use crate::index::{BatchEntry, INDEX_KIND, IndexBuilder, IndexCache, IndexObject, index_name};

/// How many checkpoints are kept, each with its copy.
const CHECKPOINTS_KEPT: usize = 2;

/// How many entries are copied under the lock of a partition.
const ROWS_AT_ONCE: usize = 4_096;

/// The one writer of indexes and checkpoints.
pub(crate) struct Checkpointer {
    core: Arc<Core>,
    backend: Arc<dyn StorageBackend>,
    cache: Arc<IndexCache>,
    /// What the newest durable checkpoint covers.
    covered: Position,
}

impl Checkpointer {
    /// A writer that goes on after a checkpoint at `covered`.
    pub(crate) fn new(
        core: Arc<Core>,
        backend: Arc<dyn StorageBackend>,
        cache: Arc<IndexCache>,
        covered: Position,
    ) -> Self {
        Self { core, backend, cache, covered }
    }

    /// Writes what was sealed since, a checkpoint, and gives up what nobody needs any more. On an error what is left is
    /// tried again at the next call.
    pub(crate) async fn run(&mut self) -> Result<(), ObjectError> {
        let mut taken = self.core.sealed.take();
        let result = self.write(&mut taken).await;
        if result.is_err() {
            self.core.metrics.checkpoint_errors.inc();
            self.core.sealed.put_back(taken);
        }
        self.trim().await?;
        let covered = i64::try_from(self.covered.get()).unwrap_or(i64::MAX);
        self.core.metrics.checkpoint_position.set(covered);
        result
    }

    /// Ends the open segment of the journal when nothing in it can be read any more, so that its space comes back.
    pub(crate) fn seal_if_dead(&self) {
        if self.core.segments.active_is_dead() {
            self.backend.seal();
        }
    }

    async fn write(&mut self, taken: &mut SealedQueue) -> Result<(), ObjectError> {
        while let Some((start, end)) = taken.segments.first().copied() {
            self.write_index(start, end).await?;
            taken.segments.remove(0);
        }
        if let Some((position, state)) = &taken.state {
            self.write_checkpoint(*position, state.clone()).await?;
            self.covered = *position;
            taken.state = None;
            self.core.metrics.checkpoints.inc();
            self.drop_other_checkpoints().await?;
        }
        Ok(())
    }

    async fn write_index(&self, start: Position, end: Position) -> Result<(), ObjectError> {
        let mut partitions = self.core.segments.resident(start);
        partitions.sort_unstable_by_key(|partition| partition.topic_partition());
        // A partition that lost all it had in the segment and then got more is named twice.
        partitions.dedup_by_key(|partition| partition.topic_partition());
        let Some((bytes, rows)) = crate::blocking(move || build_index(partitions, start, end)).await else {
            self.core.segments.stored(start);
            return Ok(());
        };
        let Some(name) = index_name(start) else { return Ok(()) };
        self.replace(name, bytes.clone()).await?;
        // Just built, so it opens; were it not so, the first reader would be told.
        if let Ok(object) = IndexObject::open(bytes, start) {
            self.cache.insert(start, Arc::new(object));
        }
        for (partition, first) in rows {
            partition.batches().stored(start, first);
        }
        self.core.segments.stored(start);
        Ok(())
    }

    async fn write_checkpoint(&self, position: Position, state: Bytes) -> Result<(), ObjectError> {
        let core = Arc::clone(&self.core);
        let bytes =
            crate::blocking(move || format::encode(position, &state, &parts_below(&core, position))).await;
        for copy in [false, true] {
            if let Some(name) = checkpoint_name(position, copy) {
                self.replace(name, bytes.clone()).await?;
            }
        }
        Ok(())
    }

    /// Puts an object; one of that name that says something else was made by an earlier run, perhaps damaged since, and
    /// gives way.
    async fn replace(&self, name: ObjectName, bytes: Bytes) -> Result<(), ObjectError> {
        match self.backend.put(name.clone(), bytes.clone()).await {
            Err(ObjectError::Exists { .. }) => {
                self.backend.delete(name.clone()).await?;
                self.backend.put(name, bytes).await
            }
            result => result,
        }
    }

    /// Keeps the newest checkpoint and those before it. What lies behind it is of a history that ended otherwise.
    async fn drop_other_checkpoints(&self) -> Result<(), ObjectError> {
        let names = self.backend.list(CHECKPOINT_KIND).await?;
        let mut positions: Vec<_> = names.iter().filter_map(checkpoint_position).collect();
        positions.retain(|position| *position <= self.covered);
        positions.sort_unstable();
        positions.dedup();
        let kept = positions.split_off(positions.len().saturating_sub(CHECKPOINTS_KEPT));
        for name in names {
            if checkpoint_position(&name).is_none_or(|position| !kept.contains(&position)) {
                self.backend.delete(name).await?;
            }
        }
        Ok(())
    }

    /// Cuts off the start of the journal, as far as nothing there can be read and a checkpoint covers it.
    async fn trim(&self) -> Result<(), ObjectError> {
        let Some(upto) = self.core.segments.trimmable(self.covered) else { return Ok(()) };
        let start = self.backend.trim(upto).await?;
        for segment in self.core.segments.trimmed(start) {
            self.cache.forget(segment);
        }
        self.drop_indexes_below(start).await
    }

    /// Removes the indexes of segments that are gone, also those that an earlier run left.
    pub(crate) async fn drop_indexes_below(&self, start: Position) -> Result<(), ObjectError> {
        let Some(first_kept) = index_name(start) else { return Ok(()) };
        for name in self.backend.list(INDEX_KIND).await? {
            if name < first_kept {
                self.backend.delete(name).await?;
            }
        }
        Ok(())
    }
}

/// Partitions and the number of their first row in an index object.
type FirstRows = Vec<(Arc<Partition>, u32)>;

/// The index object of a segment, and the first row of each partition in it; `None` when nothing in it is alive.
fn build_index(
    partitions: Vec<Arc<Partition>>,
    start: Position,
    end: Position,
) -> Option<(Bytes, FirstRows)> {
    let mut builder = IndexBuilder::new();
    let mut rows = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let entries = resident_entries(&partition, start);
        if !entries.is_empty() {
            let first = builder.add(partition.topic_partition(), &entries);
            rows.push((partition, first));
        }
    }
    (!builder.is_empty()).then(|| (builder.finish(start, end), rows))
}

/// The entries of a partition in a sealed segment. Copied bit by bit, because the applier waits for the same lock.
fn resident_entries(partition: &Partition, segment: Position) -> Vec<BatchEntry> {
    let mut entries = Vec::new();
    loop {
        let batches = partition.batches();
        let rest = batches.resident(segment, entries.len());
        if rest.is_empty() {
            return entries;
        }
        entries.extend(rest.iter().take(ROWS_AT_ONCE));
    }
}

/// The sealed segments below `position` with the parts that partitions have in them now.
fn parts_below(core: &Core, position: Position) -> Vec<SegmentParts> {
    let sealed = core.segments.sealed_below(position);
    let mut segments: Vec<_> =
        sealed.into_iter().map(|(start, end)| SegmentParts { start, end, parts: Vec::new() }).collect();
    for topic in core.catalog.sorted().1.iter() {
        for partition in topic.partitions() {
            add_parts(&mut segments, partition.topic_partition(), partition);
        }
    }
    segments
}

fn add_parts(segments: &mut [SegmentParts], at: TopicPartition, partition: &Partition) {
    for part in partition.batches().parts() {
        let segment = segments.binary_search_by_key(&part.segment, |segment| segment.start).ok();
        if let Some(segment) = segment.and_then(|index| segments.get_mut(index)) {
            segment.parts.push((at, part.summary()));
        }
    }
}
