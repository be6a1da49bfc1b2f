//! The conversation about transactions that was captured with Apache Kafka 4.3.1, led again with the gateway.
//!
//! Answers are the same byte for byte, but for what is told apart here with its reason. Both hand out the same producer
//! ids, as long as the same requests succeed in the same order; the topic id is put in the place of Kafka's.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::*;

use crate::captured::{Exchange, Ids, exchanges, same};
use crate::support::Gateway;

/// Whether the transaction was taken over by another producer here: Kafka raises the epoch twice for that, the gateway
/// once, so that what follows names epochs of Kafka's. The takeover has tests of its own.
fn is_takeover(exchange: &Exchange) -> bool {
    let cases =
        ["producer to be replaced", "to be replaced", "producer that replaces", "fenced", "not fenced"];
    cases.contains(&exchange.case.as_str()) || exchange.case.ends_with("of the one that replaces")
}

/// Kafka looks at the transactional id only when a partition or group is new to the transaction; the gateway always does, so
/// that nobody writes into a transaction that is not his.
fn is_of_another_id(exchange: &Exchange) -> bool {
    matches!(exchange.api.name, "Produce" | "TxnOffsetCommit")
        && exchange.case.ends_with("unknown transactional id")
}

/// How the records that only Kafka took shift the offsets of partition 1 that come after them.
#[derive(Default)]
struct Offsets(Vec<i64>);

impl Offsets {
    fn ours(&self, theirs: i64) -> i64 {
        theirs - i64::try_from(self.0.iter().filter(|skipped| **skipped < theirs).count()).unwrap()
    }
}

