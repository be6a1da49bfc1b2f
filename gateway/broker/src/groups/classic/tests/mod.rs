//! The state machine of classic groups against Kafka's rules, one module for each part of them.

mod committing;
mod joining;
mod leaving;
mod simulation;
mod static_members;
mod storing;
mod syncing;
mod timers;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chronik_state::{GroupError, MemberProtocol};
use chronik_types::{GroupId, GroupInstanceId, MemberId, TimestampMs};
use tokio::sync::oneshot;

use super::Counts;
use super::*;
use crate::groups::CoordinatorError;

pub(super) type JoinReceiver = oneshot::Receiver<JoinAnswer>;
pub(super) type SyncReceiver = oneshot::Receiver<SyncAnswer>;

pub(super) const DELAY: Duration = Duration::from_secs(3);
pub(super) const SESSION: Duration = Duration::from_secs(10);
pub(super) const REBALANCE: Duration = Duration::from_secs(60);

/// A group, the time, and what it wants stored.
pub(super) struct Rig {
    pub(super) group: ClassicGroup,
    pub(super) now: Duration,
    pub(super) rules: Rules,
    /// Stored at once, unless this is cleared.
    pub(super) stores_at_once: bool,
    pub(super) storing: VecDeque<Store>,
    pub(super) stored: Vec<chronik_state::ClassicGroup>,
    id: GroupId,
    joins: u32,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self {
            group: ClassicGroup::new(TimestampMs::new(0), 0),
            now: Duration::from_secs(1_000),
            rules: Rules { initial_rebalance_delay: DELAY, max_size: 100 },
            stores_at_once: true,
            storing: VecDeque::new(),
            stored: Vec::new(),
            id: GroupId::new("g"),
            joins: 0,
        }
    }

    /// A stable group of members with these names, of which the first leads; their ids.
    pub(super) fn stable(members: usize) -> (Self, Vec<MemberId>) {
        let mut rig = Self::new();
        let joins: Vec<_> = (0..members).map(|_| rig.join(request())).collect();
        rig.all_join();
        let ids: Vec<_> = joins.into_iter().map(|join| joined(join).member_id).collect();
        rig.sync_all(&ids);
        (rig, ids)
    }

    /// Lets every member ask for its assignment: its own id. The leader is the last to ask.
    pub(super) fn sync_all(&mut self, ids: &[MemberId]) {
        let generation = self.group.generation;
        let leader = self.group.leader.clone().expect("there is a leader");
        let followers: Vec<_> = ids.iter().filter(|id| **id != leader).collect();
        let syncs: Vec<_> = followers.iter().map(|id| self.sync(id, generation, &[])).collect();
        let led = self.sync(&leader, generation, ids);
        assert_eq!(&*synced(led).assignment, leader.as_str().as_bytes());
        for (id, sync) in followers.into_iter().zip(syncs) {
            assert_eq!(&*synced(sync).assignment, id.as_str().as_bytes());
        }
    }

    pub(super) fn step<T>(&mut self, work: impl FnOnce(&mut ClassicGroup, &mut Step<'_>) -> T) -> T {
        let wall = TimestampMs::new(i64::try_from(self.now.as_millis()).unwrap());
        let id = self.id.clone();
        let mut step = Step {
            group_id: &id,
            now: self.now,
            wall,
            rules: self.rules,
            store: None,
            counts: Counts::default(),
        };
        let done = work(&mut self.group, &mut step);
        let store = step.store.take();
        self.storing.extend(store);
        while self.stores_at_once && !self.storing.is_empty() {
            self.store(Ok(()));
        }
        done
    }

    /// Lets the first of what is on its way arrive, or fail.
    pub(super) fn store(&mut self, result: Result<(), CoordinatorError>) {
        let Store { expected_revision, group, kind } = self.storing.pop_front().expect("something is stored");
        if result.is_ok() {
            assert_eq!(expected_revision, u64::try_from(self.stored.len()).unwrap());
            self.stored.push(group);
        }
        self.step(|group, step| group.stored(expected_revision, kind, result, step));
    }

    pub(super) fn join(&mut self, request: JoinRequest) -> JoinReceiver {
        let (waiter, receiver) = oneshot::channel();
        self.joins += 1;
        let unique = self.joins.to_string();
        self.step(|group, step| group.join(request, waiter, &unique, step));
        receiver
    }

    pub(super) fn sync(&mut self, id: &MemberId, generation: i32, assigned: &[MemberId]) -> SyncReceiver {
        let assignments = assigned.iter().map(|id| (id.clone(), id.as_str().as_bytes().into())).collect();
        self.sync_with(SyncRequest { assignments, ..sync_request(id, generation) })
    }

    pub(super) fn sync_with(&mut self, request: SyncRequest) -> SyncReceiver {
        let (waiter, receiver) = oneshot::channel();
        self.step(|group, step| group.sync(request, waiter, step));
        receiver
    }

    pub(super) fn heartbeat(&mut self, id: &MemberId, generation: i32) -> Result<(), CoordinatorError> {
        let (who, now) = (identity(id.as_str(), None), self.now);
        self.group.heartbeat(&who, generation, now)
    }

    pub(super) fn leave(&mut self, ids: &[&MemberId]) -> Vec<Result<(), GroupError>> {
        let leaving: Vec<_> =
            ids.iter().map(|id| Leaving { who: identity(id.as_str(), None), reason: None }).collect();
        self.step(|group, step| group.leave(&leaving, step))
    }

    /// Lets time pass, with everything that is due on the way.
    pub(super) fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        while self.group.alarm() <= until {
            self.now = self.group.alarm().max(self.now);
            self.step(|group, step| group.expire(step));
        }
        self.now = until;
    }

    /// Lets time pass until the rebalance is over.
    pub(super) fn all_join(&mut self) {
        while self.state() == ClassicState::PreparingRebalance {
            self.advance(self.group.alarm() - self.now);
        }
    }

    pub(super) fn state(&self) -> ClassicState {
        self.group.state()
    }
}

