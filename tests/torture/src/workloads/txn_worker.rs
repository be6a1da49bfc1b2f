//! One transactional id and its owners, one after the other.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chronik_harness::wait_until;
use chronik_types::ErrorCode;

use super::dice::Dice;
use super::txn_readers::Account;
use crate::checker::Key;
use crate::client::{
    Committed, Committer, Coordinated, Ended, Fetcher, Flow, Item, Link, Outcome, Standing, Topic,
    TransactionalProducer, ends, fetch_offsets, find_coordinator,
};
use crate::history::{Completion, Op, Step};
use crate::judges::{Ledger, Open, Sighting};
use crate::stage::{Over, Stage};

/// Bytes of one partition in one poll: a few records, so that transactions stay small.
const POLL_BYTES: i32 = 512;
/// The timeout of transactions that nobody should abort.
const LONG_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a transaction waits for the end of the broker.
const OUTLAST_LIMIT: Duration = Duration::from_secs(5);
/// A refusal this long before the timeout of the transaction has another cause.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(500);

/// Whether the client lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    /// It is thrown away; another one takes over its transactional id.
    Replace,
}

/// How a transaction is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Commit,
    Abort,
    Die,
}

/// A transaction whose outcome its client did not learn.
#[derive(Debug)]
struct Unresolved {
    op: Op,
    offsets: Vec<Committed>,
}

/// A transactional id, and the history of all its owners.
#[derive(Debug)]
pub(crate) struct TxnWorker<'a> {
    stage: &'a Stage,
    topic: Topic,
    number: u64,
    /// Of the transactions.
    timeout: Duration,
    dice: Dice,
    /// Owners so far.
    incarnation: u64,
    fetcher: Fetcher,
    /// The group that this id alone commits offsets to.
    group: String,
    ledger: Ledger,
    unresolved: Option<Unresolved>,
    /// When the present transaction began.
    begun: Duration,
    /// The partitions in which it is open.
    open: BTreeMap<Key, Open>,
    account: Account,
}

impl<'a> TxnWorker<'a> {
    pub(crate) fn new(stage: &'a Stage, era: u64, topic: Topic, number: u64) -> Self {
        let timeout = if number.is_multiple_of(2) { LONG_TIMEOUT } else { Duration::from_secs(5) };
        Self {
            stage,
            number,
            timeout,
            dice: Dice::new(stage.seed, era, 100 + number),
            incarnation: 0,
            fetcher: Fetcher::new(topic.clone(), true, POLL_BYTES),
            group: format!("torture-transactions-{number}"),
            ledger: Ledger::default(),
            unresolved: None,
            begun: Duration::ZERO,
            open: BTreeMap::new(),
            account: Account::default(),
            topic,
        }
    }

    /// Runs transactions until the era calms down. At the end nothing is open, but for ids with a short timeout: they
    /// leave a transaction behind that the coordinator has to abort by itself.
    pub(crate) fn run(mut self) -> Result<Account, Over> {
        let mut producer = self.take_over(None)?;
        while !self.stage.is_calm() {
            self.dice.dawdle(4);
            if self.transaction(&mut producer)? == Next::Replace {
                let haunted = self.dice.one_in(2) && producer.is_begun();
                let zombie = haunted.then(|| producer.zombie());
                producer.link.die();
                producer = self.take_over(zombie)?;
            }
        }
        if self.timeout < LONG_TIMEOUT {
            let (mut op, items) = (self.begin(), self.items(1));
            self.send(&mut producer, &mut op, &items, true)?;
            self.record(op, Completion::Fail);
        }
        Ok(self.account)
    }

