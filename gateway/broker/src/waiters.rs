//! Who waits for which entry: token to sender.

use std::collections::HashMap;
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

#[derive(Debug, Default)]
struct Waiting {
    next_token: u64,
    by_token: HashMap<u64, Waiter>,
}

impl Waiters {
    /// Takes in a waiter; returns the token of his entry.
    pub(crate) fn add(&self, waiter: Waiter) -> u64 {
        let mut waiting = self.0.lock();
        let token = waiting.next_token;
        waiting.next_token += 1;
        waiting.by_token.insert(token, waiter);
        token
    }

    /// The waiter for an entry, once.
    pub(crate) fn take(&self, token: u64) -> Option<Waiter> {
        self.0.lock().by_token.remove(&token)
    }

    /// Takes the waiters of a whole commit group under one lock, in the order of the tokens.
    pub(crate) fn take_all(&self, tokens: impl Iterator<Item = Option<u64>>) -> Vec<Option<Waiter>> {
        let mut waiting = self.0.lock();
        tokens.map(|token| waiting.by_token.remove(&token?)).collect()
    }

    /// Forgets all of them: they learn that no reply comes.
    pub(crate) fn abandon(&self) {
        let abandoned = std::mem::take(&mut self.0.lock().by_token);
        drop(abandoned);
    }
}
