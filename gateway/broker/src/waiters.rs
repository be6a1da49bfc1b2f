//! Who waits for which entry: token to sender.

use std::collections::VecDeque;
use std::time::Duration;

use chronik_backend::AppendError;
use chronik_state::Outcome;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What becomes of an entry: the outcome of applying it, or why it is not in the journal.
pub(crate) type Reply = Result<Outcome, AppendError>;

/// Somebody who waits for an entry.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Where the reply goes. Its receiver may be gone.
    pub(crate) reply: oneshot::Sender<Reply>,
    /// When the entry was queued, in monotonic time.
    pub(crate) queued_at: Duration,
    /// The room that the entry takes up among all that are on their way; given back with the reply.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// All who wait. Tokens are never used twice in the life of the process.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<Waiting>);

/// Tokens are given out in order and mostly taken in order, so that a queue is enough to find them in.
#[derive(Debug, Default)]
struct Waiting {
    /// The token of the first in the queue.
    first_token: u64,
    /// `None` was taken before an earlier one.
    queue: VecDeque<Option<Waiter>>,
}

impl Waiting {
    fn take(&mut self, token: u64) -> Option<Waiter> {
        let place = usize::try_from(token.checked_sub(self.first_token)?).ok()?;
        let taken = self.queue.get_mut(place)?.take();
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first_token += 1;
        }
        taken
    }
}

impl Waiters {
    /// Takes in a waiter; returns the token of his entry.
    pub(crate) fn add(&self, waiter: Waiter) -> u64 {
        let mut waiting = self.0.lock();
        let token = waiting.first_token + u64::try_from(waiting.queue.len()).unwrap_or(u64::MAX);
        waiting.queue.push_back(Some(waiter));
        token
    }

    /// The waiter for an entry, once.
    pub(crate) fn take(&self, token: u64) -> Option<Waiter> {
        self.0.lock().take(token)
    }

    /// Takes the waiters of a whole commit group under one lock, in the order of the tokens.
    pub(crate) fn take_all(&self, tokens: impl Iterator<Item = Option<u64>>, into: &mut Vec<Option<Waiter>>) {
        let mut waiting = self.0.lock();
        into.extend(tokens.map(|token| waiting.take(token?)));
    }

    /// Forgets all of them: they learn that no reply comes.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.0.lock();
        let abandoned = std::mem::take(&mut waiting.queue);
        waiting.first_token += u64::try_from(abandoned.len()).unwrap_or(u64::MAX);
        drop(waiting);
        drop(abandoned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter() -> (Waiter, oneshot::Receiver<Reply>) {
        let (reply, receiver) = oneshot::channel();
        (Waiter { reply, queued_at: Duration::ZERO, _room: None }, receiver)
    }

    #[test]
    fn each_is_found_once_in_any_order() {
        let waiters = Waiters::default();
        let (tokens, _receivers): (Vec<u64>, Vec<_>) = (0..5)
            .map(|_| {
                let (waiter, receiver) = waiter();
                (waiters.add(waiter), receiver)
            })
            .unzip();
        assert!(waiters.take(tokens[2]).is_some());
        assert!(waiters.take(tokens[2]).is_none());
        let mut taken = Vec::new();
        waiters.take_all([Some(tokens[1]), None, Some(tokens[0])].into_iter(), &mut taken);
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        assert!(waiters.take(tokens[0]).is_none() && waiters.take(99).is_none());
        assert!(waiters.take(tokens[4]).is_some() && waiters.take(tokens[3]).is_some());
        assert!(!tokens.contains(&waiters.add(waiter().0)), "a token is never used twice");
    }

    #[test]
    fn who_is_abandoned_learns_that_no_reply_comes() {
        let waiters = Waiters::default();
        let (first, mut receiver) = waiter();
        let token = waiters.add(first);
        waiters.abandon();
        assert!(receiver.try_recv().is_err());
        assert!(waiters.take(token).is_none());
        assert_ne!(waiters.add(waiter().0), token);
    }
}
