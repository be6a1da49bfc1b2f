//! Choosing where to start: the newest checkpoint that is whole together with its indexes, or the start of the journal.

use std::collections::BTreeSet;

use chronik_backend::{ObjectError, Objects, Position, StorageBackend};
use chronik_types::TopicPartition;

use super::format::{
    CHECKPOINT_KIND, Checkpoint, CheckpointDamage, checkpoint_name, checkpoint_position, decode,
};
use crate::OpenError;
use crate::index::{Entries, IndexCache, IndexError};

/// Where to start from.
#[derive(Debug)]
pub(crate) struct Start {
    /// From where the journal has to be followed.
    pub(crate) follow_from: Position,
    /// What is known of everything before.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Up to where the journal may be trimmed: what a checkpoint and its copy cover, both intact.
    pub(crate) covered: Position,
}

/// Chooses. Whatever is damaged is told in the log; while the journal is whole, nothing of it is needed.
pub(crate) async fn choose(backend: &dyn StorageBackend, cache: &IndexCache) -> Result<Start, OpenError> {
    let start = backend.start();
    let mut newest_damaged: Option<(Checkpoint, LostParts)> = None;
    for position in positions(backend).await? {
        // Entries before the start of the journal are needed, and are gone.
        if position < start {
            continue;
        }
        let Some((mut checkpoint, is_twofold)) = read(backend, position).await? else { continue };
        give_up(&mut checkpoint, start);
        let covered = if is_twofold { position } else { start };
        let lost = lost_parts(backend, cache, &checkpoint).await?;
        if lost.is_empty() {
            return Ok(Start { follow_from: position, checkpoint: Some(checkpoint), covered });
        }
        newest_damaged.get_or_insert((checkpoint, lost));
    }
    match newest_damaged {
        Some((checkpoint, lost)) if start > Position::ZERO => Ok(without(checkpoint, &lost, start)),
        _ => Ok(Start { follow_from: start, checkpoint: None, covered: start }),
    }
}

/// Segments before the start of the journal were given up after the checkpoint was taken, as entries behind it say: that
/// they are gone, with their indexes, is no damage.
fn give_up(checkpoint: &mut Checkpoint, start: Position) {
    for segment in checkpoint.segments.iter_mut().filter(|segment| segment.start < start) {
        segment.parts.iter_mut().for_each(|(_, part)| part.entries = Entries::Lost);
    }
}

/// A start for a journal that does not reach back to where indexes could be made again: the records of these parts cannot
/// be found, all others can.
fn without(mut checkpoint: Checkpoint, lost: &LostParts, covered: Position) -> Start {
    for segment in &mut checkpoint.segments {
        let mut partitions = 0;
        for (at, part) in &mut segment.parts {
            if lost.contains(&(segment.start, *at)) {
                part.entries = Entries::Lost;
                partitions += 1;
            }
        }
        if partitions > 0 {
            tracing::error!(
                segment = %segment.start,
                partitions,
                "records in a journal segment cannot be found, because its index is not usable"
            );
        }
    }
    Start { follow_from: checkpoint.position, checkpoint: Some(checkpoint), covered }
}

/// The positions of all checkpoints, the newest first.
async fn positions(objects: &(impl Objects + ?Sized)) -> Result<Vec<Position>, OpenError> {
    let names = objects.list(CHECKPOINT_KIND).await.map_err(OpenError::Objects)?;
    let positions: BTreeSet<_> = names.iter().filter_map(checkpoint_position).collect();
    Ok(positions.into_iter().rev().collect())
}

