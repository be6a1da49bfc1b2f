//! A transactional producer, in the flow of Kafka up to 3.9 (partitions and groups are added before they are written to)
//! and in that of KIP-890 (they are added by writing to them, and every end of a transaction brings a new epoch).

use std::collections::{BTreeMap, BTreeSet};

use chronik_types::ErrorCode;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest, ProducerId,
    TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use std::time::Duration;

use super::offsets::{Committed, group_id, txn_commit_request};
use super::payload::{Author, encode};
use super::produce::{advance, produce, request};
use super::topic::partition;
use super::{Coordinated, Item, Link, Standing, Topic, code, find_coordinator};
use crate::checker::Key;
use crate::stage::Over;

const ADD_PARTITIONS_TO_TXN_VERSION: i16 = 3;
const ADD_OFFSETS_TO_TXN_VERSION: i16 = 3;

/// Which of the two flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// AddPartitionsToTxn, Produce 11, EndTxn 4.
    V1,
    /// Produce 12, EndTxn 5.
    V2,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Carried out; the offset of a batch.
    Done(i64),
    /// Refused for good.
    Refused(ErrorCode),
    /// No answer came.
    Unanswered,
}

/// What came of an EndTxn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// Whether no attempt before the last one can have been carried out: only then is a refusal a no.
    pub(crate) certain: bool,
}

/// A producer with its identity and what its transaction holds.
#[derive(Debug)]
pub(crate) struct TransactionalProducer<'a> {
    pub(crate) link: Link<'a>,
    pub(crate) flow: Flow,
    transactional_id: String,
    timeout: Duration,
    producer_id: i64,
    pub(crate) epoch: i16,
    sequences: BTreeMap<(String, Key), i32>,
    added: BTreeSet<(String, Key)>,
    /// Whether the broker knows that the transaction has begun.
    begun: bool,
}

impl<'a> TransactionalProducer<'a> {
    /// Takes over the transactional id; whatever its last owner left open is aborted by that.
    pub(crate) fn new(link: Link<'a>, id: &str, timeout: Duration, flow: Flow) -> Result<Self, Over> {
        let mut producer = Self {
            link,
            flow,
            transactional_id: id.to_owned(),
            timeout,
            producer_id: -1,
            epoch: -1,
            sequences: BTreeMap::new(),
            added: BTreeSet::new(),
            begun: false,
        };
        find_coordinator(&mut producer.link, Coordinated::Transaction, id)?;
        let stage = producer.link.stage;
        stage.patiently("InitProducerId", || match producer.init()? {
            // An attempt without an answer raised the epoch; the next one raises it again.
            Outcome::Done(_) => Ok(Some(())),
            Outcome::Unanswered => Ok(None),
            Outcome::Refused(refused) => {
                stage.problem(format!("{}: InitProducerId: {refused:?}", producer.link.who));
                stage.end();
                Err(Over)
            }
        })?;
        Ok(producer)
    }

    /// Asks for a new epoch of its own (KIP-360), as producers do after a failed batch. Unanswered or refused, the
    /// producer is of no use any more.
    pub(crate) fn bump(&mut self) -> Result<Outcome, Over> {
        self.init()
    }

