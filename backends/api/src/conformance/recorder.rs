//! The follower that checks look into.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::{AppendError, Committed, Follower, Position};

/// A call of the follower.
#[derive(Debug, Clone)]
pub enum Event {
    /// One entry of a group.
    Committed(Committed),
    /// A boundary.
    Sealed(Position),
    /// A refusal.
    Refused(u64, AppendError),
}

/// Remembers all calls. Clones share what they remember.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
    /// Held during a call, so that two at once are noticed.
    calling: Mutex<()>,
}

impl Recorder {
    /// All calls so far.
    pub fn events(&self) -> Vec<Event> {
        self.inner.events.lock().clone()
    }

    /// All committed entries so far.
    pub fn committed(&self) -> Vec<Committed> {
        let pick = |event| match event {
            Event::Committed(committed) => Some(committed),
            Event::Sealed(_) | Event::Refused(..) => None,
        };
        self.events().into_iter().filter_map(pick).collect()
    }

    /// The bytes of all committed entries so far.
    pub fn entries(&self) -> Vec<Bytes> {
        self.committed().into_iter().map(|committed| committed.entry).collect()
    }

    /// All boundaries so far.
    pub fn boundaries(&self) -> Vec<Position> {
        let pick = |event| match event {
            Event::Sealed(end) => Some(end),
            Event::Committed(_) | Event::Refused(..) => None,
        };
        self.events().into_iter().filter_map(pick).collect()
    }

    /// Waits until the outcome of this token is known.
    pub fn wait_for(&self, token: u64) {
        self.wait_until(|events| {
            events.iter().any(|event| match event {
                Event::Committed(committed) => committed.token == Some(token),
                Event::Refused(refused, _) => *refused == token,
                Event::Sealed(_) => false,
            })
        });
    }

    /// Waits until the calls so far satisfy `found`.
    ///
    /// # Panics
    /// When that does not happen within a minute.
    pub fn wait_until(&self, found: impl Fn(&[Event]) -> bool) {
        let mut events = self.inner.events.lock();
        while !found(&events) {
            let waited = self.inner.changed.wait_for(&mut events, Duration::from_secs(60));
            assert!(!waited.timed_out() || found(&events), "not heard within a minute; so far: {events:?}");
        }
    }

    fn record(&self, new: impl Iterator<Item = Event>) {
        let calling = self.inner.calling.try_lock();
        assert!(calling.is_some(), "two calls of the follower at once");
        self.inner.events.lock().extend(new);
        self.inner.changed.notify_all();
    }
}

impl Follower for Recorder {
    fn committed(&mut self, group: &[Committed]) {
        assert!(!group.is_empty(), "a group without entries");
        self.record(group.iter().cloned().map(Event::Committed));
    }

    fn sealed(&mut self, end: Position) {
        self.record([Event::Sealed(end)].into_iter());
    }

    fn refused(&mut self, token: u64, error: AppendError) {
        self.record([Event::Refused(token, error)].into_iter());
    }
}
