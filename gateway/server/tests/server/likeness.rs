//! The data APIs answer as Apache Kafka 4.3.1 did, field by field, when the same requests come in the same order.
//!
//! Left out are addresses, ids that each cluster chooses for itself, and the wording of messages. Where we differ on
//! purpose, the case is listed with its reason.

use bytes::Bytes;
use chronik_state::{Configs, CreateTopic};
use chronik_types::{TimestampMs, TopicId, TopicName};
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::*;

use crate::captured::{Exchange, Ids, alike, exchanges};
use crate::producing;
use crate::support::Gateway;

/// Cases in which we answer something else, and why.
const DIFFERENT: [(&str, &str); 1] =
    [("idempotent", "the Kafka that was captured had not loaded its coordinator yet (14)")];

/// The APIs that are compared.
const COMPARED: [&str; 6] =
    ["Produce", "Fetch", "Metadata", "ListOffsets", "OffsetForLeaderEpoch", "InitProducerId"];

fn compare(exchange: &Exchange, ours: &Bytes) -> Result<(), String> {
    match exchange.api.name {
        "Produce" => alike(exchange, ours, |response: &mut ProduceResponse| {
            for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
                partition.error_message = None;
            }
        }),
        "Fetch" => alike(exchange, ours, |response: &mut FetchResponse| {
            response.session_id = i32::from(response.session_id != 0);
        }),
        "Metadata" => alike(exchange, ours, |response: &mut MetadataResponse| {
            response.brokers.iter_mut().for_each(|broker| broker.port = 0);
            response.cluster_id = response.cluster_id.take().map(|_| "id".into());
        }),
        "ListOffsets" => alike(exchange, ours, |_: &mut ListOffsetsResponse| {}),
        "OffsetForLeaderEpoch" => alike(exchange, ours, |_: &mut OffsetForLeaderEpochResponse| {}),
        "InitProducerId" => alike(exchange, ours, |response: &mut InitProducerIdResponse| {
            response.producer_id = ProducerId(0);
        }),
        other => Err(format!("{other} is not compared")),
    }
}

/// A gateway with the topic that Kafka had, and the record that was in each of its partitions.
async fn prepared(exchanges: &[Exchange]) -> Gateway {
    let named = exchanges.iter().find(|exchange| exchange.name() == "Metadata v12 \"named\"").unwrap();
    let metadata: MetadataResponse = named.decoded(&named.response);
    let topic = &metadata.topics[0];
    let gateway = Gateway::start().await;
    let create = CreateTopic {
        topic_id: TopicId::from_bytes(*topic.topic_id.as_bytes()),
        name: TopicName::new(topic.name.as_ref().unwrap()).unwrap(),
        partitions: 2,
        replication_factor: 1,
        configs: Configs::default(),
        assignments: Vec::new(),
        limits: gateway.broker.topic_limits(),
    };
    gateway.broker.create_topic(create).await.unwrap();
    let mut client = gateway.client().await;
    for index in 0..2 {
        let timestamp = TimestampMs::new(1_700_000_000_000);
        let record = NewRecord { timestamp, key: Some(b"k"), value: Some(b"first"), ..NewRecord::default() };
        let records = BatchBuilder::new().record(&record).build().unwrap();
        client.call(9, &producing::request(topic.name.as_ref().unwrap(), index, records)).await;
    }
    gateway
}

#[tokio::test]
async fn data_apis_answer_as_kafka_does() {
    let exchanges = exchanges("exchanges");
    let gateway = prepared(&exchanges).await;
    let mut client = gateway.client().await;
    let mut session_ids = Ids::default();
    let mut compared = 0;
    let mut differences = Vec::new();
    let is_compared =
        |exchange: &&Exchange| COMPARED.contains(&exchange.api.name) && !exchange.response.is_empty();
    for exchange in exchanges.iter().filter(is_compared) {
        let ours = exchange.lead(&mut client, &session_ids).await;
        if exchange.case.ends_with("session: new") {
            let id = |frame: &Bytes| exchange.decoded::<FetchResponse>(frame).session_id.to_be_bytes();
            session_ids.learn(&id(&exchange.response), &id(&ours));
        }
        compared += 1;
        let is_known = DIFFERENT.iter().any(|(case, _)| exchange.case.ends_with(case));
        if let Err(difference) = compare(exchange, &ours)
            && !is_known
        {
            differences.push(format!("{}: {difference}", exchange.name()));
        }
    }
    assert!(compared > 250, "only {compared} answers were compared");
    assert!(differences.is_empty(), "{} of {compared}\n{}", differences.len(), differences.join("\n"));
}
