//! Consume, transform, produce: a member of a group whose commits are parts of its transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronik_types::ErrorCode;

use super::board::Board;
use super::dice::Dice;
use super::group_log::{Consumption, GroupLog};
use crate::checker::Key;
use crate::client::{
    ClassicMember, Committed, Committer, Coordinated, Ended, Flow, Item, Link, Outcome, Read, Terms, Topic,
    TransactionalProducer, find_coordinator,
};
use crate::history::Completion;
use crate::stage::{Over, Stage};

/// Bytes of one partition in one poll.
const POLL_BYTES: i32 = 1024;
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a worker goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    /// The generation is over.
    Rejoin,
    /// The client is thrown away.
    Reborn,
}

/// Where the workers of an era work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workplace<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) era: u64,
    pub(crate) input: &'a Topic,
    pub(crate) output: &'a Topic,
    pub(crate) group: &'a str,
    pub(crate) board: &'a Board,
    /// Nothing is left to be read.
    pub(crate) stop: &'a AtomicBool,
}

/// One worker; its transactional id stays the same through all its lives.
pub(crate) struct EosWorker<'a> {
    place: Workplace<'a>,
    number: u64,
    incarnation: u64,
    dice: Dice,
    consumption: Consumption<'a>,
}

/// What is thrown away with a client.
struct Life<'a> {
    producer: TransactionalProducer<'a>,
    member: ClassicMember,
}

impl<'a> EosWorker<'a> {
    pub(crate) fn new(place: Workplace<'a>, number: u64) -> Self {
        let dice = Dice::new(place.stage.seed, place.era, number);
        let consumption = Consumption::new(
            place.stage,
            place.input.clone(),
            place.group,
            POLL_BYTES,
            (place.board, number),
        );
        Self { place, number, incarnation: 0, dice, consumption }
    }

    fn is_over(&self) -> bool {
        self.place.stop.load(Ordering::SeqCst) || self.place.stage.is_over()
    }

    /// Works until nothing is left. Each life begins by ending what the last one left open.
    pub(crate) fn run(mut self) -> Result<GroupLog, Over> {
        loop {
            let mut life = self.begin()?;
            loop {
                if self.is_over() {
                    life.member.leave(&mut life.producer.link)?;
                    return Ok(self.consumption.finish());
                }
                life.member.join(&mut life.producer.link)?;
                self.consumption.own(&BTreeSet::new(), 0);
                self.consumption.own(&life.member.assigned, life.member.standing.generation);
                if self.generation(&mut life)? == Next::Reborn {
                    break;
                }
            }
            self.consumption.own(&BTreeSet::new(), 0);
            // The others wait for the end of the session of one that just vanishes.
            if self.dice.one_in(8) {
                life.producer.link.die();
            } else {
                life.member.leave(&mut life.producer.link)?;
            }
        }
    }

