//! The uniform assignor for members that are all subscribed to the same topics: nobody has more than one partition more
//! than anybody else, and a partition moves only for that.

use std::collections::BTreeSet;

use chronik_types::TopicPartition;

use super::{Candidates, Targets};

/// Takes away what is too much, then fills those that have room. O(p log p) of the partitions.
pub(super) fn assign(candidates: &Candidates<'_>) -> Targets {
    let members = candidates.members.len();
    let mut free: BTreeSet<TopicPartition> = BTreeSet::new();
    if let Some(first) = candidates.members.first() {
        free.extend(first.topics.iter().flat_map(|topic| candidates.partitions_of(*topic)));
    }
    let mut shares = Shares::of(free.len(), members);
    let mut targets: Targets = Vec::with_capacity(members);
    let mut room = Vec::with_capacity(members);
    for (place, member) in candidates.members.iter().enumerate() {
        // What is not free belongs to nobody any more, or to a member before.
        let mut kept: BTreeSet<TopicPartition> = member.target.intersection(&free).copied().collect();
        let share = shares.next(kept.len(), members - place);
        while kept.len() > share {
            kept.pop_last();
        }
        kept.iter().for_each(|at| {
            free.remove(at);
        });
        room.push(share.saturating_sub(kept.len()));
        targets.push(kept);
    }
    let mut free = free.into_iter();
    for (target, room) in targets.iter_mut().zip(room) {
        target.extend(free.by_ref().take(room));
    }
    targets
}

/// How many partitions each member gets: the same for all, and one more for some.
#[derive(Debug)]
struct Shares {
    least: usize,
    /// How many members may still have one more.
    extra: usize,
}

impl Shares {
    fn of(partitions: usize, members: usize) -> Self {
        let members = members.max(1);
        Self { least: partitions / members, extra: partitions % members }
    }

    /// The share of the next member, which has `kept` partitions; `left` members are to come, with this one. One more goes
    /// to those who have it already, and to the last ones if there are no others.
    fn next(&mut self, kept: usize, left: usize) -> usize {
        if self.extra > 0 && (kept > self.least || left <= self.extra) {
            self.extra -= 1;
            self.least + 1
        } else {
            self.least
        }
    }
}
