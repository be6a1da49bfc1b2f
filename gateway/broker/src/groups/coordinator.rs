//! All groups that have members, and the way from what one of them decides to what happens.
//!
//! A group lives here from its first member to its last; one without members is only in the state, and one that comes
//! from an earlier run is taken over from there. What a group wants stored is queued for the journal under its lock, so
//! that the order of its changes is that of its decisions, and a task of its own waits for it. One queue has the times at
//! which groups want to be looked at.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use chronik_backend::AppendClass;
use chronik_state::{Change, Entry, GroupBody, GroupError, Outcome, StoreClassicGroup};
use chronik_types::GroupId;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::CoordinatorError;
use super::classic::{ClassicGroup, Counts, Rules, Step, Store, StoreKind};
use super::ledger::{Ledger, Weight};
use super::room::OffsetRoom;
use crate::Broker;
use crate::waiters::Reply;

/// Enough that two requests seldom meet in one.
const SHARDS: usize = 64;

/// All groups with members.
#[derive(Debug)]
pub(crate) struct Coordinator {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    pub(super) ledger: Ledger,
    pub(super) room: OffsetRoom,
    /// When which group wants to be looked at.
    alarms: Mutex<BTreeSet<(Duration, GroupId)>>,
    /// Told when the first alarm has become an earlier one.
    earlier: Arc<Notify>,
}

type Shard = HashMap<GroupId, Hosted>;

#[derive(Debug)]
struct Hosted {
    group: ClassicGroup,
    weight: Weight,
    /// Its entry among the alarms.
    alarm: Duration,
}

/// What becomes of something that had to be stored.
pub(super) type Stored = oneshot::Receiver<Result<(), CoordinatorError>>;

/// What is done when a group has no members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// Nothing.
    Leave,
    /// It is made, or taken from the state.
    Make,
}

impl Coordinator {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            ledger: Ledger::default(),
            room: OffsetRoom::default(),
            alarms: Mutex::default(),
            earlier: Arc::default(),
        }
    }

    fn shard(&self, id: &GroupId) -> Option<&Mutex<Shard>> {
        let hash = self.hasher.hash_one(id);
        let shards = u64::try_from(self.shards.len()).unwrap_or(1);
        self.shards.get(usize::try_from(hash % shards).unwrap_or(0))
    }

    /// Whether the group has members, or is about to.
    pub(super) fn contains(&self, id: &GroupId) -> bool {
        self.shard(id).is_some_and(|shard| shard.lock().contains_key(id))
    }

    /// Forgets a group that the state has made a consumer group. Who waits in it has to join that one.
    pub(super) fn evict(&self, id: &GroupId) {
        if let Some(shard) = self.shard(id) {
            self.forget(id, &mut shard.lock(), &CoordinatorError::RebalanceInProgress);
        }
    }

    /// The time of the next alarm.
    pub(crate) fn next_alarm(&self) -> Option<Duration> {
        self.alarms.lock().first().map(|(at, _)| *at)
    }

    /// Told when the next alarm has become an earlier one.
    pub(crate) fn alarms_changed(&self) -> Arc<Notify> {
        Arc::clone(&self.earlier)
    }

    fn take_due(&self, now: Duration) -> Option<GroupId> {
        let mut alarms = self.alarms.lock();
        let is_due = alarms.first().is_some_and(|(at, _)| *at <= now);
        if is_due { alarms.pop_first().map(|(_, id)| id) } else { None }
    }

    /// Lets the group be looked at when it wants to.
    fn set_alarm(&self, id: &GroupId, hosted: &mut Hosted) {
        let wanted = hosted.group.alarm();
        // A later one is found when the earlier one has fired.
        if wanted >= hosted.alarm {
            return;
        }
        let mut alarms = self.alarms.lock();
        let is_first = alarms.first().is_none_or(|(first, _)| wanted < *first);
        alarms.remove(&(hosted.alarm, id.clone()));
        alarms.insert((wanted, id.clone()));
        drop(alarms);
        hosted.alarm = wanted;
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Looks at every group that has members.
    pub(super) fn for_each(&self, mut look: impl FnMut(&GroupId, &ClassicGroup)) {
        for shard in &self.shards {
            shard.lock().iter().for_each(|(id, hosted)| look(id, &hosted.group));
        }
    }

    fn forget(&self, id: &GroupId, shard: &mut Shard, why: &CoordinatorError) {
        if let Some(mut hosted) = shard.remove(id) {
            hosted.group.dissolve(why);
            self.ledger.remove_group(hosted.weight);
            self.alarms.lock().remove(&(hosted.alarm, id.clone()));
        }
    }
}

impl Broker {
    /// Takes over all groups with members that the state knows, with sessions that begin now.
    pub(crate) fn restore_groups(self: &Arc<Self>) {
        let ids = self.state(|state| {
            let groups = state.groups().filter(|(_, group)| !group.is_empty());
            groups.map(|(id, _)| id.clone()).collect::<Vec<_>>()
        });
        for id in ids {
            self.in_group(&id, Absent::Leave, |_, _| ());
        }
    }

