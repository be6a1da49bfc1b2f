//! What is measured: each scenario makes its requests, and looks at the response to the last one.

use std::pin::Pin;

use bytes::Bytes;
use chronik_types::ProducerId;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, FetchRequest, InitProducerIdRequest, MetadataRequest, ProduceRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::Failure;
use crate::frames::{batch, fetch, frame, idempotent_batch, produce, wire_name};
use crate::gateway::{Session, decode};

/// One row of the table.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Prepares the gateway and makes that many requests.
    pub(crate) requests: for<'a> fn(&'a mut Session, usize) -> Requests<'a>,
    /// Looks at a response.
    pub(crate) check: fn(Bytes) -> Result<(), Failure>,
}

type Requests<'a> = Pin<Box<dyn Future<Output = Result<Vec<Bytes>, Failure>> + 'a>>;

/// All of them. A new API gets its row here and in `expected`.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "produce-1k",
        requests: |session, count| Box::pin(produces(session, count, PRODUCE, 1, 1)),
        check: produced::<PRODUCE>,
    },
    Scenario {
        name: "produce-1k-by-name",
        requests: |session, count| Box::pin(produces(session, count, PRODUCE_BY_NAME, 1, 1)),
        check: produced::<PRODUCE_BY_NAME>,
    },
    Scenario {
        name: "produce-1k-idempotent",
        requests: |session, count| Box::pin(idempotent_produces(session, count)),
        check: produced::<PRODUCE>,
    },
    Scenario {
        name: "produce-64k",
        requests: |session, count| Box::pin(produces(session, count, PRODUCE, 1, 63)),
        check: produced::<PRODUCE>,
    },
    Scenario {
        name: "produce-16x4k",
        requests: |session, count| Box::pin(produces(session, count, PRODUCE, 16, 4)),
        check: produced::<PRODUCE>,
    },
    Scenario {
        name: "fetch-64k",
        requests: |session, count| Box::pin(fetches(session, count, 1, 63)),
        check: |response| fetched(response, 1),
    },
    Scenario {
        name: "fetch-16x4k",
        requests: |session, count| Box::pin(fetches(session, count, 16, 4)),
        check: |response| fetched(response, 16),
    },
    Scenario {
        name: "fetch-nothing-of-16",
        requests: |session, count| Box::pin(empty_fetches(session, count)),
        check: |response| fetched(response, 0),
    },
    Scenario {
        name: "metadata-16",
        requests: |session, count| Box::pin(metadata(session, count)),
        check: |response| match decode::<MetadataRequest>(METADATA, response)?.topics.as_slice() {
            [topic] if topic.partitions.len() == 16 => Ok(()),
            other => Err(format!("16 partitions were expected: {other:?}").into()),
        },
    },
    Scenario {
        name: "api-versions",
        requests: |_, count| Box::pin(api_versions(count)),
        check: |response| match decode::<ApiVersionsRequest>(API_VERSIONS, response)?.error_code {
            0 => Ok(()),
            code => Err(format!("error {code}").into()),
        },
    },
];

/// By topic id, as the Java client of Kafka 4.1.
const PRODUCE: i16 = 13;
/// By topic name, as librdkafka 2.
const PRODUCE_BY_NAME: i16 = 10;
const FETCH: i16 = 17;
const METADATA: i16 = 13;
const API_VERSIONS: i16 = 4;

async fn produces(
    session: &mut Session,
    count: usize,
    version: i16,
    partitions: usize,
    records: usize,
) -> Result<Vec<Bytes>, Failure> {
    let topic = session.topic("a-topic", 16).await?;
    let request = produce(version, &topic, &vec![batch(records)?; partitions])?;
    Ok(vec![request; count])
}

async fn idempotent_produces(session: &mut Session, count: usize) -> Result<Vec<Bytes>, Failure> {
    let topic = session.topic("a-topic", 16).await?;
    let id = session.call(4, &InitProducerIdRequest::default().with_transaction_timeout_ms(1)).await?;
    let id = ProducerId::new(id.producer_id.0);
    (0..count).map(|sequence| produce(PRODUCE, &topic, &[idempotent_batch(id, sequence)?])).collect()
}

/// Fetches one batch of each partition, one after the other.
async fn fetches(
    session: &mut Session,
    count: usize,
    partitions: i32,
    records: usize,
) -> Result<Vec<Bytes>, Failure> {
    let topic = session.topic("a-topic", 16).await?;
    let batch = batch(records)?;
    let each = produce(PRODUCE, &topic, &vec![batch.clone(); usize::try_from(partitions)?])?;
    session.exchange_all(&vec![each; count + 1]).await?;
    let at = |round: usize| -> Result<Vec<(i32, i64)>, Failure> {
        let offset = i64::try_from(round * records)?;
        Ok((0..partitions).map(|index| (index, offset)).collect())
    };
    let limited = |mut request: FetchRequest| {
        for wanted in request.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            wanted.partition_max_bytes = i32::try_from(batch.len()).unwrap_or(i32::MAX);
        }
        request
    };
    let session_id = session.call(FETCH, &limited(fetch(&topic, (0, 0), &at(0)?))).await?.session_id;
    (1..=count)
        .map(|round| {
            let epoch = i32::try_from(round)?;
            frame(FETCH, &limited(fetch(&topic, (session_id, epoch), &at(round)?)))
        })
        .collect()
}

/// Incremental fetches of partitions in which nothing happens.
async fn empty_fetches(session: &mut Session, count: usize) -> Result<Vec<Bytes>, Failure> {
    let topic = session.topic("a-topic", 16).await?;
    let all: Vec<(i32, i64)> = (0..16).map(|index| (index, 0)).collect();
    let session_id = session.call(FETCH, &fetch(&topic, (0, 0), &all)).await?.session_id;
    (1..=count).map(|epoch| frame(FETCH, &fetch(&topic, (session_id, i32::try_from(epoch)?), &[]))).collect()
}

async fn metadata(session: &mut Session, count: usize) -> Result<Vec<Bytes>, Failure> {
    let topic = session.topic("a-topic", 16).await?;
    let asked = MetadataRequestTopic::default().with_name(Some(wire_name(&topic)));
    let request = frame(METADATA, &MetadataRequest::default().with_topics(Some(vec![asked])))?;
    Ok(vec![request; count])
}

async fn api_versions(count: usize) -> Result<Vec<Bytes>, Failure> {
    let request = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("a-client"))
        .with_client_software_version(StrBytes::from_static_str("1.0"));
    Ok(vec![frame(API_VERSIONS, &request)?; count])
}

fn produced<const VERSION: i16>(response: Bytes) -> Result<(), Failure> {
    let response = decode::<ProduceRequest>(VERSION, response)?;
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    match partitions.find(|partition| partition.error_code != 0 || partition.base_offset < 0) {
        Some(failed) => Err(format!("a batch was refused: {failed:?}").into()),
        None => Ok(()),
    }
}

/// Exactly that many partitions have news, each one batch.
fn fetched(response: Bytes, expected: usize) -> Result<(), Failure> {
    let response = decode::<FetchRequest>(FETCH, response)?;
    let partitions: Vec<_> = response.responses.iter().flat_map(|topic| &topic.partitions).collect();
    let is_right = partitions.len() == expected
        && partitions.iter().all(|partition| {
            partition.error_code == 0
                && partition.records.as_ref().is_some_and(|records| records.len() > 4_000)
        });
    if response.error_code == 0 && is_right {
        return Ok(());
    }
    Err(format!("error {}, {} partitions", response.error_code, partitions.len()).into())
}
