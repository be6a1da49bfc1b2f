//! Storage in memory: a real implementation for tests and simulation, and the only storage double.
//!
//! One lock gives the order. One thread commits (or the caller, [`MemoryBackend::by_hand`]): it takes what is queued,
//! makes it part of the journal, and calls the follower, so calls come one at a time and in order. Segments are virtual and roll by bytes, so that sealing and
//! trimming work as on a disk. Nothing outlives the process, except into the backend that [`Faults::cut_power`] or
//! [`Faults::restart`] hands back. [`Faults`] makes it fail, wait or lose power; `journal` holds the data.

mod faults;
mod journal;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::{
    Append, AppendClass, AppendError, BoxFuture, DataRef, FollowError, Follower, ObjectError, ObjectName,
    Objects, Position, ReadError, Status, StorageBackend,
};

pub use faults::{Faults, Pending};
use journal::Journal;
use state::{ObjectChange, Phase, Queued, State, length, size_of_append};

/// Limits of a [`MemoryBackend`].
#[derive(Debug, Clone)]
pub struct MemoryOptions {
    /// Bytes after which a segment ends.
    pub segment_bytes: u64,
    /// Bytes of journal, queue and objects together beyond which data is refused with [`AppendError::Full`].
    pub limit_bytes: u64,
    /// Bytes beyond `limit_bytes` that [`AppendClass::Control`] may still use.
    pub reserve_bytes: u64,
    /// Bytes that may wait for their commit; beyond, appends are refused with [`AppendError::Overloaded`].
    pub queue_bytes: u64,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, limit_bytes: 1 << 30, reserve_bytes: 1 << 20, queue_bytes: 64 << 20 }
    }
}

/// A journal and objects in memory.
#[derive(Debug)]
pub struct MemoryBackend {
    shared: Arc<Shared>,
}

struct Shared {
    options: MemoryOptions,
    state: Mutex<State>,
    /// Wakes the committing thread.
    work: Condvar,
    /// Wakes futures that wait for a change of `state`.
    changed: Notify,
    /// The follower of a backend that commits by hand.
    by_hand: Option<Mutex<Option<Box<dyn Follower>>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What there was to do for whoever commits.
enum Turn {
    /// A group was delivered; there may be more.
    Committed,
    /// Nothing, for now.
    Idle,
    /// Nothing, for good.
    Ended,
}

impl MemoryBackend {
    /// An empty one.
    pub fn new(options: MemoryOptions) -> Self {
        Self::over(options, Journal::default(), BTreeMap::new())
    }

    /// An empty one without a thread: it commits where and when [`MemoryBackend::commit`] is called, so that a program of
    /// one thread always does the same in the same order.
    pub fn by_hand(options: MemoryOptions) -> Self {
        let state = State::new(Journal::default(), BTreeMap::new());
        Self { shared: Arc::new(Shared::new(options, state, Some(Mutex::default()))) }
    }

    /// Commits what is queued, in groups, and calls the follower here; whether there was anything. For a backend made
    /// [`by_hand`](Self::by_hand), once it is followed; any other commits by itself.
    pub fn commit(&self) -> bool {
        let Some(mut follower) = self.shared.by_hand.as_ref().and_then(|follower| follower.lock().take())
        else {
            return false;
        };
        let mut committed = false;
        let mut state = self.shared.state.lock();
        while let Turn::Committed = self.shared.turn(&mut state, follower.as_mut()) {
            committed = true;
        }
        drop(state);
        if let Some(place) = &self.shared.by_hand {
            *place.lock() = Some(follower);
        }
        committed
    }

    /// One that starts with what an earlier one left.
    fn over(options: MemoryOptions, journal: Journal, objects: BTreeMap<ObjectName, Bytes>) -> Self {
        Self { shared: Arc::new(Shared::new(options, State::new(journal, objects), None)) }
    }

