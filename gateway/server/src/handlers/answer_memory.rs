//! The memory of answers, from when they are built until they are sent.
//!
//! Fetches take what there is and answer with less (`fetch/read`). All other large answers wait for room once they are
//! encoded; how much may wait is bounded too, and what is beyond that closes its connection, as the client would after a
//! while. What is small is counted by the connection, when its client does not take it (`connection/writer`). Answers that
//! are built from much more than their requests say are built a few at a time, because nothing counts them meanwhile.

use chronik_policy::{Admission, CloseReason, Connection, Reply, Reservation};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connection::UNCOUNTED;

/// Answers that are built at a time from much more than their requests say.
const BUILT_TOGETHER: usize = 4;

/// What all answers of a server share.
#[derive(Debug)]
pub(crate) struct AnswerMemory {
    bytes: Admission,
    /// What encoded answers may take that wait for room.
    waiting: Admission,
    building: Semaphore,
}

impl AnswerMemory {
    /// Over a budget, and half as much for answers that wait for it.
    pub(crate) fn new(bytes: Admission) -> Self {
        let waiting = Admission::new(u64::try_from(bytes.capacity() / 2).unwrap_or(u64::MAX));
        Self { bytes, waiting, building: Semaphore::new(BUILT_TOGETHER) }
    }

    /// The budget.
    pub(crate) fn bytes(&self) -> &Admission {
        &self.bytes
    }

    /// Waits until an answer may be built that its request does not bound. To be given back before anything is waited for
    /// that others decide.
    pub(crate) async fn turn_to_build(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.building.acquire().await.ok()
    }

    /// Whether an answer may take so much while it is built without being counted.
    pub(crate) const fn is_little_to_build(bytes: usize) -> bool {
        bytes <= 4 * UNCOUNTED
    }

    /// Reserves for an answer that is about to be built and will take about `bytes`; nothing when that is little.
    pub(crate) async fn ahead(&self, bytes: usize) -> Option<Reservation> {
        if Self::is_little_to_build(bytes) {
            return None;
        }
        Some(self.bytes.reserve(bytes).await)
    }

    /// Counts an encoded answer until it is sent. It may have been counted `ahead`.
    pub(crate) async fn count(
        &self,
        connection: &Connection,
        reply: Reply,
        ahead: Option<Reservation>,
    ) -> Reply {
        let Reply::Answer(mut answer) = reply else { return reply };
        let bytes = answer.wire_len();
        if bytes <= UNCOUNTED {
            return Reply::Answer(answer);
        }
        let reserved = match ahead {
            Some(mut ahead) => {
                // More than was expected would be little more: the estimate is of the decoded form.
                ahead.shrink_to(bytes);
                Some(ahead)
            }
            None => self.reserve(bytes).await,
        };
        let Some(reservation) = reserved else {
            return Reply::Close(CloseReason::NoMemory { bytes });
        };
        connection.hold_answer_bytes(reservation.bytes());
        answer.reservation = Some(reservation);
        Reply::Answer(answer)
    }

    async fn reserve(&self, bytes: usize) -> Option<Reservation> {
        if let Some(reservation) = self.bytes.try_reserve(bytes) {
            return Some(reservation);
        }
        let _place = self.waiting.try_reserve(bytes)?;
        Some(self.bytes.reserve(bytes).await)
    }
}
