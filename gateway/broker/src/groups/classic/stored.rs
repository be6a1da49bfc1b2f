//! What of a group is durable, on its way there and when it has arrived.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chronik_state::{self as state, ClassicMember, MemberProtocol};
use chronik_types::{GenerationId, MemberId};

use super::member::Member;
use super::sync::Assignments;
use super::{ClassicGroup, Phase, Step};
use crate::groups::CoordinatorError;

/// A change of the members that has to be stored.
#[derive(Debug)]
pub(crate) struct Store {
    /// What the coordinator takes the revision of the group to be.
    pub(crate) expected_revision: u64,
    /// The group from then on.
    pub(crate) group: state::ClassicGroup,
    /// What it is for: [`ClassicGroup::stored`] has to be told.
    pub(crate) kind: StoreKind,
}

/// What a [`Store`] is for.
#[derive(Debug)]
pub(crate) enum StoreKind {
    /// The leader has brought the assignment of a generation.
    Synced {
        /// The generation.
        generation: i32,
        /// The assignment.
        assignments: Assignments,
    },
    /// The last member has gone.
    Emptied {
        /// The generation without members.
        generation: i32,
    },
    /// A consumer is about to join, which makes it a consumer group, while it rebalances.
    Upgrading {
        /// The generation.
        generation: i32,
    },
    /// A static member came back.
    Replaced(Replaced),
}

/// A static member that came back under another id.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub(super) new_id: MemberId,
    pub(super) before: Before,
    pub(super) leader_before: Option<MemberId>,
    /// Whether its client can be told that a leader need not make an assignment.
    pub(super) skips: bool,
}

/// What a static member was like.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) id: MemberId,
    pub(super) protocols: Arc<[MemberProtocol]>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
}

/// What is known of the group in the state.
#[derive(Debug)]
pub(super) struct Durable {
    /// The revision, once everything on its way has arrived.
    revision: u64,
    /// The revision that is known to be there.
    confirmed: u64,
    /// How much is on its way.
    storing: u32,
    /// The generation whose assignment is on its way.
    storing_generation: Option<i32>,
    /// The latest generation that has arrived.
    generation: i32,
    /// The revision that it followed: what is stored later may arrive before what is stored earlier.
    generation_since: u64,
    /// Something has not arrived, so that the revision has to be looked up.
    failed: bool,
}

impl Durable {
    pub(super) const fn new(revision: u64) -> Self {
        Self {
            revision,
            confirmed: revision,
            storing: 0,
            storing_generation: None,
            generation: 0,
            generation_since: revision,
            failed: false,
        }
    }

    pub(super) const fn is_storing(&self) -> bool {
        self.storing > 0
    }

    pub(super) fn is_storing_generation(&self, generation: i32) -> bool {
        self.storing_generation == Some(generation)
    }

    pub(super) const fn generation(&self) -> i32 {
        self.generation
    }

    /// A generation that was stored after a revision has arrived.
    const fn has_arrived(&mut self, generation: i32, since: u64) {
        if since >= self.generation_since {
            self.generation = generation;
            self.generation_since = since;
        }
    }
}

impl ClassicGroup {
    /// The group as the state has it; `now` is when the sessions of its members begin anew.
    pub(crate) fn restored(stored: &state::ClassicGroup, revision: u64, now: Duration) -> Self {
        let mut group = Self::new(stored.since, revision);
        group.generation = stored.generation.get();
        group.durable.generation = group.generation;
        group.protocol_type.clone_from(&stored.protocol_type);
        group.protocol_name.clone_from(&stored.protocol_name);
        group.leader.clone_from(&stored.leader);
        for (id, member) in &stored.members {
            group.protocols.add(&member.protocols);
            if let Some(instance) = &member.instance_id {
                group.instances.insert(instance.clone(), id.clone());
            }
            let member = Member::restored(member);
            group.bytes += member.bytes();
            group.members.insert(id.clone(), member);
            group.renew(id, now);
        }
        group.phase = if group.members.is_empty() { Phase::Empty } else { Phase::Stable };
        group
    }

    /// Lets the present members be stored.
    pub(super) fn store(&mut self, kind: StoreKind, step: &mut Step<'_>) {
        let assignments = match &kind {
            StoreKind::Synced { generation, assignments } => {
                self.durable.storing_generation = Some(*generation);
                Some(assignments)
            }
            StoreKind::Emptied { .. } | StoreKind::Upgrading { .. } | StoreKind::Replaced(_) => None,
        };
        let group = self.snapshot(assignments);
        let expected_revision = self.durable.revision;
        self.durable.revision += 1;
        self.durable.storing += 1;
        step.store = Some(Store { expected_revision, group, kind });
    }

    /// Lets a group be stored as it is while it rebalances: whoever is in it is to be in the consumer group that it
    /// becomes, in the generation that he knows, with what he was assigned in the last one.
    pub(crate) fn store_for_upgrade(&mut self, step: &mut Step<'_>) {
        let is_rebalancing = matches!(self.phase, Phase::PreparingRebalance | Phase::CompletingRebalance);
        if is_rebalancing && !self.members.is_empty() && self.durable.storing_generation.is_none() {
            self.store(StoreKind::Upgrading { generation: self.generation }, step);
        }
    }