/// The checkpoint at a position, or its copy, and whether both are intact; `None` when neither is.
///
/// # Errors
/// When neither can be used, and one of them may be intact and cannot be read now; or a later program wrote it.
async fn read(
    objects: &(impl Objects + ?Sized),
    position: Position,
) -> Result<Option<(Checkpoint, bool)>, OpenError> {
    let mut found = None;
    let mut unreadable = None;
    for copy in [false, true] {
        let Some(name) = checkpoint_name(position, copy) else { continue };
        let bytes = match objects.get(name.clone()).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(checkpoint = %name, %error, "a checkpoint cannot be read");
                if !is_damage(&error) {
                    unreadable.get_or_insert(OpenError::Checkpoint { name, source: error });
                }
                continue;
            }
        };
        if let Some((checkpoint, first)) = found.take() {
            return Ok(Some((checkpoint, first == bytes)));
        }
        match decode(&bytes, position) {
            Ok(checkpoint) => found = Some((checkpoint, bytes)),
            Err(error @ CheckpointDamage::Version { .. }) => {
                return Err(OpenError::Newer { name, source: Box::new(error) });
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(checkpoint = %name, error, "a checkpoint is damaged");
            }
        }
    }
    match (found, unreadable) {
        (Some((checkpoint, _)), _) => Ok(Some((checkpoint, false))),
        (None, Some(unreadable)) => Err(unreadable),
        (None, None) => Ok(None),
    }
}

/// Parts that a checkpoint says are in an index: the segment, and the partition.
type LostParts = BTreeSet<(Position, TopicPartition)>;

/// The parts that the checkpoint needs and no index has. An index may be newer than the checkpoint, and then it is without
/// what was given up in the meantime.
///
/// # Errors
/// When whether an index is usable cannot be told now, although it may be.
async fn lost_parts(
    objects: &(impl Objects + ?Sized),
    cache: &IndexCache,
    checkpoint: &Checkpoint,
) -> Result<LostParts, OpenError> {
    let mut lost = BTreeSet::new();
    for segment in &checkpoint.segments {
        let mut wanted = segment.parts.iter().filter_map(|(at, part)| match part.entries {
            Entries::Stored { count, .. } => Some((*at, count)),
            Entries::Resident(_) | Entries::Lost => None,
        });
        let Some(first) = wanted.next() else { continue };
        let wanted = std::iter::once(first).chain(wanted);
        let before = lost.len();
        match cache.load(objects, segment.start).await {
            Ok(index) => {
                let missing = wanted.filter(|(at, count)| index.rows(*at, *count).is_none());
                lost.extend(missing.map(|(at, _)| (segment.start, at)));
                if lost.len() > before {
                    tracing::warn!(segment = %segment.start, "an index is not the one that a checkpoint was made with");
                }
            }
            Err(IndexError::Storage { segment, source }) if !is_damage(&source) => {
                return Err(OpenError::Index { segment, source });
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an index is not usable");
                lost.extend(wanted.map(|(at, _)| (segment.start, at)));
            }
        }
    }
    Ok(lost)
}