    /// The handle that makes it fail, wait or lose power.
    pub fn faults(&self) -> Faults {
        Faults::new(Arc::clone(&self.shared))
    }
}

impl Drop for MemoryBackend {
    fn drop(&mut self) {
        self.shared.stop(&mut self.shared.state.lock());
    }
}

impl StorageBackend for MemoryBackend {
    fn follow(&self, from: Position, mut follower: Box<dyn Follower>) -> Result<Position, FollowError> {
        let (history, end) = {
            let mut state = self.shared.state.lock();
            if state.followed {
                return Err(FollowError::AlreadyFollowed);
            }
            let history = state.journal.history(from)?;
            state.followed = true;
            let damage = state.journal.damage_after(from);
            let end = damage.as_ref().map_or(state.journal.end(), |(at, _)| *at);
            state.read_only = damage.map(|(_, damage)| damage);
            (history, end)
        };
        for step in history {
            step.deliver(follower.as_mut());
        }
        let mut state = self.shared.state.lock();
        if state.phase == Phase::Opened && state.read_only.is_none() {
            state.phase = Phase::Running;
            drop(state);
            if let Some(place) = &self.shared.by_hand {
                *place.lock() = Some(follower);
                return Ok(end);
            }
            let shared = Arc::clone(&self.shared);
            let spawned =
                std::thread::Builder::new().name("memory-commit".into()).spawn(move || shared.run(follower));
            spawned.map_err(|source| FollowError::Io { context: "cannot start a thread".into(), source })?;
        }
        Ok(end)
    }

    fn append(&self, append: Append) -> Result<(), AppendError> {
        let options = &self.shared.options;
        let mut state = self.shared.state.lock();
        match (state.phase, &state.read_only) {
            (Phase::Running, _) => {}
            (Phase::Opened, Some(damage)) => return Err(AppendError::ReadOnly { damage: damage.clone() }),
            (Phase::Opened | Phase::Closing | Phase::Stopped, _) => return Err(AppendError::Closed),
        }
        if let Some(error) = state.plan.append_fault() {
            return Err(error);
        }
        let size = size_of_append(&append);
        if size > options.segment_bytes {
            return Err(AppendError::TooLarge { size, limit: options.segment_bytes });
        }
        let reserve = if append.class == AppendClass::Control { options.reserve_bytes } else { 0 };
        let full = state.bytes_used() + state.queued_bytes + size > options.limit_bytes + reserve;
        if append.class == AppendClass::Data {
            state.full = full;
        }
        if full {
            return Err(AppendError::Full { detail: format!("{} bytes of memory", options.limit_bytes) });
        }
        if state.queued_bytes > 0 && state.queued_bytes + size > options.queue_bytes {
            return Err(AppendError::Overloaded { queued: state.queued_bytes, limit: options.queue_bytes });
        }
        state.queued_bytes += size;
        state.queue.push_back(Queued::Append(append));
        self.shared.work.notify_one();
        Ok(())
    }

    fn cached(&self, data: DataRef) -> Option<Bytes> {
        self.shared.state.lock().journal.read(data)
    }

    fn read(&self, data: DataRef) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        Box::pin(async move {
            let mut state = self.shared.state.lock();
            if let Some(source) = state.plan.read_fault() {
                return Err(ReadError::Io { context: format!("cannot read {} in memory", data.at), source });
            }
            state.journal.read(data).ok_or(ReadError::NotFound { at: data.at })
        })
    }

    fn start(&self) -> Position {
        self.shared.state.lock().journal.start()
    }

    fn seal(&self) {
        let mut state = self.shared.state.lock();
        if state.phase == Phase::Running {
            state.queue.push_back(Queued::Seal);
            self.shared.work.notify_one();
        }
    }

    fn trim(&self, upto: Position) -> BoxFuture<'_, Result<Position, ObjectError>> {
        Box::pin(async move {
            let mut state = self.shared.state.lock();
            state.check_writable()?;
            state.journal.trim(upto);
            state.full &= state.bytes_used() > self.shared.options.limit_bytes;
            Ok(state.journal.start())
        })
    }

    fn status(&self) -> Status {
        let state = self.shared.state.lock();
        Status {
            backend: "memory",
            durability: "lost when the process ends".into(),
            location: "memory".into(),
            bytes_used: state.bytes_used(),
            segments: state.journal.segments(),
            bytes_queued: state.queued_bytes,
            bytes_cached: state.journal.bytes(),
            full: state.full,
            damage: Vec::new(),
            read_only: state.read_only.clone(),
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let closing = |state: &mut State| match state.phase {
                Phase::Opened | Phase::Stopped => {
                    self.shared.stop(state);
                    Some(())
                }
                Phase::Running | Phase::Closing => {
                    state.phase = Phase::Closing;
                    self.shared.work.notify_one();
                    None
                }
            };
            self.shared.wait(closing).await;
        })
    }
}