/// A request of a dynamic member of an early version, which joins at once.
pub(super) fn request() -> JoinRequest {
    JoinRequest {
        group_id: GroupId::new("g"),
        member_id: MemberId::new(""),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range", "sticky"]),
        reason: None,
        requires_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

/// A member joins again.
pub(super) fn rejoin(id: &MemberId) -> JoinRequest {
    JoinRequest { member_id: id.clone(), ..request() }
}

pub(super) fn static_request(instance: &str) -> JoinRequest {
    JoinRequest { instance_id: Some(GroupInstanceId::new(instance)), ..request() }
}

pub(super) fn protocols(names: &[&str]) -> Arc<[MemberProtocol]> {
    let protocol = |name: &&str| MemberProtocol { name: (*name).into(), metadata: name.as_bytes().into() };
    names.iter().map(protocol).collect()
}

pub(super) fn sync_request(id: &MemberId, generation: i32) -> SyncRequest {
    SyncRequest {
        group_id: GroupId::new("g"),
        who: identity(id.as_str(), None),
        generation,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    }
}

pub(super) fn identity(id: &str, instance: Option<&str>) -> MemberIdentity {
    MemberIdentity { member_id: MemberId::new(id), instance_id: instance.map(GroupInstanceId::new) }
}

pub(super) fn joined(mut receiver: JoinReceiver) -> Joined {
    receiver.try_recv().expect("the join is answered").expect("the member has joined")
}

pub(super) fn join_refused(mut receiver: JoinReceiver) -> (CoordinatorError, MemberId) {
    let refusal = receiver.try_recv().expect("the join is answered").expect_err("the member is refused");
    (refusal.error, refusal.member_id)
}

pub(super) fn synced(mut receiver: SyncReceiver) -> Synced {
    receiver.try_recv().expect("the sync is answered").expect("the member has synced")
}

pub(super) fn sync_refused(mut receiver: SyncReceiver) -> CoordinatorError {
    receiver.try_recv().expect("the sync is answered").expect_err("the sync is refused")
}

/// Whether it is not answered yet.
pub(super) fn waits<T>(receiver: &mut oneshot::Receiver<T>) -> bool {
    matches!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty))
}
