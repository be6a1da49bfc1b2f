//! Choosing where to start: the newest checkpoint that is whole together with its indexes, or the start of the journal.

use std::collections::BTreeSet;

use chronik_backend::{Objects, Position, StorageBackend};

use super::format::{CHECKPOINT_KIND, Checkpoint, CheckpointDamage, checkpoint_position, decode};
use crate::OpenError;
use crate::index::{Entries, IndexCache};

/// Where to start from.
#[derive(Debug)]
pub(crate) struct Start {
    /// From where the journal has to be followed.
    pub(crate) follow_from: Position,
    /// What is known of everything before.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// Chooses. Whatever is damaged is told in the log; while the journal is whole, nothing of it is needed.
pub(crate) async fn choose(backend: &dyn StorageBackend, cache: &IndexCache) -> Result<Start, OpenError> {
    let start = backend.start();
    let mut newest_damaged = None;
    for position in positions(backend).await? {
        // Entries before the start of the journal are needed, and are gone.
        if position < start {
            continue;
        }
        let Some(checkpoint) = read(backend, position).await? else { continue };
        let damaged = damaged_indexes(backend, cache, &checkpoint).await;
        if damaged.is_empty() {
            return Ok(Start { follow_from: position, checkpoint: Some(checkpoint) });
        }
        newest_damaged.get_or_insert((checkpoint, damaged));
    }
    match newest_damaged {
        Some((checkpoint, damaged)) if start > Position::ZERO => Ok(without(checkpoint, &damaged)),
        _ => Ok(Start { follow_from: start, checkpoint: None }),
    }
}

/// A start for a journal that does not reach back to where these indexes could be made again: their records cannot be
/// found, all others can.
fn without(mut checkpoint: Checkpoint, damaged: &BTreeSet<Position>) -> Start {
    for segment in checkpoint.segments.iter_mut().filter(|segment| damaged.contains(&segment.start)) {
        tracing::error!(
            segment = %segment.start,
            partitions = segment.parts.len(),
            "the records of a journal segment cannot be found, because its index is damaged"
        );
        segment.parts.iter_mut().for_each(|(_, part)| part.entries = Entries::Lost);
    }
    Start { follow_from: checkpoint.position, checkpoint: Some(checkpoint) }
}

/// The positions of all checkpoints, the newest first.
async fn positions(objects: &(impl Objects + ?Sized)) -> Result<Vec<Position>, OpenError> {
    let names = objects.list(CHECKPOINT_KIND).await.map_err(OpenError::Objects)?;
    let positions: BTreeSet<_> = names.iter().filter_map(checkpoint_position).collect();
    Ok(positions.into_iter().rev().collect())
}

/// The checkpoint at a position, or its copy; `None` when both are damaged or missing.
async fn read(
    objects: &(impl Objects + ?Sized),
    position: Position,
) -> Result<Option<Checkpoint>, OpenError> {
    for copy in [false, true] {
        let Some(name) = super::format::checkpoint_name(position, copy) else { continue };
        let bytes = match objects.get(name.clone()).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(checkpoint = %name, %error, "a checkpoint cannot be read");
                continue;
            }
        };
        match decode(&bytes, position) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error @ CheckpointDamage::Version { .. }) => {
                return Err(OpenError::Newer { name, source: Box::new(error) });
            }
            Err(error) => {
                tracing::error!(checkpoint = %name, error = &error as &dyn std::error::Error, "a checkpoint is damaged");
            }
        }
    }
    Ok(None)
}

/// The segments whose indexes the checkpoint needs and cannot have.
async fn damaged_indexes(
    objects: &(impl Objects + ?Sized),
    cache: &IndexCache,
    checkpoint: &Checkpoint,
) -> BTreeSet<Position> {
    let mut damaged = BTreeSet::new();
    for segment in &checkpoint.segments {
        let is_lost = |entries: &Entries| matches!(entries, Entries::Lost);
        if segment.parts.iter().all(|(_, part)| is_lost(&part.entries)) {
            continue;
        }
        if let Err(error) = cache.load(objects, segment.start).await {
            tracing::error!(error = &error as &dyn std::error::Error, "an index is not usable");
            damaged.insert(segment.start);
        }
    }
    damaged
}
