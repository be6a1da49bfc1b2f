//! One member of a group: what it asks next, and what answers make of it.
//!
//! A member has a connection of its own, as real consumers have, and one request in flight, except for the commits and
//! heartbeats of the measured window, which follow each other at once too.

use chronik_types::ErrorCode;

use crate::engine::Connection;

/// What was asked, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) what: Ask,
    pub(super) at_ns: u64,
}

/// The requests of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ask {
    /// JoinGroup.
    #[default]
    Join,
    /// SyncGroup, with an assignment for each member when the leader sends it.
    Sync,
    /// Heartbeat, or ConsumerGroupHeartbeat.
    Heartbeat,
    /// OffsetCommit.
    Commit,
    /// LeaveGroup, or ConsumerGroupHeartbeat with the epoch that leaves.
    Leave,
}

/// Where a member stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// It wants to join, again or for the first time.
    #[default]
    Outside,
    /// It has joined a generation and waits for its assignment; the leader knows the ids of all members.
    Joined {
        /// Set for the leader.
        members: Vec<String>,
    },
    /// It has its assignment.
    Assigned,
    /// It has left.
    Gone,
}

/// A member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) connection: Connection<Asked>,
    /// The number of its group.
    pub(super) group: usize,
    /// As the coordinator knows it; empty before it said so.
    pub(super) id: String,
    /// The generation, or the epoch in the consumer protocol.
    pub(super) generation: i32,
    pub(super) standing: Standing,
    /// Partitions that it was assigned.
    pub(super) partitions: Vec<i32>,
    /// When it has to be heard of again.
    pub(super) due_ns: u64,
}

/// What an answer means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It went well.
    Fine,
    /// The group changes: join again.
    Rejoin,
    /// The member is not known any more: join as a new one.
    Forgotten,
    /// Ask again a little later.
    Later,
    /// It cannot go on.
    Refused,
}

impl Verdict {
    pub(super) fn of(code: i16) -> Self {
        match ErrorCode::from_code(code) {
            Some(ErrorCode::None) => Self::Fine,
            Some(
                ErrorCode::MemberIdRequired | ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration,
            ) => Self::Rejoin,
            Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch) => Self::Forgotten,
            Some(
                ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator,
            ) => Self::Later,
            Some(_) | None => Self::Refused,
        }
    }
}

impl Member {
    pub(super) fn new(connection: Connection<Asked>, group: usize) -> Self {
        Self {
            connection,
            group,
            id: String::new(),
            generation: -1,
            standing: Standing::Outside,
            partitions: Vec::new(),
            due_ns: 0,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.connection.in_flight() == 0
    }

    /// Has it join again, under the id it has.
    pub(super) fn rejoin(&mut self) {
        self.standing = Standing::Outside;
        self.partitions.clear();
    }
}

/// An assignment for each member: the partitions of one topic in turn.
pub(super) fn deal(members: usize, partitions: i32) -> Vec<Vec<i32>> {
    let mut hands = vec![Vec::new(); members.max(1)];
    for (hand, partition) in (0..members.max(1)).cycle().zip(0..partitions) {
        if let Some(hand) = hands.get_mut(hand) {
            hand.push(partition);
        }
    }
    hands
}

#[cfg(test)]
mod tests {
    use super::{Verdict, deal};

    #[test]
    fn every_partition_is_dealt_out_once() {
        assert_eq!(deal(3, 5), [vec![0, 3], vec![1, 4], vec![2]]);
        assert_eq!(deal(2, 1), [vec![0], vec![]]);
    }

    #[test]
    fn codes_say_what_to_do() {
        for (code, verdict) in [
            (0, Verdict::Fine),
            (79, Verdict::Rejoin),
            (27, Verdict::Rejoin),
            (22, Verdict::Rejoin),
            (25, Verdict::Forgotten),
            (110, Verdict::Forgotten),
            (15, Verdict::Later),
            (30, Verdict::Refused),
            (999, Verdict::Refused),
        ] {
            assert_eq!(Verdict::of(code), verdict, "{code}");
        }
    }
}
