//! One client's connection: a task that reads requests, lets the stack answer them, and writes the responses in order.
//!
//! ```text
//! socket -> FrameReader -> Pipeline (the stack, once per request) -> ResponseWriter -> socket
//! ```
//!
//! Everything that the client can make grow has a limit, and at the limit the socket is not read: requests in flight,
//! their bytes, the bytes of answers that the client does not take, and the memory of all requests together. Nothing is
//! dropped. The task is one state machine that is polled, without channels or further tasks.

mod closing;
mod linger;
mod memory;
mod pipeline;
mod reader;
mod request;
mod timeouts;
mod writer;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chronik_policy::{Call, Connection, Reply};
use chronik_types::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower::Service;

pub(crate) use self::closing::{ClosingLog, Ended};
pub(crate) use self::memory::{RequestMemory, UNCOUNTED};
use self::pipeline::{Asked, Pipeline};
use self::reader::{FrameReader, Incoming, ReadError};
use self::timeouts::Timeouts;
use self::writer::ResponseWriter;

/// What bounds a connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    /// The largest frame (`socket.request.max.bytes`).
    pub(crate) max_frame: usize,
    /// Requests that may be unanswered.
    pub(crate) max_requests: usize,
    /// Bytes of requests that may be unanswered; one request may always be.
    pub(crate) max_request_bytes: usize,
    /// Bytes of answers that the client may leave unread before its next request is looked at.
    pub(crate) max_unsent: usize,
    /// How long nothing may happen on a connection (`connections.max.idle.ms`).
    pub(crate) idle: Duration,
    /// How long a frame may take to arrive once it has begun.
    pub(crate) frame: Duration,
}

