//! A producer that lives through kills: plain ones forget what got no answer, idempotent ones send it again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use chronik_harness::{ClientError, Connection, wait_until};
use chronik_types::{Entropy, ErrorCode};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::checker::{Batch, Key, Value};
use crate::content::{Sender, encode_batch, value_bytes};
use crate::plan::{CyclePlan, ProducerPlan, between, key_of, place};
use crate::shared::Shared;

const PRODUCE_VERSION: i16 = 11;
const INIT_PRODUCER_ID_VERSION: i16 = 4;
const TIMEOUT: Duration = Duration::from_secs(20);
/// No client asks a broker to take more at once.
const REQUEST_BYTES: usize = 900_000;

/// One request and what it carries.
#[derive(Debug, Clone)]
struct Pending {
    batches: Vec<(Key, Batch)>,
    request: ProduceRequest,
}

/// A producer with its counters.
#[derive(Debug)]
pub(crate) struct Producer {
    plan: ProducerPlan,
    seed: u64,
    identity: Option<(i64, i16)>,
    next_number: BTreeMap<Key, u64>,
    /// Sent and not answered, oldest first.
    pending: VecDeque<Pending>,
}

impl Producer {
    pub(crate) fn new(plan: ProducerPlan, seed: u64) -> Self {
        Self { plan, seed, identity: None, next_number: BTreeMap::new(), pending: VecDeque::new() }
    }

    /// Produces until the cycle ends.
    pub(crate) fn run(&mut self, address: SocketAddr, shared: &Shared, cycle: &CyclePlan) {
        let who = format!("producer {}", self.plan.id);
        while !shared.is_ending() {
            let opened = wait_until(TIMEOUT, || {
                if shared.is_ending() {
                    return Some(None);
                }
                Connection::open(address, TIMEOUT).ok().map(Some)
            });
            let Some(Some(mut connection)) = opened else { return };
            if let Err(error) = self.produce(&mut connection, shared, cycle) {
                shared.connection_failed(&who, &error);
            }
            if !self.plan.idempotent {
                self.pending.clear();
            }
        }
    }

    fn produce(
        &mut self,
        connection: &mut Connection,
        shared: &Shared,
        cycle: &CyclePlan,
    ) -> Result<(), ClientError> {
        if self.plan.idempotent && self.identity.is_none() {
            let request = InitProducerIdRequest::default()
                .with_transactional_id(None)
                .with_transaction_timeout_ms(60_000);
            let answer = connection.call(INIT_PRODUCER_ID_VERSION, &request)?;
            if answer.error_code != 0 {
                shared.problem(format!("InitProducerId: error {}", answer.error_code));
                return Ok(());
            }
            self.identity = Some((answer.producer_id.0, answer.producer_epoch));
        }
        let mut sent = VecDeque::new();
        for pending in &self.pending {
            sent.push_back(connection.send(PRODUCE_VERSION, &pending.request)?);
        }
        let entropy = Entropy::seeded(cycle.seed.wrapping_add(u64::from(self.plan.id)));
        let mut budget = cycle.budget_bytes;
        loop {
            while sent.len() < self.plan.in_flight && budget > 0 && !shared.is_ending() {
                let (pending, bytes) = self.next_request(&entropy);
                budget = budget.saturating_sub(bytes);
                // Kept before it is sent: a send that fails half way may have arrived.
                self.pending.push_back(pending.clone());
                sent.push_back(connection.send(PRODUCE_VERSION, &pending.request)?);
            }
            let Some(correlation_id) = sent.pop_front() else {
                // The budget is used up: stay connected until the end comes.
                wait_until(TIMEOUT, || shared.is_ending().then_some(()));
                return Ok(());
            };
            let answer = connection.receive::<ProduceRequest>(PRODUCE_VERSION, correlation_id)?;
            let Some(pending) = self.pending.pop_front() else { return Ok(()) };
            if !judge(&self.plan, &pending, &answer, shared) {
                self.pending.push_front(pending);
                return Ok(());
            }
        }
    }

    fn next_request(&mut self, entropy: &Entropy) -> (Pending, usize) {
        let mut keys = BTreeSet::new();
        for _ in 0..between(entropy, self.plan.keys_per_request.clone()) {
            let span = u64::try_from(self.plan.keys.len()).unwrap_or(1);
            keys.insert(self.plan.keys.start + usize::try_from(entropy.below(span)).unwrap_or(0));
        }
        let mut topics: BTreeMap<&'static str, Vec<PartitionProduceData>> = BTreeMap::new();
        let mut batches = Vec::new();
        let mut bytes = 0;
        for key in keys {
            let batch = self.next_batch(key, between(entropy, self.plan.records.clone()));
            let number = batch.first.number;
            let sender =
                Sender { identity: self.identity.filter(|_| self.plan.idempotent), base_sequence: number };
            let records = encode_batch(self.seed, &self.plan, key, batch, sender);
            bytes += records.len();
            let (topic, partition) = place(key);
            let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
            topics.entry(topic).or_default().push(data);
            batches.push((key, batch));
        }
        let topic_data = topics
            .into_iter()
            .map(|(name, partitions)| {
                TopicProduceData::default()
                    .with_name(TopicName(StrBytes::from_static_str(name)))
                    .with_partition_data(partitions)
            })
            .collect();
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(topic_data);
        (Pending { batches, request }, bytes)
    }

    /// The next `count` values for a key, fewer when they would not fit into one request.
    fn next_batch(&mut self, key: Key, count: u64) -> Batch {
        let number = self.next_number.entry(key).or_default();
        let first = Value { producer: self.plan.id, number: *number };
        let mut taken = 0;
        let mut bytes = 0;
        while taken < count {
            let value = Value { number: first.number + taken, ..first };
            bytes += value_bytes(self.seed, &self.plan, key, value);
            if taken > 0 && bytes > REQUEST_BYTES {
                break;
            }
            taken += 1;
        }
        *number += taken;
        Batch { first, count: taken }
    }
}

/// Takes the answer into the history; false when the request has to be sent again.
fn judge(plan: &ProducerPlan, pending: &Pending, answer: &ProduceResponse, shared: &Shared) -> bool {
    let mut answered = BTreeMap::new();
    for topic in &answer.responses {
        for partition in &topic.partition_responses {
            if let Some(key) = key_of(topic.name.0.as_str(), partition.index) {
                answered.insert(key, partition);
            }
        }
    }
    let mut retry = false;
    let mut checker = shared.checker.lock();
    for (key, batch) in &pending.batches {
        let Some(partition) = answered.get(key) else {
            shared.problem(format!("producer {}: no answer for key {key}", plan.id));
            continue;
        };
        match ErrorCode::from_code(partition.error_code) {
            Some(ErrorCode::None) => {
                shared.acknowledged();
                checker.acknowledged(*key, *batch, partition.base_offset);
            }
            Some(code) if code.is_retriable() && shared.is_ending() => retry = true,
            code => {
                shared.problem(format!("producer {}: key {key} {batch:?}: {code:?}", plan.id));
                checker.refused(*key, *batch);
            }
        }
    }
    !(retry && plan.idempotent)
}