    /// Does something with a group under its lock; `None` when it has no members and none are to come. What it wants stored
    /// is on its way then.
    pub(super) fn in_group<T>(
        self: &Arc<Self>,
        id: &GroupId,
        absent: Absent,
        work: impl FnOnce(&mut ClassicGroup, &mut Step<'_>) -> T,
    ) -> Option<(T, Option<Stored>)> {
        let coordinator = &self.groups;
        let mut shard = coordinator.shard(id)?.lock();
        if !shard.contains_key(id) {
            let group = self.group_from_state(id, absent)?;
            let hosted = Hosted { group, weight: Weight::default(), alarm: Duration::MAX };
            coordinator.ledger.add_group();
            shard.insert(id.clone(), hosted);
        }
        let hosted = shard.get_mut(id)?;
        let mut step = self.step(id);
        let done = work(&mut hosted.group, &mut step);
        let stored = self.carry_out(&mut hosted.group, &mut step);
        self.core.metrics.groups.count_classic(step.counts);
        self.settle(id, &mut shard);
        Some((done, stored))
    }

    /// After something was done with a group: its weight, its alarm, and whether it stays.
    fn settle(&self, id: &GroupId, shard: &mut Shard) {
        let Some(hosted) = shard.get_mut(id) else { return };
        let weight = Weight::of(id, &hosted.group);
        self.groups.ledger.changed(hosted.weight, weight);
        hosted.weight = weight;
        self.groups.set_alarm(id, hosted);
        let moved = hosted.group.has_lost_track() && {
            let revision =
                self.state(|state| state.group(id.as_str()).map_or(0, chronik_state::Group::revision));
            !hosted.group.resume(revision)
        };
        if moved {
            tracing::warn!(group = %id, "somebody else has changed the group; its members have to join again");
            self.groups.forget(id, shard, &self.why_gone(id, CoordinatorError::NotCoordinator));
        } else if hosted.group.is_idle() {
            self.groups.forget(id, shard, &CoordinatorError::NotCoordinator);
        }
    }

    fn group_from_state(&self, id: &GroupId, absent: Absent) -> Option<ClassicGroup> {
        let now = self.core.clock.monotonic();
        self.state(|state| match state.group(id.as_str()) {
            Some(group) if absent == Absent::Make || !group.is_empty() => match group.body() {
                GroupBody::Classic(stored) => Some(ClassicGroup::restored(stored, group.revision(), now)),
                // One without members becomes a classic group when somebody joins it as such.
                GroupBody::Consumer(_) if group.is_empty() => {
                    Some(ClassicGroup::new(self.core.clock.now(), group.revision()))
                }
                GroupBody::Consumer(_) => None,
            },
            Some(_) => None,
            None => (absent == Absent::Make).then(|| ClassicGroup::new(self.core.clock.now(), 0)),
        })
    }

    fn step<'a>(&self, group_id: &'a GroupId) -> Step<'a> {
        let settings = self.settings();
        let rules = Rules {
            initial_rebalance_delay: settings.groups.initial_rebalance_delay,
            max_size: usize::try_from(settings.groups.max_size).unwrap_or(usize::MAX),
        };
        let (now, wall) = (self.core.clock.monotonic(), self.core.clock.now());
        Step { group_id, now, wall, rules, store: None, counts: Counts::default() }
    }

    /// Queues what the group wants stored, and lets somebody wait for it.
    fn carry_out(self: &Arc<Self>, group: &mut ClassicGroup, step: &mut Step<'_>) -> Option<Stored> {
        let mut failed = None;
        while let Some(Store { expected_revision, group: members, kind }) = step.store.take() {
            let group_id = step.group_id.clone();
            let store = StoreClassicGroup { group_id, expected_revision, group: members };
            let entry = Entry::new(step.wall, Change::StoreClassicGroup(store));
            match self.append(&entry, Vec::new(), AppendClass::Data, None) {
                Ok(reply) => {
                    let (done, stored) = oneshot::channel();
                    let storing = (expected_revision, kind);
                    tokio::spawn(Arc::clone(self).await_stored(step.group_id.clone(), storing, reply, done));
                    return Some(stored);
                }
                Err(error) => {
                    let error = CoordinatorError::from(error);
                    group.stored(expected_revision, kind, Err(error.clone()), step);
                    failed = Some(error);
                }
            }
        }
        failed.map(|error| {
            let (done, stored) = oneshot::channel();
            let _ = done.send(Err(error));
            stored
        })
    }

    async fn await_stored(
        self: Arc<Self>,
        id: GroupId,
        (expected_revision, kind): (u64, StoreKind),
        reply: oneshot::Receiver<Reply>,
        done: oneshot::Sender<Result<(), CoordinatorError>>,
    ) {
        let result = match reply.await {
            Ok(Ok(Outcome::ClassicGroupStored(Err(moved @ GroupError::RevisionMoved)))) => {
                Err(self.why_gone(&id, moved))
            }
            Ok(Ok(Outcome::ClassicGroupStored(result))) => result.map_err(CoordinatorError::from),
            Ok(Err(error)) => Err(error.into()),
            // No other outcome belongs to it, and no reply comes when the gateway stops.
            Ok(Ok(_)) | Err(_) => Err(CoordinatorError::NotCoordinator),
        };
        let told = result.clone();
        self.in_group(&id, Absent::Leave, |group, step| {
            group.stored(expected_revision, kind, result, step);
        });
        let _ = done.send(told);
    }

    /// Does what is due in groups: members that are silent, rebalances that take too long. Runs by itself.
    pub fn run_group_timers(self: &Arc<Self>) {
        let now = self.core.clock.monotonic();
        while let Some(id) = self.groups.take_due(now) {
            self.in_group_due(&id);
        }
    }

    fn in_group_due(self: &Arc<Self>, id: &GroupId) {
        if let Some(shard) = self.groups.shard(id)
            && let Some(hosted) = shard.lock().get_mut(id)
        {
            hosted.alarm = Duration::MAX;
        }
        self.in_group(id, Absent::Leave, |group, step| group.expire(step));
    }
}
