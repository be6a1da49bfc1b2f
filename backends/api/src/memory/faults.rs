//! Faults of a [`super::MemoryBackend`], planned from outside.
//!
//! Operations are counted from the moment a fault is planned: `fail_put(1, ..)` fails the next one.

use std::io;
use std::sync::Arc;

use super::state::{ObjectChange, Phase, Queued, State};
use super::{MemoryBackend, Shared};
use crate::{Append, AppendError, ObjectName, Position};

/// Makes a [`MemoryBackend`] fail, wait or lose power. Outlives the backend, as a disk outlives a process.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

/// Something accepted that was not yet safe when the power went.
#[derive(Debug)]
pub enum Pending<'a> {
    /// An append.
    Append(&'a Append),
    /// An object on its way in.
    Put(&'a ObjectName),
    /// An object on its way out.
    Delete(&'a ObjectName),
}

/// Which operation fails how.
#[derive(Debug, Default)]
pub(super) struct Plan {
    append: Option<(u64, AppendError)>,
    put: Option<(u64, io::ErrorKind)>,
    read: Option<(u64, io::ErrorKind)>,
    write: Option<u64>,
    held: bool,
}

impl Plan {
    pub(super) fn append_fault(&mut self) -> Option<AppendError> {
        due(&mut self.append)
    }

    pub(super) fn put_fault(&mut self) -> Option<io::Error> {
        due(&mut self.put).map(Into::into)
    }

    pub(super) fn read_fault(&mut self) -> Option<io::Error> {
        due(&mut self.read).map(Into::into)
    }

    pub(super) fn write_fault(&mut self) -> bool {
        let mut planned = self.write.take().map(|nth| (nth, ()));
        let fails = due(&mut planned).is_some();
        self.write = planned.map(|(nth, ())| nth);
        fails
    }

    pub(super) fn held(&self) -> bool {
        self.held
    }
}

/// Counts one operation; its fault when it is the one.
fn due<E>(planned: &mut Option<(u64, E)>) -> Option<E> {
    let (left, fault) = planned.take()?;
    if left <= 1 {
        return Some(fault);
    }
    *planned = Some((left - 1, fault));
    None
}

impl Faults {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The `nth` append from now is refused at once with this error.
    pub fn fail_append(&self, nth: u64, error: AppendError) {
        self.shared.state.lock().plan.append = Some((nth, error));
    }

    /// The `nth` put from now fails; the object is not there.
    pub fn fail_put(&self, nth: u64, kind: io::ErrorKind) {
        self.shared.state.lock().plan.put = Some((nth, kind));
    }

    /// The `nth` read from now fails.
    pub fn fail_read(&self, nth: u64, kind: io::ErrorKind) {
        self.shared.state.lock().plan.read = Some((nth, kind));
    }

    /// The `nth` group written from now fails: S3, the backend acknowledges nothing more.
    pub fn fail_write(&self, nth: u64) {
        self.shared.state.lock().plan.write = Some(nth);
    }

    /// Nothing becomes durable until [`Faults::release`]: appends queue up, changes of objects wait.
    pub fn hold(&self) {
        self.shared.state.lock().plan.held = true;
    }

    /// Ends [`Faults::hold`].
    pub fn release(&self) {
        let mut state = self.shared.state.lock();
        state.plan.held = false;
        let pending = std::mem::take(&mut state.pending);
        for change in pending.into_values() {
            change.apply(&mut state.objects);
        }
        self.shared.work.notify_one();
        self.shared.changed.notify_waiters();
    }

    /// Cuts the power and starts again: the old backend calls its follower no more, the new one has all that was
    /// safe, and of the rest what `keep` says. Appends survive as a prefix of the order, so `keep` is asked for them
    /// in order and no further after its first `false`; changes of objects survive each on their own.
    pub fn cut_power(&self, mut keep: impl FnMut(Pending<'_>) -> bool) -> MemoryBackend {
        let mut state = self.shared.state.lock();
        let State { journal, queue, objects, pending, phase, .. } = &mut *state;
        let (mut journal, mut objects) = (journal.clone(), objects.clone());
        if *phase != Phase::Stopped {
            for queued in queue.drain(..) {
                match queued {
                    Queued::Append(append) if keep(Pending::Append(&append)) => drop(journal.push(append)),
                    Queued::Append(_) => break,
                    Queued::Seal => {}
                }
            }
            // The waiting futures find their change still pending, and fail.
            for change in pending.values() {
                let survives = match change {
                    ObjectChange::Put(name, _) => keep(Pending::Put(name)),
                    ObjectChange::Delete(name) => keep(Pending::Delete(name)),
                };
                if survives {
                    change.clone().apply(&mut objects);
                }
            }
        }
        self.shared.stop(&mut state);
        MemoryBackend::over(self.shared.options.clone(), journal, objects)
    }

    /// Makes the entry at this position unreadable for the backends to come (S13).
    pub fn damage(&self, entry: Position) {
        self.shared.state.lock().journal.damage(entry);
    }

    /// What the medium holds.
    #[cfg(test)]
    pub(super) fn content(&self) -> String {
        let state = self.shared.state.lock();
        format!("{:?} {:?}", state.journal, state.objects)
    }

    /// Stops the backend as `kill -9` does and starts again over what was safe.
    pub fn restart(&self) -> MemoryBackend {
        self.cut_power(|_| false)
    }
}
