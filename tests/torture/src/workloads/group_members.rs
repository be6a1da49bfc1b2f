//! Members of groups that read, commit, crash, leave and come again, in both protocols.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use chronik_types::ErrorCode;

use super::dice::Dice;
use super::group_log::{Consumption, GroupLog};
use crate::client::{
    Beat, ClassicMember, Committed, Committer, ConsumerMember, Coordinated, Link, Standing, Topic,
    commit_offsets, find_coordinator,
};
use crate::history::Completion;
use crate::stage::{Over, Stage};

/// Bytes of one partition in one poll.
const POLL_BYTES: i32 = 4 * 1024;
/// A member crashes, or leaves, once in this many rounds.
const RARELY: u64 = 400;

/// A seat in a group: who sits on it changes, one member after the other.
pub(crate) struct Seat<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) era: u64,
    pub(crate) topic: &'a Topic,
    pub(crate) topic_id: uuid::Uuid,
    pub(crate) group: &'a str,
    pub(crate) number: u64,
    /// Nothing is left to be read.
    pub(crate) stop: &'a AtomicBool,
}

impl<'a> Seat<'a> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.stage.is_over()
    }

    /// Static members come back as who they were.
    fn instance(&self) -> Option<String> {
        self.number.is_multiple_of(3).then(|| format!("seat-{}", self.number))
    }

    fn begin(
        &self,
        member: Option<String>,
        incarnation: u64,
        consumption: &mut Consumption<'a>,
    ) -> Result<Link<'a>, Over> {
        let name = format!("{}/{}.{incarnation}", self.group, self.number);
        consumption.reborn(member.unwrap_or_else(|| name.clone()), self.number * 1_000_000 + incarnation);
        let mut link = Link::new(self.stage, name);
        find_coordinator(&mut link, Coordinated::Group, self.group)?;
        Ok(link)
    }

    /// Members of a classic group; every third seat is that of a static member.
    pub(crate) fn classic(&self) -> Result<GroupLog, Over> {
        let dice = Dice::new(self.stage.seed, self.era, self.number);
        let instance = self.instance();
        let mut consumption = Consumption::new(self.stage, self.topic.clone(), self.group, POLL_BYTES);
        let mut incarnation = 0;
        while !self.is_over() {
            incarnation += 1;
            let mut link = self.begin(instance.clone(), incarnation, &mut consumption)?;
            let mut member = ClassicMember::new(self.group, self.topic.clone(), instance.clone());
            while !self.is_over() {
                let before = member.standing.clone();
                member.join(&mut link)?;
                self.commit_late(&mut link, &before, &member.standing)?;
                let assigned = member.assigned.iter().copied().collect();
                // Nothing is kept from one generation to the next.
                consumption.own(&BTreeSet::new(), 0);
                consumption.own(&assigned, member.standing.generation);
                if self.classic_generation(&dice, &mut link, &mut member, &mut consumption)? == Next::Reborn {
                    break;
                }
            }
        }
        Ok(consumption.finish())
    }

    /// A commit of the generation before, which comes when the member has joined another one: it must be refused, since
    /// others may have read on from there.
    fn commit_late(&self, link: &mut Link<'a>, before: &Standing, now: &Standing) -> Result<(), Over> {
        if before.member_id != now.member_id || !(0..now.generation).contains(&before.generation) {
            return Ok(());
        }
        let late: Vec<Committed> =
            self.topic.keys().map(|key| Committed { key, offset: 0, metadata: "late".to_owned() }).collect();
        let answer = commit_offsets(link, self.group, before, self.topic, &late)?;
        if answer == Some(ErrorCode::None) {
            let (old, new) = (before.generation, now.generation);
            self.stage.problem(format!("{}: OffsetCommit of generation {old} accepted in {new}", link.who));
        }
        Ok(())
    }

    /// A member as long as its generation lasts.
    fn classic_generation(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        member: &mut ClassicMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<Next, Over> {
        let commits_always = dice.one_in(2);
        loop {
            if self.is_over() || dice.one_in(RARELY) {
                consumption.own(&BTreeSet::new(), 0);
                member.leave(link)?;
                return Ok(Next::Rejoin);
            }
            if dice.one_in(RARELY) {
                link.die();
                return Ok(Next::Reborn);
            }
            dice.dawdle(20);
            let sent = self.stage.tick();
            match member.heartbeat(link)? {
                None => continue,
                Some(ErrorCode::None) => consumption.confirm(sent),
                Some(later) if later.is_retriable() => continue,
                Some(refused) => {
                    if refused == ErrorCode::RebalanceInProgress {
                        // As clients do before they join again; too late is no harm.
                        consumption.commit(link, &member.standing)?;
                    }
                    member.refused(link, "Heartbeat", refused);
                    return Ok(Next::Rejoin);
                }
            }
            if let Some(refused) = consumption.locate(link, Committer::Anyone)? {
                self.stage.problem(format!("{}: OffsetFetch: {refused:?}", link.who));
            }
            let Some((mut op, _)) = consumption.poll(link)? else { continue };
            let answer = if commits_always || dice.one_in(4) {
                consumption.commit(link, &member.standing)?
            } else {
                Some(ErrorCode::None)
            };
            op.completion = completion(answer);
            op.ended = self.stage.tick();
            consumption.log.ops.push(op);
            if let Some(refused) = answer.filter(|code| *code != ErrorCode::None && !code.is_retriable()) {
                member.refused(link, "OffsetCommit", refused);
                return Ok(Next::Rejoin);
            }
        }
    }

    /// Members of a group of the consumer protocol.
    pub(crate) fn consumer(&self) -> Result<GroupLog, Over> {
        let dice = Dice::new(self.stage.seed, self.era, self.number);
        let mut consumption = Consumption::new(self.stage, self.topic.clone(), self.group, POLL_BYTES);
        let mut incarnation = 0;
        while !self.is_over() {
            incarnation += 1;
            let mut link = self.begin(None, incarnation, &mut consumption)?;
            let id = format!("torture-{}-{}-{incarnation}", self.era, self.number);
            let mut member = ConsumerMember::new(self.group, self.topic.clone(), self.topic_id, id);
            loop {
                if self.is_over() || dice.one_in(RARELY) {
                    consumption.own(&BTreeSet::new(), 0);
                    member.leave(&mut link)?;
                    break;
                }
                if dice.one_in(RARELY) {
                    break;
                }
                dice.dawdle(20);
                self.beat(&mut link, &mut member, &mut consumption)?;
                self.consume(&dice, &mut link, &mut member, &mut consumption)?;
            }
        }
        Ok(consumption.finish())
    }

    /// A heartbeat, and what it changes.
    fn beat(
        &self,
        link: &mut Link<'a>,
        member: &mut ConsumerMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<(), Over> {
        let sent = self.stage.tick();
        match member.heartbeat(link)? {
            Beat::Accepted(target) => {
                consumption.confirm(sent);
                let Some(target) = target.filter(|target| *target != member.owned) else { return Ok(()) };
                self.stage.counts.rebalances.fetch_add(1, Ordering::Relaxed);
                if !member.owned.is_subset(&target) {
                    // Before others take over. What comes of it is in the log.
                    consumption.commit(link, &member.standing)?;
                }
                consumption.own(&target, member.standing.generation);
                member.owned = target;
            }
            Beat::Expelled => consumption.own(&BTreeSet::new(), 0),
            Beat::Nothing => {}
        }
        Ok(())
    }

    fn consume(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        member: &mut ConsumerMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<(), Over> {
        let located = consumption.locate(link, Committer::Member(&member.standing))?;
        if let Some(refused) = located {
            self.refused(link, member, consumption, "OffsetFetch", refused);
            return Ok(());
        }
        let Some((mut op, _)) = consumption.poll(link)? else { return Ok(()) };
        let answer =
            if dice.one_in(2) { consumption.commit(link, &member.standing)? } else { Some(ErrorCode::None) };
        op.completion = completion(answer);
        op.ended = self.stage.tick();
        consumption.log.ops.push(op);
        if let Some(refused) = answer.filter(|code| *code != ErrorCode::None && !code.is_retriable()) {
            self.refused(link, member, consumption, "OffsetCommit", refused);
        }
        Ok(())
    }

    fn refused(
        &self,
        link: &Link<'a>,
        member: &mut ConsumerMember,
        consumption: &mut Consumption<'a>,
        api: &str,
        refused: ErrorCode,
    ) {
        match refused {
            // The next heartbeat brings the new epoch.
            ErrorCode::StaleMemberEpoch => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch => {
                member.forget();
                consumption.own(&BTreeSet::new(), 0);
            }
            other => self.stage.problem(format!("{}: {api}: {other:?}", link.who)),
        }
    }
}

/// Where a member goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Rejoin,
    Reborn,
}

fn completion(answer: Option<ErrorCode>) -> Completion {
    match answer {
        Some(ErrorCode::None) => Completion::Ok,
        Some(_) => Completion::Fail,
        None => Completion::Info,
    }
}
