//! Members of a classic group, with either strategy; every third seat is that of a static member.

use std::collections::BTreeSet;
use std::time::Duration;

use chronik_types::ErrorCode;

use super::{Gust, Seat, sit_out};
use crate::client::{ClassicMember, Committer, Link, Standing};
use crate::stage::Over;
use crate::workloads::dice::Dice;
use crate::workloads::group_log::{Consumption, GroupLog};

/// Where a member goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Rejoin,
    /// The seat is empty.
    Gone,
}

impl<'a> Seat<'a> {
    /// Members of a classic group, one after the other.
    pub(crate) fn classic(&self) -> Result<GroupLog, Over> {
        let dice = self.dice();
        let mut consumption = self.consumption();
        let mut incarnation = 0;
        while let Some(stays) = self.whims.sit(self.stage, self.number, || self.is_over()) {
            incarnation += 1;
            let mut link = self.begin(incarnation, &mut consumption)?;
            let mut member = ClassicMember::new(self.group, self.topic.clone(), self.instance(), self.terms);
            if !stays {
                member.join_and_die(&mut link)?;
                continue;
            }
            loop {
                self.join(&mut link, &mut member, &mut consumption)?;
                if self.generation(&dice, &mut link, &mut member, &mut consumption)? == Next::Gone {
                    break;
                }
            }
            self.whims.rise(self.number);
        }
        Ok(consumption.finish())
    }

    /// Joins, and owns what it is assigned. What it has to give up to others is theirs in a generation after this one, for
    /// which it joins at once.
    fn join(
        &self,
        link: &mut Link<'a>,
        member: &mut ClassicMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<(), Over> {
        loop {
            let (before, losses, owned) = (member.standing.clone(), member.losses, member.assigned.clone());
            member.join(link)?;
            self.commit_late(link, &before, &member.standing)?;
            let has_lost = member.losses != losses;
            let gives_up = !has_lost && !owned.is_subset(&member.assigned);
            if has_lost {
                consumption.own(&BTreeSet::new(), 0);
            } else if gives_up {
                // Whatever comes of it is in the log.
                consumption.commit(link, &member.standing)?;
            }
            consumption.own(&member.assigned, member.standing.generation);
            if !gives_up {
                return Ok(());
            }
        }
    }

    /// A commit of the generation before, which comes when the member has joined another one: it must be refused, since
    /// others may have read on from there.
    fn commit_late(&self, link: &mut Link<'a>, before: &Standing, now: &Standing) -> Result<(), Over> {
        if before.member_id != now.member_id || !(0..now.generation).contains(&before.generation) {
            return Ok(());
        }
        let keys = self.topic.keys().collect();
        self.must_refuse(link, before, now, &keys)
    }

    /// A member as long as its generation lasts.
    fn generation(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        member: &mut ClassicMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<Next, Over> {
        let commits_always = dice.one_in(2);
        loop {
            if self.is_blown_away(dice, link, member, consumption)? {
                return Ok(Next::Gone);
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
                    consumption.own(&member.assigned, member.standing.generation);
                    return Ok(Next::Rejoin);
                }
            }
            if let Some(refused) = consumption.locate(link, Committer::Anyone)? {
                self.stage.problem(format!("{}: OffsetFetch: {refused:?}", link.who));
            }
            let commits = commits_always || dice.one_in(4);
            if let Some(refused) = self.read(link, &member.standing, consumption, commits)? {
                member.refused(link, "OffsetCommit", refused);
                consumption.own(&member.assigned, member.standing.generation);
                return Ok(Next::Rejoin);
            }
        }
    }

    /// What happens to the member besides: whether it is gone after that.
    fn is_blown_away(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        member: &mut ClassicMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<bool, Over> {
        match self.gust(dice) {
            Some(Gust::Leave) => {
                consumption.own(&BTreeSet::new(), 0);
                member.leave(link)?;
            }
            Some(Gust::Vanish) => self.vanish(dice, link, &member.standing, consumption)?,
            Some(Gust::Stall) => {
                self.stall(link, member, consumption, self.terms.rebalance, true)?;
                return Ok(false);
            }
            Some(Gust::Hang) => {
                self.stall(link, member, consumption, self.terms.session, false)?;
                return Ok(false);
            }
            None | Some(Gust::Join | Gust::Flit) => return Ok(false),
        }
        Ok(true)
    }

    /// Takes part in nothing for longer than the group waits, with heartbeats or without. Then it goes on as if nothing
    /// had happened, and commits what it read before.
    fn stall(
        &self,
        link: &mut Link<'a>,
        member: &mut ClassicMember,
        consumption: &mut Consumption<'a>,
        limit: Duration,
        beats: bool,
    ) -> Result<(), Over> {
        sit_out(self.stage, limit * 3 / 2, || {
            if beats {
                let sent = self.stage.tick();
                if member.heartbeat(link)? == Some(ErrorCode::None) {
                    consumption.confirm(sent);
                }
            }
            Ok(())
        })?;
        consumption.commit(link, &member.standing)?;
        Ok(())
    }
}
