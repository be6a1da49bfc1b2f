//! How many groups and members there are in memory, and how much they weigh, so that a flood of joins cannot take it all.

use std::sync::atomic::{AtomicUsize, Ordering};

use chronik_config::GroupSettings;
use chronik_types::GroupId;

use super::classic::ClassicGroup;

/// What groups take of the room for members: of a classic group it is added to the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) members: usize,
    pub(super) bytes: usize,
}

impl Weight {
    pub(super) fn of(id: &GroupId, group: &ClassicGroup) -> Self {
        Self { members: group.size(), bytes: id.as_str().len() + group.member_bytes() }
    }
}

/// The sums.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    groups: AtomicUsize,
    members: AtomicUsize,
    bytes: AtomicUsize,
}

impl Ledger {
    /// Whether that many members and bytes more may come, beside those `elsewhere`. Counts are those of a moment: joins of
    /// the same moment can go a little beyond.
    pub(super) fn has_room(&self, settings: &GroupSettings, elsewhere: Weight, more: Weight) -> bool {
        let max_members = usize::try_from(settings.max_members).unwrap_or(usize::MAX);
        let max_bytes = usize::try_from(settings.max_member_bytes.get()).unwrap_or(usize::MAX);
        let fits = |sum: &AtomicUsize, elsewhere: usize, more: usize, max| {
            more == 0 || sum.load(Ordering::Relaxed).saturating_add(elsewhere).saturating_add(more) <= max
        };
        fits(&self.members, elsewhere.members, more.members, max_members)
            && fits(&self.bytes, elsewhere.bytes, more.bytes, max_bytes)
    }

    pub(super) fn add_group(&self) {
        self.groups.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_group(&self, weight: Weight) {
        self.groups.fetch_sub(1, Ordering::Relaxed);
        self.changed(weight, Weight::default());
    }

    /// A group weighs something else now.
    pub(super) fn changed(&self, before: Weight, now: Weight) {
        // Wraps around on the way when a group has become lighter, as it has to.
        self.members.fetch_add(now.members.wrapping_sub(before.members), Ordering::Relaxed);
        self.bytes.fetch_add(now.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
    }

    /// Members of groups in memory.
    pub(super) fn members(&self) -> usize {
        self.members.load(Ordering::Relaxed)
    }

    /// Groups in memory.
    pub(super) fn groups(&self) -> usize {
        self.groups.load(Ordering::Relaxed)
    }
}
