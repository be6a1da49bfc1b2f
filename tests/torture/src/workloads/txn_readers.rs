//! Who else is busy on the topic of the transactions: a reader, and a producer outside of transactions.

use super::dice::Dice;
use crate::client::{Fetcher, Item, Link, PlainProducer, Topic};
use crate::history::{Completion, Op, Step};
use crate::judges::{Open, Sighting};
use crate::stage::{Over, Stage};

/// What a client did, and what it knows of transactions.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) ops: Vec<Op>,
    /// Those that were surely open.
    pub(crate) open: Vec<Open>,
    pub(crate) sightings: Vec<Sighting>,
}

impl Account {
    pub(crate) fn merge(&mut self, other: Self) {
        self.ops.extend(other.ops);
        self.open.extend(other.open);
        self.sightings.extend(other.sightings);
    }
}

/// A read_committed reader of partitions of its own choice. One poll in 64 is followed by another choice.
pub(crate) fn reader(stage: &Stage, era: u64, topic: &Topic, number: u64) -> Result<Account, Over> {
    let dice = Dice::new(stage.seed, era, 200 + number);
    let mut link = Link::new(stage, format!("reader {number}"));
    let mut fetcher = Fetcher::witness(topic.clone());
    let mut process = (200 + number) * 1_000_000;
    let mut ops = Vec::new();
    while !stage.is_calm() {
        if dice.one_in(64) {
            process += 1;
            let known = fetcher.positions.clone();
            fetcher.positions = topic
                .keys()
                .filter(|_| !dice.one_in(3))
                // Sometimes from the start, to see again what is known.
                .map(|key| (key, known.get(&key).copied().filter(|_| !dice.one_in(8)).unwrap_or(0)))
                .collect();
        }
        let began = stage.tick();
        let Some(reads) = fetcher.poll(&mut link, 20)? else { continue };
        if reads.is_empty() {
            dice.dawdle(10);
            continue;
        }
        let records = reads.iter().map(|read| (read.key, read.offset, read.item.value)).collect();
        ops.push(Op {
            process,
            began,
            ended: stage.tick(),
            completion: Completion::Ok,
            subscribed: false,
            steps: vec![Step::Poll(records)],
        });
    }
    Ok(Account { ops, sightings: fetcher.take_sightings(), ..Account::default() })
}

/// A plain idempotent producer, replaced now and then without having read its last answer.
pub(crate) fn plain(
    stage: &Stage,
    era: u64,
    topic: &Topic,
    number: u64,
    pace_ms: u64,
) -> Result<Vec<Op>, Over> {
    let dice = Dice::new(stage.seed, era, 300 + number);
    let mut process = (300 + number) * 1_000_000;
    let start = |process: u64| {
        PlainProducer::new(Link::new(stage, format!("plain producer {process}")), topic.clone())
    };
    let mut producer = start(process)?;
    let mut ops = Vec::new();
    while !stage.is_calm() {
        dice.dawdle(pace_ms);
        let key = dice.key(topic);
        let count = dice.between(1, 4);
        let first = stage.values(count);
        let items: Vec<Item> = (first..first + count).map(|value| Item { value, source: None }).collect();
        let began = stage.tick();
        let mut op = Op {
            process,
            began,
            ended: began,
            completion: Completion::Info,
            subscribed: false,
            steps: vec![Step::Send { key, first, count, offset: None }],
        };
        if dice.one_in(100) {
            producer.send_and_die(key, &items)?;
            process += 1;
            producer = start(process)?;
        } else if let Some(offset) = producer.send(key, &items)? {
            op.completion = Completion::Ok;
            op.steps = vec![Step::Send { key, first, count, offset: Some(offset) }];
        }
        op.ended = stage.tick();
        ops.push(op);
    }
    Ok(ops)
}
