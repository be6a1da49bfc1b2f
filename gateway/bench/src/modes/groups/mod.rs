//! Groups: members of many consumer groups join, heartbeat or commit, and one of each leaves.
//!
//! Three phases. *Settling*: every member connects and joins at once; a group is stable when all of its members are in
//! one generation (or epoch) and own every partition between them. *Window*: `-c` members ask again and again,
//! heartbeats or commits, while all others heartbeat now and then; this is what the meter measures. *Leaving*: one member
//! of every group leaves, and the others settle again. Settled members heartbeat every `--heartbeat-ms` while any group is
//! not stable, because in the classic protocol that is how they learn of a change.

mod asking;
mod hearing;
mod member;
mod message;

use std::time::Duration;

use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest};
use uuid::Uuid;

use self::asking::{Plan, Versions};
use self::member::{Ask, Member, Standing, Verdict};
use self::message::text;
use super::{Load, drive, poller};
use crate::args::{BenchArgs, GroupLoad, GroupProtocol};
use crate::control::Control;
use crate::cpu;
use crate::engine::{Connection, Poller};
use crate::error::BenchError;
use crate::meter::{Meter, Phase, nanos};
use crate::report::{GroupFigures, Latency};

/// How long groups may take to settle.
const SETTLING: Duration = Duration::from_secs(300);
/// How often members that have nothing to do are heard of in the window; sessions last 45 s.
const LIFE_SIGN: Duration = Duration::from_secs(3);
/// How long the coordinator of a group may take to be there.
const COORDINATOR: Duration = Duration::from_secs(60);
/// How late a heartbeat may be.
const LOOK: Duration = Duration::from_millis(1);
const RETRY: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(5);
const INPUT: usize = 4 * 1024;

/// The members at work.
#[derive(Debug)]
struct GroupsLoad<'a> {
    plan: Plan,
    args: &'a BenchArgs,
    members: Vec<Member>,
    groups: Vec<Group>,
    meter: &'a mut Meter,
    /// How many members ask again and again in the window.
    busy: usize,
    /// Whether the window is on: only then is anything counted.
    measuring: bool,
    /// When it is next looked at who is due.
    next_look_ns: u64,
}

/// A group on its way to being stable.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// How many of its members have not left.
    members: usize,
    begun_ns: u64,
    stable_ns: Option<u64>,
}

/// Runs the three phases; the members own the partitions of a topic that has this id and so many of them.
pub(crate) fn run(
    args: &BenchArgs,
    control: &mut Control,
    (topic_id, partitions): (Uuid, i32),
    meter: &mut Meter,
) -> Result<GroupFigures, BenchError> {
    let plan = Plan {
        protocol: args.group_protocol,
        topic: args.topic.clone(),
        topic_id,
        partitions,
        versions: Versions::agree(control, args.group_protocol)?,
        run: std::process::id().to_string(),
    };
    let rss_before = args.server_pid.and_then(cpu::resident_bytes);
    let mut poller = poller()?;
    let mut load = GroupsLoad::connect(args, control, plan, meter, &poller)?;
    let joining = load.settle(&mut poller)?;
    let rss_after = args.server_pid.and_then(cpu::resident_bytes);
    let members = load.members.len() as u64;
    load.meter.start();
    load.measuring = true;
    drive(&mut load, &mut poller)?;
    load.measuring = false;
    load.leave()?;
    let leaving = load.settle(&mut poller)?;
    Ok(GroupFigures {
        protocol: args.group_protocol,
        load: args.group_load,
        groups: args.groups as u64,
        members,
        join_to_stable_us: joining,
        leave_to_stable_us: leaving,
        server_bytes_per_member: rss_before
            .zip(rss_after)
            .map(|(before, after)| after.saturating_sub(before) / members.max(1)),
    })
}

