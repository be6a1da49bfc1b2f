//! Clients that come, go, stall and lose connections at random, each as the real ones behave: whatever happens, nobody is
//! assigned what the leader did not assign, and left alone all come to rest in one generation.

use chronik_types::Entropy;

use super::super::pending_bytes;
use super::*;

/// A client, as far as its coordinator can tell.
struct Client {
    instance: Option<String>,
    id: MemberId,
    generation: i32,
    doing: Doing,
    /// It does nothing until then.
    stalls_until: Duration,
}

enum Doing {
    Nothing,
    Joining(JoinReceiver),
    Syncing(SyncReceiver),
    Consuming,
}

impl Client {
    fn new(instance: Option<String>) -> Self {
        Self {
            instance,
            id: MemberId::new(""),
            generation: -1,
            doing: Doing::Nothing,
            stalls_until: Duration::ZERO,
        }
    }

    fn request(&self) -> JoinRequest {
        JoinRequest {
            member_id: self.id.clone(),
            instance_id: self.instance.as_deref().map(GroupInstanceId::new),
            requires_known_member_id: true,
            ..request()
        }
    }

    fn forget(&mut self) {
        (self.id, self.generation, self.doing) = (MemberId::new(""), -1, Doing::Nothing);
    }

    fn failed(&mut self, error: &CoordinatorError) {
        match error {
            CoordinatorError::RebalanceInProgress | CoordinatorError::MemberIdRequired => {
                self.doing = Doing::Nothing;
            }
            _ => self.forget(),
        }
    }

    /// Does what a client does next.
    fn go_on(&mut self, rig: &mut Rig) {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => self.doing = Doing::Joining(rig.join(self.request())),
            Doing::Joining(mut join) => match join.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => self.doing = Doing::Joining(join),
                Err(oneshot::error::TryRecvError::Closed) => {}
                Ok(Err(refusal)) => {
                    self.id = refusal.member_id.clone();
                    self.failed(&refusal.error);
                }
                Ok(Ok(joined)) => self.joined(rig, joined),
            },
            Doing::Syncing(mut sync) => match sync.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => self.doing = Doing::Syncing(sync),
                Err(oneshot::error::TryRecvError::Closed) => {}
                Ok(Err(error)) => self.failed(&error),
                Ok(Ok(synced)) => {
                    let expected = format!("{} in {}", self.id, self.generation);
                    let kept = self
                        .instance
                        .as_deref()
                        .is_some_and(|instance| synced.assignment.starts_with(instance.as_bytes()));
                    assert!(
                        &*synced.assignment == expected.as_bytes() || kept,
                        "{:?} for {expected}",
                        synced.assignment
                    );
                    self.doing = Doing::Consuming;
                }
            },
            Doing::Consuming => {
                let who = MemberIdentity {
                    member_id: self.id.clone(),
                    instance_id: self.instance.as_deref().map(GroupInstanceId::new),
                };
                let now = rig.now;
                match rig.group.heartbeat(&who, self.generation, now) {
                    Ok(()) => self.doing = Doing::Consuming,
                    Err(error) => self.failed(&error),
                }
            }
        }
    }

    fn joined(&mut self, rig: &mut Rig, joined: Joined) {
        (self.id, self.generation) = (joined.member_id.clone(), joined.generation);
        let leads = joined.leader.as_ref() == Some(&self.id) && !joined.skip_assignment;
        let members = joined.members.iter().filter(|_| leads);
        let assignments = members.map(|member| {
            let assigned = format!("{} in {}", member.member_id, joined.generation);
            (member.member_id.clone(), assigned.as_bytes().into())
        });
        let assignments = assignments.collect();
        let who = MemberIdentity {
            member_id: self.id.clone(),
            instance_id: self.instance.as_deref().map(GroupInstanceId::new),
        };
        let request = SyncRequest { who, assignments, ..sync_request(&self.id, self.generation) };
        self.doing = Doing::Syncing(rig.sync_with(request));
    }
}

fn check(group: &ClassicGroup) {
    let awaiting = group.members.values().filter(|member| member.awaiting_join.is_some()).count();
    assert_eq!(group.awaiting_join, awaiting);
    let leads = |leader: &MemberId| group.members.contains_key(leader);
    assert_eq!(group.owing_sync, group.members.values().filter(|member| member.owes_sync).count());
    let pending: usize = group.pending.keys().map(pending_bytes).sum();
    assert_eq!(group.bytes, pending + group.members.values().map(Member::bytes).sum::<usize>());
    assert!(group.leader.as_ref().map_or(group.members.is_empty(), leads), "{:?}", group.leader);
    for (instance, id) in &group.instances {
        assert_eq!(group.members[id].instance_id.as_ref(), Some(instance));
    }
    let statics = group.members.values().filter(|member| member.instance_id.is_some()).count();
    assert_eq!(statics, group.instances.len());
    assert!(group.pending.keys().all(|id| !group.members.contains_key(id)));
    assert!(!group.is_empty() || group.members.is_empty());
    let deadlines = group.members.values().map(|member| member.deadline);
    let others = group.pending.values().copied().chain(group.join_deadline).chain(group.sync_deadline);
    assert!(deadlines.chain(others).all(|deadline| group.alarm <= deadline), "the alarm comes too late");
}

fn disturb(client: &mut Client, rig: &mut Rig, entropy: &Entropy) {
    match entropy.below(40) {
        // It dies, and another takes its place.
        0 => client.forget(),
        1 => {
            rig.leave(&[&client.id.clone()]);
            client.forget();
        }
        2 => client.stalls_until = rig.now + Duration::from_secs(entropy.below(30)),
        // It loses its connection, and asks again.
        3 if !client.id.is_empty() => client.doing = Doing::Nothing,
        _ => {}
    }
}

fn simulate(seed: u64) {
    let entropy = Entropy::seeded(seed);
    let mut rig = Rig::new();
    rig.stores_at_once = false;
    let count = 1 + usize::try_from(entropy.below(7)).unwrap();
    let mut clients: Vec<_> =
        (0..count).map(|number| Client::new((number % 3 == 0).then(|| format!("i{number}")))).collect();
    for round in 0..800 {
        let quiet = round >= 400;
        rig.advance(Duration::from_millis(entropy.below(1_500)));
        if !rig.storing.is_empty() && (quiet || entropy.below(3) > 0) {
            let fails = !quiet && entropy.below(8) == 0;
            let result = if fails { Err(CoordinatorError::Unavailable) } else { Ok(()) };
            let revision = u64::try_from(rig.stored.len()).unwrap();
            rig.storing[0].expected_revision = revision;
            rig.store(result);
            if rig.group.has_lost_track() {
                let revision = rig.group.durable_revision();
                assert!(rig.group.resume(revision));
            }
        }
        for client in &mut clients {
            if client.stalls_until <= rig.now || quiet {
                client.go_on(&mut rig);
            }
            if !quiet {
                disturb(client, &mut rig, &entropy);
            }
            check(&rig.group);
        }
    }
    assert_eq!(rig.state(), ClassicState::Stable, "seed {seed}");
    let consuming = clients.iter().filter(|client| matches!(client.doing, Doing::Consuming));
    assert!(consuming.clone().all(|client| client.generation == rig.group.generation));
    assert_eq!((consuming.count(), rig.group.size()), (count, count), "seed {seed}");
}

#[test]
fn whatever_clients_do_they_come_to_rest_with_what_was_assigned() {
    for seed in 0..150 {
        simulate(seed);
    }
}