impl Objects for MemoryBackend {
    fn put(&self, name: ObjectName, bytes: Bytes) -> BoxFuture<'_, Result<(), ObjectError>> {
        Box::pin(async move {
            {
                let mut state = self.shared.state.lock();
                state.check_writable()?;
                if let Some(source) = state.plan.put_fault() {
                    return Err(ObjectError::Io { context: format!("cannot write object {name}"), source });
                }
                let used = state.bytes_used() + state.queued_bytes + length(&bytes);
                if used > self.shared.options.limit_bytes + self.shared.options.reserve_bytes {
                    let detail = format!("{} bytes of memory", self.shared.options.limit_bytes);
                    return Err(ObjectError::Full { detail });
                }
                let taken = state.objects.get(&name).or_else(|| state.pending_put(&name));
                if taken.is_some_and(|there| *there != bytes) {
                    return Err(ObjectError::Exists { name });
                }
            }
            self.shared.change(ObjectChange::Put(name, bytes)).await
        })
    }

    fn get(&self, name: ObjectName) -> BoxFuture<'_, Result<Bytes, ObjectError>> {
        Box::pin(async move {
            let state = self.shared.state.lock();
            state.objects.get(&name).cloned().ok_or(ObjectError::NotFound { name })
        })
    }

    fn list(&self, kind: &str) -> BoxFuture<'_, Result<Vec<ObjectName>, ObjectError>> {
        let state = self.shared.state.lock();
        let names = state.objects.keys().filter(|name| name.kind() == kind).cloned().collect();
        Box::pin(async move { Ok(names) })
    }

    fn delete(&self, name: ObjectName) -> BoxFuture<'_, Result<(), ObjectError>> {
        Box::pin(async move { self.shared.change(ObjectChange::Delete(name)).await })
    }
}

impl Shared {
    fn new(options: MemoryOptions, state: State, by_hand: Option<Mutex<Option<Box<dyn Follower>>>>) -> Self {
        let (state, work, changed) = (Mutex::new(state), Condvar::new(), Notify::new());
        Self { options, state, work, changed, by_hand }
    }

    /// The committing thread: one group after the other until the backend stops.
    fn run(&self, mut follower: Box<dyn Follower>) {
        let mut state = self.state.lock();
        loop {
            match self.turn(&mut state, follower.as_mut()) {
                Turn::Committed => {}
                Turn::Idle => self.work.wait(&mut state),
                Turn::Ended => return,
            }
        }
    }

    /// Commits one group, if there is one.
    fn turn(&self, state: &mut MutexGuard<'_, State>, follower: &mut dyn Follower) -> Turn {
        match state.phase {
            Phase::Stopped => return Turn::Ended,
            Phase::Closing if state.queue.is_empty() => {
                self.stop(state);
                return Turn::Ended;
            }
            Phase::Opened | Phase::Running | Phase::Closing => {}
        }
        if state.queue.is_empty() || state.plan.held() {
            return Turn::Idle;
        }
        if state.plan.write_fault() {
            self.stop(state);
            return Turn::Ended;
        }
        let step = state.commit(self.options.segment_bytes);
        MutexGuard::unlocked(state, || step.deliver(follower));
        Turn::Committed
    }

    fn stop(&self, state: &mut State) {
        state.phase = Phase::Stopped;
        self.work.notify_all();
        self.changed.notify_waiters();
    }

    /// Makes a change of an object at once, or when commits are no longer held.
    async fn change(&self, change: ObjectChange) -> Result<(), ObjectError> {
        let ticket = {
            let mut state = self.state.lock();
            state.check_writable()?;
            if state.phase == Phase::Stopped {
                return Err(without_power());
            }
            if !state.plan.held() {
                change.apply(&mut state.objects);
                return Ok(());
            }
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.pending.insert(ticket, change);
            ticket
        };
        self.wait(|state| match (state.pending.contains_key(&ticket), state.phase) {
            (false, _) => Some(Ok(())),
            (true, Phase::Stopped) => Some(Err(without_power())),
            (true, Phase::Opened | Phase::Running | Phase::Closing) => None,
        })
        .await
    }

    /// Waits until `ready` finds what it looks for.
    async fn wait<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = ready(&mut self.state.lock()) {
                return found;
            }
            changed.await;
        }
    }
}

fn without_power() -> ObjectError {
    ObjectError::Io { context: "storage is closed".into(), source: std::io::ErrorKind::BrokenPipe.into() }
}
