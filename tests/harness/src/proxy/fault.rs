//! What the proxy does to one request, and how a test follows it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::protocol::Request;
use parking_lot::{Condvar, Mutex};

use super::link::Parked;
use crate::connection::decode_answer;

/// What happens to a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is kept until the test releases it. Later requests of its connection overtake it. When its client has gone by
    /// then, it still arrives: the network had it.
    Hold,
    /// It arrives at once, and a second time when the test releases the copy, as a request that a client gave up on.
    Repeat,
    /// It arrives twice in a row.
    Duplicate,
    /// It arrives after the next request of its connection.
    Swap,
    /// It arrives, but its answer does not: the connection ends instead.
    LoseAnswer,
    /// Only so many bytes of its frame arrive, then the connection ends on both sides.
    Tear(usize),
}

/// A fault that waits for its request, and what came of it.
#[derive(Debug)]
pub struct Injected<R> {
    pub(super) trap: Arc<Trap>,
    request: PhantomData<fn() -> R>,
}

/// The next request of an API that falls into it gets the fault.
#[derive(Debug)]
pub(super) struct Trap {
    pub(super) api_key: i16,
    pub(super) fault: Fault,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    version: Option<i16>,
    parked: Option<Parked>,
    answers: Vec<Bytes>,
    /// No more answers will come.
    over: bool,
}

impl Trap {
    pub(super) fn caught(&self, version: i16, parked: Option<Parked>) {
        let mut progress = self.progress.lock();
        progress.version = Some(version);
        progress.parked = parked;
        self.changed.notify_all();
    }

    pub(super) fn answered(&self, answer: Bytes) {
        self.progress.lock().answers.push(answer);
        self.changed.notify_all();
    }

    pub(super) fn over(&self) {
        self.progress.lock().over = true;
        self.changed.notify_all();
    }
}

impl<R: Request> Injected<R> {
    pub(super) fn new(fault: Fault) -> Self {
        let (progress, changed) = (Mutex::default(), Condvar::new());
        let trap = Arc::new(Trap { api_key: R::KEY, fault, progress, changed });
        Self { trap, request: PhantomData }
    }

    /// Waits until the request has come to the proxy; whether it did.
    #[must_use]
    pub fn caught(&self, limit: Duration) -> bool {
        self.wait(limit, |progress| progress.version.is_some())
    }

    /// Lets what is kept go on to the broker. Whether there was something, and the broker's side is still open.
    #[must_use]
    pub fn release(&self) -> bool {
        let parked = self.progress_parked();
        parked.is_some_and(Parked::send)
    }

    /// Waits until the broker has given `count` answers to the request, whether or not its client saw them. Fewer when the
    /// broker's side of the connection ended, time is up, or one cannot be read.
    #[must_use]
    pub fn answers(&self, count: usize, limit: Duration) -> Vec<R::Response> {
        self.wait(limit, |progress| progress.answers.len() >= count || progress.over);
        let progress = self.trap.progress.lock();
        let Some(version) = progress.version else { return Vec::new() };
        let decoded = progress.answers.iter().map(|frame| decode_answer::<R>(version, frame.clone()));
        decoded.map_while(Result::ok).map(|(_, answer)| answer).collect()
    }

    fn progress_parked(&self) -> Option<Parked> {
        self.trap.progress.lock().parked.take()
    }

    fn wait(&self, limit: Duration, mut reached: impl FnMut(&Progress) -> bool) -> bool {
        let mut progress = self.trap.progress.lock();
        !self.trap.changed.wait_while_for(&mut progress, |progress| !reached(progress), limit).timed_out()
    }
}
