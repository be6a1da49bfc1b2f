//! Admission by bytes: all requests being read or answered share one budget of memory (`queued.max.request.bytes`), and
//! so do all answers that wait for their clients.
//!
//! The connection reserves the size of a frame before it reads the bulk of it, and stops reading while there is no room:
//! the pressure goes back through TCP and nothing is dropped. The reservation travels with the [`Call`](crate::Call): it
//! is given back with what is left of the call when the answer is there, or earlier by a handler that begins to wait.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Connection;

/// The budget. Clones share it.
#[derive(Clone, Debug)]
pub struct Admission {
    bytes: Arc<Semaphore>,
    capacity: u32,
    /// How many wait.
    waiting: Arc<AtomicUsize>,
}

/// Bytes taken from the budget; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    permit: OwnedSemaphorePermit,
}

/// A budget has so many shares: one connection gets no more than one of them for its answers.
const SHARES: usize = 4;
/// Less than one part in so many is little.
const LITTLE: usize = 8;

impl Admission {
    /// A budget of `capacity` bytes, of which 4 GiB can be used.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        let permits = usize::try_from(capacity).unwrap_or(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(permits)), capacity, waiting: Arc::default() }
    }

    /// Takes `bytes` at once, or nothing when there is no room for them or others wait already.
    #[must_use]
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(self.charge(bytes)).ok()?;
        Some(Reservation { permit })
    }

    /// What is left of the share that a connection has of a budget for answers: a quarter, less what it holds.
    #[must_use]
    pub fn share_left(&self, connection: &Connection) -> usize {
        (self.capacity() / SHARES).saturating_sub(connection.answer_bytes())
    }

    /// Takes up to `most` bytes, but no more than half of what is free, so that something is left for the next one; nothing
    /// when nothing is free.
    #[must_use]
    pub fn reserve_some(&self, most: usize) -> Option<Reservation> {
        let bytes = most.min(self.available() / 2);
        if bytes == 0 { None } else { self.try_reserve(bytes) }
    }

    /// Waits for `bytes`, first come first served. A frame larger than the whole budget waits for all of it.
    ///
    /// Cancel safe: what was not handed out is not taken.
    pub fn reserve(&self, bytes: usize) -> impl Future<Output = Reservation> + Send + use<> {
        let (semaphore, charge) = (Arc::clone(&self.bytes), self.charge(bytes));
        let waiting = Waiting::one_more(&self.waiting);
        async move {
            let _waiting = waiting;
            loop {
                // The semaphore is never closed, so that the loop runs once.
                if let Ok(permit) = Arc::clone(&semaphore).acquire_many_owned(charge).await {
                    return Reservation { permit };
                }
            }
        }
    }

    /// All bytes that it has.
    #[must_use]
    pub fn capacity(&self) -> usize {
        usize::try_from(self.capacity).unwrap_or(usize::MAX)
    }

    /// Whether somebody waits for bytes.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody waits for bytes, or would soon: little is left.
    #[must_use]
    pub fn is_scarce(&self) -> bool {
        self.is_short() || self.available() < self.capacity() / LITTLE
    }

    /// Bytes that nobody has reserved.
    #[must_use]
    pub fn available(&self) -> usize {
        self.bytes.available_permits()
    }

    fn charge(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.capacity)
    }
}

/// Counts somebody who waits, also when he gives up.
#[derive(Debug)]
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reservation {
    /// How many bytes it is for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Gives back what is beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        drop(self.permit.split(self.bytes().saturating_sub(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::Admission;
    use crate::{Connection, Listener};

    fn connection() -> Connection {
        let name = "PLAINTEXT".to_owned();
        let listener = Listener { name, advertised_host: "localhost".to_owned(), advertised_port: 9092 };
        let peer = ([127, 0, 0, 1], 1).into();
        Connection::new(1, peer, Arc::new(listener), CancellationToken::new())
    }

    #[test]
    fn a_connection_has_a_quarter_less_what_it_holds() {
        let admission = Admission::new(1_000);
        let (one, other) = (connection(), connection());
        one.hold_answer_bytes(200);
        assert_eq!((admission.share_left(&one), admission.share_left(&other)), (50, 250));
        one.hold_answer_bytes(100);
        assert_eq!(admission.share_left(&one), 0);
        one.release_answer_bytes(250);
        assert_eq!(admission.share_left(&one), 200);
    }

    #[test]
    fn little_is_an_eighth() {
        let admission = Admission::new(800);
        let _most = admission.try_reserve(700).unwrap();
        assert!(!admission.is_scarce());
        let _more = admission.try_reserve(1).unwrap();
        assert!(admission.is_scarce());
    }

    #[tokio::test]
    async fn who_came_first_is_served_first() {
        let admission = Admission::new(100);
        let most = admission.try_reserve(80).unwrap();
        let mut large = Box::pin(admission.reserve(60));
        assert!(futures_poll(&mut large).is_none());
        assert!(admission.try_reserve(10).is_none(), "nobody overtakes the one who waits");
        assert!(admission.is_short());
        drop(most);
        let _large = large.await;
        assert!(!admission.is_short());
        assert!(admission.try_reserve(41).is_none());
        assert!(admission.try_reserve(40).is_some());
    }

    #[tokio::test]
    async fn a_frame_beyond_the_budget_takes_all_of_it() {
        let admission = Admission::new(100);
        let all = admission.reserve(1_000).await;
        assert_eq!(admission.available(), 0);
        drop(all);
        assert_eq!(admission.available(), 100);
    }

    #[test]
    fn a_share_leaves_something_for_the_next_one() {
        let admission = Admission::new(100);
        let mut first = admission.reserve_some(1_000).unwrap();
        let second = admission.reserve_some(1_000).unwrap();
        assert_eq!((first.bytes(), second.bytes(), admission.available()), (50, 25, 25));
        first.shrink_to(10);
        assert_eq!((first.bytes(), admission.available()), (10, 65));
        let rest: Vec<_> = std::iter::from_fn(|| admission.reserve_some(1_000)).collect();
        assert_eq!((rest.len(), admission.available()), (7, 1));
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