/// A connection and all that its task needs.
pub(crate) struct Driver<IO, S: Service<Call>> {
    io: IO,
    facts: Arc<Connection>,
    settings: Arc<ConnectionSettings>,
    clock: Arc<dyn Clock>,
    reader: FrameReader,
    pipeline: Pipeline<S>,
    writer: ResponseWriter,
    timeouts: Timeouts,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    is_reading: bool,
    ended: Option<Ended>,
}

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: Service<Call, Response = Reply, Error = Infallible>,
    S::Future: Unpin,
{
    /// A connection that is about to be read. `facts.closing` ends it when it fires.
    pub(crate) fn new(
        io: IO,
        facts: Arc<Connection>,
        settings: Arc<ConnectionSettings>,
        memory: RequestMemory,
        service: S,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let reader = FrameReader::new(settings.max_frame, memory);
        let timeouts = Timeouts::new(settings.idle, settings.frame, clock.monotonic());
        let closing = Box::pin(facts.closing.clone().cancelled_owned());
        Self {
            io,
            facts,
            settings,
            clock,
            reader,
            pipeline: Pipeline::new(service),
            writer: ResponseWriter::default(),
            timeouts,
            closing,
            is_reading: true,
            ended: None,
        }
    }

    /// Serves the connection until it ends, and says why it did. By reference, because a future that owned the connection
    /// would hold it twice: as its argument, and where it is used.
    pub(crate) async fn serve(&mut self) -> Ended {
        let ended = poll_fn(|cx| self.poll(cx)).await;
        self.pipeline.clear();
        if ended.leaves_a_reader() {
            // Boxed, so that connections that go on do not hold the room for it.
            Box::pin(linger::close(&mut self.io)).await;
        }
        ended
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if self.is_reading && self.closing.as_mut().poll(cx).is_ready() {
            self.stop_reading(Ended::ByGateway);
        }
        self.writer.begin_turn(cx);
        self.pipeline.poll_running(cx);
        let limited = loop {
            let limited = self.read_requests(cx);
            self.collect_answers();
            match self.flush(cx) {
                Ok(Poll::Ready(())) if self.is_drained() => {
                    return Poll::Ready(self.ended.take().unwrap_or(Ended::ByClient));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Ended::Io(error)),
            }
            // What was sent may have made room for the next request.
            if !(limited && self.may_start(cx)) {
                break limited;
            }
        };
        self.poll_timeouts(cx, limited)
    }

    /// Starts requests until the socket has no more or a limit is met; `true` for the latter.
    fn read_requests(&mut self, cx: &mut Context<'_>) -> bool {
        while self.is_reading {
            if !self.may_start(cx) {
                return true;
            }
            match self.reader.poll_frame(&mut self.io, cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(Incoming::Frame(frame))) => {
                    let now = self.clock.monotonic();
                    self.timeouts.frame_completed(now);
                    match request::open(frame.bytes) {
                        Ok((header, body)) => {
                            let call = Call {
                                connection: Arc::clone(&self.facts),
                                header,
                                body,
                                received_at: now,
                                turn: self.pipeline.take_turn(),
                                reservation: frame.reservation,
                            };
                            self.pipeline.start(call, cx);
                        }
                        Err((asked, reason)) => self.pipeline.answer(asked, Reply::Close(reason)),
                    }
                    self.collect_answers();
                }
                Poll::Ready(Ok(Incoming::End)) => self.stop_reading(Ended::ByClient),
                Poll::Ready(Err(ReadError::Io(error))) => self.stop_reading(Ended::Io(error)),
                Poll::Ready(Err(ReadError::Frame(error))) => self.stop_reading(Ended::Frame(error)),
            }
        }
        false
    }

    fn may_start(&mut self, cx: &mut Context<'_>) -> bool {
        let settings = &self.settings;
        !self.pipeline.turn_is_taken()
            && self.pipeline.len() < settings.max_requests
            && self.pipeline.request_bytes() < settings.max_request_bytes
            && (self.writer.unsent() + self.pipeline.answer_bytes() < settings.max_unsent
                && !self.writer.is_uncounted()
                // Others may wait for that memory, and must not come to wait for a client that does not read.
                || self.reader.counts_on_memory())
            && self.pipeline.is_ready(cx)
    }

    /// Moves the answers whose turn it is to the writer.
    fn collect_answers(&mut self) {
        while let Some((asked, reply)) = self.pipeline.pop() {
            match reply {
                Reply::Answer(answer) => self.writer.push(answer),
                Reply::Nothing => {}
                Reply::Close(reason) => {
                    self.pipeline.clear();
                    self.stop_reading(Ended::Refused { api: asked.api, version: asked.version, reason });
                }
            }
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        let before = self.writer.unsent();
        let flushed = self.writer.poll_flush(&mut self.io, cx, &self.facts);
        let sent = before - self.writer.unsent();
        if sent > 0 {
            self.timeouts.progress(self.clock.monotonic(), sent);
        }
        if self.writer.is_blocked() {
            self.writer.count_unsent(&self.facts, self.reader.memory().answers());
        }
        match flushed {
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Takes no further requests. Those that wait for news are told to answer with what there is.
    fn stop_reading(&mut self, ended: Ended) {
        self.is_reading = false;
        self.ended.get_or_insert(ended);
        self.facts.closing.cancel();
    }

    fn is_drained(&self) -> bool {
        !self.is_reading && self.pipeline.len() == 0 && self.writer.unsent() == 0
    }

    /// `limited`: the gateway reads nothing for now, so that the client owes nothing, whatever has arrived.
    fn poll_timeouts(&mut self, cx: &mut Context<'_>, limited: bool) -> Poll<Ended> {
        let owed = if self.is_reading && !limited { self.reader.owed() } else { None };
        let is_served = self.pipeline.len() > 0 && self.writer.unsent() == 0;
        if !self.writer.holds_memory() {
            self.timeouts.all_read();
        } else if self.writer.is_blocked() {
            self.timeouts.left_unread(&*self.clock, self.reader.memory().answers().is_scarce());
        }
        self.timeouts.poll(cx, &*self.clock, owed, is_served)
    }
}

impl Asked {
    /// What is said of a frame that is too short to ask for anything.
    pub(crate) const NOTHING: Self = Self { api: -1, version: -1 };
}
