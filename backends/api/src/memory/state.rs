//! What a [`super::MemoryBackend`] holds under its lock.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::faults::Plan;
use super::journal::{self, Journal};
use crate::{Append, Damage, ObjectError, ObjectName};

#[derive(Debug)]
pub(super) struct State {
    pub(super) journal: Journal,
    pub(super) queue: VecDeque<Queued>,
    pub(super) queued_bytes: u64,
    pub(super) objects: BTreeMap<ObjectName, Bytes>,
    /// Changes of objects that wait while commits are held, by ticket.
    pub(super) pending: BTreeMap<u64, ObjectChange>,
    pub(super) next_ticket: u64,
    /// Whether `follow` was called.
    pub(super) followed: bool,
    pub(super) phase: Phase,
    /// What was met in the history, if anything: the phase stays as it is then.
    pub(super) read_only: Option<Damage>,
    pub(super) full: bool,
    pub(super) plan: Plan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before `follow` has delivered the history, and for good if that is damaged.
    Opened,
    Running,
    /// Commits what is queued, then stops.
    Closing,
    /// Stopped for good: closed, failed, or without power.
    Stopped,
}

#[derive(Debug)]
pub(super) enum Queued {
    Append(Append),
    Seal,
}

#[derive(Debug, Clone)]
pub(super) enum ObjectChange {
    Put(ObjectName, Bytes),
    Delete(ObjectName),
}

impl State {
    /// Over what an earlier backend left.
    pub(super) fn new(journal: Journal, objects: BTreeMap<ObjectName, Bytes>) -> Self {
        Self {
            journal,
            queue: VecDeque::new(),
            queued_bytes: 0,
            objects,
            pending: BTreeMap::new(),
            next_ticket: 0,
            followed: false,
            phase: Phase::Opened,
            read_only: None,
            full: false,
            plan: Plan::default(),
        }
    }

    /// S13. An error when nothing may be changed.
    pub(super) fn check_writable(&self) -> Result<(), ObjectError> {
        match &self.read_only {
            Some(damage) => Err(ObjectError::ReadOnly { damage: damage.clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn bytes_used(&self) -> u64 {
        self.journal.bytes() + self.objects.values().map(length).sum::<u64>()
    }

    pub(super) fn pending_put(&self, name: &ObjectName) -> Option<&Bytes> {
        self.pending.values().find_map(|change| match change {
            ObjectChange::Put(put, bytes) if put == name => Some(bytes),
            ObjectChange::Put(..) | ObjectChange::Delete(_) => None,
        })
    }

    /// Makes the first of what is queued part of the journal: a group of entries up to the end of the segment.
    pub(super) fn commit(&mut self, segment_bytes: u64) -> journal::Step {
        let mut group = Vec::new();
        while let Some(queued) = self.queue.pop_front() {
            match queued {
                Queued::Append(append) => {
                    self.queued_bytes -= size_of_append(&append);
                    group.push(self.journal.push(append));
                    if self.journal.active_bytes() >= segment_bytes {
                        return journal::Step { group, sealed: self.journal.seal() };
                    }
                }
                Queued::Seal => return journal::Step { group, sealed: self.journal.seal() },
            }
        }
        journal::Step { group, sealed: None }
    }
}

impl ObjectChange {
    pub(super) fn apply(self, objects: &mut BTreeMap<ObjectName, Bytes>) {
        match self {
            Self::Put(name, bytes) => drop(objects.insert(name, bytes)),
            Self::Delete(name) => drop(objects.remove(&name)),
        }
    }
}

pub(super) fn size_of_append(append: &Append) -> u64 {
    length(&append.entry) + append.data.iter().map(length).sum::<u64>()
}

pub(super) fn length(bytes: &Bytes) -> u64 {
    bytes.len() as u64
}