#[tokio::test]
async fn the_captured_conversation_goes_the_same_way() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let mut ids = Ids::default();
    let mut offsets = Offsets::default();
    let mut failures = Vec::new();
    for exchange in exchanges("transactions") {
        if is_takeover(&exchange) {
            // One producer id and one transactional id all the same.
            if exchange.case == "producer to be replaced" {
                exchange.lead(&mut client, &ids).await;
            }
            continue;
        }
        let ours = exchange.lead(&mut client, &ids).await;
        if exchange.api.name == "CreateTopics" {
            let id = |frame: &Bytes| {
                let response: CreateTopicsResponse = exchange.decoded(frame);
                *response.topics[0].topic_id.as_bytes()
            };
            ids.learn(&id(&exchange.response), &id(&ours));
            continue;
        }
        if let Err(difference) = compare(&exchange, &ours, &mut offsets) {
            failures.push(format!("{}: {difference}", exchange.name()));
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

fn compare(exchange: &Exchange, ours: &Bytes, offsets: &mut Offsets) -> Result<(), String> {
    match exchange.api.name {
        "Produce" => produce(exchange, ours, offsets),
        "Fetch" => fetch(exchange, ours, offsets),
        "ListOffsets" => list_offsets(exchange, ours, offsets),
        "TxnOffsetCommit" if is_of_another_id(exchange) => {
            let answer: TxnOffsetCommitResponse = exchange.decoded(ours);
            same(49, answer.topics[0].partitions[0].error_code)
        }
        "WriteTxnMarkers" if exchange.case == "old epoch" => {
            // The epoch is -1, of which Kafka can make no marker.
            let answer: WriteTxnMarkersResponse = exchange.decoded(ours);
            same(47, answer.markers[0].topics[0].partitions[0].error_code)
        }
        "AddPartitionsToTxn" => add_partitions(exchange, ours),
        "DescribeTransactions" => describe_transactions(exchange, ours),
        "DescribeProducers" => describe_producers(exchange, ours, offsets),
        "ListTransactions" => list_transactions(exchange, ours),
        _ => same(&exchange.response, ours).map_err(|_| format!("\n  {:x}\n  {ours:x}", exchange.response)),
    }
}

fn add_partitions(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    let all = |frame: &Bytes| {
        let mut response: AddPartitionsToTxnResponse = exchange.decoded(frame);
        // Kafka answers in the order of a hash map.
        let batched = response.results_by_transaction.iter_mut().flat_map(|result| &mut result.topic_results);
        batched.chain(&mut response.results_by_topic_v3_and_below).for_each(|topic| {
            topic.results_by_partition.sort_by_key(|result| result.partition_index);
        });
        response
    };
    same(all(&exchange.response), all(ours))
}

fn produce(exchange: &Exchange, ours: &Bytes, offsets: &mut Offsets) -> Result<(), String> {
    let one = |frame: &Bytes| {
        let response: ProduceResponse = exchange.decoded(frame);
        let partition = &response.responses[0].partition_responses[0];
        (partition.index, partition.error_code, partition.base_offset)
    };
    let (index, code, base_offset) = one(&exchange.response);
    if is_of_another_id(exchange) {
        offsets.0.push(base_offset);
        return same((index, 49, -1), one(ours));
    }
    let base_offset = if index == 1 { offsets.ours(base_offset) } else { one(ours).2 };
    same((index, code, base_offset), one(ours))
}

fn fetch(exchange: &Exchange, ours: &Bytes, offsets: &Offsets) -> Result<(), String> {
    let one = |frame: &Bytes, shift: &dyn Fn(i64) -> i64| {
        let response: FetchResponse = exchange.decoded(frame);
        let data = &response.responses[0].partitions[0];
        let aborted = data.aborted_transactions.as_ref().map(|aborted| {
            // Where the limit of bytes falls depends on the shift, and with it which are the last.
            aborted.iter().take(1).map(|one| (one.producer_id, shift(one.first_offset))).collect::<Vec<_>>()
        });
        (data.error_code, shift(data.high_watermark), shift(data.last_stable_offset), aborted)
    };
    // From offset 0 the first records are the same; from another one the batches are others.
    let theirs = one(&exchange.response, &|offset| offsets.ours(offset));
    let ours = one(ours, &|offset| offset);
    if exchange.case.ends_with("from 0") {
        return same(theirs, ours);
    }
    same((theirs.0, theirs.1, theirs.2, theirs.3.is_some()), (ours.0, ours.1, ours.2, ours.3.is_some()))
}

fn list_offsets(exchange: &Exchange, ours: &Bytes, offsets: &Offsets) -> Result<(), String> {
    let one = |frame: &Bytes| {
        let response: ListOffsetsResponse = exchange.decoded(frame);
        let partition = &response.topics[0].partitions[0];
        // What comes first is a marker, with the time of then.
        (partition.error_code, partition.offset, partition.timestamp.min(1))
    };
    let (code, offset, timestamp) = one(&exchange.response);
    same((code, offsets.ours(offset), timestamp), one(ours))
}

fn describe_transactions(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    let all = |frame: &Bytes| {
        let mut response: DescribeTransactionsResponse = exchange.decoded(frame);
        // Times differ; whether there is one does not.
        let states = response.transaction_states.iter_mut();
        states.for_each(|state| state.transaction_start_time_ms = state.transaction_start_time_ms.min(1));
        response.transaction_states
    };
    same(all(&exchange.response), all(ours))
}

fn describe_producers(exchange: &Exchange, ours: &Bytes, offsets: &Offsets) -> Result<(), String> {
    let all = |frame: &Bytes, shift: &dyn Fn(i64) -> i64| {
        let response: DescribeProducersResponse = exchange.decoded(frame);
        let producers = response.topics[0].partitions[0].active_producers.iter();
        let one = |p: &describe_producers_response::ProducerState| {
            // Of what only Kafka took, it has seen one sequence more.
            let has_sequence = p.last_sequence >= 0;
            (p.producer_id.0, (p.producer_epoch, has_sequence, shift(p.current_txn_start_offset)))
        };
        producers.map(one).collect::<BTreeMap<_, _>>()
    };
    same(all(&exchange.response, &|offset| offsets.ours(offset)), all(ours, &|offset| offset))
}

fn list_transactions(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    let all = |frame: &Bytes| {
        let response: ListTransactionsResponse = exchange.decoded(frame);
        let states = response.transaction_states.into_iter().map(|state| {
            let name = state.transactional_id.0.to_string();
            (name, (state.producer_id.0, state.transaction_state.to_string()))
        });
        let mut states: BTreeMap<_, _> = states.collect();
        // Kafka's coordinator does not learn what an operator aborts in one partition; here all of it is aborted. The other
        // was not taken over here.
        states.remove("hanging");
        states.remove("replaced");
        (response.error_code, response.unknown_state_filters, states)
    };
    same(all(&exchange.response), all(ours))
}
