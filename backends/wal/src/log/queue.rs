//! Entries that wait to be written, and who may join them.

use std::collections::VecDeque;
use std::time::Duration;

use chronik_backend::{Append, AppendClass, AppendError};

use super::{Log, Phase};
use crate::format::{BLOCK_HEADER, ENTRY_HEADER, PAGE};

/// What waits.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) phase: Phase,
    pub(super) failed: bool,
    /// Whether the one follower has come.
    pub(super) followed: bool,
    items: VecDeque<Item>,
    waiting_bytes: u64,
    /// Blocks under way, and the bytes of entries in them.
    pub(super) in_flight: usize,
    writing_bytes: u64,
    /// The next item needs a segment that is not there yet.
    pub(super) blocked: bool,
    /// The next segment could not be made: what the system said, and when that was.
    full: Option<(String, Duration)>,
}

#[derive(Debug)]
pub(super) enum Item {
    Append(Append),
    Seal,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            phase: Phase::Opened,
            failed: false,
            followed: false,
            items: VecDeque::new(),
            waiting_bytes: 0,
            in_flight: 0,
            writing_bytes: 0,
            blocked: false,
            full: None,
        }
    }
}

impl Queue {
    pub(super) fn front(&self) -> Option<&Item> {
        self.items.front()
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if let Item::Append(append) = &item {
            self.waiting_bytes -= size(append);
        }
        Some(item)
    }

    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    pub(super) fn writing_bytes(&self) -> u64 {
        self.writing_bytes
    }

    /// Counts a block that is about to be written.
    pub(super) fn begin(&mut self, bytes: u64) {
        self.in_flight += 1;
        self.writing_bytes += bytes;
    }

    /// Counts a block that has been written.
    pub(super) fn finish(&mut self, bytes: u64) {
        self.in_flight -= 1;
        self.writing_bytes -= bytes;
    }

    pub(super) fn no_space(&self) -> bool {
        self.full.is_some()
    }

    pub(super) fn set_full(&mut self, detail: Option<(String, Duration)>) {
        self.full = detail;
        self.blocked = false;
    }

    pub(super) fn full_error(&self) -> Option<AppendError> {
        let (detail, _) = self.full.as_ref()?;
        Some(AppendError::Full { detail: detail.clone() })
    }

    /// Whether to try again to make the next segment: not at every refused append.
    fn is_retry_due(&mut self, now: Duration) -> bool {
        let Some((_, tried)) = &mut self.full else { return false };
        let due = now.saturating_sub(*tried) >= SPACE_RETRY;
        if due {
            *tried = now;
        }
        due
    }

    pub(super) fn is_drained(&self) -> bool {
        self.items.is_empty() && self.in_flight == 0
    }
}

impl Log {
    /// Queues an entry.
    pub(crate) fn append(&self, append: Append) -> Result<(), AppendError> {
        let size = size(&append);
        let limit = self.largest_entry();
        let mut queue = self.queue.lock();
        match (queue.phase, self.read_only()) {
            (Phase::Running, _) => {}
            (Phase::Opened, Some(damage)) => return Err(AppendError::ReadOnly { damage: damage.clone() }),
            (Phase::Opened | Phase::Closing | Phase::Marking | Phase::Ended, _) => {
                return Err(AppendError::Closed);
            }
        }
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        if append.class == AppendClass::Data
            && let Some(error) = queue.full_error()
        {
            let again = queue.is_retry_due(self.now());
            drop(queue);
            if again {
                self.want_segment();
            }
            return Err(error);
        }
        let queued = queue.waiting_bytes + queue.writing_bytes;
        // One entry always fits, however large it is.
        if queued > 0 && queued + size > self.settings.queue_bytes {
            return Err(AppendError::Overloaded { queued, limit: self.settings.queue_bytes });
        }
        queue.waiting_bytes += size;
        queue.items.push_back(Item::Append(append));
        self.wake_writer(&queue);
        Ok(())
    }

    /// Queues the end of the segment.
    pub(crate) fn seal(&self) {
        let mut queue = self.queue.lock();
        // Two in a row say no more than one, so this cannot make the queue grow.
        if queue.phase == Phase::Running && !matches!(queue.items.back(), Some(Item::Seal)) {
            queue.items.push_back(Item::Seal);
            self.wake_writer(&queue);
        }
    }

    /// Starts a clean end; [`Log::ended`] tells when it is reached.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        match queue.phase {
            Phase::Opened => self.end(&mut queue),
            Phase::Running => {
                queue.phase = Phase::Closing;
                self.work.notify_all();
            }
            Phase::Closing | Phase::Marking | Phase::Ended => {}
        }
    }

    /// Resolves when the log has ended, cleanly or not.
    pub(crate) async fn ended(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.queue.lock().phase == Phase::Ended {
                return;
            }
            ended.await;
        }
    }

    /// Waits until there may be something to write; `false` when there will not be anything any more.
    pub(crate) fn wait_for_work(&self) -> bool {
        let mut queue = self.queue.lock();
        while queue.phase != Phase::Ended && !self.is_ready(&queue) {
            self.work.wait(&mut queue);
        }
        queue.phase != Phase::Ended
    }

    /// Whether a writer should make a block now.
    pub(super) fn is_ready(&self, queue: &Queue) -> bool {
        match queue.phase {
            Phase::Opened | Phase::Marking | Phase::Ended => return false,
            Phase::Closing if queue.is_drained() => return true,
            Phase::Running | Phase::Closing => {}
        }
        if queue.items.is_empty() || queue.blocked {
            return false;
        }
        queue.in_flight == 0
            || (queue.in_flight < self.settings.writes_in_flight
                && queue.waiting_bytes >= self.settings.second_write_bytes)
    }

    pub(super) fn wake_writer(&self, queue: &Queue) {
        if !self.is_ready(queue) {
            return;
        }
        if self.nearby.takes(queue) {
            self.nearby.wake();
        } else {
            self.work.notify_one();
        }
    }

    /// Bytes of the largest entry, its data included, that fits into an otherwise empty segment.
    fn largest_entry(&self) -> u64 {
        let overhead = 4 * PAGE + self.reserve() + (BLOCK_HEADER + ENTRY_HEADER) as u64;
        self.settings.segment_bytes.saturating_sub(overhead).min(u64::from(u32::MAX))
    }

    /// Bytes at the end of a segment that only control entries may use while no next segment is ready.
    pub(super) fn reserve(&self) -> u64 {
        (self.settings.segment_bytes / 16).clamp(4 * PAGE, 1 << 20) / PAGE * PAGE
    }
}

/// Time between two attempts to make a segment on a full disk.
const SPACE_RETRY: Duration = Duration::from_millis(200);

/// Bytes of an entry with its data.
pub(super) fn size(append: &Append) -> u64 {
    append.entry.len() as u64 + append.data.iter().map(|part| part.len() as u64).sum::<u64>()
}
