//! What readers have to see: a partition as a list of records, each with the transaction that it belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chronik_broker::{Partition, ReadRequest, Records};
use chronik_state::{Claim, EndedBy};
use chronik_types::{Entropy, IsolationLevel, Offset};
use chronik_wire::batch::{ControlType, EndTxnMarker};

use super::{plain, read_batches};
use crate::support::{Rig, read_from};

const PRODUCERS: [&str; 3] = ["a", "b", "c"];

/// The partitions, and who is at what.
#[derive(Default)]
pub(super) struct Model {
    /// The transaction of each record, `None` for one without; markers are not here.
    records: [BTreeMap<i64, Option<usize>>; 2],
    /// Whether each transaction was committed; `None` while it is open.
    transactions: Vec<Option<bool>>,
    producers: BTreeMap<&'static str, Producer>,
}

/// A producer between two requests.
struct Producer {
    claim: Claim,
    /// Its open transaction.
    open: Option<usize>,
    /// Of each partition.
    sequences: [i32; 2],
    /// Whether it gets an epoch for each transaction.
    bumps: bool,
}

impl Model {
    /// Something happens.
    pub(super) async fn step(&mut self, rig: &Rig, entropy: &Entropy) {
        let below = |limit: u64| usize::try_from(entropy.below(limit)).unwrap();
        let index = below(2);
        let partition = rig.partition("t", i32::try_from(index).unwrap());
        let id = PRODUCERS[below(3)];
        match below(14) {
            0 | 1 => {
                let count = below(3) + 1;
                let base = rig.produce(&partition, plain(count)).await.unwrap().base_offset.get();
                self.appended(index, base, count, None);
            }
            2 => self.take_over(rig, id, entropy.below(2) == 0).await,
            3 => {
                let end = partition.high_watermark().get();
                let start = i64::try_from(entropy.below(u64::try_from(end / 2).unwrap() + 1)).unwrap();
                let advance = vec![(partition.topic_partition(), Offset::new(start))];
                rig.broker.delete_records(advance).await.unwrap();
            }
            4..=6 => self.end(rig, id, entropy.below(2) == 0).await,
            _ => self.send(rig, id, index, &partition, below(3) + 1).await,
        }
    }

    async fn take_over(&mut self, rig: &Rig, id: &'static str, bumps: bool) {
        let claim = rig.init(id).await;
        let producer = Producer { claim, open: None, sequences: [0; 2], bumps };
        if let Some(Producer { open: Some(open), .. }) = self.producers.insert(id, producer) {
            self.transactions[open] = Some(false);
        }
    }

    async fn end(&mut self, rig: &Rig, id: &'static str, committed: bool) {
        let Some(producer) = self.producers.get_mut(id) else { return };
        let Some(open) = producer.open.take() else { return };
        self.transactions[open] = Some(committed);
        if producer.bumps {
            rig.bump(&mut producer.claim, committed).await;
            producer.sequences = [0; 2];
        } else {
            rig.end(&producer.claim, EndedBy::Producer, committed).await.unwrap();
        }
    }

    async fn send(
        &mut self,
        rig: &Rig,
        id: &'static str,
        index: usize,
        partition: &Arc<Partition>,
        count: usize,
    ) {
        if !self.producers.contains_key(id) {
            self.take_over(rig, id, true).await;
        }
        let Some(producer) = self.producers.get_mut(id) else { return };
        let sequence = producer.sequences[index];
        let base = rig.send(&producer.claim, partition, sequence, count).await.unwrap().base_offset.get();
        producer.sequences[index] += i32::try_from(count).unwrap();
        let open = *producer.open.get_or_insert_with(|| {
            self.transactions.push(None);
            self.transactions.len() - 1
        });
        self.appended(index, base, count, Some(open));
    }

    fn appended(&mut self, index: usize, base: i64, count: usize, transaction: Option<usize>) {
        let count = i64::try_from(count).unwrap();
        self.records[index].extend((base..base + count).map(|offset| (offset, transaction)));
    }

    /// The last stable offset of a partition.
    fn stable(&self, index: usize, partition: &Partition) -> i64 {
        let is_open =
            |transaction: &Option<usize>| transaction.is_some_and(|at| self.transactions[at].is_none());
        let first = self.records[index].iter().find(|(_, transaction)| is_open(transaction));
        let first = first.map(|(offset, _)| *offset).unwrap_or(partition.high_watermark().get());
        first.max(partition.log_start_offset().get())
    }

    /// The records in `from .. upto` that a reader has to see.
    fn expected(&self, index: usize, isolation: IsolationLevel, from: i64, upto: i64) -> Vec<i64> {
        let seen = |transaction: &Option<usize>| match isolation {
            IsolationLevel::ReadUncommitted => true,
            IsolationLevel::ReadCommitted => transaction.is_none_or(|at| self.transactions[at] == Some(true)),
        };
        let range = self.records[index].range(from..upto);
        range.filter(|(_, transaction)| seen(transaction)).map(|(offset, _)| *offset).collect()
    }

    /// Reads from every offset, in either isolation, much and little at a time.
    pub(super) async fn check(&self, rig: &Rig, entropy: &Entropy) {
        for (index, number) in (0..2).zip(0..) {
            let partition = rig.partition("t", number);
            let stable = self.stable(index, &partition);
            assert_eq!(partition.last_stable_offset().get(), stable);
            for isolation in [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted] {
                let end = match isolation {
                    IsolationLevel::ReadUncommitted => partition.high_watermark().get(),
                    IsolationLevel::ReadCommitted => stable,
                };
                for from in partition.log_start_offset().get()..=partition.high_watermark().get() {
                    let max_bytes = if entropy.below(2) == 0 { 1 << 20 } else { 300 };
                    let request = ReadRequest { isolation, max_bytes, ..read_from(from) };
                    let records = rig.broker.read(&partition, request).await.unwrap();
                    assert_eq!(records.batches == 0, from >= end, "{isolation:?} from {from} to {end}");
                    let next = records.next_offset.get();
                    assert!(next <= end.max(from), "{isolation:?} from {from} to {end}: {next}");
                    let expected = self.expected(index, isolation, from, next);
                    assert_eq!(visible(&records, from), expected, "{isolation:?} from {from} of {number}");
                }
            }
        }
    }
}

/// The offsets that a consumer hands to its user, worked out as Kafka's own does it.
pub(super) fn visible(records: &Records, from: i64) -> Vec<i64> {
    let mut aborted = records.aborted.iter().peekable();
    let mut skipped = BTreeSet::new();
    let mut seen = Vec::new();
    for batch in read_batches(records) {
        let header = batch.header();
        let last = header.base_offset.get() + i64::from(header.last_offset_delta);
        while let Some(next) = aborted.next_if(|next| next.first_offset.get() <= last) {
            skipped.insert(next.producer_id);
        }
        if header.attributes.is_control() {
            if EndTxnMarker::read(&batch).unwrap().control_type == ControlType::Abort {
                skipped.remove(&header.producer_id);
            }
        } else if !(header.attributes.is_transactional() && skipped.contains(&header.producer_id)) {
            seen.extend((header.base_offset.get()..=last).filter(|offset| *offset >= from));
        }
    }
    seen
}
