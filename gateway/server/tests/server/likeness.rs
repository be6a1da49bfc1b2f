//! The data APIs answer as Apache Kafka 4.3.1 did, field by field, when the same requests come in the same order.
//!
//! Left out are addresses, ids that each cluster chooses for itself, and the wording of messages. Where we differ on
//! purpose, the case is listed with its reason.

use bytes::{Buf, Bytes};
use chronik_state::{Configs, CreateTopic};
use chronik_types::{TimestampMs, TopicId, TopicName};
use chronik_wire::api;
use chronik_wire::batch::{BatchBuilder, NewRecord};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Decodable;
use tokio::io::AsyncWriteExt;

use crate::producing;
use crate::support::{Client, Gateway};

/// What was captured of one request.
struct Exchange {
    api: i16,
    version: i16,
    case: String,
    request: Vec<u8>,
    response: Vec<u8>,
}

/// Cases in which we answer something else, and why.
const DIFFERENT: [(&str, &str); 1] =
    [("idempotent", "the Kafka that was captured had not loaded its coordinator yet (14)")];

fn exchanges() -> Vec<Exchange> {
    let unhex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let text = std::fs::read_to_string("../../tests/golden/exchanges.jsonl").unwrap();
    let parse = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = |field: &str| i16::try_from(line[field].as_i64().unwrap_or(0)).unwrap();
        Some(Exchange {
            api: number("api"),
            version: number("version"),
            case: format!("{} v{} {}", line["name"].as_str()?, number("version"), line["case"].as_str()?),
            request: unhex(line["request"].as_str()?),
            response: unhex(line["response"].as_str()?),
        })
    };
    text.lines().filter_map(parse).collect()
}

fn decoded<M: Decodable>(frame: &[u8], flexible: bool, version: i16) -> M {
    let mut body = Bytes::copy_from_slice(frame);
    body.advance(if flexible { 9 } else { 8 });
    let message = M::decode(&mut body, version).unwrap();
    assert!(body.is_empty());
    message
}

/// An answer as text, without what may differ; `None` for APIs that are not compared.
fn comparable(key: i16, version: i16, frame: &[u8]) -> Option<String> {
    let flexible = api::lookup(key)?.response_header_version(version) == 1;
    Some(match ApiKey::try_from(key).unwrap() {
        ApiKey::Produce => {
            let mut response: ProduceResponse = decoded(frame, flexible, version);
            for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
                partition.error_message = None;
            }
            format!("{response:#?}")
        }
        ApiKey::Fetch => {
            let mut response: FetchResponse = decoded(frame, flexible, version);
            response.session_id = i32::from(response.session_id != 0);
            format!("{response:#?}")
        }
        ApiKey::Metadata => {
            let mut response: MetadataResponse = decoded(frame, flexible, version);
            response.brokers.iter_mut().for_each(|broker| broker.port = 0);
            response.cluster_id = response.cluster_id.map(|_| "id".into());
            format!("{response:#?}")
        }
        ApiKey::ListOffsets => format!("{:#?}", decoded::<ListOffsetsResponse>(frame, flexible, version)),
        ApiKey::OffsetForLeaderEpoch => {
            format!("{:#?}", decoded::<OffsetForLeaderEpochResponse>(frame, flexible, version))
        }
        ApiKey::InitProducerId => {
            let mut response: InitProducerIdResponse = decoded(frame, flexible, version);
            response.producer_id = ProducerId(0);
            format!("{response:#?}")
        }
        _ => return None,
    })
}

/// A gateway with the topic that Kafka had, and the record that was in each of its partitions.
async fn prepared(exchanges: &[Exchange]) -> Gateway {
    let named = exchanges.iter().find(|exchange| exchange.case == "Metadata v12 named").unwrap();
    let metadata: MetadataResponse = decoded(&named.response, true, 12);
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

/// Puts our session id where the captured request has Kafka's.
fn with_session(request: &mut [u8], theirs: i32, ours: i32) {
    if theirs == 0 {
        return;
    }
    let at = request.windows(4).position(|window| window == theirs.to_be_bytes());
    if let Some(at) = at {
        request[at..at + 4].copy_from_slice(&ours.to_be_bytes());
    }
}

fn session_id(version: i16, frame: &[u8]) -> i32 {
    decoded::<FetchResponse>(frame, version >= 12, version).session_id
}

async fn ask(client: &mut Client, request: &[u8]) -> Vec<u8> {
    client.stream.write_all(request).await.unwrap();
    let frame = client.receive_frame().await.expect("the connection was closed");
    [&u32::try_from(frame.len()).unwrap().to_be_bytes()[..], &frame].concat()
}

#[tokio::test]
async fn data_apis_answer_as_kafka_does() {
    let exchanges = exchanges();
    let gateway = prepared(&exchanges).await;
    let mut client = gateway.client().await;
    let (mut theirs, mut ours) = (0, 0);
    let mut compared = 0;
    let mut differences = Vec::new();
    for exchange in &exchanges {
        let Some(expected) = comparable(exchange.api, exchange.version, &exchange.response) else { continue };
        let mut request = exchange.request.clone();
        with_session(&mut request, theirs, ours);
        let answer = ask(&mut client, &request).await;
        if exchange.case.ends_with("session: new") {
            theirs = session_id(exchange.version, &exchange.response);
            ours = session_id(exchange.version, &answer);
        }
        compared += 1;
        let got = comparable(exchange.api, exchange.version, &answer).unwrap();
        let is_known = DIFFERENT.iter().any(|(case, _)| exchange.case.ends_with(case));
        if got != expected && !is_known {
            let lines = expected.lines().zip(got.lines()).filter(|(kafka, we)| kafka != we);
            let lines: Vec<_> = lines.map(|(kafka, we)| format!("  Kafka {kafka}\n  we    {we}")).collect();
            differences.push(format!("{}\n{}", exchange.case, lines.join("\n")));
        }
    }
    assert!(compared > 250, "only {compared} answers were compared");
    assert!(differences.is_empty(), "{} of {compared}\n{}", differences.len(), differences.join("\n"));
}