    fn init(&mut self) -> Result<Outcome, Over> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.wire_id()))
            .with_transaction_timeout_ms(i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX))
            .with_producer_id(ProducerId(self.producer_id))
            .with_producer_epoch(self.epoch);
        let version = if self.flow == Flow::V2 { 5 } else { 4 };
        let mut identity = (-1, -1);
        let outcome = self.attempts(false, |link| {
            let Some(answer) = link.call(version, &request)? else { return Ok(None) };
            identity = (answer.producer_id.0, answer.producer_epoch);
            Ok(Some((code(answer.error_code), 0)))
        })?;
        if let Outcome::Done(_) = outcome.outcome {
            (self.producer_id, self.epoch) = identity;
            self.sequences.clear();
            self.close();
        }
        Ok(outcome.outcome)
    }

    /// Sends a batch in the transaction. `persistent` goes on until an answer comes.
    pub(crate) fn send(
        &mut self,
        topic: &Topic,
        key: Key,
        items: &[Item],
        persistent: bool,
    ) -> Result<Outcome, Over> {
        let place = (topic.name.clone(), key);
        if self.flow == Flow::V1 && !self.added.contains(&place) {
            match self.add_partition(topic, key, persistent)? {
                Outcome::Done(_) => {}
                other => return Ok(other),
            }
            self.added.insert(place.clone());
        }
        let sequence = self.sequences.get(&place).copied().unwrap_or(0);
        let request = self.produce_request(topic, key, items, sequence);
        let version = self.produce_version();
        let outcome = self.attempts(persistent, |link| produce(link, version, &request))?.outcome;
        if let Outcome::Done(_) = outcome {
            self.sequences.insert(place, advance(sequence, items.len()));
            self.begun = true;
        }
        Ok(outcome)
    }

    /// Sends a batch, or what comes before it, and goes away for ever without waiting.
    pub(crate) fn send_and_die(&mut self, topic: &Topic, key: Key, items: &[Item]) -> Result<(), Over> {
        let place = (topic.name.clone(), key);
        if self.flow == Flow::V1 && !self.added.contains(&place) {
            let request = self.add_partitions_request(topic, key);
            return self.link.send_and_die(ADD_PARTITIONS_TO_TXN_VERSION, &request);
        }
        let sequence = self.sequences.get(&place).copied().unwrap_or(0);
        let request = self.produce_request(topic, key, items, sequence);
        self.link.send_and_die(self.produce_version(), &request)
    }

    /// Sends a batch after the end of its transaction, as one that was long under way arrives. Nothing joins a transaction
    /// by itself in the flow of before KIP-890, so that it must be refused.
    pub(crate) fn send_late(&mut self, topic: &Topic, key: Key, items: &[Item]) -> Result<Outcome, Over> {
        let sequence = self.sequences.get(&(topic.name.clone(), key)).copied().unwrap_or(0);
        let request = self.produce_request(topic, key, items, sequence);
        let version = self.produce_version();
        Ok(self.attempts(false, |link| produce(link, version, &request))?.outcome)
    }

    /// Commits offsets of a group in the transaction.
    pub(crate) fn send_offsets(
        &mut self,
        group: &str,
        standing: &Standing,
        topic: &Topic,
        offsets: &[Committed],
        persistent: bool,
    ) -> Result<Outcome, Over> {
        if self.flow == Flow::V1 {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(self.wire_id())
                .with_producer_id(ProducerId(self.producer_id))
                .with_producer_epoch(self.epoch)
                .with_group_id(group_id(group));
            let added = self.attempts(persistent, |link| {
                let answer = link.call(ADD_OFFSETS_TO_TXN_VERSION, &request)?;
                Ok(answer.map(|answer| (code(answer.error_code), 0)))
            })?;
            if !matches!(added.outcome, Outcome::Done(_)) {
                return Ok(added.outcome);
            }
            self.begun = true;
        }
        let request = txn_commit_request(group, standing, topic, offsets)
            .with_transactional_id(self.wire_id())
            .with_producer_id(ProducerId(self.producer_id))
            .with_producer_epoch(self.epoch);
        let version = if self.flow == Flow::V2 { 5 } else { 3 };
        let committed = self.attempts(persistent, |link| {
            let Some(answer) = link.call(version, &request)? else { return Ok(None) };
            let mut codes =
                answer.topics.iter().flat_map(|t| &t.partitions).map(|partition| code(partition.error_code));
            let refused = codes.find(|code| *code != ErrorCode::None);
            Ok(Some((refused.unwrap_or(ErrorCode::None), 0)))
        })?;
        self.begun |= matches!(committed.outcome, Outcome::Done(_));
        Ok(committed.outcome)
    }

    /// Ends the transaction. One that has not begun ends without a request.
    pub(crate) fn end(&mut self, commit: bool, persistent: bool) -> Result<Ended, Over> {
        if !self.begun && self.added.is_empty() {
            return Ok(Ended { outcome: Outcome::Done(0), certain: true });
        }
        let request = self.end_request(commit);
        let version = self.end_version();
        let mut identity = None;
        let ended = self.attempts(persistent, |link| {
            let Some(answer) = link.call(version, &request)? else { return Ok(None) };
            identity = Some((answer.producer_id.0, answer.producer_epoch));
            Ok(Some((code(answer.error_code), 0)))
        })?;
        if let (Outcome::Done(_), Some((producer_id, epoch))) = (ended.outcome, identity) {
            self.close();
            if self.flow == Flow::V2 {
                if (producer_id, epoch) == (self.producer_id, self.epoch) {
                    let stage = self.link.stage;
                    stage.problem(format!("{}: EndTxn 5 brought no new epoch", self.link.who));
                }
                (self.producer_id, self.epoch) = (producer_id, epoch);
                self.sequences.clear();
            }
        }
        Ok(ended)
    }

    /// Asks for the end and goes away without waiting.
    pub(crate) fn end_and_die(&mut self, commit: bool) -> Result<(), Over> {
        let request = self.end_request(commit);
        self.link.send_and_die(self.end_version(), &request)
    }

    /// Whether something of the transaction may be at the broker.
    pub(crate) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Leaves the connection and everything else to a zombie, which acts on after its successor has come.
    pub(crate) fn zombie(&mut self) -> Self {
        Self {
            link: self.link.split(),
            flow: self.flow,
            transactional_id: self.transactional_id.clone(),
            timeout: self.timeout,
            producer_id: self.producer_id,
            epoch: self.epoch,
            sequences: self.sequences.clone(),
            added: self.added.clone(),
            begun: self.begun,
        }
    }

    fn close(&mut self) {
        self.added.clear();
        self.begun = false;
    }

    fn add_partition(&mut self, topic: &Topic, key: Key, persistent: bool) -> Result<Outcome, Over> {
        let request = self.add_partitions_request(topic, key);
        let added = self.attempts(persistent, |link| {
            let Some(answer) = link.call(ADD_PARTITIONS_TO_TXN_VERSION, &request)? else { return Ok(None) };
            let mut results =
                answer.results_by_topic_v3_and_below.iter().flat_map(|t| &t.results_by_partition);
            let result = results.next().map(|result| code(result.partition_error_code));
            Ok(Some((result.unwrap_or(ErrorCode::UnknownServerError), 0)))
        })?;
        self.begun |= matches!(added.outcome, Outcome::Done(_));
        Ok(added.outcome)
    }

    /// Asks until there is an answer that is final.
    fn attempts(
        &mut self,
        persistent: bool,
        mut ask: impl FnMut(&mut Link<'a>) -> Result<Option<(ErrorCode, i64)>, Over>,
    ) -> Result<Ended, Over> {
        let (stage, link) = (self.link.stage, &mut self.link);
        let mut certain = true;
        stage.patiently("a transactional request", || {
            let outcome = match ask(link)? {
                None if persistent => {
                    certain = false;
                    return Ok(None);
                }
                None => Outcome::Unanswered,
                Some((ErrorCode::None, offset)) => Outcome::Done(offset),
                // Kafka gives these too when it does not know whether its own log took the change.
                Some((ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator, _)) => {
                    certain = false;
                    return Ok(None);
                }
                Some((later, _)) if later.is_retriable() => return Ok(None),
                Some((refused, _)) => Outcome::Refused(refused),
            };
            Ok(Some(Ended { outcome, certain }))
        })
    }

    fn produce_request(
        &self,
        topic: &Topic,
        key: Key,
        items: &[Item],
        sequence: i32,
    ) -> kafka_protocol::messages::ProduceRequest {
        let author =
            Author { producer_id: self.producer_id, epoch: self.epoch, sequence, transactional: true };
        let records = encode(self.link.stage.stamp, key, items, author);
        request(Some(&self.transactional_id), topic, key, records)
    }

    fn add_partitions_request(&self, topic: &Topic, key: Key) -> AddPartitionsToTxnRequest {
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic.wire_name())
            .with_partitions(vec![partition(key)]);
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.wire_id())
            .with_v3_and_below_producer_id(ProducerId(self.producer_id))
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic])
    }

    fn end_request(&self, commit: bool) -> EndTxnRequest {
        EndTxnRequest::default()
            .with_transactional_id(self.wire_id())
            .with_producer_id(ProducerId(self.producer_id))
            .with_producer_epoch(self.epoch)
            .with_committed(commit)
    }

    fn produce_version(&self) -> i16 {
        if self.flow == Flow::V2 { 12 } else { 11 }
    }

    fn end_version(&self) -> i16 {
        if self.flow == Flow::V2 { 5 } else { 4 }
    }

    fn wire_id(&self) -> TransactionalId {
        TransactionalId(StrBytes::from_string(self.transactional_id.clone()))
    }
}