impl<'a> GroupsLoad<'a> {
    fn connect(
        args: &'a BenchArgs,
        control: &mut Control,
        plan: Plan,
        meter: &'a mut Meter,
        poller: &Poller,
    ) -> Result<Self, BenchError> {
        let mut members = Vec::with_capacity(args.groups * args.members);
        for group in 0..args.groups {
            let address = coordinator(control, &plan.group(group))?;
            for position in 0..args.members {
                let connection = Connection::open(&address, 1, INPUT)?;
                connection.watch(poller, members.len())?;
                let mut member = Member::new(connection, group);
                if plan.protocol == GroupProtocol::Consumer {
                    member.id = format!("{}-{position}", plan.group(group));
                }
                members.push(member);
            }
        }
        let begun_ns = meter.now_ns();
        let groups = vec![Group { members: args.members, begun_ns, stable_ns: None }; args.groups];
        let busy = args.concurrency.min(members.len());
        Ok(Self { plan, args, members, groups, meter, busy, measuring: false, next_look_ns: 0 })
    }

    /// Works until every group is stable; how long each took.
    fn settle(&mut self, poller: &mut Poller) -> Result<Latency, BenchError> {
        let deadline = self.meter.now_ns().saturating_add(nanos(SETTLING));
        let mut ready: Vec<usize> = (0..self.members.len()).collect();
        while self.groups.iter().any(|group| group.stable_ns.is_none()) {
            for &member in &ready {
                self.serve(member)?;
            }
            let now_ns = self.meter.now_ns();
            self.send_due(now_ns)?;
            if self.meter.phase() == Phase::Warmup && self.meter.is_stopped() {
                return Err(BenchError::Stopped);
            }
            if now_ns > deadline {
                let unstable = self.groups.iter().filter(|group| group.stable_ns.is_none()).count();
                let seconds = SETTLING.as_secs();
                return Err(BenchError::Late(format!("{unstable} groups were not stable after {seconds} s")));
            }
            poller.wait(POLL, &mut ready).map_err(BenchError::system("cannot wait for sockets"))?;
        }
        let took =
            self.groups.iter().filter_map(|group| Some(group.stable_ns?.saturating_sub(group.begun_ns)));
        crate::histogram::summary_of(took)
    }

    /// Has the last member of every group leave.
    fn leave(&mut self) -> Result<(), BenchError> {
        let now_ns = self.meter.now_ns();
        for group in &mut self.groups {
            *group = Group { members: group.members.saturating_sub(1), begun_ns: now_ns, stable_ns: None };
        }
        // From now on they look for a change as often as they did while they joined.
        let due_ns = now_ns.saturating_add(nanos(Duration::from_millis(self.args.heartbeat_ms)));
        self.members.iter_mut().for_each(|member| member.due_ns = due_ns);
        let last = self.args.members.saturating_sub(1);
        for member in self.members.iter_mut().skip(last).step_by(self.args.members) {
            self.plan.ask(member, Ask::Leave, now_ns)?;
        }
        Ok(())
    }

    /// What a member that has its assignment asks next, if anything.
    fn next_ask(&self, number: usize, now_ns: u64) -> Option<Ask> {
        let member = self.members.get(number)?;
        if !member.is_idle() {
            return None;
        }
        match member.standing {
            Standing::Gone => None,
            Standing::Outside => (now_ns >= member.due_ns).then_some(Ask::Join),
            Standing::Joined { .. } => Some(Ask::Sync),
            Standing::Assigned if self.is_load(number) => Some(match self.args.group_load {
                GroupLoad::Heartbeats => Ask::Heartbeat,
                GroupLoad::Commits => Ask::Commit,
            }),
            Standing::Assigned => (now_ns >= member.due_ns).then_some(Ask::Heartbeat),
        }
    }

    /// Whether what a member asks next is what is measured. The busy members are spread over all groups.
    fn is_load(&self, number: usize) -> bool {
        let settled = self.members.get(number).is_some_and(|member| member.standing == Standing::Assigned);
        if !self.measuring || !settled {
            return false;
        }
        let members = self.members.len().max(1);
        // Every `members / busy`-th, so that none is left out by rounding.
        (number * self.busy) / members != ((number + 1) * self.busy) / members
    }

