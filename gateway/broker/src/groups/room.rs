//! How much memory the names of groups and their offsets may take. The state counts what there is; what is proposed and not
//! applied yet is counted here, so that commits of the same moment do not go beyond together.
//!
//! What only takes the place of an earlier commit is never refused: who has committed once goes on. Offsets in transactions
//! come on top of those that they will replace, hence an eighth is kept for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chronik_state::{CommitOffsets, group_name_bytes};
use chronik_types::{GroupId, TransactionalId};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;

use crate::Broker;

/// The least time between two lines about what is refused.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// What is on its way, and what was refused.
#[derive(Debug, Default)]
pub(crate) struct OffsetRoom {
    proposed: Arc<AtomicUsize>,
    pub(super) refused: Counter,
    last_line: Mutex<Option<Duration>>,
}

/// Bytes that are on their way into the state, until this is dropped.
#[derive(Debug)]
pub(crate) struct Proposed {
    proposed: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Proposed {
    fn drop(&mut self) {
        self.proposed.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Broker {
    /// Takes room for what a commit adds; `None` when there is none. To be held until it has been applied.
    pub(crate) fn room_for_offsets(&self, commit: &CommitOffsets, in_transaction: bool) -> Option<Proposed> {
        let room = &self.groups.room;
        let limit = self.settings().groups.max_offset_bytes.as_usize();
        let limit = if in_transaction { limit } else { limit - limit / 8 };
        // Under the lock of the state, so that what is applied meanwhile is counted there or here.
        let proposed = self.state(|state| {
            let bytes = commit.growth(state.group(commit.group_id.as_str()), in_transaction);
            let there = state.group_bytes().saturating_add(room.proposed.load(Ordering::Relaxed));
            if bytes > 0 && there.saturating_add(bytes) > limit {
                return None;
            }
            room.proposed.fetch_add(bytes, Ordering::Relaxed);
            Some(Proposed { proposed: Arc::clone(&room.proposed), bytes })
        });
        if proposed.is_none() {
            self.refuse_group(&commit.group_id, "a commit");
        }
        proposed
    }

    /// Whether there is room for the name of one more group, with and without members.
    pub(super) fn has_room_for_group(&self, id: &GroupId, groups: usize) -> bool {
        let settings = &self.settings().groups;
        let max_groups = usize::try_from(settings.max_groups).unwrap_or(usize::MAX);
        let limit = settings.max_offset_bytes.as_usize();
        let there = self.state(chronik_state::State::group_bytes);
        groups < max_groups && there.saturating_add(group_name_bytes(id)) <= limit - limit / 8
    }

    /// Counts that something of a group is refused for want of room, and says so now and then.
    pub(super) fn refuse_group(&self, group: &GroupId, what: &'static str) {
        if self.refuse() {
            tracing::warn!(
                %group,
                "{what} is refused; see groups.max_groups, max_members, max_member_bytes and max_offset_bytes, \
                 and chronik_refused_growth_total for how often"
            );
        }
    }

    /// Counts that something of a transaction is refused for want of room, and says so now and then.
    pub(crate) fn refuse_transaction(&self, transactional_id: &TransactionalId) {
        if self.refuse() {
            tracing::warn!(
                %transactional_id,
                "a transaction may not grow; see transactions.max_bytes, and chronik_refused_growth_total for how often"
            );
        }
    }

    /// Counts a refusal; whether it is time for a line about it.
    fn refuse(&self) -> bool {
        let room = &self.groups.room;
        room.refused.inc();
        let now = self.core.clock.monotonic();
        let mut last = room.last_line.lock();
        let is_time = last.is_none_or(|last| now.saturating_sub(last) >= BETWEEN_LINES);
        if is_time {
            *last = Some(now);
        }
        is_time
    }
}
