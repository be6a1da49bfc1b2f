//! What the applier, the hot paths and the upkeep tasks share. It does not know the backend, which owns the applier.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use chronik_backend::Position;
use chronik_state::State;
use chronik_types::Clock;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::catalog::Catalog;
use crate::configs::EffectiveConfigs;
use crate::segments::Segments;
use crate::waiters::Waiters;
use crate::{Halt, Metrics};

/// The shared parts.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) state: Mutex<State>,
    pub(crate) catalog: Catalog,
    pub(crate) configs: EffectiveConfigs,
    pub(crate) waiters: Waiters,
    pub(crate) segments: Segments,
    pub(crate) sealed: Sealed,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told when a segment may have become empty.
    pub(crate) reclaim: Notify,
    /// Bytes of the open segment of the journal, about.
    pub(crate) open_bytes: AtomicU64,
    /// What transactional ids take of the state.
    pub(crate) transaction_bytes: AtomicUsize,
    /// Whether there is something in `halt`: looked at for each append.
    is_halted: AtomicBool,
    halt: watch::Sender<Option<Arc<Halt>>>,
}

impl Core {
    pub(crate) fn new(configs: EffectiveConfigs, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new(State::new()),
            catalog: Catalog::default(),
            configs,
            waiters: Waiters::default(),
            segments: Segments::default(),
            sealed: Sealed::default(),
            metrics,
            clock,
            reclaim: Notify::new(),
            open_bytes: AtomicU64::new(0),
            transaction_bytes: AtomicUsize::new(0),
            is_halted: AtomicBool::new(false),
            halt: watch::Sender::new(None),
        }
    }

    /// Stops applying for good, and lets nobody wait any longer. The first reason stays.
    pub(crate) fn halt(&self, halt: Halt) {
        self.halt.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert_with(|| Arc::new(halt));
            first
        });
        // Before the waiters are let go: an append that does not see it is among them.
        self.is_halted.store(true, Ordering::SeqCst);
        self.waiters.abandon();
        self.metrics.waiting_appends.set(0);
    }

    /// Why applying has stopped, if it has.
    pub(crate) fn halted(&self) -> Option<Arc<Halt>> {
        self.halt.borrow().clone()
    }

    /// Whether applying has stopped.
    pub(crate) fn is_halted(&self) -> bool {
        self.is_halted.load(Ordering::SeqCst)
    }

    /// Resolves when applying stops; never, if it does not.
    pub(crate) async fn until_halted(&self) -> Arc<Halt> {
        let mut halt = self.halt.subscribe();
        loop {
            if let Some(halt) = halt.borrow_and_update().clone() {
                return halt;
            }
            if halt.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Segments whose index is to be written, and the state at the end of the last one.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    queue: Mutex<SealedQueue>,
    /// Told when something was added.
    pub(crate) added: Notify,
}

/// What [`Sealed`] holds.
#[derive(Debug, Default)]
pub(crate) struct SealedQueue {
    /// Start and end of each segment, in order.
    pub(crate) segments: Vec<(Position, Position)>,
    /// The newest state that can be a checkpoint: the end that it covers, and its bytes.
    pub(crate) state: Option<(Position, Bytes)>,
}

impl Sealed {
    /// Adds a segment, and the state at its end, which replaces an older one.
    pub(crate) fn add(&self, start: Position, end: Position, state: Bytes) {
        let mut queue = self.queue.lock();
        queue.segments.push((start, end));
        queue.state = Some((end, state));
        drop(queue);
        self.added.notify_one();
    }

    /// Takes everything.
    pub(crate) fn take(&self) -> SealedQueue {
        std::mem::take(&mut *self.queue.lock())
    }

    /// Puts back what could not be written; what was added since stays the newer.
    pub(crate) fn put_back(&self, mut taken: SealedQueue) {
        let mut queue = self.queue.lock();
        taken.segments.append(&mut queue.segments);
        queue.segments = taken.segments;
        queue.state = queue.state.take().or(taken.state);
    }
}
