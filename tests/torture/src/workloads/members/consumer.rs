//! Members of a group of the consumer protocol (KIP-848); every third seat is that of a static member.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chronik_types::ErrorCode;

use super::{Gust, Seat, sit_out};
use crate::checker::Key;
use crate::client::{Beat, Committer, ConsumerMember, Link};
use crate::stage::Over;
use crate::workloads::dice::Dice;
use crate::workloads::group_log::{Consumption, GroupLog};

impl<'a> Seat<'a> {
    /// Members of a group of the consumer protocol, one after the other.
    pub(crate) fn consumer(&self) -> Result<GroupLog, Over> {
        let dice = self.dice();
        let mut consumption = self.consumption();
        let mut incarnation = 0;
        while let Some(stays) = self.whims.sit(self.stage, self.number, || self.is_over()) {
            incarnation += 1;
            let mut link = self.begin(incarnation, &mut consumption)?;
            let who = (format!("torture-{}-{}-{incarnation}", self.era, self.number), self.instance());
            let topic = self.topic.clone();
            let mut member = ConsumerMember::new(self.group, topic, self.topic_id, who, self.terms);
            if !stays {
                member.join_and_die(&mut link)?;
                continue;
            }
            while !self.leaves(&dice, &mut link, &mut member, &mut consumption)? {
                dice.dawdle(20);
                self.beat(&dice, &mut link, &mut member, &mut consumption)?;
                self.consume(&dice, &mut link, &mut member, &mut consumption)?;
            }
            self.whims.rise(self.number);
        }
        Ok(consumption.finish())
    }

    /// What happens to the member besides: whether it is gone after that.
    fn leaves(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        member: &mut ConsumerMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<bool, Over> {
        match self.gust(dice) {
            Some(Gust::Leave) => {
                consumption.own(&BTreeSet::new(), 0);
                member.leave(link, self.is_over() || dice.one_in(2))?;
            }
            Some(Gust::Vanish) => self.vanish(dice, link, &member.standing, consumption)?,
            Some(Gust::Stall) => {
                self.keep(link, member, consumption, self.terms.rebalance * 3 / 2)?;
                return Ok(false);
            }
            Some(Gust::Hang) => {
                sit_out(self.stage, self.terms.session * 3 / 2, || Ok(()))?;
                consumption.commit(link, &member.standing)?;
                return Ok(false);
            }
            None | Some(Gust::Join | Gust::Flit) => return Ok(false),
        }
        Ok(true)
    }

    /// A heartbeat, and what it changes.
    fn beat(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        member: &mut ConsumerMember,
        consumption: &mut Consumption<'a>,
    ) -> Result<(), Over> {
        let (sent, before) = (self.stage.tick(), member.standing.clone());
        match member.heartbeat(link)? {
            Beat::Accepted(target) => {
                consumption.confirm(sent);
                let Some(target) = target else { return Ok(()) };
                if (1..member.standing.generation).contains(&before.generation) {
                    // What it neither has nor had has had other readers since that epoch, or will (KIP-1251).
                    let strange = |key: &Key| !target.contains(key) && !member.owned.contains(key);
                    let strange = self.topic.keys().filter(strange).collect();
                    self.must_refuse(link, &before, &member.standing, &strange)?;
                }
                if target == member.owned {
                    return Ok(());
                }
                self.stage.counts.rebalances.fetch_add(1, Ordering::Relaxed);
                if !member.owned.is_subset(&target) {
                    if dice.one_in(2) {
                        // It takes its time, and others have to wait for it.
                        let time = Duration::from_millis(dice.between(50, 600));
                        return self.keep(link, member, consumption, time);
                    }
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
        let commits = dice.one_in(2);
        if let Some(refused) = self.read(link, &member.standing, consumption, commits)? {
            self.refused(link, member, consumption, "OffsetCommit", refused);
        }
        Ok(())
    }

    /// Sends heartbeats for a while, and gives up nothing. Then it goes on, and commits what it read before.
    fn keep(
        &self,
        link: &mut Link<'a>,
        member: &mut ConsumerMember,
        consumption: &mut Consumption<'a>,
        time: Duration,
    ) -> Result<(), Over> {
        sit_out(self.stage, time, || {
            let sent = self.stage.tick();
            // One that was expelled would join anew with the next.
            if member.standing.generation > 0 {
                match member.heartbeat(link)? {
                    Beat::Accepted(_) => consumption.confirm(sent),
                    Beat::Expelled => consumption.own(&BTreeSet::new(), 0),
                    Beat::Nothing => {}
                }
            }
            Ok(())
        })?;
        member.ask_for_all();
        consumption.commit(link, &member.standing)?;
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
