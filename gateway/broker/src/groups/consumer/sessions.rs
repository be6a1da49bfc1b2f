//! When members were heard of last, and until when they have time for something.
//!
//! Nothing of this is in the journal: after a restart every member has a whole session before it, so that nobody is taken
//! out because the gateway was away. All times are those of the monotonic clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chronik_state::RebalanceTimer;
use chronik_types::{GroupId, MemberEpoch, MemberId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::groups::ledger::Weight;

/// The sessions of all members of all consumer groups.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
    /// Told when the first alarm has become an earlier one.
    earlier: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    groups: HashMap<GroupId, Group>,
    /// When which member wants to be looked at. One whose time has moved on is found when its earlier one has come.
    alarms: BTreeSet<(Duration, GroupId, MemberId)>,
    /// Bytes of all groups.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Group {
    members: HashMap<MemberId, Session>,
    /// The generation of the topics that the group was last compared with.
    compared: Option<u64>,
    /// Bytes of what its regular expressions match.
    regex_bytes: usize,
}

#[derive(Debug)]
struct Session {
    ends: Duration,
    /// Until when the member has to give up partitions, and in which epoch it is as long as it has not.
    rebalance: Option<(MemberEpoch, Duration)>,
    /// Until when a classic member has to join again, or to ask for its assignment.
    classic: Option<ClassicDeadline>,
    alarm: Duration,
    /// Bytes of the member.
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
enum ClassicDeadline {
    Join(Duration),
    Sync(Duration),
}

impl ClassicDeadline {
    const fn time(self) -> Duration {
        match self {
            Self::Join(time) | Self::Sync(time) => time,
        }
    }
}

/// What a classic member has done.
#[derive(Clone, Copy, Debug)]
pub(super) enum ClassicStep {
    /// It has joined, and has to ask for its assignment.
    Joined { sync_by: Duration },
    /// It has asked for its assignment.
    Synced,
    /// It has sent a heartbeat.
    Beat,
    /// It was told to join again.
    MustJoin { join_by: Duration },
}

impl Session {
    const fn until(ends: Duration) -> Self {
        Self { ends, rebalance: None, classic: None, alarm: Duration::MAX, bytes: 0 }
    }

    fn next(&self) -> Duration {
        let rebalance = self.rebalance.map_or(self.ends, |(_, until)| until.min(self.ends));
        self.classic.map_or(rebalance, |deadline| deadline.time().min(rebalance))
    }
}

/// Whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Overdue {
    pub(super) group_id: GroupId,
    pub(super) member_id: MemberId,
    /// Set when it has to go only if it is still in that epoch.
    pub(super) if_epoch: Option<MemberEpoch>,
}

/// What is known of a member after it was heard of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// When its session ends, if it is not heard of again.
    pub(super) ends: Duration,
    pub(super) epoch: MemberEpoch,
    pub(super) rebalance: RebalanceTimer,
    /// Until when it has to give up partitions, if it has to.
    pub(super) rebalance_until: Duration,
}

impl Sessions {
    /// What all members of consumer groups weigh.
    pub(in crate::groups) fn weight(&self) -> Weight {
        let inner = self.inner.lock();
        Weight { members: inner.alarms.len(), bytes: inner.bytes }
    }

    /// Notes how many bytes a member takes, and what the regular expressions of its group match.
    pub(super) fn weigh(&self, group: &GroupId, member: &MemberId, bytes: usize, regex_bytes: usize) {
        let mut inner = self.inner.lock();
        let Inner { groups, bytes: sum, .. } = &mut *inner;
        let Some(group) = groups.get_mut(group) else { return };
        let Some(session) = group.members.get_mut(member) else { return };
        *sum = *sum - session.bytes - group.regex_bytes + bytes + regex_bytes;
        (session.bytes, group.regex_bytes) = (bytes, regex_bytes);
    }

    /// The time of the next alarm.
    pub(crate) fn next_alarm(&self) -> Option<Duration> {
        self.inner.lock().alarms.first().map(|(at, ..)| *at)
    }