    /// A new client with the same transactional id.
    fn take_over(
        &mut self,
        zombie: Option<TransactionalProducer<'a>>,
    ) -> Result<TransactionalProducer<'a>, Over> {
        self.close();
        self.incarnation += 1;
        let who = format!("transactional producer {}.{}", self.number, self.incarnation);
        let flow = if self.dice.one_in(2) { Flow::V1 } else { Flow::V2 };
        let id = format!("torture-{}", self.number);
        let link = Link::new(self.stage, who);
        let mut producer = TransactionalProducer::new(link, &id, self.timeout, flow)?;
        if let Some(zombie) = zombie {
            self.haunt(zombie, &producer)?;
        }
        find_coordinator(&mut producer.link, Coordinated::Group, &self.group)?;
        let found = fetch_offsets(&mut producer.link, &self.group, Committer::Anyone, &self.topic)?;
        let found = found.unwrap_or_else(|refused| {
            self.stage.problem(format!("{}: OffsetFetch: {refused:?}", producer.link.who));
            Vec::new()
        });
        self.resolve(&found);
        self.fetcher.positions =
            found.iter().map(|committed| (committed.key, committed.offset.max(0))).collect();
        Ok(producer)
    }

    /// What became of the transaction whose outcome was not learnt.
    fn resolve(&mut self, found: &[Committed]) {
        let unresolved = self.unresolved.take();
        let pending = unresolved.as_ref().map(|unresolved| unresolved.offsets.clone()).unwrap_or_default();
        let committed = self.ledger.resolve(&self.group, found, &pending);
        if let Err(anomaly) = &committed {
            self.stage.problem(anomaly.to_string());
        }
        if let Some(Unresolved { op, .. }) = unresolved {
            let completion = match committed {
                Ok(Some(true)) => Completion::Ok,
                Ok(Some(false)) => Completion::Fail,
                Ok(None) | Err(_) => Completion::Info,
            };
            self.record(op, completion);
        }
    }

    /// The last owner goes on although it has a successor: everything must be refused.
    fn haunt(
        &self,
        mut zombie: TransactionalProducer<'a>,
        successor: &TransactionalProducer<'a>,
    ) -> Result<(), Over> {
        if !zombie.link.is_open() {
            return Ok(());
        }
        let (what, outcome) = if self.dice.one_in(2) {
            ("EndTxn", zombie.end(true, false)?.outcome)
        } else {
            // Nobody may ever see these: no operation of the history sends them.
            ("Produce", zombie.send(&self.topic, self.dice.key(&self.topic), &self.items(1), false)?)
        };
        match outcome {
            Outcome::Unanswered => {}
            Outcome::Refused(
                ErrorCode::ProducerFenced
                | ErrorCode::InvalidProducerEpoch
                | ErrorCode::InvalidTxnState
                | ErrorCode::InvalidProducerIdMapping,
            ) => {
                self.stage.counts.fenced.fetch_add(1, Ordering::Relaxed);
            }
            other => self.stage.problem(format!(
                "fencing: {}: {what} of the flow {:?} with epoch {}: {other:?}, when the epoch is {}",
                zombie.link.who, zombie.flow, zombie.epoch, successor.epoch,
            )),
        }
        Ok(())
    }

    fn transaction(&mut self, producer: &mut TransactionalProducer<'a>) -> Result<Next, Over> {
        self.begun = self.stage.now();
        let before = self.fetcher.positions.clone();
        let mut op = self.begin();
        let mut fate = Fate::Commit;
        for _ in 0..self.dice.between(1, 5) {
            if self.dice.one_in(10) {
                fate = if self.dice.one_in(3) { Fate::Die } else { Fate::Abort };
                break;
            }
            if self.dice.one_in(3) {
                self.poll(producer, &mut op)?;
                continue;
            }
            let items = self.items(self.dice.between(1, 4));
            match self.send(producer, &mut op, &items, !self.dice.one_in(3))? {
                Outcome::Done(_) => self.outlast_kills(producer)?,
                outcome => {
                    self.blame(producer, "Produce", outcome);
                    fate = Fate::Die;
                    break;
                }
            }
        }
        let offsets = self.polled(&op);
        if fate == Fate::Commit && !offsets.is_empty() {
            let standing = Standing::nobody();
            let outcome = producer.send_offsets(&self.group, &standing, &self.topic, &offsets, true)?;
            if !matches!(outcome, Outcome::Done(_)) {
                self.blame(producer, "TxnOffsetCommit", outcome);
                fate = Fate::Die;
            }
        }
        let next = match fate {
            Fate::Commit => return self.commit(producer, op, offsets),
            Fate::Abort => self.abort(producer)?,
            Fate::Die => {
                if self.dice.one_in(2) {
                    producer.send_and_die(&self.topic, self.dice.key(&self.topic), &self.items(1))?;
                }
                Next::Replace
            }
        };
        // No commit was ever asked for.
        self.record(op, Completion::Fail);
        self.fetcher.positions = before;
        Ok(next)
    }

    fn commit(
        &mut self,
        producer: &mut TransactionalProducer<'a>,
        op: Op,
        offsets: Vec<Committed>,
    ) -> Result<Next, Over> {
        self.close();
        if producer.is_begun() && self.dice.one_in(30) {
            producer.end_and_die(true)?;
            self.unresolved = Some(Unresolved { op, offsets });
            return Ok(Next::Replace);
        }
        let Ended { outcome, certain } = producer.end(true, !self.dice.one_in(3))?;
        match outcome {
            Outcome::Done(_) => {
                self.ledger.settle(&offsets);
                self.stage.counts.committed.fetch_add(1, Ordering::Relaxed);
                self.record(op, Completion::Ok);
                return Ok(Next::Go);
            }
            Outcome::Refused(_) if certain => self.record(op, Completion::Fail),
            Outcome::Refused(_) | Outcome::Unanswered => self.unresolved = Some(Unresolved { op, offsets }),
        }
        self.blame(producer, "EndTxn", outcome);
        Ok(Next::Replace)
    }

    fn abort(&mut self, producer: &mut TransactionalProducer<'a>) -> Result<Next, Over> {
        self.close();
        let outcome = producer.end(false, true)?.outcome;
        if !matches!(outcome, Outcome::Done(_)) {
            self.blame(producer, "EndTxn", outcome);
            return Ok(Next::Replace);
        }
        self.stage.counts.aborted.fetch_add(1, Ordering::Relaxed);
        if producer.flow == Flow::V1 && self.dice.one_in(4) {
            let late = producer.send_late(&self.topic, self.dice.key(&self.topic), &self.items(1))?;
            if let Outcome::Done(offset) = late {
                let who = &producer.link.who;
                self.stage
                    .problem(format!("{who}: Produce after the end of its transaction: at offset {offset}"));
            }
        }
        if self.dice.one_in(4) && !matches!(producer.bump()?, Outcome::Done(_)) {
            return Ok(Next::Replace);
        }
        Ok(Next::Go)
    }

    /// Now and then a transaction stays open until the broker was killed and has come back, once or twice, and its client
    /// asks what the last stable offsets are.
    fn outlast_kills(&mut self, producer: &mut TransactionalProducer<'a>) -> Result<(), Over> {
        let stage = self.stage;
        if self.timeout < LONG_TIMEOUT || !self.dice.one_in(30) {
            return Ok(());
        }
        // A kill counts twice: when it is near, and when it is done.
        let until = stage.ends() + 2 * self.dice.between(1, 3);
        wait_until(OUTLAST_LIMIT, || (stage.is_calm() || stage.ends() >= until).then_some(()));
        let began = stage.tick();
        let stable = ends(&mut producer.link, &self.topic, true)?;
        let ended = stage.tick();
        let sighting = |(key, last_stable_offset)| Sighting { key, last_stable_offset, began, ended };
        self.account.sightings.extend(stable.into_iter().enumerate().map(sighting));
        Ok(())
    }

    /// Something is about to be done that may end the transaction. Of one that took as long as its timeout nobody knows how
    /// long it was open.
    fn close(&mut self) {
        let took = self.stage.now().saturating_sub(self.begun);
        let (until, open) = (self.stage.tick(), std::mem::take(&mut self.open));
        if took + TIMEOUT_MARGIN < self.timeout {
            self.account.open.extend(open.into_values().map(|open| Open { until, ..open }));
        }
    }

    /// Nobody else uses this id, so only a transaction that took too long may be refused.
    fn blame(&self, producer: &TransactionalProducer<'a>, api: &str, outcome: Outcome) {
        let took = self.stage.now().saturating_sub(self.begun);
        if let Outcome::Refused(code) = outcome
            && took + TIMEOUT_MARGIN < self.timeout
        {
            let (who, flow) = (&producer.link.who, producer.flow);
            self.stage.problem(format!("{who}: {api} of the flow {flow:?}: {code:?} after {took:?}"));
        }
    }

    fn begin(&self) -> Op {
        let began = self.stage.tick();
        let process = self.number * 1_000_000 + self.incarnation;
        Op {
            process,
            began,
            ended: began,
            completion: Completion::Info,
            subscribed: false,
            steps: Vec::new(),
        }
    }

    fn record(&mut self, op: Op, completion: Completion) {
        self.account.ops.push(Op { ended: self.stage.tick(), completion, ..op });
    }

    fn items(&self, count: u64) -> Vec<Item> {
        let first = self.stage.values(count);
        (first..first + count).map(|value| Item { value, source: None }).collect()
    }

    fn send(
        &mut self,
        producer: &mut TransactionalProducer<'a>,
        op: &mut Op,
        items: &[Item],
        persistent: bool,
    ) -> Result<Outcome, Over> {
        let key = self.dice.key(&self.topic);
        let outcome = producer.send(&self.topic, key, items, persistent)?;
        let offset = match outcome {
            Outcome::Done(offset) => Some(offset),
            Outcome::Refused(_) | Outcome::Unanswered => None,
        };
        let count = items.len().try_into().unwrap_or(0);
        if offset.is_some() {
            self.stage.acknowledged(count);
        }
        if let Outcome::Done(first_offset) = outcome {
            let (since, until) = (self.stage.tick(), 0);
            self.open.entry(key).or_insert(Open { key, first_offset, since, until });
        }
        let first = items.first().map_or(0, |item| item.value);
        op.steps.push(Step::Send { key, first, count, offset });
        Ok(outcome)
    }

    fn poll(&mut self, producer: &mut TransactionalProducer<'a>, op: &mut Op) -> Result<(), Over> {
        let reads = self.fetcher.poll(&mut producer.link, 5)?.unwrap_or_default();
        op.steps
            .push(Step::Poll(reads.iter().map(|read| (read.key, read.offset, read.item.value)).collect()));
        Ok(())
    }

    /// The offsets to be committed with a transaction: after what it polled.
    fn polled(&self, op: &Op) -> Vec<Committed> {
        let metadata = op.began.to_string();
        let mut keys: Vec<_> = op.steps.iter().flat_map(polled_keys).collect();
        keys.sort_unstable();
        keys.dedup();
        let offset = |key| self.fetcher.positions.get(&key).copied();
        keys.into_iter()
            .filter_map(|key| Some(Committed { key, offset: offset(key)?, metadata: metadata.clone() }))
            .collect()
    }
}

fn polled_keys(step: &Step) -> Vec<Key> {
    match step {
        Step::Poll(records) => records.iter().map(|record| record.0).collect(),
        Step::Send { .. } => Vec::new(),
    }
}