    pub(super) fn snapshot(&self, assignments: Option<&Assignments>) -> state::ClassicGroup {
        let assigned = |id: &MemberId, member: &Member| match assignments {
            Some(assignments) => assignments.get(id).cloned().unwrap_or_default(),
            None => Arc::clone(&member.assignment),
        };
        let members: BTreeMap<_, _> = self
            .members
            .iter()
            .map(|(id, member)| (id.clone(), member.snapshot(assigned(id, member))))
            .collect();
        state::ClassicGroup {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            generation: GenerationId::new(self.generation),
            leader: self.leader.clone(),
            since: self.since,
            members,
        }
    }

    /// What was on its way has arrived, or has not: a [`Store`] that expected this revision. They come in any order.
    pub(crate) fn stored(
        &mut self,
        expected_revision: u64,
        kind: StoreKind,
        result: Result<(), CoordinatorError>,
        step: &mut Step<'_>,
    ) {
        self.durable.storing = self.durable.storing.saturating_sub(1);
        match &result {
            Ok(()) => self.durable.confirmed += 1,
            Err(_) => self.durable.failed = true,
        }
        match kind {
            StoreKind::Synced { generation, assignments } => {
                if self.durable.is_storing_generation(generation) {
                    self.durable.storing_generation = None;
                }
                if result.is_ok() {
                    self.durable.has_arrived(generation, expected_revision);
                    for (id, member) in &mut self.members {
                        member.is_stored = assignments.contains_key(id) || member.is_stored;
                    }
                }
                // Members may have come or gone meanwhile; then the next rebalance has begun.
                if self.phase != Phase::CompletingRebalance || generation != self.generation {
                    return;
                }
                match result {
                    Ok(()) => self.assign(assignments, step),
                    Err(error) => {
                        self.reset_assignments(&error, step.now);
                        self.prepare_rebalance(&format!("the assignment could not be stored: {error}"), step);
                    }
                }
            }
            StoreKind::Emptied { generation } => match result {
                Ok(()) => self.durable.has_arrived(generation, expected_revision),
                // Members that have gone stay in the state until they have fallen silent once more.
                Err(error) => {
                    tracing::warn!(group = %step.group_id, %error, "it could not be stored that the group is empty");
                }
            },
            StoreKind::Upgrading { generation } => {
                if result.is_ok() {
                    self.durable.has_arrived(generation, expected_revision);
                }
            }
            StoreKind::Replaced(replaced) => self.has_replaced(replaced, result, step),
        }
    }

    fn has_replaced(&mut self, replaced: Replaced, result: Result<(), CoordinatorError>, step: &Step<'_>) {
        // In a rebalance that began meanwhile it waits like all the others.
        if self.phase != Phase::Stable {
            return;
        }
        let Replaced { new_id, before, leader_before, skips } = replaced;
        match result {
            Ok(()) => {
                let mut joined = self.joined(&new_id);
                if skips {
                    joined.skip_assignment = self.is_leader(&new_id);
                } else {
                    // So that a leader of an early version does not make an assignment that nobody asks for.
                    joined.leader = leader_before;
                    joined.members.clear();
                }
                self.answer_join(&new_id, Ok(joined));
            }
            Err(error) => {
                tracing::warn!(group = %step.group_id, member = %new_id, %error, "the id of a static member could not be stored");
                self.answer_join(&new_id, Err(super::JoinRefusal::anonymous(error)));
                self.rename_static(&new_id, &before.id);
                self.set_protocols(&before.id, before.protocols);
                if let Some(member) = self.members.get_mut(&before.id) {
                    member.rebalance_timeout_ms = before.rebalance_timeout_ms;
                    member.session_timeout_ms = before.session_timeout_ms;
                }
                self.renew(&before.id, step.now);
            }
        }
    }

    /// Whether the revision has to be looked up, because something has not arrived and nothing is on its way.
    pub(crate) const fn has_lost_track(&self) -> bool {
        self.durable.failed && self.durable.storing == 0
    }

    /// The revision that is known to be in the state.
    #[cfg(test)]
    pub(crate) const fn durable_revision(&self) -> u64 {
        self.durable.confirmed
    }

    /// Takes over the revision that was looked up; `false` when somebody else has changed the group.
    pub(crate) fn resume(&mut self, revision: u64) -> bool {
        self.durable.failed = false;
        self.durable.revision = revision;
        self.durable.confirmed == revision
    }
}

impl Member {
    fn restored(stored: &ClassicMember) -> Self {
        Self {
            instance_id: stored.instance_id.clone(),
            client_id: stored.client_id.clone(),
            client_host: stored.client_host.clone(),
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            session_timeout_ms: stored.session_timeout_ms,
            protocols: Arc::clone(&stored.protocols),
            assignment: Arc::clone(&stored.assignment),
            deadline: Duration::ZERO,
            is_new: false,
            is_stored: true,
            owes_sync: false,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }

    fn snapshot(&self, assignment: Arc<[u8]>) -> ClassicMember {
        ClassicMember {
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            protocols: Arc::clone(&self.protocols),
            assignment,
        }
    }
}