    fn act(&mut self, number: usize) -> Result<(), BenchError> {
        let now_ns = self.meter.now_ns();
        let Some(ask) = self.next_ask(number, now_ns) else { return Ok(()) };
        if self.is_load(number) && self.meter.allow(1) == 0 {
            return Ok(());
        }
        let interval = if self.measuring { LIFE_SIGN } else { Duration::from_millis(self.args.heartbeat_ms) };
        let Some(member) = self.members.get_mut(number) else { return Ok(()) };
        member.due_ns = now_ns.saturating_add(nanos(interval));
        self.plan.ask(member, ask, now_ns)
    }

    /// Notes when a group has become stable.
    fn look_at(&mut self, number: usize) {
        let Some(group) = self.groups.get_mut(number) else { return };
        if group.stable_ns.is_some() {
            return;
        }
        let first = number * self.args.members;
        let members = self.members.get(first..first + self.args.members).unwrap_or_default();
        let generation = members.first().map(|member| member.generation);
        let owned: usize = members
            .iter()
            .filter(|member| member.standing == Standing::Assigned)
            .map(|member| member.partitions.len())
            .sum();
        let present = || members.iter().filter(|member| member.standing != Standing::Gone);
        let settled = present()
            .all(|member| member.standing == Standing::Assigned && Some(member.generation) == generation);
        if settled && present().count() == group.members && i32::try_from(owned) == Ok(self.plan.partitions) {
            group.stable_ns = Some(self.meter.now_ns());
        }
    }
}

impl Load for GroupsLoad<'_> {
    fn connections(&self) -> usize {
        self.members.len()
    }

    fn meter(&mut self) -> &mut Meter {
        self.meter
    }

    fn serve(&mut self, number: usize) -> Result<(), BenchError> {
        let Some(member) = self.members.get_mut(number) else { return Ok(()) };
        let group = member.group;
        for heard in self.plan.hear(member)? {
            let now_ns = self.meter.now_ns();
            match Verdict::of(heard.code) {
                Verdict::Later => member.due_ns = now_ns.saturating_add(nanos(RETRY)),
                Verdict::Refused => {
                    let what = format!("serve a member of a group ({:?})", heard.what);
                    let detail = "see the log of the broker".to_owned();
                    return Err(BenchError::Refused { what, code: heard.code, detail });
                }
                Verdict::Fine | Verdict::Rejoin | Verdict::Forgotten => {}
            }
            if self.measuring {
                self.meter.answered(heard.wire_bytes);
                if heard.code == 0 {
                    self.meter.latency(heard.at_ns, now_ns);
                } else {
                    self.meter.error(heard.code);
                }
            }
        }
        self.look_at(group);
        self.act(number)
    }

    fn send_due(&mut self, now_ns: u64) -> Result<(), BenchError> {
        // All members are looked at for that, and there may be thousands.
        if now_ns < self.next_look_ns {
            return Ok(());
        }
        self.next_look_ns = now_ns.saturating_add(nanos(LOOK));
        (0..self.members.len()).try_for_each(|number| self.act(number))
    }

    fn outstanding(&self) -> u64 {
        self.members.iter().map(|member| member.connection.in_flight()).sum()
    }
}

/// The address of the coordinator of a group, once there is one.
fn coordinator(control: &mut Control, group: &str) -> Result<String, BenchError> {
    let version = control.require("FindCoordinator", 10, (0, 3))?;
    let mut waited = Duration::ZERO;
    loop {
        let answer =
            control.call_version(version, &FindCoordinatorRequest::default().with_key(text(group)))?;
        match Verdict::of(answer.error_code) {
            Verdict::Fine if answer.node_id != BrokerId(-1) => {
                return Ok(format!("{}:{}", &*answer.host, answer.port));
            }
            Verdict::Fine | Verdict::Later if waited < COORDINATOR => {}
            _ => {
                let (what, code) = (format!("name the coordinator of {group}"), answer.error_code);
                return Err(BenchError::Refused { what, code, detail: String::new() });
            }
        }
        std::thread::park_timeout(RETRY);
        waited += RETRY;
    }
}
