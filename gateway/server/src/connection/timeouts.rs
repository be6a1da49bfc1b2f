//! When a connection is given up: nothing happened for too long, or a frame that has begun does not come to its end, or
//! comes too slowly while others wait for the memory that is reserved for it, or answers are taken too slowly while there
//! is little memory for those of others.
//!
//! One timer per connection, which is not touched per request: when it fires, it looks at what has happened since.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use chronik_types::Clock;
use tokio::time::{Instant, Sleep};

use super::Ended;

/// How long a frame may hold memory for which others wait, beside the time that its size takes at [`PACE`].
const GRACE: Duration = Duration::from_secs(5);
/// Bytes that have to arrive in a millisecond: 1 MiB in a second.
const PACE: u128 = 1024 * 1024 / 1000;
/// The same for answers whose memory others need. A client may be far away, and may collect its garbage.
const ANSWER_GRACE: Duration = Duration::from_secs(10);
/// Bytes that have to be taken in a millisecond: 256 KiB in a second.
const ANSWER_PACE: u128 = 256 * 1024 / 1000;
/// How often the pace is looked at after the grace.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The timer of a connection and what it watches. Times are of the monotonic clock of the server.
pub(super) struct Timeouts {
    idle: Duration,
    frame: Duration,
    /// When a request arrived whole or bytes of an answer went out.
    last_progress: Duration,
    /// The frame that is arriving.
    arriving: Option<Arriving>,
    /// The answers that the client does not take at once.
    unread: Option<Unread>,
    timer: Pin<Box<Sleep>>,
}

/// The rest of a frame that the client owes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    /// Bytes that have arrived on the connection.
    pub(super) received: u64,
    /// Whether memory is reserved for the frame.
    pub(super) holds_memory: bool,
    /// Whether others wait for that memory.
    pub(super) keeps_others_waiting: bool,
}

struct Unread {
    since: Duration,
    /// Bytes that it has taken since then.
    taken: usize,
    keeps_others_waiting: bool,
}

struct Arriving {
    since: Duration,
    /// When memory was reserved for it, and how much had been received by then.
    reserved: Option<(Duration, u64)>,
    owed: Owed,
}

impl Timeouts {
    pub(super) fn new(idle: Duration, frame: Duration, now: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(idle.min(frame)));
        Self { idle, frame, last_progress: now, arriving: None, unread: None, timer }
    }

    /// Notes that a request arrived whole.
    pub(super) fn frame_completed(&mut self, now: Duration) {
        self.last_progress = now;
        self.arriving = None;
    }

    /// Notes that so many bytes of answers went out.
    pub(super) fn progress(&mut self, now: Duration, bytes: usize) {
        self.last_progress = now;
        if let Some(unread) = &mut self.unread {
            unread.taken = unread.taken.saturating_add(bytes);
        }
    }

    /// Notes that no memory is counted for answers.
    pub(super) fn all_read(&mut self) {
        self.unread = None;
    }

    /// Notes that the client does not take at once what memory is counted for, and whether others need that.
    pub(super) fn left_unread(&mut self, clock: &dyn Clock, keeps_others_waiting: bool) {
        if let Some(unread) = &mut self.unread {
            unread.keeps_others_waiting = keeps_others_waiting;
            return;
        }
        let since = clock.monotonic();
        self.unread = Some(Unread { since, taken: 0, keeps_others_waiting });
        // This happens with every large answer, so the timer is not moved when it fires early enough.
        if self.timer.deadline() > Instant::now() + ANSWER_GRACE {
            self.rearm(since);
        }
    }

    /// Ready when the connection has to be given up. `is_served`: the client waits for the gateway, which is no idleness.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        clock: &dyn Clock,
        owed: Option<Owed>,
        is_served: bool,
    ) -> Poll<Ended> {
        self.watch(clock, owed);
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = clock.monotonic();
            if is_served {
                self.last_progress = now;
            }
            if let Some(ended) = self.given_up(now) {
                return Poll::Ready(ended);
            }
            self.rearm(now);
        }
    }

    /// Takes in how the frame that is arriving gets on.
    fn watch(&mut self, clock: &dyn Clock, owed: Option<Owed>) {
        let Some(owed) = owed else {
            self.arriving = None;
            return;
        };
        let arriving =
            self.arriving.get_or_insert_with(|| Arriving { since: clock.monotonic(), reserved: None, owed });
        arriving.owed = owed;
        if owed.holds_memory && arriving.reserved.is_none() {
            // From now on somebody may come to wait for it.
            let now = clock.monotonic();
            arriving.reserved = Some((now, owed.received));
            self.rearm(now);
        }
    }

    fn given_up(&self, now: Duration) -> Option<Ended> {
        let has_passed = |since: Duration, limit: Duration| now.saturating_sub(since) >= limit;
        if let Some(arriving) = &self.arriving {
            if has_passed(arriving.since, self.frame) {
                return Some(Ended::FrameTimeout(self.frame));
            }
            if arriving.owed.keeps_others_waiting && arriving.is_too_slow(now) {
                return Some(Ended::Stalled);
            }
        }
        if self.unread.as_ref().is_some_and(|unread| unread.keeps_others_waiting && unread.is_too_slow(now)) {
            return Some(Ended::Unread);
        }
        has_passed(self.last_progress, self.idle).then_some(Ended::Idle(self.idle))
    }

    fn rearm(&mut self, now: Duration) {
        let left = |since: Duration, limit: Duration| (since + limit).saturating_sub(now);
        let mut wait = left(self.last_progress, self.idle);
        match &self.arriving {
            Some(arriving) => {
                wait = wait.min(left(arriving.since, self.frame));
                if let Some((since, _)) = arriving.reserved {
                    wait = wait.min(left(since, GRACE).max(LOOK_AGAIN));
                }
            }
            // One may begin to arrive at any time.
            None => wait = wait.min(self.frame),
        }
        if let Some(unread) = &self.unread {
            wait = wait.min(left(unread.since, ANSWER_GRACE).max(LOOK_AGAIN));
        }
        self.timer.as_mut().reset(Instant::now() + wait.max(Duration::from_millis(1)));
    }
}

impl Unread {
    /// Whether less was taken than has to be after the grace.
    fn is_too_slow(&self, now: Duration) -> bool {
        let over = now.saturating_sub(self.since).checked_sub(ANSWER_GRACE);
        let demanded = over.map(|over| over.as_millis() * ANSWER_PACE);
        demanded.is_some_and(|demanded| u128::try_from(self.taken).unwrap_or(u128::MAX) <= demanded)
    }
}

impl Arriving {
    /// Whether less has come since memory was reserved than has to come after the grace.
    fn is_too_slow(&self, now: Duration) -> bool {
        let Some((since, received)) = self.reserved else { return false };
        let demanded = now.saturating_sub(since).checked_sub(GRACE).map(|over| over.as_millis() * PACE);
        demanded.is_some_and(|demanded| u128::from(self.owed.received.saturating_sub(received)) <= demanded)
    }
}
