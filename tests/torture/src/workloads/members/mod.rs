//! Members of groups that read, commit, crash, leave and come again, in both protocols (`classic`, `consumer`).

mod classic;
mod consumer;
mod whims;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronik_harness::pause;
use chronik_types::ErrorCode;

use self::whims::Gust;
pub(crate) use self::whims::{Gusts, Whims, storm};
use super::board::Board;
use super::dice::Dice;
use super::group_log::Consumption;
use crate::checker::Key;
use crate::client::{Committed, Coordinated, Link, Standing, Terms, Topic, commit_offsets, find_coordinator};
use crate::history::{Completion, Op};
use crate::stage::{Over, Stage};

/// Bytes of one partition in one poll.
const POLL_BYTES: i32 = 4 * 1024;
/// How often a member that is late in everything else still sends heartbeats.
const STALLED_BEAT: Duration = Duration::from_millis(50);

/// A seat in a group: who sits on it changes, one member after the other.
pub(crate) struct Seat<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) era: u64,
    pub(crate) topic: &'a Topic,
    pub(crate) topic_id: uuid::Uuid,
    pub(crate) group: &'a str,
    pub(crate) number: u64,
    pub(crate) terms: Terms,
    /// What its members want besides reading.
    pub(crate) whims: Whims<'a>,
    /// Where all seats say what they own.
    pub(crate) board: &'a Board,
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

    fn dice(&self) -> Dice {
        Dice::new(self.stage.seed, self.era, self.number)
    }

    fn consumption(&self) -> Consumption<'a> {
        let board = (self.board, self.number);
        Consumption::new(self.stage, self.topic.clone(), self.group, POLL_BYTES, board)
    }

    fn begin(&self, incarnation: u64, consumption: &mut Consumption<'a>) -> Result<Link<'a>, Over> {
        let name = format!("{}/{}.{incarnation}", self.group, self.number);
        let member = self.instance().unwrap_or_else(|| name.clone());
        consumption.reborn(member, self.number * 1_000_000 + incarnation);
        let mut link = Link::new(self.stage, name);
        find_coordinator(&mut link, Coordinated::Group, self.group)?;
        Ok(link)
    }

    /// What happens to the member now besides reading.
    fn gust(&self, dice: &Dice) -> Option<Gust> {
        if self.is_over() { Some(Gust::Leave) } else { self.whims.next(self.stage, self.number, dice) }
    }

    /// Reads once, and commits what was read if `commits`, or if clients are to come to rest: then nothing stays uncommitted.
    /// `Some` is a refusal of the commit for good.
    fn read(
        &self,
        link: &mut Link<'a>,
        standing: &Standing,
        consumption: &mut Consumption<'a>,
        commits: bool,
    ) -> Result<Option<ErrorCode>, Over> {
        let read = consumption.poll(link)?;
        let answer = if self.stage.is_calm() || (commits && read.is_some()) {
            consumption.commit(link, standing)?
        } else {
            Some(ErrorCode::None)
        };
        if let Some((op, _)) = read {
            let completion = match answer {
                Some(ErrorCode::None) => Completion::Ok,
                Some(_) => Completion::Fail,
                None => Completion::Info,
            };
            consumption.log.ops.push(Op { completion, ended: self.stage.tick(), ..op });
        }
        Ok(answer.filter(|code| *code != ErrorCode::None && !code.is_retriable()))
    }

    /// Commits in the name of who the member was, in partitions that others may have read on in since.
    fn must_refuse(
        &self,
        link: &mut Link<'a>,
        before: &Standing,
        now: &Standing,
        keys: &BTreeSet<Key>,
    ) -> Result<(), Over> {
        let late = |key: &Key| Committed { key: *key, offset: 0, metadata: "late".to_owned() };
        let late: Vec<Committed> = keys.iter().map(late).collect();
        let answer = commit_offsets(link, self.group, before, self.topic, &late)?;
        if answer == Some(ErrorCode::None) && !late.is_empty() {
            let (old, new) = (before.generation, now.generation);
            self.stage.problem(format!("{}: OffsetCommit of generation {old} accepted in {new}", link.who));
        }
        Ok(())
    }

    /// Vanishes without a word; sometimes a commit is still under way.
    fn vanish(
        &self,
        dice: &Dice,
        link: &mut Link<'a>,
        standing: &Standing,
        consumption: &mut Consumption<'a>,
    ) -> Result<(), Over> {
        if dice.one_in(2) {
            consumption.commit_and_die(link, standing)?;
        }
        link.die();
        consumption.own(&BTreeSet::new(), 0);
        Ok(())
    }
}

/// Lets this time pass; `step` is what goes on meanwhile.
fn sit_out(stage: &Stage, time: Duration, mut step: impl FnMut() -> Result<(), Over>) -> Result<(), Over> {
    let until = stage.now().saturating_add(time);
    while stage.now() < until && !stage.is_over() {
        step()?;
        pause(STALLED_BEAT);
    }
    Ok(())
}