/// Whether the object is not there as it was put, and trying again does not help.
fn is_damage(error: &ObjectError) -> bool {
    match error {
        ObjectError::NotFound { .. } => true,
        ObjectError::Io { source, .. } => source.kind() == std::io::ErrorKind::InvalidData,
        ObjectError::Exists { .. } | ObjectError::ReadOnly { .. } | ObjectError::Full { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use chronik_backend::{
        Append, AppendClass, AppendError, Committed, Follower, MemoryBackend, MemoryOptions,
    };
    use chronik_state::State;
    use chronik_types::{Offset, PartitionIndex, TimestampMs, TopicId};
    use tokio::sync::mpsc;

    use super::super::format::{SegmentParts, encode};
    use super::*;
    use crate::index::{BatchEntry, IndexBuilder, Part, index_name};

    /// Tells of boundaries.
    struct Boundaries(mpsc::Sender<Position>);

    impl Follower for Boundaries {
        fn committed(&mut self, _group: &[Committed]) {}

        fn sealed(&mut self, end: Position) {
            self.0.try_send(end).unwrap();
        }

        fn refused(&mut self, _token: u64, _error: AppendError) {}
    }

    #[tokio::test]
    async fn what_was_given_up_after_a_checkpoint_is_no_damage() {
        let backend = MemoryBackend::new(MemoryOptions::default());
        let cache = IndexCache::new(1 << 20, Arc::default());
        let (sender, mut boundaries) = mpsc::channel(4);
        backend.follow(Position::ZERO, Box::new(Boundaries(sender))).unwrap();
        let mut ends = Vec::new();
        for token in 0..2 {
            let entry = Bytes::from_static(b"entry");
            backend.append(Append { token, entry, data: Vec::new(), class: AppendClass::Control }).unwrap();
            backend.seal();
            ends.push(boundaries.recv().await.unwrap());
        }
        let part = Part {
            segment: Position::ZERO,
            first_offset: Offset::ZERO,
            next_offset: Offset::new(1),
            max_timestamp: TimestampMs::NONE,
            bytes: 1,
            entries: Entries::Stored { first: 0, count: 1 },
        };
        let at = TopicPartition::new(TopicId::NONE, PartitionIndex::new(0));
        let segment = SegmentParts { start: Position::ZERO, end: ends[0], parts: vec![(at, part)] };
        for copy in [false, true] {
            let bytes = encode(ends[1], &State::new().encode(), std::slice::from_ref(&segment));
            backend.put(checkpoint_name(ends[1], copy).unwrap(), bytes).await.unwrap();
        }
        backend.trim(ends[0]).await.unwrap();

        let start = choose(&backend, &cache).await.unwrap();
        assert_eq!((start.follow_from, start.covered), (ends[1], ends[1]));
    }

    #[tokio::test]
    async fn what_an_index_does_not_have_is_lost_and_nothing_else() {
        let [one, other, third] =
            [1, 2, 3].map(|id| TopicPartition::new(TopicId::from_bytes([id; 16]), PartitionIndex::new(0)));
        let entry = |base| BatchEntry {
            base_offset: Offset::new(base),
            at: Position::new(100),
            max_timestamp: TimestampMs::NONE,
            len: 70,
            last_offset_delta: 0,
        };
        let (start, end) = (Position::new(50), Position::new(90));
        let backend = MemoryBackend::new(MemoryOptions::default());
        let mut index = IndexBuilder::new();
        // The checkpoint knows the rows behind those of a partition that is gone, and fewer of the third one.
        index.add(other, &[entry(7), entry(8)]);
        index.add(third, &[entry(9)]);
        backend.put(index_name(start).unwrap(), index.finish(start, end)).await.unwrap();
        let part = |entries| Part { entries, ..Part::starting_with(start, entry(0)) };
        let parts = [(one, 0, 3), (other, 3, 2), (third, 5, 4)]
            .map(|(at, first, count)| (at, part(Entries::Stored { first, count })));
        let segment = SegmentParts { start, end, parts: parts.into() };
        let bytes = encode(end, &State::new().encode(), std::slice::from_ref(&segment));
        let checkpoint = decode(&bytes, end).unwrap();

        let cache = IndexCache::new(1 << 20, Arc::default());
        let lost = lost_parts(&backend, &cache, &checkpoint).await.unwrap();
        assert_eq!(lost, BTreeSet::from([(start, one), (start, third)]));
        let start = without(checkpoint, &lost, start).checkpoint.unwrap();
        let left = start.segments[0].parts.iter().filter(|(_, part)| !matches!(part.entries, Entries::Lost));
        assert_eq!(left.map(|(at, _)| *at).collect::<Vec<_>>(), [other]);
    }

    #[tokio::test]
    async fn one_of_two_copies_is_enough_to_start_from_but_not_to_trim_behind() {
        let backend = MemoryBackend::new(MemoryOptions::default());
        let cache = IndexCache::new(1 << 20, Arc::default());
        let position = Position::new(50);
        let bytes = encode(position, &State::new().encode(), &[]);
        let mut damaged = bytes.to_vec();
        damaged[40] ^= 1;
        let [original, copy] = [false, true].map(|copy| checkpoint_name(position, copy).unwrap());
        for (name, bytes, covered) in [
            (&original, bytes.clone(), Position::ZERO),
            (&copy, bytes.clone(), position),
            (&original, damaged.clone().into(), Position::ZERO),
            (&original, bytes, position),
            (&copy, damaged.into(), Position::ZERO),
        ] {
            backend.delete(name.clone()).await.unwrap();
            backend.put(name.clone(), bytes).await.unwrap();
            let start = choose(&backend, &cache).await.unwrap();
            assert_eq!((start.follow_from, start.covered), (position, covered), "{name}");
        }
    }
}
