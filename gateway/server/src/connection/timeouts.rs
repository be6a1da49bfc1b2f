//! When a connection is given up: nothing happened for too long, or a frame that has begun does not come to its end.
//!
//! One timer per connection, which is not touched per request: when it fires, it looks at what has happened since.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chronik_types::Clock;
use tokio::time::{Instant, Sleep};

use super::Ended;

/// The timer of a connection and what it watches. Times are of the monotonic clock of the server.
pub(super) struct Timeouts {
    idle: Duration,
    frame: Duration,
    /// When a request arrived whole or bytes of an answer went out.
    last_progress: Duration,
    /// Since when a frame has been arriving.
    frame_since: Option<Duration>,
    timer: Pin<Box<Sleep>>,
}

impl Timeouts {
    pub(super) fn new(idle: Duration, frame: Duration, now: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(idle.min(frame)));
        Self { idle, frame, last_progress: now, frame_since: None, timer }
    }

    /// Notes that a request arrived whole.
    pub(super) fn frame_completed(&mut self, now: Duration) {
        self.last_progress = now;
        self.frame_since = None;
    }

    /// Notes that bytes of an answer went out.
    pub(super) fn progress(&mut self, now: Duration) {
        self.last_progress = now;
    }

    /// Ready when the connection has to be given up. `is_inside_frame`: the client owes the rest of a frame.
    /// `is_served`: the client waits for the gateway, which is no idleness.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        clock: &dyn Clock,
        is_inside_frame: bool,
        is_served: bool,
    ) -> Poll<Ended> {
        if !is_inside_frame {
            self.frame_since = None;
        } else if self.frame_since.is_none() {
            self.frame_since = Some(clock.monotonic());
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = clock.monotonic();
            if is_served {
                self.last_progress = now;
            }
            if self.frame_since.is_some_and(|since| now.saturating_sub(since) >= self.frame) {
                return Poll::Ready(Ended::FrameTimeout(self.frame));
            }
            if now.saturating_sub(self.last_progress) >= self.idle {
                return Poll::Ready(Ended::Idle(self.idle));
            }
            self.rearm(now);
        }
    }

    fn rearm(&mut self, now: Duration) {
        let idle_left = (self.last_progress + self.idle).saturating_sub(now);
        let frame_left =
            self.frame_since.map_or(self.frame, |since| (since + self.frame).saturating_sub(now));
        let wait = idle_left.min(frame_left).max(Duration::from_millis(1));
        self.timer.as_mut().reset(Instant::now() + wait);
    }
}
