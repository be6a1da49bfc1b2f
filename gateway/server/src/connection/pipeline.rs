//! Requests of one connection that are being answered: they overlap, and their responses leave in the order of the
//! requests.
//!
//! A request is started when the one before it has given up its [`Turn`]; see there for what that promises.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use chronik_policy::{Call, Reply, Turn};
use tower::Service;

/// The requests of a connection that are not yet answered, oldest first.
pub(super) struct Pipeline<S: Service<Call>> {
    service: S,
    slots: VecDeque<Slot<S::Future>>,
    turn: Arc<AtomicBool>,
    request_bytes: usize,
    answer_bytes: usize,
}

/// What a request was, for the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The number of the API, as the client wrote it.
    pub(super) api: i16,
    /// The version, as the client wrote it.
    pub(super) version: i16,
}

struct Slot<F> {
    asked: Asked,
    request_bytes: usize,
    state: State<F>,
}

enum State<F> {
    Running(F),
    Done(Reply),
}

impl<S> Pipeline<S>
where
    S: Service<Call, Response = Reply, Error = Infallible>,
    S::Future: Unpin,
{
    pub(super) fn new(service: S) -> Self {
        Self {
            service,
            slots: VecDeque::new(),
            turn: Arc::new(AtomicBool::new(false)),
            request_bytes: 0,
            answer_bytes: 0,
        }
    }

    /// Whether the newest request still keeps later ones from starting.
    pub(super) fn turn_is_taken(&self) -> bool {
        self.turn.load(Ordering::Acquire)
    }

    /// Takes the turn for the next request.
    pub(super) fn take_turn(&self) -> Turn {
        Turn::take(&self.turn)
    }

    /// Requests not yet answered.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The size of the requests not yet answered.
    pub(super) fn request_bytes(&self) -> usize {
        self.request_bytes
    }

    /// The size of answers that wait for an earlier one.
    pub(super) fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// Whether the stack takes a request now.
    pub(super) fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        self.service.poll_ready(cx).is_ready()
    }

    /// Starts a request, and does all of it that can be done at once. The stack has to be ready.
    pub(super) fn start(&mut self, call: Call, cx: &mut Context<'_>) {
        let asked = Asked { api: call.header.api.key, version: call.header.api_version };
        let request_bytes = call.body.len();
        let mut future = self.service.call(call);
        let state = match Pin::new(&mut future).poll(cx) {
            Poll::Ready(Ok(reply)) => State::Done(reply),
            Poll::Pending => State::Running(future),
        };
        self.push(asked, request_bytes, state);
    }

    /// Queues a reply that no service has to be asked for.
    pub(super) fn answer(&mut self, asked: Asked, reply: Reply) {
        self.push(asked, 0, State::Done(reply));
    }

    /// Lets every running request go on.
    pub(super) fn poll_running(&mut self, cx: &mut Context<'_>) {
        for slot in &mut self.slots {
            if let State::Running(future) = &mut slot.state
                && let Poll::Ready(Ok(reply)) = Pin::new(future).poll(cx)
            {
                self.answer_bytes += size_of_answer(&reply);
                slot.state = State::Done(reply);
            }
        }
    }

    /// The reply to the oldest request, if it is there.
    pub(super) fn pop(&mut self) -> Option<(Asked, Reply)> {
        if !matches!(self.slots.front()?.state, State::Done(_)) {
            return None;
        }
        let slot = self.slots.pop_front()?;
        let State::Done(reply) = slot.state else {
            return None;
        };
        self.request_bytes -= slot.request_bytes;
        self.answer_bytes -= size_of_answer(&reply);
        if self.slots.is_empty() && self.slots.capacity() > 8 {
            self.slots = VecDeque::new();
        }
        Some((slot.asked, reply))
    }

    /// Gives up all requests.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.request_bytes = 0;
        self.answer_bytes = 0;
    }

    fn push(&mut self, asked: Asked, request_bytes: usize, state: State<S::Future>) {
        if let State::Done(reply) = &state {
            self.answer_bytes += size_of_answer(reply);
        }
        self.request_bytes += request_bytes;
        if self.slots.capacity() == 0 {
            // Most connections never have more than one; four would be the default.
            self.slots.reserve_exact(1);
        }
        self.slots.push_back(Slot { asked, request_bytes, state });
    }
}

fn size_of_answer(reply: &Reply) -> usize {
    match reply {
        Reply::Answer(answer) => answer.wire_len(),
        Reply::Nothing | Reply::Close(_) => 0,
    }
}