    /// Told when the next alarm has become an earlier one.
    pub(crate) fn alarms_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.earlier)
    }

    /// A member was heard of.
    pub(super) fn heard(&self, group: &GroupId, member: &MemberId, heard: Heard) {
        let mut inner = self.inner.lock();
        let members = &mut inner.groups.entry(group.clone()).or_default().members;
        let session = members.entry(member.clone()).or_insert(Session::until(heard.ends));
        session.classic = None;
        session.ends = heard.ends;
        match heard.rebalance {
            RebalanceTimer::Keep => {}
            RebalanceTimer::Start => session.rebalance = Some((heard.epoch, heard.rebalance_until)),
            RebalanceTimer::Stop => session.rebalance = None,
        }
        self.set_alarm(&mut inner, group, member);
    }

    /// A classic member was heard of.
    pub(super) fn classic(&self, group: &GroupId, member: &MemberId, ends: Duration, step: ClassicStep) {
        self.adopt(group, member, ends);
        let mut inner = self.inner.lock();
        let session = inner.groups.get_mut(group).and_then(|group| group.members.get_mut(member));
        if let Some(session) = session {
            session.ends = ends;
            session.rebalance = None;
            session.classic = match (step, session.classic) {
                (ClassicStep::Joined { sync_by }, _) => Some(ClassicDeadline::Sync(sync_by)),
                (ClassicStep::Synced, _) => None,
                (ClassicStep::MustJoin { join_by }, None | Some(ClassicDeadline::Sync(_))) => {
                    Some(ClassicDeadline::Join(join_by))
                }
                // Being told once more gives no more time.
                (ClassicStep::MustJoin { .. } | ClassicStep::Beat, known) => known,
            };
        }
        self.set_alarm(&mut inner, group, member);
    }

    /// A member whose group has changed its protocol gets a session, if it has none.
    pub(super) fn adopt(&self, group: &GroupId, member: &MemberId, ends: Duration) {
        let mut inner = self.inner.lock();
        let members = &mut inner.groups.entry(group.clone()).or_default().members;
        members.entry(member.clone()).or_insert(Session::until(ends));
        self.set_alarm(&mut inner, group, member);
    }

    /// A group is no consumer group any more.
    pub(super) fn forget_group(&self, id: &GroupId) {
        let mut inner = self.inner.lock();
        let Some(group) = inner.groups.remove(id) else { return };
        inner.bytes -= group.regex_bytes;
        for (member, session) in group.members {
            inner.bytes -= session.bytes;
            inner.alarms.remove(&(session.alarm, id.clone(), member));
        }
    }

    /// A member that is known was heard of; what comes of it is not known yet.
    pub(super) fn extend(&self, group: &GroupId, member: &MemberId, ends: Duration) {
        let mut inner = self.inner.lock();
        if let Some(session) = inner.groups.get_mut(group).and_then(|group| group.members.get_mut(member)) {
            session.ends = session.ends.max(ends);
        }
    }

    /// A static member has left for a while: its session goes on, and there is nothing that it has to give up.
    pub(super) fn away(&self, group: &GroupId, member: &MemberId) {
        let mut inner = self.inner.lock();
        if let Some(session) = inner.groups.get_mut(group).and_then(|group| group.members.get_mut(member)) {
            session.rebalance = None;
        }
    }

    /// A member is gone.
    pub(super) fn forget(&self, group: &GroupId, member: &MemberId) {
        let mut inner = self.inner.lock();
        let Inner { groups, alarms, bytes } = &mut *inner;
        let Some(known) = groups.get_mut(group) else { return };
        let session = known.members.remove(member);
        if known.members.is_empty() {
            *bytes -= known.regex_bytes;
            groups.remove(group);
        }
        if let Some(session) = session {
            *bytes -= session.bytes;
            alarms.remove(&(session.alarm, group.clone(), member.clone()));
        }
    }

    /// Whether the group was not compared with the topics of that generation yet.
    pub(super) fn is_behind(&self, group: &GroupId, generation: u64) -> bool {
        self.inner.lock().groups.get(group).and_then(|group| group.compared) != Some(generation)
    }

    /// The group was compared with the topics of that generation, and nothing came of it.
    pub(super) fn compared(&self, group: &GroupId, generation: u64) {
        if let Some(group) = self.inner.lock().groups.get_mut(group) {
            group.compared = Some(generation);
        }
    }

    /// Members whose time is over. Each is looked at again after `retry`, in case that nothing came of it.
    pub(super) fn take_overdue(&self, now: Duration, retry: Duration) -> Vec<Overdue> {
        let mut inner = self.inner.lock();
        let mut overdue = Vec::new();
        while inner.alarms.first().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, group_id, member_id)) = inner.alarms.pop_first() else { break };
            let session = inner.groups.get_mut(&group_id).and_then(|group| group.members.get_mut(&member_id));
            let Some(session) = session else { continue };
            session.alarm = Duration::MAX;
            let late = session.rebalance.filter(|(_, until)| *until <= now);
            if session.ends <= now || session.classic.is_some_and(|deadline| deadline.time() <= now) {
                session.ends = now.saturating_add(retry);
                session.classic = None;
                overdue.push(Overdue {
                    group_id: group_id.clone(),
                    member_id: member_id.clone(),
                    if_epoch: None,
                });
            } else if let Some((epoch, _)) = late {
                session.rebalance = Some((epoch, now.saturating_add(retry)));
                let if_epoch = Some(epoch);
                overdue.push(Overdue { group_id: group_id.clone(), member_id: member_id.clone(), if_epoch });
            }
            self.set_alarm(&mut inner, &group_id, &member_id);
        }
        overdue
    }

    /// A member has left the epoch in which it had to give up partitions.
    pub(super) fn stop_rebalance(&self, group: &GroupId, member: &MemberId, epoch: MemberEpoch) {
        let mut inner = self.inner.lock();
        let session = inner.groups.get_mut(group).and_then(|group| group.members.get_mut(member));
        if let Some(session) = session
            && session.rebalance.is_some_and(|(known, _)| known == epoch)
        {
            session.rebalance = None;
        }
    }

    fn set_alarm(&self, inner: &mut Inner, group: &GroupId, member: &MemberId) {
        let Inner { groups, alarms, .. } = inner;
        let session = groups.get_mut(group).and_then(|group| group.members.get_mut(member));
        let Some(session) = session else { return };
        let wanted = session.next();
        if wanted >= session.alarm {
            return;
        }
        let is_first = alarms.first().is_none_or(|(first, ..)| wanted < *first);
        alarms.remove(&(session.alarm, group.clone(), member.clone()));
        alarms.insert((wanted, group.clone(), member.clone()));
        session.alarm = wanted;
        if is_first {
            self.earlier.notify_one();
        }
    }
}