    fn begin(&mut self) -> Result<Life<'a>, Over> {
        self.incarnation += 1;
        let name = format!("{}/{}.{}", self.place.group, self.number, self.incarnation);
        self.consumption.reborn(name.clone(), self.number * 1_000_000 + self.incarnation);
        let flow = if self.dice.one_in(2) { Flow::V1 } else { Flow::V2 };
        let id = format!("torture-eos-{}", self.number);
        let mut link = Link::new(self.place.stage, name);
        find_coordinator(&mut link, Coordinated::Group, self.place.group)?;
        let producer = TransactionalProducer::new(link, &id, TRANSACTION_TIMEOUT, flow)?;
        let member = ClassicMember::new(self.place.group, self.place.input.clone(), None, Terms::default());
        Ok(Life { producer, member })
    }

    fn generation(&mut self, life: &mut Life<'a>) -> Result<Next, Over> {
        while !self.is_over() {
            if !self.place.stage.is_calm() && self.dice.one_in(200) {
                return Ok(Next::Reborn);
            }
            self.dice.dawdle(10);
            let sent = self.place.stage.tick();
            let link = &mut life.producer.link;
            match life.member.heartbeat(link)? {
                None => continue,
                Some(ErrorCode::None) => self.consumption.confirm(sent),
                Some(later) if later.is_retriable() => continue,
                Some(refused) => {
                    life.member.refused(link, "Heartbeat", refused);
                    return Ok(Next::Rejoin);
                }
            }
            if let Some(refused) = self.consumption.locate(link, Committer::Anyone)? {
                self.place.stage.problem(format!("{}: OffsetFetch: {refused:?}", link.who));
            }
            let Some((mut op, reads)) = self.consumption.poll(link)? else { continue };
            let (next, completion) = self.transform(life, &reads)?;
            op.completion = completion;
            op.ended = self.place.stage.tick();
            self.consumption.log.ops.push(op);
            if completion != Completion::Ok {
                self.consumption.rewind();
            }
            if next != Next::Go {
                return Ok(next);
            }
        }
        Ok(Next::Rejoin)
    }

    /// One transaction: an output for each of these inputs, and the offsets after them.
    fn transform(&mut self, life: &mut Life<'a>, reads: &[Read]) -> Result<(Next, Completion), Over> {
        let fate = self.dice.between(0, 60);
        for (key, items) in self.outputs(reads) {
            match life.producer.send(self.place.output, key, &items, !self.dice.one_in(4))? {
                Outcome::Done(_) => self.place.stage.acknowledged(items.len().try_into().unwrap_or(0)),
                outcome => {
                    self.blame(life, "Produce", outcome);
                    return Ok((Next::Reborn, Completion::Fail));
                }
            }
        }
        if fate == 0 {
            return Ok((Next::Reborn, Completion::Fail));
        }
        if fate <= 6 {
            return self.abort(life);
        }
        let (began, offsets) = (self.place.stage.tick(), self.consumption.uncommitted());
        let Life { producer, member } = life;
        match producer.send_offsets(self.place.group, &member.standing, self.place.input, &offsets, true)? {
            Outcome::Done(_) => self.consumption.confirm(began),
            Outcome::Refused(
                refused @ (ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
                | ErrorCode::RebalanceInProgress),
            ) => {
                member.refused(&producer.link, "TxnOffsetCommit", refused);
                let (next, completion) = self.abort(life)?;
                return Ok((if next == Next::Go { Next::Rejoin } else { next }, completion));
            }
            outcome => {
                self.blame(life, "TxnOffsetCommit", outcome);
                return Ok((Next::Reborn, Completion::Fail));
            }
        }
        self.commit(life, &offsets, began)
    }

    fn commit(
        &mut self,
        life: &mut Life<'a>,
        offsets: &[Committed],
        began: u64,
    ) -> Result<(Next, Completion), Over> {
        let (next, completion) = if self.dice.one_in(40) {
            life.producer.end_and_die(true)?;
            (Next::Reborn, Completion::Info)
        } else {
            let Ended { outcome, certain } = life.producer.end(true, !self.dice.one_in(4))?;
            match outcome {
                Outcome::Done(_) => (Next::Go, Completion::Ok),
                Outcome::Refused(_) => {
                    self.blame(life, "EndTxn", outcome);
                    (Next::Reborn, if certain { Completion::Fail } else { Completion::Info })
                }
                Outcome::Unanswered => (Next::Reborn, Completion::Info),
            }
        };
        self.consumption.note_commit(offsets, began, completion);
        if completion == Completion::Ok {
            self.place.stage.counts.committed.fetch_add(1, Ordering::Relaxed);
            self.place.stage.counts.commits.fetch_add(1, Ordering::Relaxed);
        }
        Ok((next, completion))
    }

    fn abort(&self, life: &mut Life<'a>) -> Result<(Next, Completion), Over> {
        let outcome = life.producer.end(false, true)?.outcome;
        if matches!(outcome, Outcome::Done(_)) {
            self.place.stage.counts.aborted.fetch_add(1, Ordering::Relaxed);
            return Ok((Next::Go, Completion::Fail));
        }
        self.blame(life, "EndTxn", outcome);
        Ok((Next::Reborn, Completion::Fail))
    }

    /// Nobody else uses the id, and no transaction lasts as long as its timeout.
    fn blame(&self, life: &Life<'a>, api: &str, outcome: Outcome) {
        if let Outcome::Refused(code) = outcome {
            let (who, flow) = (&life.producer.link.who, life.producer.flow);
            self.place.stage.problem(format!("{who}: {api} of the flow {flow:?}: {code:?}"));
        }
    }

    /// Outputs by partition.
    fn outputs(&self, reads: &[Read]) -> BTreeMap<Key, Vec<Item>> {
        let mut outputs: BTreeMap<Key, Vec<Item>> = BTreeMap::new();
        let partitions = Key::try_from(self.place.output.partitions).unwrap_or(1);
        for read in reads {
            let spread = usize::try_from(read.item.value).unwrap_or(0) % partitions;
            let value = self.place.stage.values(1);
            outputs.entry(spread).or_default().push(Item { value, source: Some((read.key, read.offset)) });
        }
        outputs
    }
}
